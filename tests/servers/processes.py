"""What the servers have in common: a folder, free ports, and the processes that they end, only those they started."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

__all__ = ('Program', 'free_ports', 'is_listening', 'missing_programs', 'temporary_folder', 'wait_for')

#: Where Debian keeps servers, also for users who do not have it on their path.
SEARCH_PATH = os.pathsep.join((os.environ.get('PATH', os.defpath), '/usr/sbin', '/sbin', '/usr/lib/rabbitmq/bin'))


@contextlib.contextmanager
def temporary_folder(name: str) -> Iterator[Path]:
    """A folder that other users of the machine can enter: servers and their jobs may not run as the one who tests."""
    folder = Path(tempfile.mkdtemp(prefix=f'dreamflow-{name}-'))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def missing_programs(*programs: str) -> list[str]:
    """Return those programs that are not installed."""
    return [program for program in programs if shutil.which(program, path=SEARCH_PATH) is None]


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(('127.0.0.1', 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(('127.0.0.1', port)) == 0


def wait_for(condition: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f'not within {seconds} s: {what}')
        time.sleep(0.05)


class Program:
    """A server's process in the foreground, with all that it starts.

    :param command: the program and its arguments.
    :param log: where its output goes.
    :param environment: what is added to the environment.
    """

    def __init__(self, command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None) -> None:
        found = shutil.which(str(command[0]), path=SEARCH_PATH)
        assert found is not None, f'{command[0]} is not installed'
        self._log = log
        with log.open('ab') as output:
            self._process = subprocess.Popen(
                [found, *map(str, command[1:])],
                env={**os.environ, 'PATH': SEARCH_PATH, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_for(self, condition: Callable[[], object], what: str) -> None:
        """Wait until a condition holds; fail with what the program says if it ends before."""
        wait_for(lambda: condition() or self._process.poll() is not None, f'{what}\n{self.output()}')
        if self._process.poll() is not None:
            raise RuntimeError(f'{self._process.args} ended with {self._process.returncode}:\n{self.output()}')

    def output(self) -> str:
        return self._log.read_text(errors='replace')[-4000:]

    def stop(self, seconds: float = 10.0) -> None:
        """End it, politely first; then whatever is left of what it started."""
        if self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
        self.kill()

    def kill(self) -> None:
        """End it, and all that it started, at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
