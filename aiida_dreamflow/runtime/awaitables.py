"""What can be awaited in a workflow: a `Future` ends once, with a value or an exception; a child's `Handle` is one.

Plain state, which a frame keeps attribute by attribute. Who is to be told of an end is part of it (`Future.watchers`), and
so is what is to happen next (`Agenda`); so a restart goes on in the same order. Who launches a child and learns of its
end is the host.
"""

from __future__ import annotations

import types
from abc import ABC, abstractmethod
from asyncio import CancelledError
from collections import deque
from collections.abc import Generator, Iterator, Mapping
from typing import Any, Generic, Protocol, TypeVar

from ..compiler import Passed
from ..exceptions import CannotStoreError, WorkflowUsageError
from .forgotten import Asked, NotAValue, own_attribute

__all__ = ('Agenda', 'Awaitable', 'CancelledError', 'Checkpoint', 'Future', 'Handle', 'Kept', 'Now', 'Timer', 'Watcher')

T = TypeVar('T')


class Kept:
    """An object of the runtime that a frame keeps, attribute by attribute.

    An attribute that is as its default, which stands in the class, is left out: a later version may add some.

    :cvar not_kept: the attributes that are set again when a frame is loaded.
    :cvar empty: those that are containers, which are empty by default.
    """

    not_kept: frozenset[str] = frozenset({'agenda'})
    empty: Mapping[str, type] = {}

    def __reduce_ex__(self, protocol: Any) -> Any:
        # Asked by who is not a frame: when it is returned, or given to a child.
        reason = 'it belongs to the workflow that runs, and means nothing outside of it'
        raise CannotStoreError(type(self).__name__, '', reason, is_outside=True)


class Watcher(Protocol):
    """Who is told that a future has ended."""

    def notice(self, future: Future[Any]) -> None:
        """Take notice of the end of a future, some time after it."""


class Agenda:
    """What is to happen next in a machine, in order.

    :ivar soon: who is to be told of which end, in the current step; a task with ``None`` is to begin.
    :ivar later: the tasks that go on with the next step.
    :ivar timers: the timers that run.
    :ivar killing: the children that were cancelled and are to be killed.
    :ivar released: the children that were held back and are to be launched now.
    :ivar asked: the futures whose outcome the current step has asked for without an await.
    :ivar lost: the streams of asynchronous generators that nobody holds any more, and that are to be closed.
    :ivar unended: what was asked with `done()` since something could have changed.
    """

    def __init__(self) -> None:
        self.soon: deque[tuple[Any, Future[Any] | None]] = deque()
        self.later: list[Any] = []
        self.timers: list[Timer] = []
        self.killing: list[Handle[Any]] = []
        self.released: list[Handle[Any]] = []
        self.asked: list[Future[Any]] = []
        self.lost: list[Any] = []
        self.unended = Asked()


class Awaitable(NotAValue, Kept, ABC):
    """Something whose value a workflow can wait for.

    :ivar trace: the traceback of the exception that it gives.
    """

    trace: types.TracebackType | None = None

    @abstractmethod
    def begin(self, task: Any, agenda: Agenda) -> bool:
        """Let a task wait; returns whether it need not, and goes on at once."""

    @abstractmethod
    def outcome(self) -> Any:
        """Return the value.

        :raises BaseException: what waiting for it raises.
        """

    def sources(self) -> Iterator[Future[Any]]:
        """Yield the children and tasks that the value comes from."""
        yield from ()

    def cancel(self, msg: Any = None) -> bool:
        """Stop waiting; returns whether that can be done."""
        return False

    def declined(self) -> None:
        """Take notice that the task that waited was cancelled just before it would have gone on: it takes no value."""

    def __await__(self) -> Generator[Any, None, Any]:
        raise WorkflowUsageError(
            f'a {type(self).__name__.lower()} can only be awaited by a workflow function or a helper that one awaits'
        )


