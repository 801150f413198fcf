"""What compiled code asks of the runtime by name (`HIDDEN` in the compiler): each in a cell that blocks close over.

Must not know activations nor machines.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Awaitable, Callable
from functools import partial
from inspect import iscoroutinefunction
from itertools import repeat
from typing import Any

from ..compiler.program import HIDDEN
from .groups import merge_groups, split_group

__all__ = ('END', 'SUPPLIED', 'supply')

#: What ``next`` gives when a loop's iterator is exhausted.
END = object()


def _require_manager(manager: Any, is_async: bool) -> None:
    """Raise what ``with`` raises for something that is no context manager: ``with`` itself says it best."""
    kind = type(manager)
    if is_async and not (hasattr(kind, '__aenter__') and hasattr(kind, '__aexit__')):
        _enter_async(manager).send(None)
    if not is_async and not (hasattr(kind, '__enter__') and hasattr(kind, '__exit__')):
        with manager:
            pass


async def _enter_async(manager: Any) -> None:
    async with manager:
        pass


class _Iterable:
    """An asynchronous iterable: its iterator is given, or the first thing to await."""

    def __init__(self, iterator: Any = None, awaitable: Any = None) -> None:
        self.iterator, self.awaitable = iterator or self, awaitable

    def __aiter__(self) -> Any:
        return self.iterator

    def __anext__(self) -> Any:
        return self.awaitable


async def _loop_async(iterable: Any) -> None:
    async for _ in iterable:
        pass


def _aiter(iterable: Any) -> Any:
    """Return the iterator of an ``async for``, or raise what that raises: it says it best itself."""
    kind = type(iterable)
    if hasattr(kind, '__aiter__'):
        iterator = kind.__aiter__(iterable)
        if hasattr(type(iterator), '__anext__'):
            return iterator
        iterable = _Iterable(iterator)
    return _loop_async(iterable).send(None)


def _anext(iterator: Any) -> Callable[[], Any]:
    """Return the function whose call an ``async for`` awaits."""
    method = partial(type(iterator).__anext__, iterator)
    return method if iscoroutinefunction(method.func) else partial(_call_anext, method)


def _call_anext(method: Callable[[], Any]) -> Any:
    awaitable = method()
    return awaitable if isinstance(awaitable, Awaitable) else _loop_async(_Iterable(awaitable=awaitable)).send(None)


def _turns(iterator: Any) -> Any:
    """Return what a native ``for`` may loop over to take the next items of an iterator that a ``for`` has begun.

    The native one asks for an iterator again. One that is written in Python would take notice, or have none.
    """
    own = getattr(type(iterator), '__iter__', None)
    return iterator if isinstance(own, types.WrapperDescriptorType) else map(next, repeat(iterator))


def _exc_info() -> tuple[Any, Any, Any]:
    """Return `sys.exc_info()`, with the traceback as the exception has it.

    Before Python 3.11 the traceback is kept a second time, there with the machinery's frames.
    """
    error = sys.exc_info()[1]
    return type(error), error, error.__traceback__ if error is not None else None


def _namespace(kept: dict[str, Any], seen: dict[str, Any], names: tuple[str, ...], _: bool) -> dict[str, Any]:
    """Return what `locals()` gives: a dict with the variables that have a value."""
    for name in names:
        if name in seen:
            kept[name] = seen[name]
        else:
            kept.pop(name, None)
    return kept


_VALUES = {
    '.namespace': _namespace,
    '.globals': globals,
    '.sorted': sorted,
    '.locals': locals,
    '.iter': iter,
    '.next': next,
    '.end': END,
    '.turns': _turns,
    '.type': type,
    '.exc_info': _exc_info,
    '.manager': _require_manager,
    '.AssertionError': AssertionError,
    '.aiter': _aiter,
    '.anext': _anext,
    '.StopAsyncIteration': StopAsyncIteration,
    '.split_group': split_group,
    '.merge_groups': merge_groups,
}

#: What compiled code closes over. Cells of what this module must not know are empty until `supply`.
SUPPLIED = {name: types.CellType(_VALUES[name]) if name in _VALUES else types.CellType() for name in HIDDEN}


def supply(name: str, value: Any) -> None:
    """Fill the cell of a name: the modules above this one do so when they are imported."""
    SUPPLIED[name].cell_contents = value
