"""The workflows of `test_status`."""

from __future__ import annotations

from aiida_dreamflow import checkpoint, gather, sleep, submit, workflow


@workflow
async def quick():
    return 1


@workflow
async def sleeper(hours: int):
    await sleep(3600 * hours)
    return hours


@workflow
async def one():
    await submit(quick)
    return await submit(sleeper, hours=1)


async def relaxed(way):
    if way < 2:
        return await submit(sleeper, hours=1)
    return await submit(sleeper, hours=2, metadata={'call_link_label': 'scf'})


@workflow
async def several():
    return await gather(relaxed(0), relaxed(1), relaxed(2))


@workflow
async def many(n: int):
    return await gather(*(submit(sleeper, hours=1) for _ in range(n)))


@workflow
async def leaves():
    await submit(quick)
    submit(sleeper, hours=1)
    return 1


@workflow
async def short():
    await sleep(1.5)
    return 1


async def helper(n):
    for _ in range(n):
        await checkpoint()
        n += 1
    return n


@workflow
async def lines():
    return await gather(helper(1), helper(3))
