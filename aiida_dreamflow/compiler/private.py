"""Private names of classes: ``self.__x`` in a method of ``C`` means ``self._C__x``.

CPython's compiler sees to it, but it is not told of the class when the blocks of a method are compiled. Source: the
language reference, "Private name mangling".
"""

from __future__ import annotations

import ast
import types
from collections.abc import Iterator

__all__ = ('mangle',)

_FIELDS = ('id', 'attr', 'arg', 'name', 'asname', 'rest')


def mangle(node: ast.FunctionDef | ast.AsyncFunctionDef, function: types.FunctionType) -> dict[str, str]:
    """Give the private names in a function the names that they stand for.

    :param node: its definition, which is changed.
    :param function: the function.
    :returns: the names that were replaced, and by which.
    """
    parts = [part for part in _own(node) if any(map(_is_private, _names(part)))]
    if not parts:
        return {}
    private = {name for part in parts for name in _names(part) if _is_private(name)}
    known = set(_known(function.__code__))
    for around in reversed(function.__qualname__.split('.')[:-1]):
        new = {name: f'_{around.lstrip("_")}{name}' for name in private}
        if known.intersection(new.values()):
            for part in parts:
                _rename(part, new)
            return new
    return {}


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a function that take part.

    The bodies of classes in it have private names of their own, and the keywords of calls are none.
    """
    for name, value in ast.iter_fields(node):
        if isinstance(node, ast.ClassDef) and name == 'body':
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                if not isinstance(child, ast.keyword):
                    yield child
                yield from _own(child)


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Global | ast.Nonlocal):
        yield from node.names
    for field in _FIELDS:
        if isinstance(name := getattr(node, field, None), str):
            yield name


def _rename(node: ast.AST, new: dict[str, str]) -> None:
    if isinstance(node, ast.Global | ast.Nonlocal):
        node.names = [new.get(name, name) for name in node.names]
    for field in _FIELDS:
        if isinstance(name := getattr(node, field, None), str):
            setattr(node, field, new.get(name, name))


def _is_private(name: str) -> bool:
    return name.startswith('__') and not name.endswith('__') and '.' not in name


def _known(code: types.CodeType) -> Iterator[str]:
    for names in (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars):
        yield from names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _known(constant)
