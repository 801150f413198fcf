"""The workflow of `test_trouble`."""

from __future__ import annotations

from pathlib import Path

from aiida_dreamflow import checkpoint, gather, submit, workflow


@workflow
async def steps(log):
    """Three turns, each of which leaves a trace outside of AiiDA."""
    seen = []
    for i in range(3):
        with Path(log).open('a') as file:
            file.write(f'{i}\n')
        seen.append(i)
        await checkpoint()
    return {'seen': seen}


@workflow
async def asks():
    """Two children at once."""
    return {'both': await gather(submit(answers), submit(answers))}


@workflow
async def answers():
    """Nothing to do."""
    return 1


def square(x):
    return x * x


@workflow
async def asks_one():
    """One job."""
    return await submit(square, x=3)
