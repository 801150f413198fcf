"""What a program has changed of its own functions and classes since they were defined.

To execute a definition again gives a function without the attributes that were set on it, a class with the counters that it began
with, a decorator that has counted nothing. So these go along, by the path that leads to them: ``f.calls``, ``Shape.count``,
``f<n>`` for a variable that a wrapper closes over, ``energy.registry`` for `functools.singledispatch`, ``Base!register`` for classes
that were registered with an abstract one. What a definition makes anew may be among them: it is the same then.

Knows objects and trees; must not know how values are stored.
"""

from __future__ import annotations

import abc
import ast
import enum
import types
from collections.abc import Callable, Iterator
from typing import Any

from .literals import is_literal
from .units import Unit

__all__ = ('changes_of', 'implementations_of')

LineOf = Callable[[types.CodeType], 'int | None']
_DATA = (
    *(type(None), bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset),
    *(types.FunctionType,),
)
_DESCRIPTORS = (
    *(classmethod, staticmethod, property, types.MemberDescriptorType, types.GetSetDescriptorType),
    *(types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType),
)


def changes_of(path: str, value: object, unit: Unit, module: str, line_of: LineOf) -> Iterator[tuple[str, Any]]:
    """Yield path and value of what may have changed of a definition.

    :param path: its name.
    :param value: what it is now.
    :param unit: the statement that defines it.
    :param module: the name of its module.
    :param line_of: gives the line of that module at which code begins, ``None`` for other code.
    """
    if isinstance(value, type):
        if value.__module__ == module and not issubclass(value, enum.Enum):
            yield from _of_class(path, value, unit, module, line_of)
    elif isinstance(value, types.FunctionType):
        yield from _of_function(path, value, line_of)
    elif isinstance(value, staticmethod | classmethod):
        yield from _of_function(f'{path}.__func__', value.__func__, line_of)
    elif isinstance(wrapped := getattr(value, '__wrapped__', None), types.FunctionType):
        yield from _of_function(f'{path}.__wrapped__', wrapped, line_of)


def implementations_of(value: object) -> Any:
    """Return the functions that `functools.singledispatch` has for types, ``None`` for any other function."""
    registry = getattr(value, 'registry', None)
    is_one = isinstance(registry, types.MappingProxyType) and callable(getattr(value, 'dispatch', None))
    return dict(registry) if is_one and isinstance(registry, types.MappingProxyType) else None


def _of_function(path: str, function: Any, line_of: LineOf) -> Iterator[tuple[str, Any]]:
    if not isinstance(function, types.FunctionType):
        return
    implementations = implementations_of(function)
    for name, value in vars(function).items():
        if implementations is None and not name.startswith('__') and _is_data(value):
            yield f'{path}.{name}', value
    for name in ('__defaults__', '__kwdefaults__'):
        defaults = getattr(function, name)
        values = defaults.values() if isinstance(defaults, dict) else defaults or ()
        if any(isinstance(value, list | dict | set | bytearray) for value in values):
            yield f'{path}.{name}', defaults
    if line_of(function.__code__) is not None:
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            try:
                content = cell.cell_contents
            except ValueError:
                continue
            if isinstance(content, _DATA) and not isinstance(content, types.FunctionType):
                yield f'{path}<{name}>', content
    wrapped = vars(function).get('__wrapped__')
    if isinstance(wrapped, types.FunctionType):
        yield from _of_function(f'{path}.__wrapped__', wrapped, line_of)


def _is_data(value: object) -> bool:
    return not isinstance(value, (*_DESCRIPTORS, types.FunctionType, types.MethodType, types.MappingProxyType))


def _of_class(path: str, cls: type, unit: Unit, module: str, line_of: LineOf) -> Iterator[tuple[str, Any]]:
    said = _said_in(unit, cls.__qualname__)
    for name, value in [*vars(cls).items()]:
        if name.startswith('__') and name.endswith('__'):
            continue
        if (
            isinstance(value, type)
            and value.__module__ == module
            and value.__qualname__ == f'{cls.__qualname__}.{name}'
        ):
            yield from changes_of(f'{path}.{name}', value, unit, module, line_of)
        elif isinstance(value, types.FunctionType):
            line = line_of(value.__code__)
            if line is not None and not unit.first <= line <= unit.last:
                if name not in said:  # set from outside; what a decorator in the class has made, it makes again
                    yield f'{path}.{name}', value
            else:
                yield from _of_function(f'{path}.{name}', value, line_of)
        elif isinstance(value, staticmethod | classmethod):
            yield from _of_function(f'{path}.{name}.__func__', value.__func__, line_of)
        elif not isinstance(value, _DESCRIPTORS) and name != '_abc_impl' and not _is_said(said, name, value, module):
            yield f'{path}.{name}', value
    if isinstance(cls, abc.ABCMeta):
        registered = [each for entry in abc._get_dump(cls)[0] if (each := entry()) is not None]  # type: ignore[attr-defined]
        if registered:
            yield f'{path}!register', sorted(registered, key=lambda each: (each.__module__, each.__qualname__))


def _is_said(said: dict[str, ast.expr | None], name: str, value: object, module: str) -> bool:
    """Return whether the statement of the class gives an attribute this value, or something that it makes anew."""
    if name not in said:
        return False
    expression = said[name]
    is_own = type(value).__module__ == module
    return not (isinstance(value, _DATA) or is_own) or (expression is not None and is_literal(expression, value))


def _said_in(unit: Unit, qualname: str) -> dict[str, ast.expr | None]:
    """Return what the statement of a class binds in its body, with the expressions of plain assignments."""
    body: list[ast.stmt] = unit.body
    for part in qualname.split('.'):
        found = [
            node
            for statement in body
            for node in ([statement] if isinstance(statement, ast.ClassDef) else ast.walk(statement))
            if isinstance(node, ast.ClassDef) and node.name == part
        ]
        if not found:
            return {}
        body = found[-1].body
    said: dict[str, ast.expr | None] = {}
    for node in body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                for each in ast.walk(target):
                    if isinstance(each, ast.Name):
                        said[each.id] = node.value if each is target and each.id not in said else None
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            said[node.target.id] = node.value
        else:
            for each in ast.walk(node):
                if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
                    said.setdefault(each.id, None)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                said[node.name] = None
    return said
