"""Pass: mark the assignments from which a value can be made again.

A value that has no stored form can cross an await only if one assignment from a call made it: `mark_recipes` numbers
these assignments, and lowering puts a note after each (`note_recipe`) that keeps the call's inputs when the value turns
out to need it. Must not know which values can be stored: that is found out at run time.
"""

from __future__ import annotations

import ast

from .program import Program, RecipeSite
from .trees import call, contains_await, copy_place, iterate_own, load

__all__ = ('mark_recipes', 'note_recipe')

_ATTRIBUTE = '_dreamflow_recipe'


def mark_recipes(program: Program) -> None:
    """Find and number the function's recipes.

    Assignments inside of nested functions, and those that read the variable they assign, are none.
    """
    for statement in program.source.node.body if not program.source.is_generator else ():
        for node in iterate_own(statement):
            if not (isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.value, ast.Call)):
                continue
            target = node.targets[0]
            if not isinstance(target, ast.Name) or contains_await(node.value) or _binds_names(node.value):
                continue
            inputs = _local_names(program, node.value)
            if target.id in program.scope.locals and target.id not in inputs:
                site = RecipeSite(len(program.recipes), target.id, node.value, inputs)
                program.recipes.append(site)
                setattr(node, _ATTRIBUTE, site)


def _local_names(program: Program, expression: ast.expr) -> tuple[str, ...]:
    # Variables from outside, of the module or of a function around, are looked up anew.
    names = {node.id for node in ast.walk(expression) if isinstance(node, ast.Name)}
    return tuple(sorted(names & program.scope.locals))


def _binds_names(expression: ast.expr) -> bool:
    """Return whether an expression has scopes or assignments of its own, which a recipe does not follow."""
    return any(
        isinstance(node, ast.NamedExpr | ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp)
        for node in ast.walk(expression)
    )


def note_recipe(statement: ast.stmt) -> list[ast.stmt]:
    """Return the statements that follow an assignment to note its recipe: one, or none if it has no recipe."""
    site: RecipeSite | None = getattr(statement, _ATTRIBUTE, None)
    if site is None:
        return []
    inputs = ast.Tuple([load(name, statement) for name in site.inputs], ast.Load())
    number = ast.Constant(site.index)
    note = call('.made', statement, number, load(site.variable, statement), inputs)
    return [copy_place(ast.Expr(note), statement)]


def noted_site(program: Program, statement: ast.stmt) -> RecipeSite | None:
    """Return the recipe that a statement notes, if it is such a note."""
    match statement:
        case ast.Expr(ast.Call(ast.Name('.made'), [ast.Constant(int(index)), *_])):
            return program.recipes[index]
    return None
