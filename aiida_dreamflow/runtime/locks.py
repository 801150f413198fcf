"""What tasks wait for in turn: `Lock`, `Event`, `Semaphore`. The rules are asyncio's.

Source: ``asyncio/locks.py``. Who waits, and in which order, is state of these objects, so a restart keeps it. Make them in the
workflow function: one that a module holds is not the one that a restarted workflow has.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable as Awaiting
from typing import Any, TypeVar

from .awaitables import Agenda, Future, Kept, Now, Watcher
from .machine import current_machine

__all__ = ('BoundedSemaphore', 'Event', 'Lock', 'Semaphore')

T = TypeVar('T')


class _Turn(Future[Any]):
    """A task's turn.

    :ivar gate: what it waits for.
    :ivar gives: the value of the await.
    """

    is_step_end = False

    def __init__(self, agenda: Agenda, gate: _Gate, gives: Any) -> None:
        super().__init__(agenda)
        self.gate, self.gives = gate, gives

    def begin(self, task: Any, agenda: Agenda) -> bool:
        """Let a task wait, from now on: calling `acquire` alone does nothing, as in asyncio."""
        self._join()
        return super().begin(task, agenda)

    def watch(self, watcher: Watcher) -> None:
        """Wait, and tell somebody of the end."""
        self._join()
        super().watch(watcher)

    def _join(self) -> None:
        if not self.ended and not any(self is turn for turn in self.gate.waiting):
            if self.gate.enter():
                self.come()
            else:
                self.gate.waiting.append(self)

    def come(self) -> None:
        """It is its turn."""
        self.set_result(self.gives)

    def outcome(self) -> Any:
        """Return the value: it takes its turn."""
        self.gate.leave(self)
        if self.error is None:
            self.gate.taken()
        return super().outcome()

    def declined(self) -> None:
        """Let another have its turn."""
        if self.ended and self.error is None:
            self.gate.leave(self)
            self.gate.given_back()

    def cancel(self, msg: Any = None) -> bool:
        """Wait no longer."""
        if self.ended:
            return False
        self.gate.leave(self)
        return super().cancel(msg)


class _Gate(Kept):
    """Something that tasks wait for.

    :ivar waiting: those that wait, and those whose turn has come and who have not gone on yet.
    """

    empty = {'waiting': list}

    def __init__(self) -> None:
        self.waiting: list[_Turn] = []

    def _turn(self, gives: Any = True) -> _Turn:
        return _Turn(current_machine(type(self).__name__).agenda, self, gives)

    def leave(self, turn: _Turn) -> None:
        """Forget one that waited."""
        self.waiting = [other for other in self.waiting if other is not turn]

    def first(self) -> _Turn | None:
        """Return who is the next, if anyone waits."""
        return next((turn for turn in self.waiting if not turn.ended), None)

    @abstractmethod
    def enter(self) -> bool:
        """Return whether one that has come now need not wait; it has its turn then."""

    def taken(self) -> None:
        """Take notice that one goes on whose turn has come."""

    def given_back(self) -> None:
        """Take notice that one was cancelled whose turn had come."""


class _Block(_Gate):
    """Something that stands in an ``async with``."""

    def acquire(self) -> Awaiting[bool]:
        """Wait for one's turn: ``await lock.acquire()``."""
        return self._turn()

    @abstractmethod
    def release(self) -> None:
        """End one's turn."""

    def __aenter__(self) -> Awaiting[None]:
        return self._turn(None)

    def __aexit__(self, *_: object) -> Awaiting[None]:
        self.release()
        return Now(None)


class Lock(_Block):
    """Lets one task at a time into a block: ``async with lock: ...``."""

    is_locked = False

    def locked(self) -> bool:
        """Return whether somebody has it."""
        return self.is_locked

    def enter(self) -> bool:
        """Return whether it is free, and nobody waits; it is taken then."""
        if self.is_locked or self.waiting:
            return False
        self.is_locked = True
        return True

    def release(self) -> None:
        """Let the next task have it.

        :raises RuntimeError: if nobody has it.
        """
        if not self.is_locked:
            raise RuntimeError('Lock is not acquired.')
        self.is_locked = False
        self.given_back()

    def taken(self) -> None:
        """Take notice that one goes on whose turn has come."""
        self.is_locked = True

    def given_back(self) -> None:
        """Let the first of those who wait have it, unless somebody has."""
        turn = self.waiting[0] if self.waiting and not self.is_locked else None
        if turn is not None and not turn.ended:
            turn.come()


class Semaphore(_Block):
    """Lets so many tasks at a time into a block: ``async with semaphore: y = await submit(f, x=x)``.

    :param value: how many.
    :raises ValueError: if that is less than none.
    """

    def __init__(self, value: int = 1) -> None:
        if value < 0:
            raise ValueError('Semaphore initial value must be >= 0')
        super().__init__()
        self.value = value

    def locked(self) -> bool:
        """Return whether one that comes now has to wait."""
        return self.value == 0 or bool(self.waiting)

    def enter(self) -> bool:
        """Return whether one that has come now need not wait."""
        if self.locked():
            return False
        self.value -= 1
        return True

    def release(self) -> None:
        """Let one more in."""
        self.given_back()

    def taken(self) -> None:
        """Take notice that one goes on whose turn has come: there may be room for another."""
        self._let_in()

    def given_back(self) -> None:
        """Let another in."""
        self.value += 1
        self._let_in()

    def _let_in(self) -> None:
        turn = self.first()
        if self.value > 0 and turn is not None:
            self.value -= 1
            turn.come()


class BoundedSemaphore(Semaphore):
    """A `Semaphore` that refuses to be released more often than it was acquired.

    :param value: how many tasks may be in a block at a time.
    """

    def __init__(self, value: int = 1) -> None:
        super().__init__(value)
        self.bound = value

    def release(self) -> None:
        """Let one more in.

        :raises ValueError: if none is there to leave.
        """
        if self.value >= self.bound:
            raise ValueError('BoundedSemaphore released too many times')
        super().release()


class Event(_Gate):
    """Something that tasks wait for to happen: ``await event.wait()``, until ``event.set()``."""

    happened = False

    def is_set(self) -> bool:
        """Return whether it has happened."""
        return self.happened

    def set(self) -> None:
        """Let it happen: all that wait for it go on."""
        self.happened = True
        for turn in self.waiting:
            if not turn.ended:
                turn.come()

    def clear(self) -> None:
        """Let those that come from now on wait."""
        self.happened = False

    def wait(self) -> Awaiting[bool]:
        """Wait until it has happened."""
        return self._turn()

    def enter(self) -> bool:
        """Return whether it has happened."""
        return self.happened
