"""A worker that is started in a moment, with a broker that loses nothing: it is there to be killed, again and again.

Each worker is forked from a process that has imported AiiDA already. It is AiiDA's own runner, task receiver and event
loop; in the place of the broker stands a folder, with a file for each task that is not done. A task is delivered again to
the next worker when its worker is gone, which is what AiiDA's brokers promise.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kiwipy.local import LocalCommunicator

__all__ = ('FolderCommunicator', 'in_fork', 'work')


class FolderCommunicator(LocalCommunicator):
    """Keeps tasks in a folder until they are done; everything else stays in the process.

    :param folder: of the tasks.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self._arrived: Callable[[Path], None] | None = None

    def task_send(self, task: Any, no_reply: bool = False) -> None:
        """Keep a task, and tell the worker; nobody answers."""
        from aiida_dreamflow.jobs import failpoints

        failpoints.reach('message.sends')
        path = self.folder / str(uuid.uuid4())
        path.with_suffix('.tmp').write_text(json.dumps(task))
        path.with_suffix('.tmp').rename(path)
        failpoints.reach('message.sent')
        if self._arrived is not None:
            self._arrived(path)

    def broadcast_send(self, body: Any, sender: Any = None, subject: Any = None, correlation_id: Any = None) -> bool:
        """Tell all in this process; in kiwipy's own way plumpy would miss the sender."""
        for subscriber in list(self._broadcast_subscribers.values()):
            subscriber(self, body, sender, subject, correlation_id)
        return True

    def deliver(self, arrived: Callable[[Path], None]) -> None:
        """Give each task that is there, and each that will be sent, to a function."""
        self._arrived = arrived
        for path in sorted(self.folder.glob('*')):
            if path.suffix != '.tmp':
                arrived(path)


def make_runner(communicator: Any) -> Any:
    """Return the runner of a worker of the loaded profile, made that of the process."""
    from aiida.manage import get_manager

    manager = get_manager()
    runner = manager.create_runner(broker_submit=True, communicator=communicator, poll_interval=0.2)
    manager.set_runner(runner)
    return runner


def work(folder: Path, seconds: float = 120.0) -> None:
    """Do all tasks that are in a folder, and those that come of them.

    :raises TimeoutError: if that takes too long.
    """
    from aiida.engine.persistence import get_object_loader
    from aiida.engine.processes.launcher import ProcessLauncher
    from aiida.manage import get_manager
    from plumpy.persistence import LoadSaveContext

    communicator = FolderCommunicator(folder)
    runner = make_runner(communicator)
    launcher = ProcessLauncher(
        loop=runner.loop,
        persister=get_manager().get_persister(),
        load_context=LoadSaveContext(runner=runner),
        loader=get_object_loader(),
    )
    waiting: set[asyncio.Task[None]] = set()

    async def do(path: Path) -> None:
        try:
            await launcher(communicator, json.loads(path.read_text()))
        finally:
            path.unlink()

    def begin(path: Path) -> None:
        runner.loop.call_soon_threadsafe(lambda: waiting.add(runner.loop.create_task(do(path))))

    async def until_done() -> None:
        communicator.deliver(begin)
        await asyncio.sleep(0)
        while waiting:
            done, _ = await asyncio.wait(waiting, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
            waiting.difference_update(done)

    runner.loop.run_until_complete(asyncio.wait_for(until_done(), seconds))


# -- in a process of its own


def in_fork(profile: str, function: Callable[..., Any], *args: Any, plan: Path | None = None) -> Any:
    """Call a function in a new process with a loaded profile.

    :param profile: its name.
    :param plan: the folder of the failpoints; they are off without.
    :returns: what the function returns, or the number of the signal that ended the process, negative.
    :raises RuntimeError: if the function raised.
    """
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(['aiida.engine', 'aiida.orm', 'aiida_dreamflow.engine.workchain', __name__])
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_call, args=(theirs, profile, function, args, plan))
    process.start()
    theirs.close()
    try:
        kind, value = ours.recv()
    except EOFError:
        kind, value = 'signal', None
    process.join()
    if kind == 'raised':
        raise RuntimeError(value)
    return process.exitcode if kind == 'signal' else value


def _call(pipe: Any, profile: str, function: Callable[..., Any], args: tuple[Any, ...], plan: Path | None) -> None:
    import traceback

    from aiida import load_profile

    from aiida_dreamflow.jobs import failpoints

    load_profile(profile, allow_switch=True)
    if plan is not None:
        failpoints.activate(plan)
    try:
        answer = ('returned', function(*args))
    except BaseException:
        answer = ('raised', traceback.format_exc())
    pipe.send(answer)
    pipe.close()
    os._exit(0)  # whatever AiiDA has running
