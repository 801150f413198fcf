"""Who waits in the wings: a copy of a process that another worker runs, or this one.

A broker that delivers a task twice may have given up on the first delivery: RabbitMQ does when its ``consumer_timeout``
passes. Then nobody would be told if the worker that runs the process died. So the second copy keeps its task, does
nothing, and takes the process over when the lease is free before the process has ended.

Relies on plumpy's ``ProcessLauncher._continue`` (0.26), which loads a process, awaits its ``step_until_terminated`` and
asks for the result of its ``future``.
"""

from __future__ import annotations

import asyncio
from typing import Any

import kiwipy
from aiida import orm
from aiida.manage import get_manager

from .lease import Lease, LeaseTakenError, lease_folder

__all__ = ('Understudy',)

#: How often it looks whether it is needed, in seconds.
_INTERVAL = 1.0


class Understudy:
    """Stands by while another copy of a process runs.

    :param pk: the process.
    :param load_context: the loop and the runner that the process gets if this copy takes it on.
    """

    #: The newest of each process: a broker may deliver a long process many times, and one copy is enough.
    _newest: dict[int, Understudy] = {}

    def __init__(self, pk: int, load_context: Any) -> None:
        self.pid = pk
        self._load_context = load_context
        self._process: Any = None
        self._newest[pk] = self

    async def step_until_terminated(self) -> None:
        """Return when the process has ended, whoever ran it; or at once if another understudy stands by."""
        try:
            while self._is_newest() and self._is_taken():  # noqa: ASYNC110  (nothing tells when a lock is free)
                await asyncio.sleep(_INTERVAL)
            if not self._is_newest() or orm.load_node(self.pid).is_terminated:
                return
        finally:
            if self._is_newest():
                del self._newest[self.pid]
        try:
            checkpoint = get_manager().get_persister().load_checkpoint(self.pid)
            self._process = checkpoint.unbundle(self._load_context)
        except kiwipy.DuplicateSubscriberIdentifier:
            return  # it has just ended
        await self._process.step_until_terminated()

    def future(self) -> Any:
        """Return the outcome: nothing, or that of the process if this copy took it on."""
        if self._process is not None:
            return self._process.future()
        done: kiwipy.Future = kiwipy.Future()
        done.set_result(None)
        return done

    def _is_newest(self) -> bool:
        return self._newest.get(self.pid) is self

    def _is_taken(self) -> bool:
        try:
            Lease(lease_folder(), self.pid).release()
        except LeaseTakenError:
            return True
        return False
