"""A thread of each worker that watches the step which holds its event loop.

While a step runs, the loop does nothing else: no other process goes on, and no message is answered. So what is to be said and
done during a long step, this thread does:

- it writes to the report of the process where the step is;
- it hears that a process is to be killed, in the thread of the broker's communicator, and ends its step: after a while it
  interrupts the user's code, once, as Ctrl-C would; if the step still goes on, it ends the worker. A note beside the lease tells the
  next worker not to begin the process again.

What happens in the main thread (`_interrupt`) is called by a signal, ``SIGURG``, which ends a ``time.sleep`` and which nobody minds
who does not handle it. Where AiiDA or a database is at work, a trace function of the user's call ends it when they are done. The
thread writes over a connection of its own: sessions of SQLAlchemy belong to one thread.

Relies on this behaviour of plumpy (0.26): ``LoopCommunicator`` hands messages on with ``convert_to_comm``, which works from any
thread; a message that kills has the keys ``intent`` and ``message``.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
import types
from collections.abc import Callable, Coroutine, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

from aiida.common import timezone
from aiida.common.links import LinkType
from aiida.common.log import AIIDA_LOGGER
from aiida.orm.entities import EntityTypes
from plumpy.communications import LoopCommunicator, convert_to_comm
from plumpy.process_comms import INTENT_KEY, MESSAGE_TEXT_KEY, Intent
from sqlalchemy import create_engine, insert, select
from sqlalchemy.pool import NullPool

from ..exceptions import StepInterrupted
from .lease import note_kill, noted_kill
from .reports import plain_text

__all__ = ('WATCHDOG', 'Hearing', 'Watchdog', 'Work', 'watched')

#: After how many seconds of a step its report says where it is.
REPORTS = (10.0, 60.0, 600.0, 3600.0)

#: How many seconds a step has to end by itself when its process is to be killed; and then, interrupted, until its worker is ended.
GRACE, LAST_GRACE = 3.0, 4.0

#: How often the thread looks, and how long the answer to who asked for the kill may take when the worker ends, in seconds.
_GLANCE, _FAREWELL = 0.5, 1.0

#: The libraries that are left alone, like AiiDA: they may be in the middle of a transaction.
_DATABASE = ('sqlalchemy.', 'sqlite3', 'psycopg', 'disk_objectstore.')

_TOO_LONG = (
    '{place}: this step has held up its worker for {seconds:.0f} s. Nothing else goes on in it meanwhile. What waits is better '
    'awaited, what computes for long better put into a function `f`: `await run(f, x=x)`. `verdi process kill {pk}` ends this step'
)

_logger = AIIDA_LOGGER.getChild('dreamflow')


@dataclass(eq=False)
class Work:
    """What holds the event loop of a worker.

    :ivar pk: the process.
    :ivar name: its name, for the report.
    :ivar place: says where it is, given the innermost call.
    :ivar is_machinery: says of a call whether it is not the user's: such a one is not interrupted.
    :ivar user_code: what calls the user's code.
    :ivar begin: when it began, on the monotonic clock.
    :ivar told: how often the report has said where it is.
    :ivar is_wanted: whether it is to be interrupted.
    :ivar was_interrupted: whether it was.
    :ivar family: the process and those that have called it, from the nearest, if that was asked.
    """

    pk: int
    name: str
    place: Callable[[types.FrameType | None], str]
    is_machinery: Callable[[types.FrameType], bool]
    user_code: types.CodeType
    begin: float = field(default_factory=time.monotonic)
    thread: int = field(default_factory=threading.get_ident)
    told: int = 0
    is_wanted: bool = False
    was_interrupted: bool = False
    family: list[int] | None = None

    def interrupted(self) -> StepInterrupted:
        """Return what ends the user's code, once."""
        self.was_interrupted = True
        return StepInterrupted(f'the process is to be killed, and its step has gone on for {self.seconds:.0f} s')

    def at_next_line(self, *_: Any) -> None:
        """End the user's code, as its trace function."""
        sys.settrace(None)
        if not self.was_interrupted:
            raise self.interrupted()

    @property
    def seconds(self) -> float:
        """How long it has gone on."""
        return time.monotonic() - self.begin


