"""Leaving loops, ``try`` statements and the function: what ``break``, ``continue`` and ``return`` mean where they stand.

A stack of the constructs around the current place (`Loop`, `Cleanup`) says where a jump leads. A jump through a
``finally`` goes into its one copy with a number, its *completion*, and from there on to where the number says.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Literal

from .program import Block, Jump, Leave, Reraise, Return
from .trees import assign, copy_place, load

__all__ = ('FALL_THROUGH', 'RAISED', 'Cleanup', 'JumpKind', 'Loop', 'Surroundings', 'is_bare_raise', 'jumps_out')

JumpKind = Literal['break', 'continue', 'return']

#: Whether jumps lead out of a statement: it can stay native with them, or it has to be cut.
Jumps = Literal['no', 'native', 'cut']

#: Completions of a ``finally``: its ``try`` came to its end, or raised. Jumps through it have the numbers above.
FALL_THROUGH, RAISED = 0, 1

#: The variable that holds what is returned while ``finally`` blocks run.
_RETURNED = '.returned'


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
        return [copy_place(Leave(Return(), value or ast.Constant(None)), place)]

    def _through(self, cleanup: Cleanup, kind: JumpKind, place: ast.stmt, value: ast.expr | None) -> list[ast.stmt]:
        statements: list[ast.stmt] = []
        if kind == 'return' and not (isinstance(value, ast.Name) and value.id == _RETURNED):
            statements.append(assign(_RETURNED, value or ast.Constant(None), place))
        statements.append(assign(cleanup.completion, ast.Constant(cleanup.number_of(kind)), place))
        statements.append(copy_place(Leave(Jump(cleanup.block, cleanup.depth)), place))
        return statements

    def resume(self, kind: JumpKind, place: ast.stmt) -> list[ast.stmt]:
        """Return the statements that carry on a jump that came through a ``finally``."""
        return self.jump(kind, place, load(_RETURNED, place) if kind == 'return' else None)

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


def jumps_out(statement: ast.AST, loops: int = 0, guarded: bool = False, handling: bool = False) -> Jumps:
    """Return whether jumps lead out of a statement, and whether it has to be cut for them.

    A jump out of ``try`` or ``with`` has to run their cleanup before anything else happens, so these are cut.

    :param loops: how many loops of the same statement are around this part of it.
    :param guarded: whether a ``try`` or ``with`` of the same statement is around this part of it.
    :param handling: whether an ``except`` of the same statement is around it, which a bare ``raise`` belongs to.
    """
    if (
        isinstance(statement, ast.Return)
        or (isinstance(statement, ast.Break | ast.Continue) and not loops)
        or (is_bare_raise(statement) and not handling)
    ):
        return 'cut' if guarded else 'native'
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.expr):
        return 'no'
    guarded = guarded or isinstance(statement, ast.Try | ast.With | getattr(ast, 'TryStar', ast.Try))
    handling = handling or isinstance(statement, ast.ExceptHandler)
    answer: Jumps = 'no'
    for name, value in ast.iter_fields(statement):
        inside = loops + (isinstance(statement, ast.For | ast.While) and name == 'body')
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                found = jumps_out(child, inside, guarded, handling)
                if found == 'cut':
                    return 'cut'
                answer = found if found != 'no' else answer
    return answer
