"""Which variables a block makes copies of others: ``x = y``, ``a, b = b, a``, ``a, *rest = y``, ``if (x := y):``.

So that a value keeps the node of its variable. Only what is carried out for certain, and once, is a copy. Blocks are looked
through when somebody asks.
"""

from __future__ import annotations

import ast
import itertools
from functools import cache

from .program import Block

__all__ = ('copies_in',)

#: Statements and expressions whose parts are carried out any number of times.
_UNCERTAIN = tuple(
    getattr(ast, name)
    for name in [
        'For',
        'AsyncFor',
        'While',
        'With',
        'AsyncWith',
        'Try',
        'TryStar',
        'Match',
        'FunctionDef',
        'AsyncFunctionDef',
        'ClassDef',
        'Lambda',
        'ListComp',
        'SetComp',
        'DictComp',
        'GeneratorExp',
    ]
    if hasattr(ast, name)
)


@cache
def copies_in(block: Block) -> dict[str, str]:
    """Return the variables to which a block assigns another as it stands, with what that is when the block begins.

    :param block: the block.
    :returns: names of variables by names of variables; ``name[0]`` is an item of one.
    """
    found = _Copies()
    for found.number, statement in enumerate(block.body):
        found.visit(statement)
    copies: dict[str, str] = {}
    for _, group in itertools.groupby(found.copies, lambda copy: copy[0]):
        # Those of one statement happen all at once: `a, b = b, a`.
        copies |= {
            target: copies.get(source, source) + item
            for number, target, source, item in group
            if found.last_stored[target] == number >= found.last_stored.get(source, -1)
        }
    return copies


class _Copies(ast.NodeVisitor):
    """Looks through statements.

    :ivar number: the number of the current statement.
    :ivar last_stored: the number of the last statement that assigns a variable.
    :ivar copies: number of the statement, variable, and what it receives: a variable and an item of it.
    """

    def __init__(self) -> None:
        self.number = 0
        self.last_stored: dict[str, int] = {}
        self.copies: list[tuple[int, str, str, str]] = []
        self._is_certain = True

    def visit(self, node: ast.AST) -> None:
        was_certain = self._is_certain
        if isinstance(node, ast.If | ast.IfExp | ast.BoolOp):
            first = node.values[0] if isinstance(node, ast.BoolOp) else node.test
            self.visit(first)
            self._is_certain = False
            for child in ast.iter_child_nodes(node):
                if child is not first:
                    self.visit(child)
        else:
            self._is_certain = was_certain and not isinstance(node, _UNCERTAIN)
            super().visit(node)
        self._is_certain = was_certain

    def visit_Name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Load):
            self.last_stored[node.id] = self.number

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._note(target, node.value)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._note(node.target, node.value)
        self.generic_visit(node)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self._note(node.target, node.value)
        self.generic_visit(node)

    def _note(self, target: ast.expr, value: ast.expr) -> None:
        """Note which variables of a target receive variables, or items of one, as they are."""
        if not self._is_certain:
            return
        if isinstance(value, ast.NamedExpr):
            value = value.target
        if isinstance(target, ast.Name) and isinstance(value, ast.Name):
            self.copies.append((self.number, target.id, value.id, ''))
            return
        parts = value.elts if isinstance(value, ast.Tuple | ast.List) and not any(map(_is_starred, value.elts)) else []
        for place, name in _parts(target):
            if isinstance(value, ast.Name):
                self.copies.append((self.number, name, value.id, f'[{place}]'))
            elif -len(parts) <= place < len(parts):
                self._note(ast.Name(name), parts[place])


def _parts(target: ast.expr) -> list[tuple[int, str]]:
    """Return the variables among the parts of a target, with their places; those behind a starred one are counted from the end."""
    if not isinstance(target, ast.Tuple | ast.List):
        return []
    star = next((place for place, part in enumerate(target.elts) if _is_starred(part)), len(target.elts))
    places = [*range(star), *range(star + 1 - len(target.elts), 0)]
    return [(place, part.id) for place in places if isinstance(part := target.elts[place], ast.Name)]


def _is_starred(node: ast.expr) -> bool:
    return isinstance(node, ast.Starred)
