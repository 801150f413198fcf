"""Pass: refuse what the language of workflow functions does not have, with place, reason and remedy.

The list in `RULES` is closed and documented in ``docs/language.md``: what is not on it works.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable
from typing import Any

from .jumps import jumps_out
from .program import Program
from .trees import contains_await, iterate_own

__all__ = ('RULES', 'refuse_unsupported')

_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_NAMESPACE_READERS = ('locals', 'vars', 'dir', 'eval', 'exec')


def refuse_unsupported(program: Program) -> None:
    """Refuse the function if any rule finds fault with any of its nodes.

    :raises CompileError: for the first fault found.
    """
    for statement in program.source.node.body:
        for node in iterate_own(statement):
            for rule in RULES.get(type(node), ()):
                rule(program, node)


def _generator(program: Program, node: ast.AST) -> None:
    if isinstance(node, ast.Yield | ast.YieldFrom) and not program.source.is_generator:
        program.source.refuse(node, '`yield` makes a generator, which cannot be a workflow', 'use `return`')


def _async_iteration(program: Program, node: ast.AST) -> None:
    if isinstance(node, ast.AsyncFor) or (isinstance(node, ast.comprehension) and node.is_async):
        place = node if isinstance(node, ast.AsyncFor) else node.target
        program.source.refuse(
            place, '`async for` is not supported yet', 'loop with `for` over handles and `await` each of them'
        )


def _awaiting_generator(program: Program, node: ast.AST) -> None:
    if isinstance(node, ast.GeneratorExp) and any(contains_await(part) for part in _repeated(node)):
        program.source.refuse(
            node, '`await` inside a generator expression is not supported', 'use a list comprehension: `[... for ...]`'
        )


def _repeated(node: ast.AST) -> list[ast.AST]:
    """Return the parts of a comprehension that are evaluated again and again, in its own scope."""
    assert isinstance(node, _COMPREHENSIONS)
    values: list[ast.AST] = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
    first, *others = node.generators
    return [*values, *first.ifs, *others]


def _awaiting_guard(program: Program, node: ast.AST) -> None:
    if isinstance(node, ast.match_case) and node.guard is not None and contains_await(node.guard):
        program.source.refuse(
            node.guard, '`await` in the guard of a `case` is not supported yet', 'await before the `match`'
        )


def _exception_group(program: Program, node: ast.AST) -> None:
    try_star = getattr(ast, 'TryStar', None)
    if try_star is not None and isinstance(node, try_star) and _must_be_cut(node):
        program.source.refuse(
            node, '`except*` around an `await` is not supported yet', 'use `except` and look into `.exceptions`'
        )


def _must_be_cut(node: ast.AST) -> bool:
    return contains_await(node) or jumps_out(node) != 'no'


def _template(program: Program, node: ast.AST) -> None:
    if type(node).__name__ == 'TemplateStr' and contains_await(node):
        program.source.refuse(
            node, '`await` inside a template string is not supported', 'await into a variable, then use that'
        )


def _namespace(program: Program, node: ast.AST) -> None:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        return
    name, source = node.func.id, program.source
    if name in program.scope.locals or source.resolve(node.func) is not getattr(builtins, name, program):
        return
    given = len(node.args) + len(node.keywords)
    if name in _NAMESPACE_READERS and given < (2 if name in ('eval', 'exec') else 1):
        source.refuse(
            node,
            f'`{name}()` would see the variables of one step, not those of the function',
            f'name what you need: `{name}(code, {{"x": x}})`' if given else 'name what you need, in a dict of your own',
        )
    if name == 'super' and not given:
        source.refuse(node, '`super()` without arguments has no meaning in a workflow', 'write `super(Class, self)`')


def _own_class(program: Program, node: ast.AST) -> None:
    if isinstance(node, ast.Name) and node.id == '__class__' and node.id not in program.scope.locals:
        program.source.refuse(node, '`__class__` is not available in a workflow', 'write the name of the class')


#: Everything that is refused by its form. What is refused by its meaning (`submit` that isn't called, say) is refused
#: by the pass that gives the meaning.
RULES: dict[type[ast.AST], tuple[Callable[[Program, Any], None], ...]] = {
    ast.Yield: (_generator,),
    ast.YieldFrom: (_generator,),
    ast.AsyncFor: (_async_iteration,),
    ast.comprehension: (_async_iteration,),
    ast.GeneratorExp: (_awaiting_generator,),
    ast.match_case: (_awaiting_guard,),
    getattr(ast, 'TryStar', ast.Try): (_exception_group,),
    getattr(ast, 'TemplateStr', ast.JoinedStr): (_template,),
    ast.Call: (_namespace,),
    ast.Name: (_own_class,),
}
