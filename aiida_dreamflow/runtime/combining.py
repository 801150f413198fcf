"""Several futures, waited for together: `gather`, `as_completed`, `wait`, `wait_for`. The rules are asyncio's.

Source: ``asyncio/tasks.py``. What was seen, and in which order, is state of these objects, so a restart keeps it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Generic, TypeVar, cast

from .awaitables import Agenda, Future, Handle, Kept, Timer

__all__ = ('AsCompleted', 'Gather', 'Next', 'Shield', 'Wait', 'WaitFor')

T = TypeVar('T')


class Gather(Future[T]):
    """Several futures, as one: its value is the list of theirs.

    :ivar parts: what is waited for; a part may stand there twice.
    :ivar return_exceptions: whether an exception counts as a value.
    :ivar limit: how many parts may be under way at a time.
    :ivar waiting: the parts that are held back.
    :ivar running: how many are under way.
    :ivar left: how many have not ended.
    """

    _call = 'gather(...)'

    def __init__(
        self,
        agenda: Agenda,
        parts: Sequence[Future[Any]],
        return_exceptions: bool,
        held: Sequence[Any],
        limit: int | None,
    ) -> None:
        """Begin to wait.

        :param held: those of the parts that have to be started.
        """
        super().__init__(agenda)
        self.parts = tuple(parts)
        self.return_exceptions = return_exceptions
        self.cancel_requested = False
        single = list({id(part): part for part in parts}.values())
        self.left = len(single)
        self.limit = len(single) if limit is None else limit
        for part in held:
            if isinstance(part, Handle):
                part.held = True
        self.waiting = list(reversed(held))
        self.running = len(single) - len(held)
        for part in single:
            part.watch(self)
        self._fill()
        if not single:
            self.set_result([])  # type: ignore[arg-type]

    def _fill(self) -> None:
        while self.waiting and self.running < self.limit:
            self.running += 1
            self.waiting.pop().start()

    def found(self, part: Future[Any]) -> None:
        """Take notice, after a restart, that a part that was held back then is under way."""
        if any(part is other for other in self.waiting):
            self.waiting = [other for other in self.waiting if other is not part]
            self.running += 1

    def notice(self, future: Future[Any]) -> None:
        """Take notice of the end of a part."""
        self.left -= 1
        if any(future is part for part in self.waiting):
            self.waiting = [part for part in self.waiting if part is not future]  # cancelled before its turn
        else:
            self.running -= 1
        self._fill()
        if self.ended:
            return
        if not self.return_exceptions and future.error is not None:
            self.set_exception(future.error, future.trace)
        elif not self.left:
            if self.cancel_requested:
                super().cancel()
            else:
                self.set_result([part.value if part.error is None else part.error for part in self.parts])  # type: ignore[arg-type]

    def cancel(self, msg: Any = None) -> bool:
        """Cancel all parts that have not ended."""
        if self.ended:
            return False
        self.waiting, waiting = [], self.waiting
        self.running += len(waiting)
        cancelled = [part.cancel(msg) for part in self.parts]
        self.cancel_requested = self.cancel_requested or any(cancelled)
        return any(cancelled)

    def outcome(self) -> Any:
        """Return the values of all parts, or raise the first failure."""
        for part in self.parts:
            part.asked = True
        return super().outcome()

    def sources(self) -> Iterator[Future[Any]]:
        """Yield the children and tasks of all parts."""
        for part in self.parts:
            yield from part.sources()


class Next(Future[Any]):
    """The next one of several futures to end: its value is that one's, or that one itself.

    :ivar itself: whether it is that one itself.
    """

    def __init__(self, agenda: Agenda, itself: bool) -> None:
        super().__init__(agenda)
        self.itself = itself

    def outcome(self) -> Any:
        """Return the value of the one that ended, or that one."""
        if self.error is not None or self.itself:
            return super().outcome()
        future = cast('Future[Any]', self.value)
        try:
            return future.outcome()
        finally:
            self.trace = future.trace

    def sources(self) -> Iterator[Future[Any]]:
        """Yield where the value comes from."""
        if isinstance(self.value, Future) and not self.itself:
            yield from self.value.sources()


class AsCompleted(Kept, Generic[T]):
    """Several futures, one after the other as they end; for ``for`` and ``async for``.

    :ivar seen: those that have ended and wait for their turn, in the order in which their end was noticed.
    :ivar given: what the loop was given, and waits for one to end.
    :ivar left: how many the loop has still to be given.
    :ivar total: how many it is given in all.
    """

    total = 0

    def __init__(self, agenda: Agenda, parts: Sequence[Future[Any]]) -> None:
        self.agenda = agenda
        self.seen: list[Future[Any]] = []
        self.given: list[Next] = []
        self.left = self.total = len(parts)
        for part in parts:
            part.watch(self)

    def notice(self, future: Future[Any]) -> None:
        """Take notice of the end of one."""
        if self.given:
            self.given.pop(0).set_result(future)
        else:
            self.seen.append(future)

    def _next(self, itself: bool) -> Next | None:
        if not self.left:
            return None
        self.left -= 1
        following = Next(self.agenda, itself)
        if self.seen:
            following.set_result(self.seen.pop(0))
        else:
            self.given.append(following)
        return following

    def __iter__(self) -> Iterator[Future[T]]:
        """Loop over things to await, each of which gives the result of the next one to end."""
        return self

    def __next__(self) -> Future[T]:
        following = self._next(False)
        if following is None:
            raise StopIteration
        return following

    def __aiter__(self) -> AsyncIterator[Future[T]]:
        """Loop over the handles and tasks themselves, as they end."""
        return self

    def __anext__(self) -> Future[Future[T]]:
        following = self._next(True)
        if following is None:
            raise StopAsyncIteration
        return following


class Wait(Future[Any]):
    """Waits until some futures have ended; its value is the set of these and that of the others.

    :ivar parts: the futures.
    :ivar return_when: one of asyncio's constants.
    :ivar timer: ends the waiting.
    :ivar left: how many have not ended.
    """

    _call = 'wait(...)'

    def __init__(self, agenda: Agenda, parts: Sequence[Future[Any]], return_when: str, timer: Timer | None) -> None:
        super().__init__(agenda)
        self.parts, self.return_when, self.timer = tuple(parts), return_when, timer
        self.left = len(parts)
        for part in parts:
            part.watch(self)
        if timer is not None:
            timer.watch(self)

    def notice(self, future: Future[Any]) -> None:
        """Take notice of the end of a part, or of the time."""
        if future is self.timer:
            self._stop()
            return
        self.left -= 1
        failed = future.error is not None and not future.cancelled()
        if (
            not self.left
            or self.return_when == asyncio.FIRST_COMPLETED
            or (self.return_when == asyncio.FIRST_EXCEPTION and failed)
        ):
            self._stop()

    def _stop(self) -> None:
        self._forget()
        self.set_result(None)

    def _forget(self) -> None:
        for part in self.parts:
            part.unwatch(self)
        if self.timer is not None and not self.timer.ended:
            self.timer.unwatch(self)
            self.timer.cancel()

    def cancel(self, msg: Any = None) -> bool:
        """Stop waiting; what was waited for goes on."""
        if self.ended:
            return False
        self._forget()
        return super().cancel(msg)

    def outcome(self) -> Any:
        """Return which have ended and which have not."""
        super().outcome()
        done = {part for part in self.parts if part.ended}
        return done, {part for part in self.parts if not part.ended}


class Shield(Future[T]):
    """One future that goes on when who waits for it is cancelled.

    :ivar part: the future.
    """

    _call = 'shield(...)'

    def __init__(self, agenda: Agenda, part: Future[T]) -> None:
        super().__init__(agenda)
        self.part = part
        part.watch(self)

    def notice(self, future: Future[Any]) -> None:
        """Take notice of the end of the future."""
        if future.error is not None:
            self.set_exception(future.error, future.trace)
        else:
            self.set_result(future.value)

    def cancel(self, msg: Any = None) -> bool:
        """Wait no longer for the future, which goes on."""
        self.part.unwatch(self)
        return super().cancel(msg)

    def outcome(self) -> Any:
        """Return the value of the future, or raise."""
        self.part.asked = self.part.asked or self.part.ended
        return super().outcome()

    def sources(self) -> Iterator[Future[Any]]:
        """Yield where the value comes from."""
        yield from self.part.sources()


class WaitFor(Future[T]):
    """One future with a limit of time, after which it is cancelled, and this raises a `TimeoutError`.

    :ivar part: the future.
    :ivar timer: ends when the time has passed.
    :ivar is_expired: whether it has.
    """

    _call = 'wait_for(...)'

    is_expired = False

    def __init__(self, agenda: Agenda, part: Future[T], timer: Timer | None) -> None:
        super().__init__(agenda)
        self.part, self.timer = part, timer
        part.watch(self)
        if timer is not None:
            timer.watch(self)

    def notice(self, future: Future[Any]) -> None:
        """Take notice of the end of the future, or of the time."""
        if future is self.timer and not self.part.ended:
            self.is_expired = True
            self.part.cancel()
        elif future is self.part:
            if self.timer is not None and not self.timer.ended:
                self.timer.unwatch(self)
                self.timer.cancel()
            if self.is_expired and self.part.cancelled():
                error = TimeoutError()
                error.__cause__ = error.__context__ = self.part.error
                self.set_exception(error)
            elif self.part.error is not None:
                self.set_exception(self.part.error, self.part.trace)
            else:
                self.set_result(self.part.value)

    def cancel(self, msg: Any = None) -> bool:
        """Cancel the future."""
        return self.part.cancel(msg)

    def outcome(self) -> Any:
        """Return the value of the future, or raise."""
        self.part.asked = True
        return super().outcome()

    def sources(self) -> Iterator[Future[Any]]:
        """Yield where the value comes from."""
        yield from self.part.sources()
