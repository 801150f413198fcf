"""Workflows with objects that cannot be stored, that are pickled, and that must not be."""

import threading
from dataclasses import dataclass

from aiida_dreamflow import checkpoint, workflow


class Space:
    """Cannot be stored."""

    def __init__(self, size):
        self.size = size

    def __reduce_ex__(self, protocol):
        raise TypeError('cannot pickle a Space')


class Search:
    """Cannot be stored either, and needs a space."""

    def __init__(self, space, seed):
        self.space, self.seed, self.seen = space, seed, []

    def __reduce_ex__(self, protocol):
        raise TypeError('cannot pickle a Search')

    def suggest(self):
        self.seen.append(1)
        return self.space.size + self.seed + len(self.seen)


class Plain:
    def __init__(self, x):
        self.x = x


@dataclass
class Declared:
    x: object


@workflow
async def search(n: int = 3):
    space = Space(n * 10)
    engine = Search(space, seed=5)
    found = []
    for _ in range(n):
        found.append(engine.suggest())
        found.append(engine.suggest())
        await checkpoint()
    return {'found': found, 'same': engine.space is space}


@workflow(recipes=False)
async def strict(n: int = 3):
    space = Space(n)
    await checkpoint()
    return space.size


@workflow
async def keeps_a_local(n: int = 3):
    values = {'places': [threading.local()]}
    await checkpoint()
    await checkpoint()
    return len(values)


@workflow
async def local_in_a_helper(n: int = 3):
    return await helper(n)


async def helper(n):
    place = threading.local()
    await checkpoint()
    return place, n


@workflow
async def pickles(n: int = 3):
    kept = Plain(n)
    await checkpoint()
    return {'x': kept.x, 'kept': kept}


@workflow(pickles=False)
async def no_pickles(n: int = 3):
    declared = Declared([n])
    await checkpoint()
    kept = Plain(declared)
    await checkpoint()
    return kept.x


@workflow(pickles=False)
async def returns_a_pickle(n: int = 3):
    return {'n': n, 'kept': Plain(n)}


@workflow(pickles=False)
async def takes_anything(x):
    await checkpoint()
    return 1
