"""Which variables a block uses in one way only: appended to, or called; and which are mere copies of others.

``seen.append(x)`` changes the list, but nothing in it. A loop that only appends to a list thus leaves all its items as
they were, and nobody has to look (see `values.chunks`).
"""

from __future__ import annotations

import ast
from collections import Counter

from .passing import passed_in, position_of, returned_names
from .program import Block, Leave, Passed, Position, Return, is_hidden

__all__ = ('note_uses',)


def note_uses(block: Block) -> None:
    """Fill in `Block.only_appended`, `Block.only_called`, `Block.copies`, `Block.passed` and `Return.names`."""
    found = _Uses()
    for statement in block.body:
        found.visit(statement)
    block.passed = found.passed
    block.only_appended = frozenset(name for name, number in found.appends.items() if number == found.mentions[name])
    block.only_called = frozenset(name for name, number in found.calls.items() if number == found.mentions[name])
    block.copies = {
        target.id: statement.value.id
        for number, statement in enumerate(block.body)
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Name)
        for target in statement.targets
        if isinstance(target, ast.Name) and not {target.id, statement.value.id} & _stored(block.body[number + 1 :])
    }


def _stored(body: list[ast.stmt]) -> set[str]:
    """Return the variables that statements assign."""
    found = _Uses()
    for statement in body:
        found.visit(statement)
    return {name for name, number in found.stores.items() if number}


class _Uses(ast.NodeVisitor):
    def __init__(self) -> None:
        self.mentions: Counter[str] = Counter()
        self.stores: Counter[str] = Counter()
        self.appends: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.passed: dict[Position, Passed] = {}

    def visit_Name(self, node: ast.Name) -> None:
        self.mentions[node.id] += 1
        self.stores[node.id] += not isinstance(node.ctx, ast.Load)

    def visit_Leave(self, node: Leave) -> None:
        if isinstance(node.exit, Return):
            node.exit.names = returned_names(node.value)
        if node.value is not None:
            self.visit(node.value)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name):
            self.calls[node.func.id] += 1
        if node.args or node.keywords:
            self.passed[position_of(node)] = passed_in(node)
        self._note_append(node.func)
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        # `seen.append(await f())` looks the method up before it waits, and keeps it in a variable of the compiler's.
        if all(isinstance(target, ast.Name) and is_hidden(target.id) for target in node.targets):
            self._note_append(node.value)
        self.generic_visit(node)

    def _note_append(self, node: ast.expr) -> None:
        if isinstance(node, ast.Attribute) and node.attr == 'append' and isinstance(node.value, ast.Name):
            self.appends[node.value.id] += 1
