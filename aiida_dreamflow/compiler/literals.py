"""Literals and the values that they stand for.

Must not know modules.
"""

from __future__ import annotations

import ast
import types

__all__ = ('is_as_written', 'is_literal', 'same')


def is_literal(node: ast.expr, value: object) -> bool:
    """Return whether an expression is a literal for exactly this value; a display of literals and lambdas is one, too."""
    if isinstance(node, ast.Lambda):
        return _is_lambda(node, value)
    if isinstance(node, ast.List | ast.Tuple) and any(isinstance(each, ast.Lambda | ast.Dict) for each in node.elts):
        kind = list if isinstance(node, ast.List) else tuple
        return type(value) is kind and len(value) == len(node.elts) and all(map(is_literal, node.elts, value))
    if isinstance(node, ast.Dict) and type(value) is dict and len(value) == len(node.keys):
        keys = all(key is not None and is_literal(key, each) for key, each in zip(node.keys, value, strict=True))
        return keys and all(map(is_literal, node.values, value.values()))
    try:
        return same(ast.literal_eval(node), value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False


def _is_lambda(node: ast.Lambda, value: object) -> bool:
    """Return whether a function is what a lambda makes: the same code, and nothing that was set on it."""
    if not isinstance(value, types.FunctionType) or value.__closure__ or value.__defaults__ or value.__kwdefaults__:
        return False
    code = compile(ast.Expression(node), value.__code__.co_filename, 'eval')
    return not vars(value) and any(each == value.__code__ for each in code.co_consts)


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
