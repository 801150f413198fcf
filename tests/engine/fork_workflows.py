"""Workflows for the tests of forks; the last two cannot go on as they are written."""

from aiida_dreamflow import checkpoint, gather, submit, workflow


def square(x, log):
    with open(log, 'a') as file:
        file.write(f'{x}\n')
    return x * x


def picky(x, log):
    with open(log, 'a') as file:
        file.write(f'{x}\n')
    if x == 2:
        raise ValueError('not two')
    return x


@workflow
async def mistyped(n: int, log: str):
    """The typo is met when the last job has ended."""
    results = []
    for i in range(n):
        y = await submit(square, x=i, log=log)
        if i == n - 1:
            resluts.append(y)  # noqa: F821
        results.append(y)
    return {'total': sum(results)}


@workflow
async def picks(n: int, log: str):
    handles = [submit(picky, x=i, log=log) for i in range(n)]
    found = await gather(*handles)
    await checkpoint()
    return {'total': sum(found)}


@workflow
async def scales(n: int, factor: float):
    """Has two variables that can be given other values, and one that nothing needs after the loop has begun."""
    shared = [1.0]
    same = shared
    total = 0.0

    def scaled(x):
        return factor * x

    for i in range(n):
        await checkpoint()
        total += scaled(i)
    return {'total': total, 'shared': shared, 'same': same}
