"""The functions of asyncio's names that a workflow function calls."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable as Awaiting
from collections.abc import Coroutine, Iterable
from math import inf, isnan
from typing import Any, Literal, ParamSpec, TypeVar, overload

from ..compiler.desugar import AWAIT_MARK
from .awaitables import Awaitable, Checkpoint, Future
from .combining import AsCompleted, Gather, Shield, Wait, WaitFor
from .coroutines import discard
from .machine import current_machine
from .scoped import TaskGroup, Timeout
from .tasks import Task

__all__ = (
    'TaskGroup',
    'as_completed',
    'checkpoint',
    'create_task',
    'gather',
    'shield',
    'sleep',
    'timeout',
    'wait',
    'wait_for',
)

P = ParamSpec('P')
T = TypeVar('T')
T1 = TypeVar('T1')
T2 = TypeVar('T2')
T3 = TypeVar('T3')
T4 = TypeVar('T4')
T5 = TypeVar('T5')
T6 = TypeVar('T6')


# fmt: off
@overload
def gather(aw1: Awaiting[T1], /, *, return_exceptions: Literal[False] = False, limit: int | None = None) -> Gather[tuple[T1]]: ...
@overload
def gather(aw1: Awaiting[T1], aw2: Awaiting[T2], /, *, return_exceptions: Literal[False] = False, limit: int | None = None) -> Gather[tuple[T1, T2]]: ...
@overload
def gather(aw1: Awaiting[T1], aw2: Awaiting[T2], aw3: Awaiting[T3], /, *, return_exceptions: Literal[False] = False, limit: int | None = None) -> Gather[tuple[T1, T2, T3]]: ...
@overload
def gather(aw1: Awaiting[T1], aw2: Awaiting[T2], aw3: Awaiting[T3], aw4: Awaiting[T4], /, *, return_exceptions: Literal[False] = False, limit: int | None = None) -> Gather[tuple[T1, T2, T3, T4]]: ...
@overload
def gather(aw1: Awaiting[T1], aw2: Awaiting[T2], aw3: Awaiting[T3], aw4: Awaiting[T4], aw5: Awaiting[T5], /, *, return_exceptions: Literal[False] = False, limit: int | None = None) -> Gather[tuple[T1, T2, T3, T4, T5]]: ...
@overload
def gather(aw1: Awaiting[T1], aw2: Awaiting[T2], aw3: Awaiting[T3], aw4: Awaiting[T4], aw5: Awaiting[T5], aw6: Awaiting[T6], /, *, return_exceptions: Literal[False] = False, limit: int | None = None) -> Gather[tuple[T1, T2, T3, T4, T5, T6]]: ...
@overload
def gather(*aws: Awaiting[T], return_exceptions: Literal[False] = False, limit: int | None = None) -> Gather[list[T]]: ...
@overload
def gather(aw1: Awaiting[T1], /, *, return_exceptions: Literal[True], limit: int | None = None) -> Gather[tuple[T1 | BaseException]]: ...
@overload
def gather(aw1: Awaiting[T1], aw2: Awaiting[T2], /, *, return_exceptions: Literal[True], limit: int | None = None) -> Gather[tuple[T1 | BaseException, T2 | BaseException]]: ...
@overload
def gather(aw1: Awaiting[T1], aw2: Awaiting[T2], aw3: Awaiting[T3], /, *, return_exceptions: Literal[True], limit: int | None = None) -> Gather[tuple[T1 | BaseException, T2 | BaseException, T3 | BaseException]]: ...
@overload
def gather(aw1: Awaiting[T1], aw2: Awaiting[T2], aw3: Awaiting[T3], aw4: Awaiting[T4], /, *, return_exceptions: Literal[True], limit: int | None = None) -> Gather[tuple[T1 | BaseException, T2 | BaseException, T3 | BaseException, T4 | BaseException]]: ...
@overload
def gather(aw1: Awaiting[T1], aw2: Awaiting[T2], aw3: Awaiting[T3], aw4: Awaiting[T4], aw5: Awaiting[T5], /, *, return_exceptions: Literal[True], limit: int | None = None) -> Gather[tuple[T1 | BaseException, T2 | BaseException, T3 | BaseException, T4 | BaseException, T5 | BaseException]]: ...
@overload
def gather(aw1: Awaiting[T1], aw2: Awaiting[T2], aw3: Awaiting[T3], aw4: Awaiting[T4], aw5: Awaiting[T5], aw6: Awaiting[T6], /, *, return_exceptions: Literal[True], limit: int | None = None) -> Gather[tuple[T1 | BaseException, T2 | BaseException, T3 | BaseException, T4 | BaseException, T5 | BaseException, T6 | BaseException]]: ...
@overload
def gather(*aws: Awaiting[T], return_exceptions: Literal[True], limit: int | None = None) -> Gather[list[T | BaseException]]: ...
# fmt: on
def gather(*aws: Any, return_exceptions: bool = False, limit: int | None = None) -> Any:
    """Run children and helpers side by side, and wait for all.

    ``a, b = await gather(submit(f, x=1), relax(2))``

    :param aws: handles, tasks, calls of ``async def`` functions (each becomes a task), or other gathers.
    :param return_exceptions: whether an exception is returned in its place; otherwise the first one is raised, and
        the others go on.
    :param limit: how many of them may be under way at a time: children that this step has submitted, and helpers, are held
        back. Without one, all are.
    :returns: something to await, whose value is the list of results in the order given.
    :raises TypeError: if something else is given.
    :raises ValueError: if the limit is less than one.
    """
    if limit is not None and limit < 1:
        raise ValueError(f'limit must be at least 1, not {limit!r}')
    machine = current_machine('gather')
    parts, held = machine.futures(aws, sys._getframe(1), start=limit is None)
    return Gather(machine.agenda, parts, return_exceptions, held, limit)


def as_completed(aws: Iterable[Awaiting[T]]) -> AsCompleted[T]:
    """Loop over children and helpers in the order in which they end.

    ``for following in as_completed(handles): y = await following``, or ``async for handle in as_completed(handles)``,
    which gives the handles and tasks themselves. The order seen is part of the frame.

    :param aws: handles, tasks, calls of ``async def`` functions.
    :raises TypeError: if something else is given.
    """
    machine = current_machine('as_completed')
    parts, _ = machine.futures(tuple(aws), sys._getframe(1))
    return AsCompleted(machine.agenda, list({id(part): part for part in parts}.values()))


def wait(
    aws: Iterable[Future[T]], *, timeout: float | None = None, return_when: str = asyncio.ALL_COMPLETED
) -> Awaiting[tuple[set[Future[T]], set[Future[T]]]]:
    """Wait for some of several children and tasks; nothing is cancelled and no exception raised.

    ``done, pending = await wait(handles, return_when=asyncio.FIRST_COMPLETED)``

    :param aws: handles and tasks, not calls.
    :param timeout: after how many seconds to wait no longer.
    :param return_when: ``asyncio.FIRST_COMPLETED``, ``FIRST_EXCEPTION`` or ``ALL_COMPLETED``.
    :returns: something to await, whose value is the set of those that have ended and the set of the others.
    :raises TypeError: if something else is given.
    :raises ValueError: if nothing is given, `return_when` is something else, or the timeout is no number.
    """
    machine = current_machine('wait')
    given = tuple(aws)
    if not given:
        raise ValueError('Set of Tasks/Futures is empty.')
    if return_when not in (asyncio.FIRST_COMPLETED, asyncio.FIRST_EXCEPTION, asyncio.ALL_COMPLETED):
        raise ValueError(f'Invalid return_when value: {return_when}')
    if not all(isinstance(each, Future) for each in given):
        discard(given)
        raise TypeError('Passing coroutines is forbidden, use tasks explicitly.')
    parts = list({id(part): part for part in given}.values())
    limit = _limit(timeout, 'wait')
    timer = None if limit is None else machine.timer(limit)
    return Wait(machine.agenda, parts, return_when, timer)


def wait_for(aw: Awaiting[T], timeout: float | None) -> WaitFor[T]:
    """Wait for a child or a helper, but only so long.

    ``y = await wait_for(submit(f, x=1), 3600)``

    When the time has passed, it is cancelled, a child killed, and a `TimeoutError` is raised.

    :param aw: a handle, a task, or the call of an ``async def`` function.
    :param timeout: the seconds; ``None`` for no limit.
    :returns: something to await, whose value is that of what is waited for.
    :raises TypeError: if something else is given.
    """
    machine = current_machine('wait_for')
    try:
        limit = _limit(timeout, 'wait_for')
    except BaseException:
        discard((aw,))
        raise
    (part,), _ = machine.futures((aw,), sys._getframe(1))
    return WaitFor(machine.agenda, part, None if limit is None else machine.timer(limit))


def shield(aw: Awaiting[T]) -> Shield[T]:
    """Let a child or a helper go on when who waits for it is cancelled.

    ``y = await shield(handle)``

    :param aw: a handle, a task, or the call of an ``async def`` function.
    :returns: something to await, whose value is that of what is waited for.
    :raises TypeError: if something else is given.
    """
    machine = current_machine('shield')
    (part,), _ = machine.futures((aw,), sys._getframe(1))
    return Shield(machine.agenda, part)


@overload
def sleep(delay: float) -> Awaiting[None]: ...
@overload
def sleep(delay: float, result: T) -> Awaiting[T]: ...
def sleep(delay: float, result: Any = None) -> Awaitable:
    """Wait for some seconds. The end of that time is stored: it stays the same when something is restarted.

    :param delay: the seconds; none or less make it a `checkpoint`.
    :param result: the value of the await.
    :raises TypeError: if that is no number.
    :raises ValueError: if it is not a number (``nan``), or the time would never end.
    """
    seconds = _seconds(delay, 'sleep')
    if seconds == inf:
        raise ValueError('`sleep(inf)` would never end')
    return Checkpoint(result) if seconds <= 0 else current_machine('sleep').timer(seconds, result)


def timeout(delay: float | None) -> Timeout:
    """Limit the time of a block, an ``async with``.

    ``async with timeout(3600): y = await submit(f, x=1)``

    When it has passed, what is awaited is cancelled, a child killed, and the block raises a `TimeoutError`.

    :param delay: the seconds; ``None`` or ``inf`` for no limit.
    :returns: what stands in the ``async with``.
    :raises TypeError: if that is no number.
    :raises ValueError: if it is not a number (``nan``).
    """
    return Timeout(_limit(delay, 'timeout'))


def _limit(delay: Any, name: str) -> float | None:
    """Return a limit of time; ``None`` for none."""
    seconds = None if delay is None else _seconds(delay, name)
    return None if seconds == inf else seconds


def _seconds(delay: Any, name: str) -> float:
    """Return a time in seconds as a number that can be stored.

    :param name: the function that it was given to.
    """
    if not hasattr(type(delay), '__float__'):
        how = f': `{name}(x.total_seconds())`' if hasattr(delay, 'total_seconds') else ''
        raise TypeError(f'`{name}` takes a number of seconds, not a `{type(delay).__name__}`{how}')
    try:
        seconds = float(delay)
    except OverflowError:
        seconds = inf if delay > 0 else -inf
    if isnan(seconds):
        raise ValueError(f'`{name}(nan)`: the seconds are not a number')
    return seconds


def create_task(coro: Coroutine[Any, Any, T], *, name: str | None = None) -> Task[T]:
    """Let the call of a helper go on by itself, beside what follows.

    :param coro: the call of an ``async def`` function.
    :param name: the name of the task.
    :returns: the task, to be awaited. When the workflow function ends before it, it is cancelled.
    :raises TypeError: if something else is given.
    """
    return current_machine('create_task').create_task(coro, name, sys._getframe(1))


def checkpoint() -> Checkpoint:
    """Give the workflow a place to restart from.

    ``await checkpoint()`` stores the state and goes on.
    """
    return Checkpoint()


for _function in (gather, checkpoint, wait, sleep):
    setattr(_function, AWAIT_MARK, True)
