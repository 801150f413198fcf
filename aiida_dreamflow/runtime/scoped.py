"""What stands in an ``async with``: `timeout` and `TaskGroup`. The rules are asyncio's.

Source: ``asyncio/timeouts.py`` and ``asyncio/taskgroups.py``.
"""

from __future__ import annotations

import builtins
import sys
import types
from collections.abc import Awaitable as Awaiting
from collections.abc import Coroutine
from typing import Any, TypeVar

from .awaitables import CancelledError, Future, Kept, Now, Timer
from .coroutines import discard
from .machine import current_machine
from .tasks import Task

__all__ = ('TaskGroup', 'Timeout')

T = TypeVar('T')
_Group: Any = getattr(builtins, 'BaseExceptionGroup', None)


class Timeout(Kept):
    """Cancels what is awaited inside of it when a time has passed, and raises a `TimeoutError` instead.

    :ivar delay: after how many seconds; ``None`` for never.
    :ivar task: whose awaits it limits.
    :ivar timer: the timer, from the entry on.
    :ivar cancelling: how many requests to cancel the task there were before.
    """

    def __init__(self, delay: float | None) -> None:
        self.delay = delay
        self.task: Task[Any] | None = None
        self.timer: Timer | None = None
        self.cancelling = 0
        self.is_expired = False

    def when(self) -> float | None:
        """Return when it expires, in seconds since the epoch."""
        return None if self.timer is None else self.timer.due

    def expired(self) -> bool:
        """Return whether the time has passed while it was in use."""
        return self.is_expired

    def notice(self, future: Future[Any]) -> None:
        """The time has passed."""
        if self.task is not None and future is self.timer:
            self.is_expired = True
            self.task.cancel()

    def __aenter__(self) -> Awaiting[Timeout]:
        machine = current_machine('timeout')
        if self.task is not None:
            raise RuntimeError('Timeout has already been entered')
        self.task = machine.running()
        self.cancelling = self.task.cancelling()
        if self.delay is not None:
            self.timer = machine.timer(self.delay)
            self.timer.watch(self)
        return Now(self)

    def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> Awaiting[None]:
        assert self.task is not None
        task, self.task = self.task, None
        if self.timer is not None and not self.timer.ended:
            self.timer.unwatch(self)
            self.timer.cancel()
        if self.is_expired and task.uncancel() <= self.cancelling and isinstance(error, CancelledError):
            raise TimeoutError from error
        return Now(None)


class TaskGroup(Kept):
    """Tasks that end together: the block waits for all, and when one fails, the others are cancelled.

    The failures come as an `ExceptionGroup`.
    """

    def __init__(self) -> None:
        if _Group is None:
            raise NotImplementedError('TaskGroup needs Python 3.11 or newer, where ExceptionGroup is')
        self.parent: Task[Any] | None = None
        self.tasks: list[Future[Any]] = []
        self.errors: list[BaseException] = []
        self.base_error: BaseException | None = None
        self.cancellation: BaseException | None = None
        self.is_aborting = False
        self.parent_cancelled = False
        self.exit: _Exit | None = None

    def __repr__(self) -> str:
        parts = [f'tasks={len(self.tasks)}'] if self.tasks else []
        parts += [f'errors={len(self.errors)}'] if self.errors else []
        parts += ['cancelling'] if self.is_aborting else ['entered'] if self.parent is not None else []
        return ' '.join(['<TaskGroup', *parts]) + '>'

    def __aenter__(self) -> Awaiting[TaskGroup]:
        if self.parent is not None:
            raise RuntimeError(f'TaskGroup {self!r} has been already entered')
        self.parent = current_machine('TaskGroup').running()
        return Now(self)

    def create_task(self, coro: Coroutine[Any, Any, T], *, name: str | None = None) -> Task[T]:
        """Begin a task, or take care of a child.

        :param coro: the call of an ``async def``, or a handle.
        :param name: the name of the task.
        :returns: the task, or the handle.
        """
        machine = current_machine('create_task')
        if self.parent is None:
            discard([coro])
            raise RuntimeError(f'TaskGroup {self!r} has not been entered')
        if self.exit is not None and not self.tasks:
            discard([coro])
            raise RuntimeError(f'TaskGroup {self!r} is finished')
        if self.is_aborting:
            discard([coro])
            raise RuntimeError(f'TaskGroup {self!r} is shutting down')
        task = coro if isinstance(coro, Future) else machine.create_task(coro, name, sys._getframe(1))
        self.tasks.append(task)
        task.watch(self)
        return task  # type: ignore[return-value]

    def notice(self, future: Future[Any]) -> None:
        """Take notice of the end of a task."""
        self.tasks = [task for task in self.tasks if task is not future]
        error, parent = future.error, self.parent
        future.asked = True
        if error is not None and not future.cancelled():
            self.errors.append(error)
            error.__traceback__ = future.trace
            if not isinstance(error, Exception) and self.base_error is None:
                self.base_error = error
            assert parent is not None
            if not self.is_aborting and not self.parent_cancelled:
                self.abort()
                # The body is cancelled where it waits; what waits at the end of the block just goes on waiting.
                if self.exit is None and not parent.ended:
                    self.parent_cancelled = True
                    parent.cancel()
        if not self.tasks and self.exit is not None:
            self.exit.set_result(None)

    def abort(self) -> None:
        """Cancel the tasks."""
        self.is_aborting = True
        for task in self.tasks:
            task.cancel()

    def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> Awaiting[None]:
        assert self.parent is not None
        if error is not None and isinstance(error, SystemExit | KeyboardInterrupt) and self.base_error is None:
            self.base_error = error
        self.cancellation = error if isinstance(error, CancelledError) else None
        if self.parent_cancelled and self.parent.uncancel() == 0:
            self.cancellation = None
        if error is not None and not self.is_aborting:
            self.abort()
        self.exit = _Exit(self.parent.agenda, self, error)
        if not self.tasks:
            self.exit.set_result(None)
        return self.exit


class _Exit(Future[None]):
    """The end of the block of a `TaskGroup`.

    :ivar group: the group.
    :ivar body_error: what left the body.
    """

    is_step_end = False

    def __init__(self, agenda: Any, group: TaskGroup, body_error: BaseException | None) -> None:
        super().__init__(agenda)
        self.group, self.body_error = group, body_error

    def cancel(self, msg: Any = None) -> bool:
        """Cancel the tasks; the block is left when they have ended."""
        if self.ended:
            return False
        if not self.group.is_aborting:
            self.group.cancellation = CancelledError() if msg is None else CancelledError(msg)
            self.group.abort()
        return True

    def outcome(self) -> None:
        """Leave the block.

        :raises BaseException: what leaves it.
        """
        error = self._error()
        self.asked = True
        if error is not None:
            self.trace = error.__traceback__
            raise error

    def _error(self) -> BaseException | None:
        """Return what leaves the block."""
        group, error = self.group, self.body_error
        if group.base_error is not None:
            return group.base_error
        if group.cancellation is not None and not group.errors:
            return group.cancellation
        errors = list(group.errors)
        if error is not None and not isinstance(error, CancelledError):
            errors.append(error)
        if not errors:
            return None
        united: BaseException = _Group('unhandled errors in a TaskGroup', errors)
        united.__suppress_context__ = True
        return united
