"""Workflows whose graph is exported, drawn, dumped and cached."""

from collections import OrderedDict

import numpy as np

from aiida_dreamflow import checkpoint, submit, workflow


class Pickled:
    def __init__(self, x):
        self.x = x


def squares(xs):
    return [x * x for x in xs]


def noisy(xs):
    import os

    return [*xs, os.getpid()]


@workflow
async def everything(n: int = 2):
    """Values of many kinds, a job, and a workflow as child."""
    xs = [i + 0.1 for i in range(n)]
    table = OrderedDict(array=np.arange(n), nan=float('nan'))
    ys = await submit(squares, xs=xs)
    total = await submit(child, xs=ys)
    return {'ys': ys, 'total': total, 'table': table, 'pickled': Pickled(table)}


@workflow
async def signed(n: int = 2):
    """The value of `everything` that only its own profile loads."""
    table = OrderedDict(array=np.arange(n), nan=float('nan'))
    await checkpoint()
    return {'pickled': Pickled(table)}


@workflow
async def child(xs: list):
    await checkpoint()
    return sum(xs)


@workflow
async def cached(n: int = 2):
    xs = [i + 0.1 for i in range(n)]
    noise = await submit(noisy, xs=xs)
    return noise
