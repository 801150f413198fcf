"""A task: a stack of activations that goes on by itself, side by side with others.

Its life is that of asyncio's tasks. Must not know the machine that runs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from .activation import Activation
from .awaitables import Agenda, Awaitable, CancelledError, Future

__all__ = ('Task',)

T = TypeVar('T')


class Task(Future[T]):
    """A task.

    :ivar number: its number in the run, in the order of creation; the workflow function's has zero.
    :ivar stack: its activations, the outermost first; none when it has ended.
    :ivar awaiting: what it waits for.
    :ivar requests: how often it was cancelled (see :meth:`cancelling`).
    :ivar returned: in the step in which it ends: the variable that it has returned, by its name in the frame.
    :ivar called: when it has ended: the name of the function that it was.
    :ivar node: what the host notes of the node of what it has returned.
    :ivar cancelled_with: the message of a cancellation that it is to be told of when it goes on.
    """

    is_step_end = False
    not_kept = Future.not_kept | {'stack', 'returned'}
    empty: Mapping[str, type] = {**Future.empty, 'node': list}
    returned = ''
    called = 'task'
    name: str | None = None
    awaiting: Awaitable | None = None
    requests = 0
    must_cancel = False
    cancelled_with: Any = None

    def __init__(self, agenda: Agenda, number: int, activation: Activation, name: str | None = None) -> None:
        super().__init__(agenda)
        self.number = number
        self.stack = [activation]
        self.node: list[str] = []
        self.name = name

    def __repr__(self) -> str:
        return f'<Task {self.get_name()}{self._state() if self.ended else ""}>'

    def _named(self) -> str:
        return f'the task `{self.get_name()}`'

    def get_name(self) -> str:
        """Return its name."""
        return f'Task-{self.number + 1}' if self.name is None else self.name

    def start(self) -> None:
        """Let it begin."""
        self.agenda.soon.append((self, None))

    def notice(self, future: Future[Any]) -> None:
        """Refuse: the machine runs it."""
        raise AssertionError('a task is run, not told')

    def place(self, level: int) -> str:
        """Return what the activation at a level of the stack is called in the frame: ``0``, ``1``, ``3.0``."""
        return f'{self.number}.{level}' if self.number else str(level)

    @property
    def is_new(self) -> bool:
        """Whether it has not begun."""
        return bool(self.stack) and self.stack[0].is_new

    # -- cancelling, as in asyncio

    def cancel(self, msg: Any = None) -> bool:
        """Let an `asyncio.CancelledError` appear where it waits; what it waits for is cancelled, a child killed.

        :param msg: the argument of that exception.
        :returns: whether it had not ended.
        """
        if self.ended:
            return False
        self.requests += 1
        if self.awaiting is not None and self.awaiting.cancel(msg):
            return True
        self.must_cancel, self.cancelled_with = True, msg
        if self.is_new and not any(each is self and future is None for each, future in self.agenda.soon):
            self.start()  # one that was held back
        return True

    def cancel_alone(self) -> None:
        """Cancel it, but not what it waits for: a child goes on."""
        if isinstance(self.awaiting, Future) and not self.awaiting.ended:
            self.awaiting.unwatch(self)
            self.start()
        elif self.is_new:
            self.start()
        self.requests += 1
        self.must_cancel, self.cancelled_with = True, None

    def cancelling(self) -> int:
        """Return how many requests to cancel it there were, without those taken back."""
        return self.requests

    def uncancel(self) -> int:
        """Take one request back, and return how many are left."""
        self.requests = max(0, self.requests - 1)
        if self.requests == 0:
            self.must_cancel = False
        return self.requests

    def take_cancellation(self) -> BaseException | None:
        """Return the exception that is to appear where it waits, if one is."""
        if not self.must_cancel:
            return None
        self.must_cancel, msg = False, self.cancelled_with
        return CancelledError() if msg is None else CancelledError(msg)

    def sources(self) -> Any:
        """Yield itself."""
        yield self
