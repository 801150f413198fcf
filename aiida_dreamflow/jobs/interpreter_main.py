"""What runs in an interpreter that the worker has started: a guard, and beside it the one that computes.

Both share a folder, for what the function writes and for its source; the guard removes it at the end.

The guard waits until the other has ended, or until the worker has: then its end of the pipe is closed, whatever it died
of. Either way it kills the other, with all that this has started. It computes nothing and imports little, so nothing that
the function does keeps it from that.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .messages import pack, unpacking

__all__ = ('main',)

_FROM_WORKER, _TO_WORKER, _PRINTED = 0, 1, 2
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of Linux


def main() -> None:
    """Read a request from standard input, and write the report to standard output."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        content, blobs = _receive()
    except EOFError:
        os._exit(1)
    folder = tempfile.mkdtemp(prefix='dreamflow-run-')
    pid = os.fork()
    if pid == 0:
        _compute(content, blobs, folder)
    content, blobs = None, {}
    with contextlib.suppress(OSError):
        os.setpgid(pid, pid)  # both do it: nobody knows who is first
    status = _guard(pid, woken)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(status)


def _guard(pid: int, woken: int) -> int:
    """Wait for the end of the other, or bring it about; returns how it ended."""
    while True:
        ready, _, _ = select.select([_FROM_WORKER, woken], [], [])
        if woken in ready and signal.SIGTERM not in os.read(woken, 1024):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if not ended:
                continue  # it was stopped, or continued
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)  # what it has left running
            return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return signal.SIGTERM


def _receive() -> tuple[Any, dict[str, bytes]]:
    reading = unpacking()
    size = next(reading)
    with os.fdopen(_FROM_WORKER, 'rb', closefd=False) as stream:
        while True:
            data = stream.read(size)
            if len(data) < size:
                raise EOFError
            try:
                size = reading.send(data)
            except StopIteration as done:
                received: tuple[Any, dict[str, bytes]] = done.value
                return received


def _compute(content: Any, blobs: Mapping[str, bytes], folder: str) -> None:
    """Call the function, and end."""
    os.setpgid(0, 0)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _die_with_guard()
    # What the function prints must not get into the report.
    report = os.dup(_TO_WORKER)
    os.dup2(_PRINTED, _TO_WORKER)
    os.dup2(os.open(os.devnull, os.O_RDONLY), _FROM_WORKER)
    from .computing import compute

    work, code = Path(folder, 'work'), Path(folder, 'code')
    for each in (work, code):
        each.mkdir()
    pieces = pack(*compute(content, blobs, work, code))
    sys.stdout.flush()
    sys.stderr.flush()
    with os.fdopen(report, 'wb') as stream:
        stream.writelines(pieces)
    os._exit(0)


def _die_with_guard() -> None:
    """Should somebody kill the guard: nobody else would know of this process."""
    if sys.platform == 'linux':
        import ctypes

        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
