"""Workflows whose variables change a little, or not at all."""

import math

import numpy as np

from aiida_dreamflow import checkpoint, submit, workflow


def one(x):
    return 1


@workflow
async def equal_results(x: int = 1):
    a = await submit(one, x=x)
    b = await submit(one, x=x + 1)
    await checkpoint()
    return {'a': a, 'b': b}


@workflow
async def one_ulp(x: float = 1.0):
    y = x * 3
    await checkpoint()
    z = y
    y = math.nextafter(y, math.inf)
    await checkpoint()
    same = y + 0.0
    y = same
    await checkpoint()
    return {'y': y, 'z': z}


@workflow
async def alias(n: int = 4):
    base = np.zeros(n)
    part = base[1:]
    untouched = [list(range(n))]
    await checkpoint()
    part[0] = 5
    await checkpoint()
    untouched[0][0] += 0
    await checkpoint()
    return {'base': base, 'part': part, 'untouched': untouched}
