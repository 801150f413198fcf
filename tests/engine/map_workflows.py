"""Workflows that map a function over many items."""

from __future__ import annotations

import os
import pathlib
import signal
import time

import numpy as np
from aiida import orm

from aiida_dreamflow import checkpoint, gather, submit, workflow


def square(x):
    return x * x


def power(x, y=2):
    return x**y


def odd_one(x):
    print(f'item {x}', flush=True)
    if x == 1:
        raise KeyError('one', x)
    if x == 2:
        return object()
    if x == 3:
        os._exit(7)
    return x, [x]


def rows(x):
    return np.full(2, x.sum()), os.getpid()


def read(x):
    return x if isinstance(x, int) else x.read_text()


@workflow
async def maps(n: int, chunksize: int | None = None):
    xs = list(range(n))
    await checkpoint()
    return {'ys': await submit.map(square, xs, chunksize=chunksize)}


@workflow
def maps_plainly(n: int):
    return {'ys': submit.map(power, range(n), (1, 2, 3)), 'none': submit.map(square, [])}


@workflow
async def collects():
    found = await submit.map(odd_one, [0, 1, 2, 3, 4], return_exceptions=True)
    return {'found': [str(each) if isinstance(each, Exception) else each for each in found], 'key': found[1].args}


def deadly(x):
    """Kill the job when the first two items are done."""
    if x == 2:
        for _ in range(1000):
            with open('items.jsonl') as file:
                if file.read().count('\n') == 2:
                    os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(0.01)
    if x == 3:
        time.sleep(60)
    return [x, np.full(2, x)]


@workflow
async def dies():
    found = await submit.map(deadly, [0, 1, 2, 3, 0], chunksize=4, limit=1, return_exceptions=True)
    return {'found': found[:2] + found[4:], 'errors': [str(error) for error in found[2:4]]}


@workflow
async def raises():
    try:
        await submit.map(odd_one, [0, 1, 4], chunksize=2)
    except KeyError as error:
        return {'args': error.args}


@workflow
async def arrays():
    found, others = await gather(submit.map(rows, np.eye(3), chunksize=2), submit.map(square, [5]))
    return {'sums': [pair[0] for pair in found], 'pids': len({pair[1] for pair in found}), 'others': others}


@workflow
async def nodes(first: orm.SinglefileData):
    second = orm.SinglefileData.from_string('two')
    return {'texts': await submit.map(read, [first, second, 3])}


def write(x):
    folder = pathlib.Path(f'out-{x}')
    (folder / 'deep').mkdir(parents=True)
    (folder / 'deep' / 'file.txt').write_text(f'content {x}')
    (folder / 'other').write_text('')
    return folder / 'deep' / 'file.txt' if x % 2 else folder.resolve() if x else pathlib.Path('nowhere')


@workflow
async def files():
    single, folder, path = await gather(*[submit(write, x=x) for x in (1, 2, 0)])
    again = await submit(read, x=single)
    mapped = await submit.map(write, [3, 4])
    return {
        'single': single,
        'folder': folder,
        'path': path,
        'again': again,
        'names': [type(x).__name__ for x in mapped],
    }


@workflow
async def refused():
    found = []
    for given in (([1, 2], [3], [4]), ([lambda: 0],), ()):
        try:
            await submit.map(square, *given)
        except (TypeError, ValueError) as error:
            found.append(str(error))
    return found
