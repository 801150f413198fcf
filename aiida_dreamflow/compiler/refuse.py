"""Pass: refuse what the language of workflow functions does not have, with place, reason and remedy.

The list in `RULES` is closed and documented in ``docs/language.md``: what is not on it works.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable
from typing import Any

from .namespaces import READERS
from .program import Program
from .supers import is_bare

__all__ = ('RULES', 'refuse_unsupported')


def refuse_unsupported(program: Program) -> None:
    """Refuse the function if any rule finds fault with any of its nodes.

    :raises CompileError: for the first fault found.
    """
    for node in sorted(program.own(*RULES), key=lambda node: (node.lineno, node.col_offset)):
        for rule in RULES[type(node)]:
            rule(program, node)


def _generator(program: Program, node: ast.AST) -> None:
    if isinstance(node, ast.Yield | ast.YieldFrom) and not program.source.yields:
        program.source.refuse(node, '`yield` makes a generator, which cannot be a workflow', 'use `return`')


def _namespace(program: Program, node: ast.AST) -> None:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        return
    name, source = node.func.id, program.source
    if name in program.scope.locals or source.resolve(node.func) is not getattr(builtins, name, program):
        return
    given = len(node.args) + len(node.keywords)
    if given < READERS.get(name, 0):
        source.refuse(
            node,
            f'`{name}()` would see the variables of one step, not those of the function',
            f'name what you need: `{name}(code, {{"x": x}})`' if given else 'name what you need, in a dict of your own',
        )
    if is_bare(program, node):
        source.refuse(
            node,
            '`super()` without arguments needs a class around the function, and a first parameter that has a name',
            'write `super(Class, self)`',
        )


#: Everything that is refused by its form. What is refused by its meaning (`submit` that isn't called, say) is refused
#: by the pass that gives the meaning.
RULES: dict[type[ast.AST], tuple[Callable[[Program, Any], None], ...]] = {
    ast.Yield: (_generator,),
    ast.YieldFrom: (_generator,),
    ast.Call: (_namespace,),
}
