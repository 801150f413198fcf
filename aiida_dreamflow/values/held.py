"""The codec for objects that a module holds too, under a global name or as an attribute of a class: `cache = module.CACHE`.

They are stored with their name and their content. After a restart the module's own object is taken if its content is the
same; otherwise the workflow goes on with a copy. Only objects with nothing mutable inside are treated so: else what is
inside could be held by another variable as well.
"""

from __future__ import annotations

import importlib
import json
import sys
import types
from collections.abc import Callable, Iterable
from typing import Any

from ..exceptions import CannotStoreError
from .owned import PLAIN
from .records import canonical
from .snapshot import Codec, decode, encode

__all__ = ('HeldCodec',)

#: Kinds of records of what does not change, or is found by its name.
_FIXED = frozenset(
    {
        'global',
        'module',
        'constant',
        'enum',
        'str',
        'str*',
        'int',
        'float',
        'complex',
        'bytes',
        'range',
        'tuple',
        'frozenset',
    }
)
_PASSED_OVER: tuple[type, ...] = (
    type, types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.ModuleType, types.GetSetDescriptorType,
    types.MemberDescriptorType, types.WrapperDescriptorType, types.MethodDescriptorType, staticmethod, classmethod, property,
    bytes, complex, tuple, frozenset, range, types.GenericAlias, types.CodeType, types.CellType, BaseException,
)  # fmt: skip


class HeldCodec(Codec):
    """Objects that the module of a function holds too.

    :param functions: the functions of the frame.
    """

    name = 'held'

    def __init__(self, functions: Iterable[types.FunctionType] = ()) -> None:
        self._functions = [*functions]
        self._names: dict[int, str] | None = None

    def encode(self, value: object, ref: Callable[[object], Any]) -> Any | None:
        """Return name and content of such an object."""
        if _is_passed_over(value):
            return None
        if self._names is None:
            self._names = _names(self._functions)
        name = self._names.get(id(value))
        text = None if name is None else _text(value)
        return None if text is None else [name, text]

    def decode(self, content: Any, get: Callable[[Any], Any]) -> object:
        """Return the object of that name if it has that content, otherwise a copy."""
        name, text = content
        found = _found(name)
        if found is not None and _text(found) == text:
            return found
        return decode(json.loads(text), lambda sha: b'')['']


def _is_passed_over(value: object) -> bool:
    kind = type(value)
    return kind in PLAIN or issubclass(kind, _PASSED_OVER)


def _names(functions: Iterable[types.FunctionType]) -> dict[int, str]:
    """Return the names of what the modules of functions hold, by the `id` of that."""
    found: dict[int, str] = {}
    for namespace in {id(function.__globals__): function.__globals__ for function in functions}.values():
        module = namespace.get('__name__')
        if not isinstance(module, str) or getattr(sys.modules.get(module), '__dict__', None) is not namespace:
            continue
        for name, value in [*namespace.items()]:
            if not _is_passed_over(value) and not name.startswith('__'):
                found.setdefault(id(value), f'{module}:{name}')
            if issubclass(type(value), type) and getattr(value, '__module__', None) == module:
                for own, item in [*vars(value).items()]:
                    if not _is_passed_over(item) and not own.startswith('__'):
                        found.setdefault(id(item), f'{module}:{name}.{own}')
    return found


def _text(value: object) -> str | None:
    """Return the content of an object; nothing if it cannot be stored, or has something mutable inside."""
    try:
        snapshot = encode({'': value})
    except CannotStoreError:
        return None
    objects = snapshot.document['objects']
    if snapshot.blobs or not objects or any(record[0] not in _FIXED for record in objects[1:]):
        return None
    return canonical(snapshot.document).decode('ascii')


def _found(name: str) -> Any:
    module, _, path = name.partition(':')
    try:
        found: Any = importlib.import_module(module)
        for part in path.split('.'):
            found = vars(found)[part]
    except (ImportError, KeyError, TypeError):
        return None
    return found
