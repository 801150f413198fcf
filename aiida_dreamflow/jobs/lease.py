"""Who runs a process: a lease that one worker holds, and that dies with it.

A broker may deliver the task of a process twice, and AiiDA would run it twice. So a process of ours that a worker takes
on holds a lock on a file of its own, which the operating system releases however the worker ends. The second copy finds
it taken and stands by (:mod:`~aiida_dreamflow.jobs.understudy`).

All workers of a profile run on one machine, with one AiiDA configuration folder: that is where the locks are. Relies on
``ProcessLauncher._continue`` (aiida-core 2.9), which drops a task when loading its process raises
``kiwipy.DuplicateSubscriberIdentifier``.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import kiwipy
from aiida import orm

__all__ = ('Lease', 'LeaseTakenError', 'holder_of', 'is_held', 'is_leased', 'lease_folder', 'note_kill', 'noted_kill')


class LeaseTakenError(kiwipy.DuplicateSubscriberIdentifier):
    """Another copy of the process holds its lease."""


def lease_folder() -> Path:
    """Return the folder of the locks of the loaded profile, which is made if it is not there."""
    from aiida.manage.configuration import get_config
    from aiida.manage.manager import get_manager

    profile = get_manager().get_profile()
    assert profile is not None
    folder = Path(get_config().dirpath) / 'dreamflow' / 'leases' / profile.uuid
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def is_held(path: Path) -> bool:
    """Return whether a process runs whose lease is this file."""
    try:
        file = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return True  # its holder has just released it
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def holder_of(pk: int) -> int | None:
    """Return the pid of the worker that runs a process, ``None`` if none does."""
    path = lease_folder() / f'{pk}.lock'
    if not path.exists() or not is_held(path):
        return None
    try:
        return int(path.read_text())
    except (FileNotFoundError, ValueError):  # it has just been released, or is being taken
        return None


def is_leased(node: orm.ProcessNode) -> bool:
    """Return whether the process of a node holds a lease when a worker runs it, as its class says."""
    try:
        return getattr(node.process_class, 'RUNS_UNDER_LEASE', False)
    except ValueError:  # its class cannot be loaded here
        return False


def note_kill(pk: int, text: str) -> None:
    """Have the next worker that takes on a process kill it, instead of beginning it again; of one without a lease nothing is noted.

    :param text: the message of the kill.
    """
    path = lease_folder() / f'{pk}.lock'
    if path.exists():
        path.with_suffix('.kill').write_text(text, encoding='utf-8')


def noted_kill(pk: int) -> str | None:
    """Return with which message a process is to be killed, ``None`` if nobody has noted that."""
    try:
        return (lease_folder() / f'{pk}.kill').read_text(encoding='utf-8')
    except FileNotFoundError:
        return None


class Lease:
    """The right to run a process.

    :param folder: the folder of the locks.
    :param pk: the process.
    :raises LeaseTakenError: if another copy of the process holds it.
    """

    def __init__(self, folder: Path, pk: int) -> None:
        self._path = folder / f'{pk}.lock'
        self._file = self._lock(pk)

    def _lock(self, pk: int) -> int | None:
        while True:
            file = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(file).st_ino == self._path.stat().st_ino:
                    os.ftruncate(file, 0)
                    os.pwrite(file, str(os.getpid()).encode(), 0)  # for `holder_of`
                    return file
            except BlockingIOError:
                os.close(file)
                raise LeaseTakenError(f'process {pk} is run by another worker already') from None
            except FileNotFoundError:
                pass
            # Its last holder removed the file after it was opened here: try the new one.
            os.close(file)

    def release(self) -> None:
        """Give it up, when the process has ended."""
        if self._file is not None:
            self._path.unlink(missing_ok=True)
            self._path.with_suffix('.kill').unlink(missing_ok=True)
        self.drop()

    def drop(self) -> None:
        """Give it up before: who looks for processes that nobody runs finds its file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
