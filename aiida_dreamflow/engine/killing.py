"""How children that live in the event loop of their parent are killed: before it, as `engine.run` leaves the loop with it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import plumpy
from aiida.engine import Process

from ..jobs.leased import by_parent

__all__ = ('kill_and_wait', 'kill_children')

#: How many seconds a killed workflow waits for its children to end until it says that it does; and for how many in all. A
#: scheduler far away takes its time to cancel a job.
_SILENCE, _PATIENCE = 2.0, 120.0


async def kill_children(
    children: Sequence[Process],
    parent: int | None,
    force_kill: bool,
    enough: asyncio.Event,
    report: Callable[..., None],
) -> None:
    """Kill processes that live in this event loop, and wait for their ends.

    :param parent: the pk of the workflow that is killed.
    :param enough: ends the wait when it is set.
    :param report: writes to the report of the workflow.
    """
    asyncio.get_running_loop().set_exception_handler(_without_kills)
    alive = [child for child in children if not child.has_terminated()]
    ends = asyncio.gather(*(kill_and_wait(child, parent, force_kill) for child in alive), return_exceptions=True)
    ends.add_done_callback(lambda _: enough.set())
    if not await _is_set(enough, _SILENCE):
        left = ', '.join(f'{child.node.process_label} {child.pid}' for child in alive if not child.has_terminated())
        report('will be killed when its children are: %s. Asked once more (Ctrl-C), it leaves them as they are', left)
        await _is_set(enough, _PATIENCE)


def _without_kills(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Say nothing of what AiiDA interrupted to kill a job, and does not look at again: that is no fault."""
    if not isinstance(context.get('exception'), plumpy.KillInterruption):
        loop.default_exception_handler(context)


async def _is_set(event: asyncio.Event, seconds: float) -> bool:
    """Return whether an event is set within some time."""
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()


async def kill_and_wait(child: Process, parent: int | None, force_kill: bool) -> None:
    """Kill a child that lives in this event loop, and wait for its end."""
    await plumpy.ensure_portal()  # killing a job asks its scheduler, and waits for the answer within this task
    message = by_parent(parent)
    try:
        child.kill(message, force_kill)
    except asyncio.InvalidStateError:
        # The job ended while its scheduler was asked, and AiiDA interrupts a task that is done: now it can be killed.
        await asyncio.sleep(0)
        with contextlib.suppress(asyncio.InvalidStateError):
            child.kill(message, force_kill=True)
    with contextlib.suppress(plumpy.KilledError):
        await child.future()
