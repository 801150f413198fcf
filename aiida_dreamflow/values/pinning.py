"""Which values might need a recipe, decided quickly and by type alone."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
import threading
import types
from typing import Any

__all__ = ('is_never_made_again', 'is_standard', 'needs_recipe')

_PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes, bytearray, range, slice})
_CONTAINERS = frozenset({list, tuple, dict, set, frozenset})
#: Opening, connecting or starting anew is not the same as making again.
_NEVER = (
    io.IOBase,
    subprocess.Popen,
    threading.Thread,
    types.GeneratorType,
    types.CoroutineType,
    types.AsyncGeneratorType,
    asyncio.Future,
)
#: Flag of the classes that are not compiled into the interpreter. Source: ``Py_TPFLAGS_HEAPTYPE``.
_HEAP_TYPE = 1 << 9
#: How many items of a container are looked at; a mistake costs a clear error at the await, no wrong value.
_LOOK_AT = 8
#: How deep containers are looked into.
_DEPTH = 4


def needs_recipe(value: Any, depth: int = 0) -> bool:
    """Return whether a value, by its type, might have no stored form and may be made again by the call that made it.

    Files, connections, processes, threads, locks and generators may not: re-opening is not rebuilding. Nor may anything
    else of the standard library.
    """
    kind = type(value)
    if kind in _PLAIN:
        return False
    if kind in _CONTAINERS:
        return depth < _DEPTH and any(needs_recipe(item, depth + 1) for item in _first_items(value))
    numpy = sys.modules.get('numpy')
    if numpy is not None and issubclass(kind, numpy.ndarray | numpy.generic):
        return False
    return not (is_standard(kind) or is_never_made_again(kind))


def is_standard(cls: type) -> bool:
    """Return whether a class is of the standard library.

    What that does not pickle has a state that making it again would lose: a compressor, a hash.
    """
    package = str(cls.__module__).partition('.')[0]
    if package == 'builtins' and cls.__flags__ & _HEAP_TYPE:
        return False  # made by an extension that gave it no module, as egobox does
    return package in sys.stdlib_module_names and package != '__main__'


def is_never_made_again(cls: type) -> bool:
    """Return whether objects of a class stand for something outside: opening it anew is not the same as making it again."""
    return issubclass(cls, _NEVER) or hasattr(cls, 'fileno')


def _first_items(container: Any) -> list[Any]:
    items = container.values() if isinstance(container, dict) else container
    return [item for item, _ in zip(items, range(_LOOK_AT), strict=False)]
