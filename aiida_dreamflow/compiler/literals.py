"""Literals and the values that they stand for.

Must not know modules.
"""

from __future__ import annotations

import ast

__all__ = ('is_as_written', 'is_literal', 'same')


def is_literal(node: ast.expr, value: object) -> bool:
    """Return whether an expression is a literal for exactly this value."""
    try:
        return same(ast.literal_eval(node), value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False


def is_as_written(node: ast.expr, value: object) -> bool:
    """Return whether a container has as many items as the display that made it; of other values that is not known."""
    if isinstance(value, dict):
        return isinstance(node, ast.Dict) and len(node.keys) == len(value)
    if isinstance(value, list | tuple | set):
        return isinstance(node, ast.List | ast.Tuple | ast.Set) and len(node.elts) == len(value)
    return True


def same(one: object, other: object) -> bool:
    """Return whether two values of literals are the same, types and the order of dicts included."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return same([*one.items()], [*other.items()])
    if isinstance(one, set | frozenset):
        return one == other and {*map(repr, one)} == {*map(repr, other)}
    return repr(one) == repr(other)