class Watchdog:
    """Watches the work of this process."""

    def __init__(self) -> None:
        self._work: Work | None = None
        self._asked: dict[int, tuple[float, str]] = {}
        self._answers: dict[int, list[Any]] = {}
        self._tables: _Tables | None = None
        self._ends_worker = False
        self._pid = 0

    def start(self, backend: Any, *, ends_worker: bool) -> None:
        """Begin to watch, in this thread's process; a second call changes nothing.

        :param backend: of the profile.
        :param ends_worker: whether this process may be ended if nothing else helps.
        """
        if self._pid == os.getpid() or threading.current_thread() is not threading.main_thread():
            return
        self._pid, self._ends_worker = os.getpid(), ends_worker
        self._tables = _Tables(backend)
        if signal.getsignal(signal.SIGURG) in (signal.SIG_DFL, signal.SIG_IGN):
            signal.signal(signal.SIGURG, self._interrupt)
        threading.Thread(target=self._watch, name='dreamflow-watchdog', daemon=True).start()

    @contextlib.contextmanager
    def watching(self, work: Work) -> Iterator[Work]:
        """Watch some work of this thread."""
        before, self._work = self._work, work
        try:
            yield work
        finally:
            self._work = before

    # -- who is to be killed

    def hear(self, pk: int, text: str = '', answer: Any = None, at_once: bool = False) -> None:
        """Take notice, in any thread, that a process is to be killed.

        :param text: the message.
        :param answer: the future of the answer that who asked gets.
        :param at_once: whether its step has had its time to end by itself.
        """
        if at_once:
            self._asked[pk] = (time.monotonic() - GRACE, text)
        self._asked.setdefault(pk, (time.monotonic(), text))
        if answer is not None:
            self._answers.setdefault(pk, []).append(answer)

    def text_of(self, pk: int) -> str:
        """Return with which message a process is to be killed; empty if it is not, or for one that has called it only."""
        return self._asked[pk][1] if pk in self._asked else ''

    @property
    def has_interrupted(self) -> bool:
        """Whether the work that goes on was interrupted."""
        return self._work is not None and self._work.was_interrupted

    def forget(self, pk: int) -> None:
        """Take notice that a process has ended."""
        self._asked.pop(pk, None)
        self._answers.pop(pk, None)

    def _kill_of(self, work: Work) -> tuple[float, str] | None:
        """Return since when, and with which message, a process or one that has called it is to be killed."""
        if self._ends_worker and work.pk not in self._asked and (text := noted_kill(work.pk)) is not None:
            self.hear(work.pk, text)
        if work.pk in self._asked:
            return self._asked[work.pk]
        if self._asked and work.family is None:
            assert self._tables is not None
            work.family = [work.pk, *self._tables.callers(work.pk)]
        return next((self._asked[pk] for pk in work.family or () if pk in self._asked), None)

    # -- in the thread

    def _watch(self) -> None:
        pid = os.getpid()
        while os.getpid() == pid:
            time.sleep(_GLANCE)
            if (work := self._work) is not None and work.seconds > 2 * _GLANCE:
                try:
                    self._look(work)
                except Exception:  # a database that is gone for a moment, say: it looks again
                    _logger.debug('the watchdog could not look', exc_info=True)

    def _look(self, work: Work) -> None:
        if (killed := self._kill_of(work)) is not None:
            since = time.monotonic() - max(killed[0], work.begin)
            if since >= GRACE and not work.was_interrupted:
                work.is_wanted = True
                if signal.getsignal(signal.SIGURG) == self._interrupt:  # and not somebody else's
                    signal.pthread_kill(work.thread, signal.SIGURG)
            if since > GRACE + LAST_GRACE and self._ends_worker and self._work is work:
                self._end_worker(work, killed[1])
        if work.told < len(REPORTS) and work.seconds > REPORTS[work.told] and self._work is work:
            self._report(work, _TOO_LONG.format(place=self._place(work), seconds=work.seconds, pk=work.pk))
            work.told += 1

    def _place(self, work: Work) -> str:
        return work.place(sys._current_frames().get(work.thread)) or 'its values are stored, or made again'

    def _report(self, work: Work, text: str, pk: int | None = None) -> None:
        assert self._tables is not None
        self._tables.report(work.pk if pk is None else pk, f'[{work.pk}|{work.name}]: {plain_text(text)}')

    def _end_worker(self, work: Work, text: str) -> None:
        """End the worker, as nothing else ends the step; another one will kill the process, and go on with all else."""
        killed = {work.pk, *(pk for pk in work.family or () if pk in self._asked)}
        for pk in killed:
            note_kill(pk, text)
        what = f'the worker {os.getpid()} is ended, as process {work.pk}, which is to be killed, holds it: {self._place(work)}'
        _logger.error('%s', what)
        for pk in killed:
            with contextlib.suppress(Exception):
                self._report(work, what, pk)
            for answer in self._answers.get(pk, ()):
                with contextlib.suppress(Exception):
                    answer.set_result(True)
        time.sleep(_FAREWELL)
        if self._work is work:
            os._exit(1)

    # -- in the main thread

    def _interrupt(self, _: int, frame: types.FrameType | None) -> None:
        """End the user's code that runs; if that has called what must not end in the middle, as soon as it comes back from there."""
        work = self._work
        if work is None or not work.is_wanted or work.was_interrupted:
            return
        innermost, users = frame, None
        while frame is not None and frame.f_code is not work.user_code:
            if work.is_machinery(frame) or str(frame.f_globals.get('__name__', '')).startswith(_DATABASE):
                users = None
            elif users is None:
                users = frame
            frame = frame.f_back
        if frame is None:
            return  # what runs is not the user's
        if users is innermost:
            raise work.interrupted()
        if users is not None and sys.gettrace() is None:
            users.f_trace = work.at_next_line
            sys.settrace(_no_trace)  # else the frame is not traced


