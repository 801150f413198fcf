"""Calls a function for each of many numbers, on all cores, in processes of its own.

This file is uploaded as it is, for jobs that map a function over many items, and run there by Python 3.8 or later: it must
know the standard library only. It knows nothing of functions of users, nor of values: `remote` does.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

#: What schedulers say of the cores that a job has on this machine: SLURM, PBS, Grid Engine, LSF.
_VARIABLES = ('SLURM_CPUS_ON_NODE', 'NCPUS', 'NSLOTS', 'LSB_DJOB_NUMPROC')


def cores() -> int:
    """Return how many cores the job has, here."""
    for name in _VARIABLES:
        if os.environ.get(name, '').isdigit():
            return max(1, int(os.environ[name]))
    if hasattr(os, 'sched_getaffinity'):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def spread(
    action: Callable[[int], str], count: int, processes: int, note: Callable[[int, str], None]
) -> list[str | int]:
    """Call a function with 0, 1, ... in several processes, each time with the next number when one is free.

    :param action: gives text; it must not raise.
    :param count: how many numbers.
    :param note: is called here with each number and its text, as soon as it is there.
    :param processes: how many processes at a time. They are forked, so that they have all that is loaded.
    :returns: the texts in order; in place of one, the exit code of the process that died on it, negative for a signal.
    """
    if not hasattr(os, 'fork'):  # Windows
        texts: list[str | int] = []
        for number in range(count):
            texts.append(action(number))
            note(number, str(texts[-1]))
        return texts
    sys.stdout.flush()
    sys.stderr.flush()
    found: list[str | int] = [0] * count
    waiting = list(range(count))[::-1]
    running: dict[Any, tuple[Any, int]] = {}
    while len(running) < min(processes, count):
        _begin(action, running, waiting)
    while running:
        ready: list[Any] = multiprocessing.connection.wait(list(running))
        for connection in ready:
            process, number = running[connection]
            try:
                found[number] = text = connection.recv()
            except (EOFError, OSError):
                process.join()
                found[number] = process.exitcode or 0
                del running[connection]
                if waiting:
                    _begin(action, running, waiting)
            else:
                note(number, text)
                _give(connection, running, waiting)
    return found


def _begin(action: Callable[[int], str], running: dict[Any, tuple[Any, int]], waiting: list[int]) -> None:
    context: Any = multiprocessing.get_context('fork')
    ours, theirs = context.Pipe()
    # What is inherited of the others' connections is closed there: so each is told when the other side dies.
    process = context.Process(target=_work, args=(action, theirs, [ours, *running]))
    process.start()
    theirs.close()
    running[ours] = process, -1
    _give(ours, running, waiting)


def _give(connection: Any, running: dict[Any, tuple[Any, int]], waiting: list[int]) -> None:
    """Give a process its next number, or let it end."""
    process = running[connection][0]
    if not waiting:
        del running[connection]
        connection.close()
        process.join()
        return
    running[connection] = process, waiting.pop()
    try:
        connection.send(running[connection][1])
    except OSError:  # it died between two numbers: what is received says so
        pass


def _work(action: Callable[[int], str], connection: Any, others: list[Any]) -> None:
    """Do what the other side asks for, until it closes."""
    for other in others:
        other.close()
    while True:
        try:
            number = connection.recv()
        except EOFError:
            return
        text = action(number)
        sys.stdout.flush()
        sys.stderr.flush()
        connection.send(text)
