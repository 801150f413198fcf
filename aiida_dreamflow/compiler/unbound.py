"""Pass: mark where a variable shared with nested functions is read and might have no value.

Such a variable is a free variable of the blocks, and Python calls it so in the error: ``NameError`` where the function
itself would get ``UnboundLocalError``. When that error leaves a block the runtime sets it right. A ``try`` or ``with``
that stays native would see it before, so those around a marked place are cut (`may_see_unbound`).

A variable has a value for certain if every way to the place assigns it, and nothing in the function unbinds it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .program import Program
from .trees import NESTED_SCOPES, children, evaluated_parts, iterate_own, walk

__all__ = ('mark_unbound', 'may_see_unbound')

_MARK = '_dreamflow_unbound'
_GUARDS = (ast.Try, ast.With, getattr(ast, 'TryStar', ast.Try))

#: The variables that are bound for certain; ``None`` where control does not get to.
Bound = frozenset[str] | None


def mark_unbound(program: Program) -> None:
    """Mark the places."""
    if cells := program.scope.cells:
        node = program.source.node
        arguments = {argument.arg for argument in ast.walk(node.args) if isinstance(argument, ast.arg)}
        walk = _Walk(cells, cells - set(_unbinds(node)))
        walk.block(node.body, frozenset(arguments))
        program.has_unbound = walk.found


def may_see_unbound(statement: ast.AST, guarded: bool = False) -> bool:
    """Return whether a statement, were it to stay native, might see an error of a marked place.

    :param guarded: whether a ``try`` or ``with`` of the same statement is around this part of it.
    """
    if isinstance(statement, NESTED_SCOPES):
        return guarded and any(may_see_unbound(part, guarded) for part in evaluated_parts(statement))
    if guarded and hasattr(statement, _MARK):
        return True
    guarded = guarded or isinstance(statement, _GUARDS)
    return any(may_see_unbound(child, guarded) for child in children(statement))


def _unbinds(node: ast.AST) -> Iterator[str]:
    """Yield the names that anything in a function unbinds."""
    for part in walk(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Del):
            yield part.id
        elif isinstance(part, ast.ExceptHandler) and part.name is not None:
            yield part.name


class _Walk:
    """Follows control through a function.

    :param cells: the variables shared with nested functions.
    :param lasting: those of them that stay bound once they are.
    :ivar found: whether a place was marked.
    """

    def __init__(self, cells: frozenset[str], lasting: frozenset[str]) -> None:
        self.cells, self.lasting = cells, lasting
        self.found = False

    def block(self, body: list[ast.stmt], bound: Bound) -> Bound:
        """Go through statements; return what is bound behind them."""
        for statement in body:
            handle = getattr(self, f'_{type(statement).__name__}', self._simple)
            bound = handle(statement, bound if bound is not None else frozenset())
        return bound

    def _reads(self, node: ast.AST | None, bound: frozenset[str]) -> None:
        """Mark what an expression or a simple statement reads without certainty."""
        for part in iterate_own(node) if node is not None else ():
            name = part.target if isinstance(part, ast.AugAssign) else part
            if not isinstance(name, ast.Name) or (name is part and isinstance(name.ctx, ast.Store)):
                continue
            if name.id in self.cells and (name.id not in bound or name.id not in self.lasting):
                setattr(name, _MARK, True)
                self.found = True

    def _binds(self, node: ast.AST | None) -> frozenset[str]:
        """Return what the targets or patterns below a node bind."""
        found = set()
        for part in walk(node) if node is not None else ():
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                found.add(part.id)
            elif isinstance(part, ast.MatchAs | ast.MatchStar) and part.name is not None:
                found.add(part.name)
        return frozenset(found)

    def _simple(self, node: ast.stmt, bound: frozenset[str]) -> Bound:
        self._reads(node, bound)
        if isinstance(node, ast.Return | ast.Raise | ast.Break | ast.Continue):
            return None
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AugAssign):
            targets = [node.target]
        for target in targets:
            bound |= self._binds(target)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound |= {node.name}
        if isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {alias.asname or alias.name.partition('.')[0] for alias in node.names}
        return bound

    def _If(self, node: ast.If, bound: frozenset[str]) -> Bound:  # noqa: N802
        self._reads(node.test, bound)
        return _both(self.block(node.body, bound), self.block(node.orelse, bound))

    def _While(self, node: ast.While, bound: frozenset[str]) -> Bound:  # noqa: N802
        self._reads(node.test, bound)
        self.block(node.body, bound)
        self.block(node.orelse, bound)
        return bound

    def _For(self, node: ast.For | ast.AsyncFor, bound: frozenset[str]) -> Bound:  # noqa: N802
        self._reads(node.iter, bound)
        self._reads(node.target, bound)
        self.block(node.body, bound | self._binds(node.target))
        self.block(node.orelse, bound)
        return bound

    _AsyncFor = _For

    def _With(self, node: ast.With | ast.AsyncWith, bound: frozenset[str]) -> Bound:  # noqa: N802
        for number, item in enumerate(node.items):
            self._reads(item.context_expr, bound)
            self._reads(item.optional_vars, bound)
            if number == 0:
                # Later managers may fail, and an earlier one swallow it.
                outside = bound
            bound |= self._binds(item.optional_vars)
        self.block(node.body, bound)
        return outside

    _AsyncWith = _With

    def _Try(self, node: ast.Try, bound: frozenset[str]) -> Bound:  # noqa: N802
        after = self.block(node.orelse, self.block(node.body, bound))
        for handler in node.handlers:
            self._reads(handler.type, bound)
            name = frozenset({handler.name} if handler.name else ())
            after = _both(after, self.block(handler.body, bound | name))
        finished = self.block(node.finalbody, bound)
        return None if finished is None or after is None else after | finished

    _TryStar = _Try

    def _Match(self, node: ast.Match, bound: frozenset[str]) -> Bound:  # noqa: N802
        self._reads(node.subject, bound)
        for case in node.cases:
            inside = bound | self._binds(case.pattern)
            self._reads(case.pattern, bound)
            self._reads(case.guard, inside)
            self.block(case.body, inside)
        return bound


def _both(one: Bound, other: Bound) -> Bound:
    """Return what is bound where two ways meet."""
    if one is None or other is None:
        return other if one is None else one
    return one & other