def _no_trace(*_: Any) -> None:
    """Trace no further calls."""


class _Tables:
    """Reads and writes what the thread needs over connections of its own, which waits for nobody for long.

    :param backend: of the profile.
    """

    def __init__(self, backend: Any) -> None:
        url = backend.get_session().get_bind().url
        is_sqlite = url.get_backend_name() == 'sqlite'
        self._engine = create_engine(url, poolclass=NullPool, connect_args={'timeout': 1.0} if is_sqlite else {})
        self._logs = backend._get_mapper_from_entity(EntityTypes.LOG, False)[0].local_table
        self._links = backend._get_mapper_from_entity(EntityTypes.LINK, False)[0].local_table

    def callers(self, pk: int) -> Iterator[int]:
        """Yield the processes that have called one, from the nearest."""
        links = self._links.c
        kinds = [LinkType.CALL_CALC.value, LinkType.CALL_WORK.value]
        with self._engine.connect() as connection:
            while True:
                found = select(links.input_id).where(links.output_id == pk, links.type.in_(kinds))
                caller = connection.execute(found).scalar()
                if caller is None:
                    return
                yield caller
                pk = caller

    def report(self, pk: int, text: str) -> None:
        """Write to the report of a process."""
        row = {
            'time': timezone.now(),
            'loggername': 'aiida.dreamflow.watchdog',
            'levelname': 'REPORT',
            'dbnode_id': pk,
            'message': text,
            'metadata': {},
        }
        with self._engine.begin() as connection:
            connection.execute(insert(self._logs), [row])


#: That of this process.
WATCHDOG = Watchdog()


@types.coroutine
def watched(coroutine: Coroutine[Any, Any, Any], work: Callable[[], Work]) -> Generator[Any, None, Any]:
    """Run a coroutine whose every stretch without a pause is watched.

    :param coroutine: what to run; what it awaits, returns and raises is as it is.
    :param work: gives what is told of the stretch that begins.
    """
    error: BaseException | None = None
    try:
        while True:
            with WATCHDOG.watching(work()):
                try:
                    awaited = coroutine.send(None) if error is None else coroutine.throw(error)
                except StopIteration as stop:
                    return stop.value
            error = None
            try:
                yield awaited
            except GeneratorExit:
                raise
            except BaseException as raised:
                error = raised
    finally:
        coroutine.close()


class Hearing:
    """Wraps a communicator: what asks a process to be killed is heard at once, whatever holds the event loop.

    :param communicator: the communicator of a process.
    """

    def __init__(self, communicator: Any) -> None:
        self._communicator = communicator

    def __getattr__(self, name: str) -> Any:
        return getattr(self._communicator, name)

    def add_rpc_subscriber(self, subscriber: Any, identifier: str | None = None) -> Any:
        """Subscribe a process to the messages that it is sent."""
        if not isinstance(self._communicator, LoopCommunicator) or identifier is None or not identifier.isdecimal():
            return self._communicator.add_rpc_subscriber(subscriber, identifier)
        converted, pk = convert_to_comm(subscriber, self._communicator.loop()), int(identifier)

        def hear(communicator: Any, message: Any) -> Any:
            answer = converted(communicator, message)
            if isinstance(message, dict) and message.get(INTENT_KEY) == Intent.KILL:
                WATCHDOG.hear(pk, message.get(MESSAGE_TEXT_KEY) or '', answer)
            return answer

        return self._communicator._communicator.add_rpc_subscriber(hear, identifier)
