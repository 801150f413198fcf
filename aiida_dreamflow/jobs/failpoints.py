"""Failpoints: places in the engine at which a test can kill, freeze or break a worker.

Off, as they always are in production, a failpoint is the call of a function that does nothing. They are on in a process
that has ``DREAMFLOW_FAILPOINTS`` in its environment, so that a worker of the daemon can be told, or that calls
:func:`activate`. The variable names a folder with two files:

- ``reached``: a line for each failpoint that some process has reached, with its name and the pid. Lines are only added.
- ``plan``: what is to happen, a line each: ``NAME NUMBER ACTION``, as in ``step.stored 3 kill``. The number counts the
  times that *all* processes have reached the point; so what has happened does not happen again to the next worker. The
  name ``*`` stands for any point. Actions are ``kill`` (SIGKILL), ``freeze`` (SIGSTOP) and ``raise``.

Besides those that the engine names, each commit of the process to the database is one: ``commit.before`` is reached when
all is written and nothing is committed, ``commit.after`` when it is. What AiiDA commits by itself, the states and
checkpoints of processes, is among them: between two commits the database does not change.
"""

from __future__ import annotations

import fcntl
import os
import signal
from pathlib import Path

__all__ = ('VARIABLE', 'activate', 'reach')

#: The environment variable that turns failpoints on.
VARIABLE = 'DREAMFLOW_FAILPOINTS'

_folder: Path | None = None


def reach(name: str) -> None:
    """Do what the plan says for this point; nothing, when failpoints are off.

    Call it as ``failpoints.reach(...)``: :func:`activate` puts another function in its place.

    :param name: of the point.
    """


def activate(folder: Path) -> None:
    """Turn the failpoints of this process on.

    :param folder: where the plan is, and where it is noted what was reached.
    """
    global _folder, reach
    if _folder is None:
        _watch_commits()
    _folder = folder
    reach = _reach


def _reach(name: str) -> None:
    assert _folder is not None
    for action in _planned(_folder, *_note(_folder, name)):
        if action == 'raise':
            raise RuntimeError(f'a test made this fail, at the failpoint {name}')
        os.kill(os.getpid(), signal.SIGKILL if action == 'kill' else signal.SIGSTOP)


def _note(folder: Path, name: str) -> tuple[str, int, int]:
    """Note that a point is reached.

    :returns: its name, how often it was reached until now, and how often any was.
    """
    with (folder / 'reached').open('a+', encoding='ascii') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(f'{name} {os.getpid()}\n')
        file.flush()
        file.seek(0)
        text = '\n' + file.read()
    return name, text.count(f'\n{name} '), text.count('\n') - 1


def _planned(folder: Path, name: str, count: int, total: int) -> list[str]:
    plan = folder / 'plan'
    lines = [line.split() for line in plan.read_text('ascii').splitlines()] if plan.exists() else []
    return [action for point, number, action in lines if (point, int(number)) in ((name, count), ('*', total))]


def _watch_commits() -> None:
    from sqlalchemy import event
    from sqlalchemy.engine import Engine
    from sqlalchemy.orm import Session

    written = []

    def before(connection: object) -> None:
        written.append(connection)
        reach('commit.before')

    def after(session: object) -> None:
        if written:  # AiiDA also commits when there is nothing to commit
            written.clear()
            reach('commit.after')

    event.listen(Engine, 'commit', before)
    event.listen(Session, 'after_commit', after)


if VARIABLE in os.environ:
    activate(Path(os.environ[VARIABLE]))
