"""Who does the damage: kills and freezes workers, stops the daemon, restarts broker and database, at random moments."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psutil

from .leases import holders

__all__ = ('Agent', 'Servers')


@dataclass
class Servers:
    """What can be restarted besides the daemon.

    :ivar database: the PostgreSQL server, if there is one.
    :ivar broker: the RabbitMQ server, if there is one.
    """

    database: Any = None
    broker: Any = None


@dataclass
class Agent:
    """Does damage to the daemon of the loaded profile.

    :param client: the daemon's client.
    :param workers: how many workers it has.
    :param lot: draws what happens.
    :ivar done: how often each thing was done.
    :ivar effective: how many of the killed workers ran something.
    :ivar recoveries: for each process whose worker was killed, after how many seconds another had it.
    """

    client: Any
    workers: int
    lot: random.Random
    servers: Servers = field(default_factory=Servers)
    done: Counter[str] = field(default_factory=Counter)
    effective: int = 0
    recoveries: list[float] = field(default_factory=list)
    frozen: dict[int, float] = field(default_factory=dict)
    _waiting: dict[int, tuple[int, float]] = field(default_factory=dict)
    _last: float = field(default_factory=time.monotonic)

    def act(self) -> None:
        """Do something."""
        actions: list[tuple[int, Callable[[], None]]] = [
            (70, self.kill_one),
            (15, self.freeze_one),
            (4, self.kill_all),
            (3, self.restart_daemon),
        ]
        if self.servers.database is not None:
            actions.append((5, self.restart_database))
        if self.servers.broker is not None:
            actions.append((5, self.restart_broker))
        else:
            actions.append((3, self.kill_zeromq))
        weights, functions = zip(*actions, strict=True)
        self.lot.choices(functions, weights)[0]()
        self._last = time.monotonic()

    def is_worth_it(self) -> bool:
        """Return whether a worker is at work; to kill only those that begin would prove little."""
        return bool(set(holders().values()) & set(self.pids())) or time.monotonic() > self._last + 20.0

    # -- workers

    def pids(self) -> list[int]:
        """Return the workers, by what the operating system knows: the daemon may be too busy to answer."""
        try:
            daemon = psutil.Process(self.client.get_daemon_pid() or 0)
            return [child.pid for child in daemon.children(recursive=True) if _is_worker(child)]
        except psutil.Error:
            return []

    def kill_one(self) -> None:
        """Kill a worker, one that runs something if there is one."""
        held = holders()
        busy = [pid for pid in self.pids() if pid in held.values()]
        if pids := busy or self.pids():
            self._kill(self.lot.choice(pids), held)

    def kill_all(self) -> None:
        """Kill all workers at once."""
        held = holders()
        for pid in self.pids():
            self._kill(pid, held)

    def _kill(self, pid: int, held: dict[int, int]) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            self.done['SIGKILL'] += 1
            mine = [pk for pk, holder in held.items() if holder == pid]
            self.effective += bool(mine)
            self._waiting.update((pk, (pid, time.monotonic())) for pk in mine)
        self.frozen.pop(pid, None)

    def freeze_one(self) -> None:
        """Stop a worker, for a moment or longer than a broker waits."""
        if pids := [pid for pid in self.pids() if pid not in self.frozen]:
            pid = self.lot.choice(pids)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                self.done['SIGSTOP'] += 1
                seconds = self.lot.choice((0.2, 1.0, 3.0, 8.0))
                self.frozen[pid] = time.monotonic() + seconds
                # In a thread: the worker may have locked the database, and this process wait for that.
                threading.Timer(seconds, _wake, [pid]).start()

    def watch(self) -> None:
        """Wake up the frozen whose time has come; note who has taken over from the killed."""
        now = time.monotonic()
        for pid, end in list(self.frozen.items()):
            if now > end:
                self.wake(pid)
        if self._waiting:
            held = holders()
            for pk, (pid, since) in list(self._waiting.items()):
                if held.get(pk, pid) != pid or _has_ended(pk):
                    del self._waiting[pk]
                    self.recoveries.append(now - since)

    def wake(self, pid: int) -> None:
        """Let a frozen worker go on."""
        del self.frozen[pid]
        _wake(pid)

    @property
    def unrecovered(self) -> list[int]:
        """The processes whose worker was killed, and which no other has taken on yet."""
        return sorted(self._waiting)

    # -- everything else

    def restart_daemon(self) -> None:
        """Stop the daemon, and start it."""
        for pid in list(self.frozen):
            self.wake(pid)  # the daemon would wait for it
        self._stop_daemon()
        time.sleep(self.lot.uniform(0.0, 2.0))
        self.client.start_daemon(self.workers, timeout=60)
        self.done['daemon restarts'] += 1
        reconnect()

    def _stop_daemon(self) -> None:
        """Stop it; ask again if it is too busy to answer, or ends before it has, as a person would."""
        from aiida.engine.daemon.client import DaemonException

        for _ in range(3):
            with contextlib.suppress(DaemonException):
                self.client.stop_daemon(wait=True, timeout=60)
            if not self.client.is_daemon_running:
                return
        raise TimeoutError('the daemon did not stop')

    def restart_broker(self) -> None:
        """Stop RabbitMQ as its owner would, or as a crash does."""
        broker = self.servers.broker
        self.lot.choice((broker.stop, broker.kill))()
        time.sleep(self.lot.uniform(0.0, 3.0))
        broker.start()
        self.done['broker restarts'] += 1
        reconnect()

    def kill_zeromq(self) -> None:
        """Kill AiiDA's own broker; the daemon starts another, elsewhere."""
        from aiida.manage import get_manager

        broker: Any = get_manager().get_broker()
        if (pid := broker._get_service_pid()) is None:
            return
        os.kill(pid, signal.SIGKILL)
        self.done['broker kills'] += 1
        end = time.monotonic() + 60
        while broker._get_service_pid() in (pid, None) and time.monotonic() < end:
            time.sleep(0.1)
        reconnect()

    def restart_database(self) -> None:
        """Stop PostgreSQL, and start it."""
        self.servers.database.stop()
        time.sleep(self.lot.uniform(0.0, 5.0))
        self.servers.database.start()
        self.done['database restarts'] += 1
        forget_connection()


