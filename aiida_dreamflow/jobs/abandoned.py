"""Processes that nobody runs although they have not ended: a broker lost their task, or gave it to nobody.

AiiDA's ZeroMQ broker leaves a task with a dead worker now and then until some client disconnects. But a process of ours
that a worker once took on has left the file of its lease, and the lock on it died with the worker. So each worker looks
from time to time for leases that nobody holds, and takes such a process on by itself. If the broker does deliver the task
in the end, the lease lets one of the two run.

What no worker ever took on has no lease. It may wait in the broker's queue, rightly so if all workers have as much to do as
they may; but when a worker with room left sees it wait, the broker has not given it to this one, and will not: ZeroMQ's
forgets a worker that was frozen, and what that sends it.

A process that a worker took on by itself has no task of the broker's. Were this worker to die too, the next would be told
of nothing, and so never begin to look. So the broker is sent a task for it; the second copy stands by.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import itertools
from collections.abc import Iterator
from typing import Any, cast

from aiida import orm
from aiida.common.exceptions import NotExistent
from aiida.common.log import AIIDA_LOGGER
from aiida.engine.persistence import get_object_loader
from aiida.engine.processes.launcher import ProcessLauncher
from aiida.manage import get_manager
from plumpy.persistence import LoadSaveContext

from . import failpoints
from .lease import is_held, is_leased, lease_folder
from .trouble import PassingTroubleError, asking_broker
from .zeromq import leave_if_alone, survive_broker

__all__ = ('find_abandoned', 'find_waiting', 'seal_ended', 'watch', 'watch_if_worker')

#: How often a worker looks, in seconds. What it finds free twice is abandoned: a broker had the time between to act.
INTERVAL = 15.0

_logger = AIIDA_LOGGER.getChild('dreamflow')
_watching: set[asyncio.AbstractEventLoop] = set()
#: The event loop keeps no strong references to its tasks.
_tasks: set[asyncio.Task[None]] = set()


def watch(runner: Any) -> None:
    """Let a worker look for abandoned processes from now on.

    :param runner: that of the worker; a second call for it changes nothing.
    """
    if runner.loop not in _watching:
        _watching.add(runner.loop)
        survive_broker()
        _keep(runner.loop.create_task(_look(runner)))


def watch_if_worker() -> None:
    """Let this process look for abandoned processes if it is a worker; to be called when it meets a process of ours."""
    runner = get_manager()._runner
    if runner is not None and runner.is_daemon_runner:
        watch(runner)


async def _look(runner: Any) -> None:
    before: set[int] = set()
    while True:
        await asyncio.sleep(INTERVAL)
        # A database that is gone for a moment is no reason to stop looking.
        with contextlib.suppress(Exception):
            leave_if_alone()
            seal_ended()
            room = get_manager().get_option('daemon.worker_process_slots') - len(_running(runner.loop))
            found = {*find_abandoned(), *itertools.islice(find_waiting(), max(0, room))}
            for pk in sorted(found & before):
                _logger.warning('nobody runs process %d, although it has not ended: this worker takes it on', pk)
                _keep(runner.loop.create_task(_take_on(runner, pk)))
                if runner.controller is not None:
                    with contextlib.suppress(PassingTroubleError), asking_broker():
                        runner.controller.continue_process(pk, nowait=False, no_reply=True)
                    failpoints.reach('abandoned.message_sent')
            before = found


def _running(loop: asyncio.AbstractEventLoop) -> list[asyncio.Task[Any]]:
    """Return the tasks of an event loop that run a process, whoever gave it to this worker."""
    return [task for task in asyncio.all_tasks(loop) if _is_running(task.get_coro())]


def _is_running(coroutine: Any) -> bool:
    """Return whether a coroutine awaits, through others, the end of a process."""
    while inspect.iscoroutine(coroutine):
        if coroutine.cr_code is ProcessLauncher._continue.__code__:
            return True
        coroutine = coroutine.cr_await
    return False


def seal_ended() -> None:
    """Seal the processes that have ended with a worker that was killed before it did: AiiDA takes their tasks for done."""
    for node in _left():
        if node.is_terminated and not node.is_sealed:
            node.delete_checkpoint()
            node.seal()


def find_abandoned() -> Iterator[int]:
    """Return the processes that have not ended and whose lease nobody holds."""
    for node in _left():
        if not node.is_terminated and node.checkpoint is not None:
            yield cast(int, node.pk)


def _left() -> Iterator[orm.ProcessNode]:
    """Yield the processes that have a lease which nobody holds."""
    for path in sorted(lease_folder().glob('*.lock')):
        if not is_held(path):
            with contextlib.suppress(NotExistent):
                node = orm.load_node(int(path.stem))
                if isinstance(node, orm.ProcessNode):
                    yield node


def find_waiting() -> Iterator[int]:
    """Return the processes with a lease that were handed to the broker, and that no worker has taken on."""
    # Records of steps, of which there may be many, have no process type: their attributes need not be looked into.
    filters = {'process_type': {'!==': None}, 'attributes.process_state': 'created'}
    builder = orm.QueryBuilder().append(orm.ProcessNode, filters=filters, project='*')
    builder.order_by({orm.ProcessNode: {'id': 'asc'}})
    for (node,) in builder.iterall():
        path = lease_folder() / f'{node.pk}.lock'
        if node.checkpoint is not None and is_leased(node) and not (path.exists() and is_held(path)):
            yield cast(int, node.pk)


async def _take_on(runner: Any, pk: int) -> None:
    """Do what a worker does that receives the task of a process."""
    launcher = ProcessLauncher(
        loop=runner.loop,
        persister=get_manager().get_persister(),
        load_context=LoadSaveContext(runner=runner),
        loader=get_object_loader(),
    )
    with contextlib.suppress(Exception):  # AiiDA has logged it, and has noted it in the node
        await launcher._continue(None, pk, nowait=False)


def _keep(task: asyncio.Task[None]) -> None:
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
