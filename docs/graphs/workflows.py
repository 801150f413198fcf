"""The workflows whose graphs the documentation shows."""

from __future__ import annotations

import egobox as egx
import numpy as np
from aiida.orm import Int
from aiida.plugins import CalculationFactory

from aiida_dreamflow import gather, run, submit, workflow


def xsinx(x):
    return (x - 3.5) * np.sin((x - 3.5) / np.pi)


@workflow
async def optimisation(n: int = 2):
    xlimits = [[0.0, 25.0]]
    egor = egx.Egor(xlimits, seed=42)
    x_doe = egx.lhs(xlimits, 3, seed=42)
    y_doe = np.vstack([await run(xsinx, x=x) for x in x_doe])
    for _ in range(n):
        x = egor.suggest(x_doe, y_doe)
        x_doe = np.concatenate((x_doe, x))
        y = await run(xsinx, x=x)
        y_doe = np.concatenate((y_doe, y))
    return {'best': float(y_doe.min())}


def square(x):
    return x * x


async def path(start):
    x = start
    for _ in range(2):
        x = x + await run(square, x=x)
    return x


@workflow
async def five_helpers(x: int = 1):
    ends = await gather(*[path(x + number) for number in range(5)])
    return max(ends)


@workflow
async def energy(volume: int):
    return await run(square, x=volume - 3)


@workflow
async def nested(volume: int = 2):
    small = await submit(energy, volume=volume)
    large = await submit(energy, volume=volume + small)
    return {'difference': large - small}


@workflow
async def mapped(n: int = 4):
    squares = await submit.map(square, range(n))
    return sum(squares)


Add = CalculationFactory('core.arithmetic.add')


@workflow
async def plugin(code, x: Int):
    first = await submit(Add, code=code, x=x, y=Int(5))
    second = await submit(Add, code=code, x=first['sum'], y=Int(1))
    return {'total': second['sum']}
