"""The waiting state of a function job: what AiiDA does in it, in a task of its own, is done in turns.

It relies on this behaviour of aiida-core 2.9: ``Waiting._launch_task`` of ``aiida.engine.processes.calcjobs.tasks`` makes a task of
each of upload, submission, update, retrieval and kill. ``tests/jobs/test_turns.py`` breaks when that changes.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from aiida.engine.processes.calcjobs import tasks

from .turns import in_turns

__all__ = ('Waiting',)


class Waiting(tasks.Waiting):
    """The waiting state of a :class:`~aiida_dreamflow.jobs.calculation.FunctionJob`."""

    async def _launch_task(self, coro: Callable[..., Coroutine[Any, Any, Any]], *args: Any, **kwargs: Any) -> Any:
        def in_turn(*args: Any, **kwargs: Any) -> Any:
            return in_turns(coro(*args, **kwargs), self.process.place)  # type: ignore[attr-defined]

        return await super()._launch_task(in_turn, *args, **kwargs)
