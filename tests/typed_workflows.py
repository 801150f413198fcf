"""What a type checker sees of the names of this package: `test_typing.py` runs mypy on it."""

from __future__ import annotations

import asyncio
from typing import assert_type

from aiida_dreamflow import TaskGroup, as_completed, create_task, gather, sleep, submit, timeout, wait


def f(x: int) -> str:
    return str(x)


def g(x: int) -> float:
    return x


async def h(x: int) -> bytes:
    return b''


async def typed() -> None:
    a, b, c = await gather(submit(f, x=1), submit(g, 2), h(3))
    assert_type(a, str)
    assert_type(b, float)
    assert_type(c, bytes)
    many = await gather(*[h(x) for x in range(3)], limit=2)
    assert_type(many, list[bytes])
    (r,) = await gather(submit(f, x=1), return_exceptions=True)
    assert_type(r, str | BaseException)
    for following in as_completed([submit(f, x=1)]):
        assert_type(await following, str)
    async for handle in as_completed([submit(f, x=1)]):
        assert_type(await handle, str)
    task = create_task(h(1))
    assert_type(await task, bytes)
    assert_type(task.result(), bytes)
    done, pending = await wait([submit(f, x=1)], return_when=asyncio.FIRST_COMPLETED)
    assert_type({d.result() for d in done}, set[str])
    async with TaskGroup() as group:
        t = group.create_task(h(1))
    assert_type(t.result(), bytes)
    async with timeout(3) as limit:
        await sleep(1)
    assert_type(limit.expired(), bool)
    assert_type(await sleep(1, 'x'), str)
