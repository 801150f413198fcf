"""What compiled code asks of the runtime by name (`HIDDEN` in the compiler): each in a cell that blocks close over."""

from __future__ import annotations

import functools
import inspect
import sys
import types
from collections.abc import Callable
from typing import Any

from ..compiler.program import HIDDEN
from ..exceptions import WorkflowUsageError
from .activation import activate
from .machine import current_machine

__all__ = ('END', 'SUPPLIED')

#: What ``next`` gives when a loop's iterator is exhausted.
END = object()


def _require_manager(manager: Any, is_async: bool) -> None:
    """Raise what ``with`` raises for something that is no context manager."""
    kind = type(manager)
    enter, leave = ('__aenter__', '__aexit__') if is_async else ('__enter__', '__exit__')
    word = 'asynchronous context manager' if is_async else 'context manager'
    if not hasattr(kind, enter):
        if sys.version_info < (3, 11):
            raise AttributeError(enter)
        raise TypeError(f"'{kind.__qualname__}' object does not support the {word} protocol")
    if not hasattr(kind, leave):
        if sys.version_info < (3, 11):
            raise AttributeError(leave)
        raise TypeError(f"'{kind.__qualname__}' object does not support the {word} protocol (missed {leave} method)")


def _made(index: int, value: Any, inputs: tuple[Any, ...]) -> None:
    """Note that an assignment with a recipe was carried out."""
    machine = current_machine()
    machine.note_recipe(index, value, inputs)


def _callee(function: Any) -> Callable[..., Any]:
    """Return what to call so that a helper's call becomes an activation; other things are called as they are."""
    inner = function.func if isinstance(function, functools.partial) else function
    plain = inner.__func__ if isinstance(inner, types.MethodType) else inner
    if not (isinstance(plain, types.FunctionType) and inspect.iscoroutinefunction(plain)):
        return function  # type: ignore[no-any-return]
    if plain.__module__.partition('.')[0] == 'asyncio':
        raise WorkflowUsageError(
            f'`asyncio.{plain.__name__}` cannot be awaited in a workflow: an event loop does not survive a restart'
        )
    return lambda *args, **kwargs: activate(function, args, kwargs)


_VALUES = {
    '.locals': locals,
    '.iter': iter,
    '.next': next,
    '.end': END,
    '.type': type,
    '.exc_info': sys.exc_info,
    '.manager': _require_manager,
    '.AssertionError': AssertionError,
    '.made': _made,
    '.callee': _callee,
}
SUPPLIED = {name: types.CellType(_VALUES[name]) for name in HIDDEN}
