"""Questions about syntax trees, and small trees to build others from, that several passes share."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import count
from typing import TypeVar

__all__ = (
    'Names',
    'assign',
    'call',
    'contains_await',
    'copy_place',
    'iterate_own',
    'load',
    'store',
)

#: Nodes that begin a scope of their own: what is awaited in there is awaited by somebody else.
NESTED_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)

_PLACE = ('lineno', 'col_offset', 'end_lineno', 'end_col_offset')

Node = TypeVar('Node', bound=ast.AST)


def iterate_own(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and those below it which run when the function itself runs.

    Bodies of nested functions and classes are left out; their decorators, defaults and bases are not.
    """
    yield node
    parts = evaluated_parts(node) if isinstance(node, NESTED_SCOPES) else ast.iter_child_nodes(node)
    for part in parts:
        yield from iterate_own(part)


def evaluated_parts(node: ast.AST) -> list[ast.expr]:
    """Return the expressions of a definition that are evaluated where it stands, in their order of evaluation."""
    if isinstance(node, ast.ClassDef):
        return [*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
        return [*decorators, *node.args.defaults, *(value for value in node.args.kw_defaults if value is not None)]
    return []


def contains_await(node: ast.AST) -> bool:
    """Return whether running a node may await something."""
    return any(isinstance(child, ast.Await | ast.AsyncFor | ast.AsyncWith) for child in iterate_own(node))


class Names:
    """Gives out the compiler's own names: ``.value1``, ``.iter2``, ..."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def new(self, kind: str) -> str:
        """Return a name that no other variable has."""
        return f'.{kind}{next(self._numbers)}'


def copy_place(node: Node, place: ast.AST) -> Node:
    """Give a node that was made by the compiler, and all below it that have none, a place in the user's file."""
    where = {name: getattr(place, name) for name in _PLACE if hasattr(place, name)}
    vars(node).update(where)
    _fill_in(node, where)
    return node


def _fill_in(node: ast.AST, where: dict[str, int]) -> None:
    """Place what is below a node and has no place; not as `ast` does it, through the user's trees again and again."""
    for child in ast.iter_child_nodes(node):
        if 'lineno' not in vars(child):
            if 'lineno' in child._attributes:
                vars(child).update(where)
            _fill_in(child, where)


def load(name: str, place: ast.AST) -> ast.Name:
    """Return the expression that reads a variable."""
    return copy_place(ast.Name(name, ast.Load()), place)


def store(name: str, place: ast.AST) -> ast.Name:
    """Return the target that writes a variable."""
    return copy_place(ast.Name(name, ast.Store()), place)


def assign(name: str, value: ast.expr, place: ast.AST) -> ast.Assign:
    """Return the statement ``name = value``."""
    return copy_place(ast.Assign([store(name, place)], value), place)


def call(function: str | ast.expr, place: ast.AST, *arguments: ast.expr) -> ast.Call:
    """Return the expression ``function(*arguments)``."""
    target = load(function, place) if isinstance(function, str) else function
    return copy_place(ast.Call(target, list(arguments), []), place)
