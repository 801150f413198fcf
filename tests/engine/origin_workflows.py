"""Workflows whose values come from somewhere: what the tests of provenance by data flow run."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from aiida_dreamflow import TaskGroup, as_completed, checkpoint, create_task, gather, submit, wait_for, workflow


@workflow
async def one(x: float = 1):
    y = x + 0
    await checkpoint()
    return y


@workflow
async def same(x: float):
    await checkpoint()
    return x


@workflow
async def returns_two():
    a = await submit(one)
    b = await submit(one)
    return {'a': a, 'b': b}


@workflow
async def overwrites():
    y = await submit(one)
    y = await submit(one)
    return y


@workflow
async def hands_on():
    y = await submit(one)
    copy = y
    await checkpoint()
    z = await submit(same, x=copy)
    return {'y': y, 'z': z}


@workflow
async def one_ulp(x: float):
    await checkpoint()
    x = np.nextafter(x, 2.0).item()
    await checkpoint()
    return x


@workflow
async def kinds():
    x = 1
    await checkpoint()
    x = x == 1
    await checkpoint()
    x = x / 1
    await checkpoint()
    return x


@workflow
async def through_an_alias():
    a = np.zeros(300_000)
    b = a
    await checkpoint()
    b[7] = 1.0
    await checkpoint()
    return a


@workflow
async def through_a_container():
    a = np.zeros(300_000)
    box = [a]
    await checkpoint()
    box[0][7] = 1.0
    await checkpoint()
    return a


def held(array, at=None, store=[]):  # noqa: B006
    """Keeps an array, out of sight of any workflow, and changes it."""
    if at is None:
        store[:] = [array]
    else:
        store[0][at] = 1.0


@workflow
async def through_a_default():
    a = np.zeros(300_000)
    held(a)
    await checkpoint()
    held(None, 7)
    await checkpoint()
    return a


@workflow
async def through_a_cell():
    a = np.zeros(300_000)

    def change():
        a[7] = 1.0

    await checkpoint()
    change()
    await checkpoint()
    return a


@workflow
async def untouched(n: int):
    a = np.zeros(300_000)
    for _ in range(n):
        await checkpoint()
    return a.sum()


@workflow
async def grows(n: int):
    seen = []
    for i in range(n):
        seen.append(i * 0.5)
        await checkpoint()
    return seen


@workflow
async def grows_in_a_closure(n: int):
    seen = []

    def add(item):
        seen.append(item)

    for i in range(n):
        add(i * 0.5)
        await checkpoint()
    return seen


@workflow
async def grows_in_a_dict(n: int):
    seen = {'ys': []}
    for i in range(n):
        seen['ys'].append(i * 0.5)
        await checkpoint()
    return {'result': seen}


@dataclass
class Found:
    x: float
    history: list


@workflow
async def grows_with_objects(n: int):
    seen = []
    for i in range(n):
        seen.append(Found(i * 0.5, [i]))
        await checkpoint()
    return seen


@workflow
async def grows_with_something_shared(n: int):
    seen, base = [], np.arange(20.0)
    for i in range(n):
        seen.append({'base': base, 'x': i * 0.5})
        await checkpoint()
    return seen, base


@workflow
async def grows_and_changes(n: int):
    seen = []
    for i in range(n):
        seen.append(np.array([i, 0.5]))
        await checkpoint()
        if i == 90:
            seen[3][1] = 7.0
            await checkpoint()
    return {'changed': seen[3], 'last': seen[-1], 'n': len(seen)}


@workflow
async def takes_apart():
    total = await submit(one) + await submit(one)
    return total


async def asks(z):
    y = await submit(same, x=z)
    return y


async def asks_first():
    return await submit(one)


async def waits_and_gives(x, other=None):
    await checkpoint()
    return x, other


@workflow
async def into_tasks():
    """All arguments of helpers that are tasks are 1, and come from different children."""
    a, b, c = await gather(submit(one), submit(one), submit(one))
    first = partial(waits_and_gives, 1)
    pairs = await gather(waits_and_gives(a), waits_and_gives(b, other=a), first(c))
    task = create_task(waits_and_gives(c))
    async with TaskGroup() as group:
        group.create_task(waits_and_gives(b))
    async for each in as_completed([waits_and_gives(a), waits_and_gives(c)]):
        await each
    await wait_for(waits_and_gives(b), 100)
    return len(pairs), await task


@workflow
async def many_ways():
    """Each output is what a child gave, whatever way it took; all gave 1."""
    a, *_, c = await gather(submit(one), submit(one), submit(one))
    d = e = await submit(same, x=await submit(one))
    if (f := await asks(c)) > 0:
        await checkpoint()
    a, c = c, a
    g, h = await gather(asks_first(), asks_first())
    return {'a': a, 'c': c, 'd': d, 'e': e, 'f': f, 'g': g, 'h': h, 'i': await submit(one), 'j': await asks(e)}


@workflow
async def grows_in_a_cell(first: int, n: int):
    seen = [np.full(200, i) for i in range(first)]

    def add(item):
        seen.append(item)

    for i in range(first, n):
        add(np.full(200, i))
        await checkpoint()
    return seen
