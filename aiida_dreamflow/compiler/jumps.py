"""Leaving loops, ``try`` statements and the function: what ``break``, ``continue`` and ``return`` mean where they stand.

A stack of the constructs around the current place (`Loop`, `Cleanup`) says where a jump leads. A jump through a
``finally`` goes into its one copy with a number, its *completion*, and from there on to where the number says.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Any, Literal

from .passing import returned_names
from .program import Block, Jump, Leave, Reraise, Return
from .trees import STATEMENT_LISTS, assign, copy_place, load

__all__ = (
    'FALL_THROUGH',
    'RAISED',
    'RETURNED',
    'Cleanup',
    'JumpKind',
    'Loop',
    'Surroundings',
    'is_bare_raise',
    'jumps_out',
)

JumpKind = Literal['break', 'continue', 'return']

#: Whether jumps lead out of a statement: it can stay native with them, or it has to be cut.
Jumps = Literal['no', 'native', 'cut']

#: Completions of a ``finally``: its ``try`` came to its end, or raised. Jumps through it have the numbers above.
FALL_THROUGH, RAISED = 0, 1

#: The variable that holds what is returned while ``finally`` blocks run.
RETURNED = '.returned'

#: The jumps that lead out of a node: what each needs around it, and whether a ``try`` or ``with`` stands in between.
_OpenJumps = frozenset[tuple[Literal['return', 'loop', 'raise'], bool]]

_NO_JUMPS: _OpenJumps = frozenset()

_GUARDS = (ast.Try, ast.With, getattr(ast, 'TryStar', ast.Try))

#: Attribute under which a node keeps the jumps that lead out of it.
_OPEN_JUMPS = '_dreamflow_open_jumps'


@dataclass
class Loop:
    """A loop that is cut into blocks."""

    on_break: Block
    on_continue: Block


@dataclass
class Cleanup:
    """A ``finally`` that is cut into blocks.

    :ivar completion: the variable that says how it was entered.
    :ivar block: where it begins.
    :ivar depth: how many exceptions are being handled around its ``try``.
    :ivar jumps: the jumps that go through it; their completions follow `RAISED`.
    """

    completion: str
    block: Block
    depth: int
    jumps: list[JumpKind] = field(default_factory=list)

    def number_of(self, kind: JumpKind) -> int:
        """Return the completion of a kind of jump."""
        if kind not in self.jumps:
            self.jumps.append(kind)
        return RAISED + 1 + self.jumps.index(kind)


class Surroundings(list['Loop | Cleanup']):
    """The constructs around the current place, from the outside in."""

    def jump(self, kind: JumpKind, place: ast.stmt, value: ast.expr | None = None) -> list[ast.stmt]:
        """Return the statements that carry out a jump from here.

        :param kind: which.
        :param place: the statement that says so.
        :param value: what is returned.
        """
        for construct in reversed(self):
            if isinstance(construct, Cleanup):
                return self._through(construct, kind, place, value)
            if kind != 'return':
                target = construct.on_break if kind == 'break' else construct.on_continue
                return [copy_place(Leave(Jump(target)), place)]
        return [copy_place(Leave(Return(returned_names(value)), value or ast.Constant(None)), place)]

    def _through(self, cleanup: Cleanup, kind: JumpKind, place: ast.stmt, value: ast.expr | None) -> list[ast.stmt]:
        statements: list[ast.stmt] = []
        if kind == 'return' and not (isinstance(value, ast.Name) and value.id == RETURNED):
            statements.append(assign(RETURNED, value or ast.Constant(None), place))
        statements.append(assign(cleanup.completion, ast.Constant(cleanup.number_of(kind)), place))
        statements.append(copy_place(Leave(Jump(cleanup.block, cleanup.depth)), place))
        return statements

    def resume(self, kind: JumpKind, place: ast.stmt) -> list[ast.stmt]:
        """Return the statements that carry on a jump that came through a ``finally``."""
        return self.jump(kind, place, load(RETURNED, place) if kind == 'return' else None)

    def inline(self, statement: ast.stmt) -> ast.stmt:
        """Replace the jumps out of a compound statement that stays native by what they mean."""
        replaced = _InlineJumps(self).visit(statement)
        assert isinstance(replaced, ast.stmt)
        return replaced


class _InlineJumps(ast.NodeTransformer):
    """Replaces the jumps that lead out of the statement it visits."""

    def __init__(self, surroundings: Surroundings) -> None:
        self.surroundings = surroundings
        self.loops = 0

    def visit(self, node: ast.AST) -> Any:
        """Visit a statement and those in it."""
        return node if isinstance(node, ast.expr) else super().visit(node)

    def visit_Return(self, node: ast.Return) -> list[ast.stmt]:
        return self.surroundings.jump('return', node, node.value)

    def visit_Raise(self, node: ast.Raise) -> ast.stmt:
        return node if node.exc is not None else copy_place(Leave(Reraise(node)), node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.ExceptHandler:
        return node  # a bare `raise` in there is its own, and other jumps out of there are cut

    def visit_Break(self, node: ast.Break) -> ast.stmt | list[ast.stmt]:
        return node if self.loops else self.surroundings.jump('break', node)

    def visit_Continue(self, node: ast.Continue) -> ast.stmt | list[ast.stmt]:
        return node if self.loops else self.surroundings.jump('continue', node)

    def _loop(self, node: ast.For | ast.While) -> ast.stmt:
        self.loops += 1
        node.body = self._visit_list(node.body)
        self.loops -= 1
        node.orelse = self._visit_list(node.orelse)
        return node

    visit_For = visit_While = _loop  # noqa: N815

    def _visit_list(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        result: list[ast.stmt] = []
        for statement in statements:
            visited = self.visit(statement)
            result.extend(visited if isinstance(visited, list) else [visited])
        return result

    def _leave_alone(self, node: ast.AST) -> ast.AST:
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = visit_Lambda = _leave_alone  # noqa: N815


def is_bare_raise(statement: ast.AST) -> bool:
    """Return whether a statement raises the exception being handled, which may be that of a clause that is cut."""
    return isinstance(statement, ast.Raise) and statement.exc is None


def jumps_out(statement: ast.AST) -> Jumps:
    """Return whether jumps lead out of a statement, and whether it has to be cut for them.

    A jump out of ``try`` or ``with`` has to run their cleanup before anything else happens, so these are cut.
    """
    found = _open_jumps(statement)
    if any(guarded for _, guarded in found):
        return 'cut'
    return 'native' if found else 'no'


def _open_jumps(node: ast.AST) -> _OpenJumps:
    """Return the jumps that lead out of a node; they are kept with it."""
    found: _OpenJumps | None = vars(node).get(_OPEN_JUMPS)
    if found is None:
        found = _find_open_jumps(node)
        setattr(node, _OPEN_JUMPS, found)
    return found


def _find_open_jumps(node: ast.AST) -> _OpenJumps:
    if isinstance(node, ast.Return):
        return frozenset({('return', False)})
    if isinstance(node, ast.Break | ast.Continue):
        return frozenset({('loop', False)})
    if is_bare_raise(node):
        return frozenset({('raise', False)})
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return _NO_JUMPS
    below = [part for name in STATEMENT_LISTS for part in vars(node).get(name, ())]
    if not below:
        return _NO_JUMPS
    found = _NO_JUMPS.union(*map(_open_jumps, below))
    if isinstance(node, ast.For | ast.While):
        inside = _NO_JUMPS.union(*map(_open_jumps, node.body))
        found = frozenset(jump for jump in inside if jump[0] != 'loop').union(*map(_open_jumps, node.orelse))
    elif isinstance(node, ast.ExceptHandler):
        found = frozenset(jump for jump in found if jump[0] != 'raise')
    elif isinstance(node, _GUARDS):
        found = frozenset((kind, True) for kind, _ in found)
    return found
