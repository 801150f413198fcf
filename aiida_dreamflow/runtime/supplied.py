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


def _exc_info() -> tuple[Any, Any, Any]:
    """Return `sys.exc_info()`, with the traceback as the exception has it.

    Before Python 3.11 the traceback is kept a second time, there with the machinery's frames.
    """
    error = sys.exc_info()[1]
    return type(error), error, error.__traceback__ if error is not None else None


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
    if (plain.__module__ or '').partition('.')[0] == 'asyncio':
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
    '.exc_info': _exc_info,
    '.manager': _require_manager,
    '.AssertionError': AssertionError,
    '.made': _made,
    '.callee': _callee,
}
SUPPLIED = {name: types.CellType(_VALUES[name]) for name in HIDDEN}
