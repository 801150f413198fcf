"""The workflows of `test_local`."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from aiida_dreamflow import gather, run, workflow


@dataclasses.dataclass
class Params:
    """A class of this file, which must be the same here and there."""

    scale: float


def note(log: str, text: str) -> None:
    """Append a line to a file."""
    with Path(log).open('a') as file:
        file.write(f'{text}\n')


def scaled(values, params):
    """Take and give what no function job could."""
    assert isinstance(params, Params)
    print('scaling by', params.scale)
    return {'values': values * params.scale, 'params': Params(params.scale + 1)}


def compute(log, seconds):
    """Hold the interpreter for so long, in pure Python; beside it a process of its own."""
    note(log, f'{os.getpid()}')
    if seconds > 5:
        helper = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])
        note(log, f'{helper.pid}')
    end = time.monotonic() + seconds
    count = 0
    while time.monotonic() < end:
        count += 1
    return count > 0


def fail(x):
    """Raise with an argument."""
    raise ValueError('not this', x)


def die():
    """End as one does that has taken all memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def worker_pid():
    """Return which process this is, and its thread."""
    import threading

    return [os.getpid(), threading.current_thread().name]


@workflow
async def scales(x, params):
    """Values of all sorts, there and back."""
    first = await run(scaled, values=x, params=params)
    second = await run.in_thread(scaled, first['values'], first['params'])
    both = await gather(run(total, x), run(total, x=second['values']))
    return {'second': second, 'both': both}


def total(x):
    """Add up."""
    return float(np.sum(x))


@workflow
def plain(x=2.0):
    """The same in a plain function."""
    a = run(total, x)
    return run.in_thread(total, x=a + 1) + 1


@workflow
async def failures():
    """Exceptions come back."""
    found = []
    try:
        await run(fail, x=4)
    except ValueError as error:
        found.append(error.args)
    try:
        await run(die)
    except Exception as error:
        found.append(str(error))
    return {'found': found}


@workflow
async def heavy(log, seconds):
    """One long computation."""
    done = await run(compute, log=log, seconds=seconds)
    return {'done': done}


@workflow
async def where():
    """Where the functions run."""
    there, here = await gather(run(worker_pid), run.in_thread(worker_pid))
    return {'there': there, 'here': here, 'worker': os.getpid()}


@workflow
async def quick():
    """Nothing to do."""
    return {'pid': os.getpid()}


def sleep(seconds):
    """Wait in a thread."""
    time.sleep(seconds)


@workflow
async def many(n, seconds, log):
    """Many children at once; a kill must not run the `finally`."""
    try:
        await gather(*[run.in_thread(sleep, seconds) for _ in range(n)])
    finally:
        note(log, 'finally')
