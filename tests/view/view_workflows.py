"""The workflows that are looked at in these tests."""

from __future__ import annotations

import numpy as np

from aiida_dreamflow import as_completed, checkpoint, gather, run, sleep, submit, workflow


def square(x):
    return x * x


def square_or_not(x):
    if x == 2:
        raise ValueError('two is too many')
    return x * x


@workflow
async def optimise(n: int = 3):
    """Has an array that grows, a loop that knows its length, and children."""
    found = np.zeros(10)
    names = ['a', 'b', 'c', 'd']
    for i, name in enumerate(names):
        y = await run(square, x=i)
        found = np.concatenate((found, [y]))
        print(name, 'gave', y)
        if i == n:
            break
    return {'found': found}


@workflow
async def fails(n: int = 5):
    for x in range(n):
        await run(square_or_not, x=x)
    return n


@workflow
async def breaks(n: int = 5):
    for x in range(n):
        await checkpoint()
        if x == 2:
            raise KeyError('no such thing')
    return n


class Unstorable:
    """Cannot be stored."""

    made = [0]

    def __init__(self, size):
        Unstorable.made[0] += 1
        self.size = size

    def __reduce_ex__(self, protocol):
        raise TypeError('not to be pickled')


async def helper(values):
    total = 0
    for value in values:
        await checkpoint()
        total += value
    return total


@workflow
async def kinds_of_loops(n: int = 3):
    made = Unstorable(n)
    mapping = {'a': 1, 'b': 2}
    for key in mapping:
        await checkpoint()
    for item in {4}:
        await checkpoint()
    for pair in zip([1, 2, 3], range(10)):
        await checkpoint()
    for item in reversed([1, 2]):
        await checkpoint()
    for item in np.arange(500.0):
        await checkpoint()
        if item == 1:
            break
    many = [float(i) for i in range(200)]
    for item in many:
        await checkpoint()
        if item == 1:
            break
    doubled = [await helper([i]) for i in range(2)]
    both = await gather(helper([1, 2, 3]), helper((4,)))
    await sleep(0.3)
    return [made.size, key, item, pair, doubled, both]


@workflow
async def takes_as_they_end(n: int = 3):
    handle = submit(square, x=7)
    total = 0
    for future in as_completed([run_one(i) for i in range(n)]):
        total += await future
    return total + await handle


async def run_one(x):
    await checkpoint()
    return x