class Future(Awaitable, Generic[T]):
    """Something that ends once.

    :ivar agenda: that of its machine.
    :ivar ended: whether it has.
    :ivar value: what it ended with.
    :ivar error: the exception that it ended with.
    :ivar asked: whether somebody was given the outcome.
    :ivar watchers: who will be told of the end, in order.
    :ivar origins: what the host notes of where the value comes from.
    :cvar is_step_end: whether who awaits it after its end goes on with the next step, not at once.
    """

    is_step_end = True
    empty: Mapping[str, type] = {'watchers': list, 'origins': list}
    ended = False
    value: Any = own_attribute('value', lambda: None)
    error: BaseException | None = None
    asked = False

    def __init__(self, agenda: Agenda) -> None:
        self.agenda = agenda
        self.watchers: list[Watcher] = []
        self.origins: list[str] = []

    def __repr__(self) -> str:
        return f'<{self._named()}{self._state()}>'

    def _state(self) -> str:
        return (
            ', to be awaited'
            if not self.ended
            else ', cancelled'
            if self.cancelled()
            else ', done: `await` gives its result'
        )

    # -- what users ask, under asyncio's names

    def done(self) -> bool:
        """Return whether it has ended, in whatever way.

        :raises WorkflowUsageError: if that is asked again and again without an `await`: then it never ends.
        """
        if not self.ended:
            self.agenda.unended.note(self)
        return self.ended

    def cancelled(self) -> bool:
        """Return whether it was cancelled."""
        return isinstance(self.error, CancelledError)

    def result(self) -> T:
        """Return the value of what has ended.

        :raises asyncio.InvalidStateError: if it has not.
        :raises BaseException: the exception that it ended with.
        """
        self._require_end()
        value: T = self.outcome()
        return value

    def exception(self) -> BaseException | None:
        """Return the exception of what has ended.

        :raises asyncio.InvalidStateError: if it has not.
        :raises asyncio.CancelledError: if it was cancelled.
        """
        self._require_end()
        self.asked = True
        if self.cancelled():
            self.outcome()
        return self.error

    def _require_end(self) -> None:
        if not self.ended:
            from asyncio import InvalidStateError

            raise InvalidStateError('it has no result yet: `await` it')
        self.agenda.asked.append(self)

    def cancel(self, msg: Any = None) -> bool:
        """Cancel it, unless it has ended: who awaits it gets an `asyncio.CancelledError`.

        :param msg: the argument of that exception.
        :returns: whether it had not ended.
        """
        if self.ended:
            return False
        self.error = CancelledError() if msg is None else CancelledError(msg)
        self._end()
        return True

    # -- how it ends

    def set_result(self, value: T) -> None:
        """End with a value; nothing happens if it has ended."""
        if not self.ended:
            self.value = value
            self._end()

    def set_exception(self, error: BaseException, trace: types.TracebackType | None = None) -> None:
        """End with an exception, which has this traceback; nothing happens if it has ended."""
        if not self.ended:
            self.error, self.trace = error, trace
            self._end()

    def _end(self) -> None:
        self.ended = True
        watchers, self.watchers = self.watchers, []
        self.agenda.soon.extend((watcher, self) for watcher in watchers)

    def watch(self, watcher: Watcher) -> None:
        """Tell somebody of the end."""
        if self.ended:
            self.agenda.soon.append((watcher, self))
        else:
            self.watchers.append(watcher)

    def unwatch(self, watcher: Watcher) -> None:
        """Don't tell somebody any more."""
        self.watchers = [other for other in self.watchers if other is not watcher]

    # -- how it is awaited

    def begin(self, task: Any, agenda: Agenda) -> bool:
        """Let a task wait for the end."""
        if not self.ended:
            self.watchers.append(task)
        elif self.is_step_end:
            agenda.later.append(task)
        return self.ended and not self.is_step_end

    def outcome(self) -> Any:
        """Return the value, or raise the exception."""
        self.asked = True
        if self.error is not None:
            raise self.error.with_traceback(self.trace)
        return self.value

    def __await__(self) -> Generator[Any, None, T]:
        """Give a type checker the type of the result; a program never gets here."""
        return super().__await__()


