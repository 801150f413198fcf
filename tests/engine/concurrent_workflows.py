"""Workflows for the tests of concurrency under AiiDA."""

import asyncio
import pathlib
import time

from aiida_dreamflow import (
    Semaphore,
    as_completed,
    checkpoint,
    create_task,
    gather,
    sleep,
    submit,
    timeout,
    wait,
    wait_for,
    workflow,
)


@workflow
async def echo(x: int, naps: float = 0.0):
    """A child that takes a while, and holds up nobody."""
    await sleep(naps)
    return x


@workflow
async def refuses(x: int):
    await checkpoint()
    raise ValueError(f'no {x}')


async def relax(x):
    y = await submit(echo, x=x)
    z = await submit(echo, x=y + 1)
    return [x, z]


async def relax_in_turn(gate, x):
    async with gate:
        return await relax(x)


@workflow
async def relaxes(n: int):
    gate = Semaphore(2)
    results = await gather(*(relax_in_turn(gate, x) for x in range(n)))
    return {'results': results}


@workflow
async def first_wins():
    order = []
    async for handle in as_completed([submit(echo, x=1, naps=2.0), submit(echo, x=2), submit(echo, x=3, naps=1.0)]):
        order.append(await handle)
    return {'order': order}


@workflow
async def at_most(n: int, limit: int):
    values = await gather(*(submit(echo, x=x, naps=0.2) for x in range(n)), limit=limit)
    return {'values': values}


@workflow
async def naps(seconds: float):
    await sleep(seconds)
    return 'slept'


@workflow
async def too_late():
    try:
        async with timeout(0.5):
            await submit(echo, x=1, naps=60.0)
    except TimeoutError:
        return 'late'


@workflow
async def too_late_for_one():
    y = await wait_for(submit(echo, x=2), 60)
    try:
        await wait_for(submit(echo, x=1, naps=60.0), 0.5)
    except TimeoutError:
        return {'y': y}


@workflow
async def cancels():
    handle = submit(echo, x=1, naps=60.0)
    await checkpoint()
    handle.cancel()
    try:
        await handle
    except asyncio.CancelledError:
        return 'cancelled'


@workflow
async def cancels_at_once():
    handle = submit(echo, x=1)
    handle.cancel()
    await checkpoint()
    return handle.cancelled()


@workflow
async def uncaught_cancel():
    handle = submit(echo, x=1, naps=60.0)
    await checkpoint()
    handle.cancel()
    await handle


@workflow
async def forgets_failures():
    submit(refuses, x=1)
    create_task(falls())
    await checkpoint()
    await checkpoint()
    return 'end'


async def falls():
    await checkpoint()
    raise KeyError('fallen')


@workflow
async def asks_for_failures():
    handle = submit(refuses, x=1)
    task = create_task(falls())
    await wait([handle, task])
    return [type(handle.exception()).__name__, type(task.exception()).__name__]


@workflow
async def leaves_children():
    submit(echo, x=1, naps=3.0)
    await checkpoint()
    raise KeyError('end')


@workflow
async def survives(log: str, n: int, seconds: float):
    """Helpers side by side, a loop in each, a timer in each turn."""

    async def turns(name):
        total = 0
        for number in range(n):
            total += await submit(echo, x=number)
            await sleep(seconds)
            with pathlib.Path(log).open('a') as file:
                file.write(f'{name} {number} {time.time()}\n')
        return total

    a, b = await gather(turns('a'), turns('b'))
    return {'a': a, 'b': b}


@workflow
async def ends_when_told(x: int, sign: str):
    while not pathlib.Path(sign).exists():
        await sleep(0.1)
    return x


@workflow
async def takes_as_they_end(n: int, sign: str):
    """Three children end while the others are under way, on machines of any speed."""
    handles = [submit(echo, x=x) for x in range(3)] + [submit(ends_when_told, x=x, sign=sign) for x in range(3, n)]
    seen = []
    async for handle in as_completed(handles):
        seen.append(await handle)
        if len(seen) == 3:
            pathlib.Path(sign).touch()
    return sorted(seen)


def twice(x):
    return 2 * x


@workflow
async def jobs_at_once(n: int):
    return sum(await gather(*[submit(twice, x=i) for i in range(n)]))
