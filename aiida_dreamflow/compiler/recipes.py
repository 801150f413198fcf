"""Pass: mark the assignments from which a value can be made again.

A value that has no stored form can cross an await only if one assignment from a call made it: `mark_recipes` numbers
these assignments, and lowering puts notes around each (`with_notes`): before the call, what the process has open is
noted, and after it, the call's inputs are kept if the value turns out to need it. Must not know which values can be
stored: that is found out at run time.
"""

from __future__ import annotations

import ast

from .program import Program, RecipeSite
from .trees import call, copy_place, iterate_own, load

__all__ = ('mark_recipes', 'noted_site', 'with_notes')

_ATTRIBUTE = '_dreamflow_recipe'

#: Awaits, and expressions with scopes or assignments of their own: a recipe does not follow these.
_NOT_FOLLOWED = (ast.Await, ast.NamedExpr, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def mark_recipes(program: Program) -> None:
    """Find and number the function's recipes.

    Assignments inside of nested functions, and those that read the variable they assign, are none.
    """
    for node in [] if program.source.yields else program.own(ast.Assign):
        if len(node.targets) > 1 or not isinstance(node.value, ast.Call):
            continue
        target = node.targets[0]
        if not isinstance(target, ast.Name) or target.id not in program.scope.locals:
            continue
        parts = list(iterate_own(node.value))
        # Variables from outside, of the module or of a function around, are looked up anew.
        inputs = {part.id for part in parts if isinstance(part, ast.Name)} & program.scope.locals
        if target.id not in inputs and not any(isinstance(part, _NOT_FOLLOWED) for part in parts):
            site = RecipeSite(len(program.recipes), target.id, node.value, tuple(sorted(inputs)))
            program.recipes.append(site)
            setattr(node, _ATTRIBUTE, site)


def with_notes(statement: ast.stmt) -> list[ast.stmt]:
    """Return a statement, with the notes of its recipe before and after it if it is an assignment that has one."""
    site: RecipeSite | None = getattr(statement, _ATTRIBUTE, None)
    if site is None:
        return [statement]
    inputs = ast.Tuple([load(name, statement) for name in site.inputs], ast.Load())
    number = ast.Constant(site.index)
    before = call('.making', statement, number)
    after = call('.made', statement, number, load(site.variable, statement), inputs)
    return [copy_place(ast.Expr(before), statement), statement, copy_place(ast.Expr(after), statement)]


def noted_site(program: Program, statement: ast.stmt) -> RecipeSite | None:
    """Return the recipe that a statement notes, if it is such a note."""
    match statement:
        case ast.Expr(ast.Call(ast.Name('.making' | '.made'), [ast.Constant(int(index)), *_])):
            return program.recipes[index]
    return None