def _is_worker(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return 'worker' in process.cmdline() and 'daemon' in process.cmdline()
    return False


def _wake(pid: int) -> None:
    with contextlib.suppress(psutil.Error, ProcessLookupError):
        if _is_worker(psutil.Process(pid)):  # it may have been killed since, and its pid be another's
            os.kill(pid, signal.SIGCONT)


def _has_ended(pk: int) -> bool:
    from aiida import orm

    builder = orm.QueryBuilder().append(orm.ProcessNode, filters={'id': pk}, project='attributes.sealed')
    return bool(builder.first(flat=True))


def reconnect() -> None:
    """Let this process connect to the broker anew."""
    from aiida.manage import get_manager

    with contextlib.suppress(Exception):
        get_manager().reset_broker()
    with contextlib.suppress(Exception):
        get_manager().reset_runner()


def be_patient() -> None:
    """Let this process wait for a database that a frozen worker has locked, as the workers do."""
    from aiida.manage import get_manager

    from aiida_dreamflow.jobs import database

    engine = get_manager().get_profile_storage().get_session().get_bind()
    if engine.dialect.name == 'sqlite':
        database.survive_database(get_manager().get_profile_storage())


def forget_connection() -> None:
    """Let this process connect to the database anew; AiiDA would not."""
    from aiida.manage import get_manager
    from sqlalchemy import text
    from sqlalchemy.exc import DBAPIError

    session = get_manager().get_profile_storage().get_session()
    with contextlib.suppress(DBAPIError):
        session.execute(text('SELECT 1'))
    session.rollback()
