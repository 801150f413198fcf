"""Pass: mark where a variable shared with nested functions is read and might have no value.

Such a variable is a free variable of the blocks, and Python calls it so in the error: ``NameError`` where the function
itself would get ``UnboundLocalError``. When that error leaves a block the runtime sets it right. A ``try`` or ``with``
that stays native would see it before, so those around such a place are cut (`may_see_unbound`).

A variable has a value for certain if every way to the place assigns it, and nothing in the function unbinds it.
"""

from __future__ import annotations

import ast

from .program import Program
from .trees import NESTED_SCOPES, walk

__all__ = ('keep_mark', 'mark_unbound', 'may_see_unbound')

_MARK = '_dreamflow_unbound'
_GUARDS = (ast.Try, ast.With, getattr(ast, 'TryStar', ast.Try), ast.ExceptHandler)

#: All variables: what is bound where control does not get to.
_UNREACHABLE = -1


def mark_unbound(program: Program) -> None:
    """Mark the statements."""
    if program.scope.cells:
        variables = program.variables
        arguments = frozenset(node.arg for node in walk(program.source.node.args) if isinstance(node, ast.arg))
        _Walk(program).block(program.source.node.body, variables.bits(arguments))


def may_see_unbound(node: ast.AST) -> bool:
    """Return whether a statement, or a clause, might see an error of such a place if it stayed native."""
    return _MARK in vars(node)


def keep_mark(new: ast.AST, old: ast.AST) -> None:
    """Let a statement that takes the place of another be marked if that is."""
    if may_see_unbound(old):
        setattr(new, _MARK, True)


class _Walk:
    """Follows control through a function: the methods take the variables that are bound, and return those behind.

    :ivar around: the compound statements and clauses around the current place, from the outside in.
    """

    def __init__(self, program: Program) -> None:
        self.variables = variables = program.variables
        self.cells = variables.bits(program.scope.cells)
        unbound = {node.id for node in program.own(ast.Name) if isinstance(node.ctx, ast.Del)}
        unbound |= {node.name for node in program.own(ast.ExceptHandler) if node.name}
        unbound |= set().union(*map(_unbound_in, program.own(*NESTED_SCOPES)))
        self.lasting = self.cells & ~variables.bits(program.scope.cells & unbound)
        self.around: list[ast.AST] = []

    def block(self, body: list[ast.stmt], bound: int) -> int:
        """Go through statements."""
        for statement in body:
            handle = getattr(self, f'_{type(statement).__name__}', self._simple)
            bound = handle(statement, bound)
        return bound

    def _inside(self, node: ast.AST, body: list[ast.stmt], bound: int) -> int:
        """Go through the statements of a compound one, or of a clause of it."""
        self.around.append(node)
        bound = self.block(body, bound)
        self.around.pop()
        return bound

    def _reads(self, node: ast.AST | None, bound: int) -> None:
        """Look at what an expression or a simple statement reads without certainty."""
        if self.variables.mentioned(node).loads & self.cells & ~(bound & self.lasting):
            guards = [number for number, around in enumerate(self.around) if isinstance(around, _GUARDS)]
            for around in self.around[: guards[-1] + 1] if guards else ():
                setattr(around, _MARK, True)

    def _binds(self, node: ast.AST | None) -> int:
        """Return what the targets or patterns below a node bind."""
        return self.variables.mentioned(node).certain

    def _simple(self, node: ast.stmt, bound: int) -> int:
        self._reads(node, bound)
        is_jump = isinstance(node, ast.Return | ast.Raise | ast.Break | ast.Continue)
        return _UNREACHABLE if is_jump else bound | self._binds(node)

    def _If(self, node: ast.If, bound: int) -> int:  # noqa: N802
        self._reads(node.test, bound)
        return self._inside(node, node.body, bound) & self._inside(node, node.orelse, bound)

    def _While(self, node: ast.While, bound: int) -> int:  # noqa: N802
        self._reads(node.test, bound)
        self._inside(node, node.body, bound)
        self._inside(node, node.orelse, bound)
        return bound

    def _For(self, node: ast.For | ast.AsyncFor, bound: int) -> int:  # noqa: N802
        self._reads(node.iter, bound)
        self._reads(node.target, bound)
        self._inside(node, node.body, bound | self._binds(node.target))
        self._inside(node, node.orelse, bound)
        return bound

    _AsyncFor = _For

    def _With(self, node: ast.With | ast.AsyncWith, bound: int) -> int:  # noqa: N802
        self.around.append(node)
        # Later managers may fail, and an earlier one swallow it: nothing of this is bound behind.
        inside = bound
        for item in node.items:
            self._reads(item.context_expr, inside)
            self._reads(item.optional_vars, inside)
            inside |= self._binds(item.optional_vars)
        self.block(node.body, inside)
        self.around.pop()
        return bound

    _AsyncWith = _With

    def _Try(self, node: ast.Try, bound: int) -> int:  # noqa: N802
        after = self._inside(node, node.orelse, self._inside(node, node.body, bound))
        self.around.append(node)
        for handler in node.handlers:
            self._reads(handler.type, bound)
            name = self.variables.find_bit(handler.name) if handler.name else 0
            after &= self._inside(handler, handler.body, bound | name)
        finished = self.block(node.finalbody, bound)
        self.around.pop()
        return after | finished

    _TryStar = _Try

    def _Match(self, node: ast.Match, bound: int) -> int:  # noqa: N802
        self._reads(node.subject, bound)
        for case in node.cases:
            inside = bound | self._binds(case.pattern)
            self._reads(case.pattern, bound)
            self._reads(case.guard, inside)
            self._inside(node, case.body, inside)
        return bound


def _unbound_in(node: ast.AST) -> set[str]:
    """Return the names that anything in a nested scope unbinds."""
    parts = list(walk(node))
    names = {part.id for part in parts if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Del)}
    return names | {part.name for part in parts if isinstance(part, ast.ExceptHandler) and part.name}
