"""Pass: `super()` gets the arguments that it finds by itself: the class around the function, and its first parameter.

It looks for them in the code and the frame of its caller, and a block has others than the function. ``__class__`` is a
free variable of a method that says it, and of one that says `super`, as of any function in a class.
"""

from __future__ import annotations

import ast
import builtins

from .program import Program
from .trees import load

__all__ = ('complete_supers', 'is_bare')


def complete_supers(program: Program) -> None:
    """Write ``super(__class__, self)`` for ``super()``, where the function has both."""
    parameters = program.source.node.args
    first = [*parameters.posonlyargs, *parameters.args][:1]
    if not first or '__class__' not in program.scope.frees:
        return
    for node in program.own(ast.Call):
        if is_bare(program, node):
            node.args = [load(name, node.func) for name in ('__class__', first[0].arg)]


def is_bare(program: Program, node: ast.Call) -> bool:
    """Return whether a call is `super()`, without arguments."""
    if node.args or node.keywords or not (isinstance(node.func, ast.Name) and node.func.id == 'super'):
        return False
    return 'super' not in program.scope.locals and program.source.resolve(node.func) is builtins.super
