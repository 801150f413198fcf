"""What a type checker sees of the names of this package: `test_typing.py` runs mypy on it."""

from __future__ import annotations

import asyncio
from typing import Any, assert_type

from aiida import engine, orm
from aiida.calculations.arithmetic.add import ArithmeticAddCalculation
from aiida.engine import calcfunction

from aiida_dreamflow import (
    TaskGroup,
    as_completed,
    create_task,
    gather,
    job,
    run,
    sleep,
    submit,
    timeout,
    wait,
    wait_for,
    workflow,
)


def f(x: int) -> str:
    return str(x)


def g(x: int) -> float:
    return x


async def h(x: int) -> bytes:
    return b''


def p(x: int, y: float) -> list[int]:
    return [x, int(y)]


@calcfunction
def add(x: orm.Int, y: orm.Int) -> orm.Int:
    return x + y  # type: ignore[no-any-return]


@workflow
async def child(a: int, b: str = '') -> dict[str, float]:
    return {b: float(a)}


@workflow(recipes=False)
def plain(a: int) -> int:
    return a


@workflow
async def targets(x: orm.Int) -> None:
    assert_type(await submit(job(f), x=1), str)
    assert_type(await run(f, x=1), str)
    assert_type(await submit(add, x, x), orm.Int)
    assert_type(add(x, x), orm.Int)
    assert_type(await submit(child, a=1), dict[str, float])
    assert_type(await child(a=1, b='b'), dict[str, float])
    assert_type(await submit(plain, a=1), int)
    assert_type(await gather(child(2), submit(f, 1)), tuple[dict[str, float], str])
    assert_type(await submit(ArithmeticAddCalculation, x=1), dict[str, Any])
    assert_type(await submit(ArithmeticAddCalculation.get_builder()), dict[str, Any])
    assert_type(await submit(child.get_builder(), a=1), dict[str, Any])
    assert_type(await submit('core.arithmetic.add', x=1), Any)
    assert_type(await submit.map(f, [1, 2], chunksize=1), list[str])
    assert_type(await submit.map(job(p), [1, 2], (1.0, 2.0)), list[list[int]])
    assert_type(await submit.map(f, range(3), return_exceptions=True), list[str | BaseException])
    await submit(f, x='wrong')  # type: ignore[call-overload]
    await submit(child, c=1)  # type: ignore[call-overload]
    await child(b='no a')  # type: ignore[call-arg]
    await submit.map(f, ['wrong'])  # type: ignore[arg-type]


def launched() -> None:
    engine.submit(child, a=1)
    engine.run(plain, a=1)
    engine.run_get_node(child.get_builder())


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
    assert_type(await wait_for(submit(f, x=1), 3), str)
    assert_type(await wait_for(h(1), None), bytes)
    assert_type(await sleep(1, 'x'), str)