class Handle(Future[T]):
    """A child that `submit` was asked for; it is launched at the end of the step.

    :ivar label: its call link label, unique in the workflow and the same when a step is run again.
    :ivar target: what is run.
    :ivar inputs: its inputs by name, as the host prepared them.
    :ivar passed: which of the arguments are variables, until it is launched.
    :ivar place: the place of the activation that has these variables.
    :ivar held: whether it is held back for now, by the ``limit`` of a `gather`.
    """

    not_kept = Future.not_kept | {'passed', 'place'}
    empty: Mapping[str, type] = {**Future.empty, 'inputs': dict}
    held = False
    inputs: Any = own_attribute('inputs', dict)

    def __init__(self, agenda: Agenda, label: str, target: Any, inputs: dict[str, Any]) -> None:
        super().__init__(agenda)
        self.label = label
        self.target = target
        self.inputs = inputs
        self.forget_arguments()

    def forget_arguments(self) -> None:
        """Forget which variables the arguments are."""
        self.passed, self.place = Passed(), ''

    def __repr__(self) -> str:
        return f'<{self._named()}{self._state()}>'

    def _named(self) -> str:
        return f'the handle of the child `{self.label}`'

    def sources(self) -> Iterator[Future[Any]]:
        """Yield itself."""
        yield self

    def cancel(self, msg: Any = None) -> bool:
        """Kill the child, at the end of the step, unless it has ended: who awaits it gets an `asyncio.CancelledError`.

        :param msg: the argument of that exception.
        :returns: whether it had not ended.
        """
        if not super().cancel(msg):
            return False
        self.agenda.killing.append(self)
        return True

    def start(self) -> None:
        """Let the child be launched that was held back."""
        self.held = False
        self.agenda.released.append(self)

    def found(self) -> None:
        """Take notice, after a restart, that a child that was held back then has been launched since."""
        self.held = False
        for watcher in self.watchers:
            if hasattr(watcher, 'found'):
                watcher.found(self)

    def result(self) -> T:
        """Return the result of a child that has ended.

        :raises WorkflowUsageError: if it has not.
        """
        if not self.ended:
            raise WorkflowUsageError(
                'the child has no result yet. In an `async def` write `await handle`; in a plain `def` write `.result()` '
                'directly on the call: `submit(f, x=x).result()`'
            )
        return super().result()


class Timer(Future[Any]):
    """Ends at a time, with a value.

    :ivar due: the time, in seconds since the epoch: so it ends then, whatever has been restarted meanwhile.
    :ivar gives: the value.
    """

    _call = 'sleep(...)'

    def __init__(self, agenda: Agenda, due: float, gives: Any = None) -> None:
        super().__init__(agenda)
        self.due, self.gives = due, gives
        agenda.timers.append(self)

    def _end(self) -> None:
        self.agenda.timers.remove(self)
        super()._end()


class Checkpoint(Awaitable):
    """An await point that waits for nothing.

    :ivar gives: its value.
    """

    _call = 'checkpoint()'

    gives: Any = None

    def __init__(self, gives: Any = None) -> None:
        self.gives = gives

    def begin(self, task: Any, agenda: Agenda) -> bool:
        """Let a task go on with the next step."""
        agenda.later.append(task)
        return False

    def outcome(self) -> Any:
        """Return the value."""
        return self.gives

    def __await__(self) -> Generator[Any, None, None]:
        """Wait for nothing, so that the same function also runs under plain asyncio."""
        yield from ()


class Now(Awaitable):
    """A value that is there: who awaits it goes on at once.

    :ivar value: the value.
    """

    def __init__(self, value: Any) -> None:
        self.value = value

    def begin(self, task: Any, agenda: Agenda) -> bool:
        """Return that there is nothing to wait for."""
        return True

    def outcome(self) -> Any:
        """Return the value."""
        return self.value
