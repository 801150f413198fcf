"""Coroutine objects: what the call of an ``async def`` gives until it is awaited.

They are Python's own. One that a workflow awaits, or makes a task of, is used up as Python uses it up, and the call that it
stands for goes on as an `Activation`; one that nobody has begun is looked into when a frame is stored, and is made again
after a restart. What else can be awaited and does not wait for an event loop is awaited as Python does.
"""

from __future__ import annotations

import asyncio
import inspect
import types
from collections.abc import Iterable
from typing import Any

from ..exceptions import CannotStoreError, WorkflowUsageError
from .activation import Activation, has_source, refuse_asyncio
from .looking import call_of

__all__ = ('arguments_of', 'awaited', 'begun', 'call_in', 'discard', 'ended', 'is_compiled', 'waiting')

#: How often something may give way, without an event loop, before it is thought to wait for one.
_PATIENCE = 1000


def begun(coroutine: types.CoroutineType[Any, Any, Any]) -> Activation:
    """Return the call that a coroutine object stands for; the object is used up by this.

    :raises RuntimeError: if it was awaited before.
    :raises WorkflowUsageError: if it has begun, or is of asyncio's.
    :raises CompileError: if its function cannot be compiled.
    """
    state = inspect.getcoroutinestate(coroutine)
    if state == inspect.CORO_CLOSED:
        raise RuntimeError('cannot reuse already awaited coroutine')
    if state != inspect.CORO_CREATED:
        raise WorkflowUsageError(
            f'the coroutine `{coroutine.__qualname__}` has been begun by other code than the workflow, which cannot go on with it'
        )
    try:
        activation = call_in(coroutine)
        refuse_asyncio(activation.function)
    finally:
        coroutine.close()
    return activation


def is_compiled(coroutine: types.CoroutineType[Any, Any, Any]) -> bool:
    """Return whether a workflow runs a coroutine itself: unless there is no source of it."""
    code = coroutine.cr_code
    return code is _waiting.__code__ or has_source(code)


def discard(values: Iterable[Any]) -> None:
    """Close the coroutine objects among some values, which would warn that nobody awaits them."""
    for value in values:
        if isinstance(value, types.CoroutineType):
            value.close()


def call_in(coroutine: types.CoroutineType[Any, Any, Any]) -> Activation:
    """Return the call that a coroutine object stands for which has not begun.

    :raises CannotStoreError: if it has begun.
    :raises CompileError: if its function cannot be compiled.
    """
    if inspect.getcoroutinestate(coroutine) != inspect.CORO_CREATED:
        raise CannotStoreError('coroutine', '', 'it has begun, and keeps its place on the stack of Python')
    assert coroutine.cr_frame is not None
    if coroutine.cr_code is _waiting.__code__:
        activation: Activation = coroutine.cr_frame.f_locals['activation']
        return activation
    function, variables, cells = call_of(coroutine)
    return Activation.new(function, variables, cells)


def waiting(activation: Activation) -> types.CoroutineType[Any, Any, Any]:
    """Return a coroutine object that stands for a call."""
    coroutine = _waiting(activation)
    assert isinstance(coroutine, types.CoroutineType)
    coroutine.__name__, coroutine.__qualname__ = activation.function.__name__, activation.function.__qualname__
    return coroutine


def ended(name: str, qualname: str) -> types.CoroutineType[Any, Any, Any]:
    """Return a coroutine object that was awaited before."""
    coroutine = _awaited(None)
    assert isinstance(coroutine, types.CoroutineType)
    coroutine.__name__, coroutine.__qualname__ = name, qualname
    coroutine.close()
    return coroutine


async def _waiting(activation: Activation) -> Any:
    """Make the call as Python would: it is not a workflow that awaits this."""
    args, kwargs = arguments_of(activation.function, activation.values())
    return await activation.function(*args, **kwargs)


def arguments_of(function: types.FunctionType, values: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments with which a function was called.

    :param values: its parameters.
    """
    code = function.__code__
    positional = code.co_varnames[: code.co_argcount]
    named = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    rest = iter(code.co_varnames[code.co_argcount + code.co_kwonlyargcount :])
    args = [values[name] for name in positional]
    kwargs = {name: values[name] for name in named}
    if code.co_flags & inspect.CO_VARARGS:
        args += values[next(rest)]
    if code.co_flags & inspect.CO_VARKEYWORDS:
        kwargs |= values[next(rest)]
    return args, kwargs


#: What functions of asyncio's return, and which these are.
_ASYNCIO = {'_GatheringFuture': 'gather', 'Task': 'create_task'}


def awaited(value: Any) -> Any:
    """Return what awaiting something gives that is nothing of ours and needs no event loop.

    :raises BaseException: what awaiting it raises.
    :raises WorkflowUsageError: if it waits for an event loop.
    """
    coroutine = _awaited(value)
    try:
        for _ in range(_PATIENCE):
            if coroutine.send(None) is not None:
                break
    except StopIteration as end:
        return end.value
    if isinstance(value, asyncio.Future):
        value.add_done_callback(
            lambda future: future.cancelled() or future.exception()
        )  # or it complains that nobody asks
        value.cancel()
    name = type(value).__name__
    advice = _ASYNCIO.get(name)
    raise WorkflowUsageError(
        f'a workflow cannot wait for an object of type `{name}`: it waits for an event loop, which does not survive a restart'
        if advice is None
        else f'`asyncio.{advice}` cannot be awaited in a workflow: an event loop does not survive a restart; use that of this '
        f'package, `from aiida_dreamflow import {advice}`'
    )


async def _awaited(value: Any) -> Any:
    return await value
