"""Loops whose turns must not make their steps read ever more: what `test_links` runs."""

import itertools

from aiida import orm
from aiida.engine import ExitCode

from aiida_dreamflow import checkpoint, gather, submit, workflow


class Model:
    """Has no stored form, as an optimiser written in Rust."""

    def __init__(self, limits):
        self.limits = limits

    def __reduce_ex__(self, protocol):
        raise TypeError('no')

    def suggest(self, xs, ys):
        return sum(xs) + sum(ys) + self.limits[0]


def identity(x):
    return x


@workflow
async def child(x: int):
    return x + 1


async def value(x):
    await checkpoint()
    return x


@workflow
async def optimises(n: int = 8):
    limits = [1, 25]
    model = Model(limits)
    xs, ys = [1], [2]
    for _ in range(n):
        x = model.suggest(xs, ys) % 10
        xs = [*xs, x]
        y = await value(x)
        ys = [*ys, y]
    return {'xs': xs, 'ys': ys}


@workflow
async def makes_models(n: int = 8):
    seen = [1]
    for i in range(n):
        model = Model(seen)
        await checkpoint()
        seen = [*seen, model.suggest([i], [])]
    return seen


def totals():
    total = 0
    while True:
        y = yield total
        total += y


def counts(start):
    for i in range(100):
        yield start + i


@workflow
async def sends(n: int = 4):
    g = totals()
    x = next(g)
    for _ in range(n):
        y = await submit(child, x=x)
        x = g.send(y)
    return x


@workflow
async def takes(n: int = 8):
    g = counts(n)
    total = 0
    for _ in range(n):
        x = next(g)
        y = await value(x)
        total = total + y
    return total


@workflow
async def goes_through(n: int = 8):
    total = 0
    for x in counts(n):
        total += await value(x)
        if x > 14:
            break
    return total


@workflow
async def chains(n: int = 8):
    it = iter([1])
    total = 0
    for i in range(n):
        y = await value(i)
        it = itertools.chain(it, [y])
        await checkpoint()
        total += next(it)
    return total


@workflow
async def queues(n: int = 8):
    queue = [n]
    total = 0
    for x in queue:
        y = await value(x + 1)
        await checkpoint()
        if y < 16:
            queue.append(y)
        await checkpoint()
        total += x
    return total


@workflow
async def zips(n: int = 8, m: int = 3):
    xs, ys = list(range(n)), [m] * n
    total = 0
    for i, (x, y) in enumerate(zip(xs, ys, strict=True)):
        total = total + await value(i + x * y)
    return total


@workflow
async def handles(n: int = 5):
    waiting = [submit(child, x=i) for i in range(n)]
    total = 0
    for i in range(n):
        total += await waiting[i]
    return total


async def adds(x):
    first = await submit(child, x=x)
    second = await submit(child, x=first + x)
    return first + second


@workflow
async def gathers(x: int = 1):
    results = await gather(*[adds(x + i) for i in range(5)])
    return max(results)


async def fails(x):
    await checkpoint()
    await checkpoint()
    raise ValueError(f'no {x}')


@workflow
async def gathers_failures(x: int = 1):
    results = await gather(fails(x), value(x), return_exceptions=True)
    return str(results[0])


@workflow
async def holds_nodes(structures, family, more: int = 0):
    got = {'first': structures[0], 'outside': orm.load_node(more)}
    await checkpoint()
    grown = []
    for i in range(4):
        grown.append(orm.Int(i))
        await checkpoint()
    total = await submit(sums, nodes=[got['outside'], *grown])
    return {'total': total, 'kept': [family['Si'], got]}


@workflow
async def sums(nodes):
    await checkpoint()
    return sum(node.value for node in nodes)


@workflow
async def two_sums(x: int = 1, y: int = 2):
    a = await submit(child, x=x)
    b = await submit(child, x=y)
    return {'a': a, 'b': b}


@workflow
async def broken(x: int):
    return ExitCode(3, f'no {x}')


@workflow
async def calls_broken(x: int):
    return await submit(broken, x=x)


@workflow
async def survives(x: int = 1):
    found = []
    for process in (child, calls_broken, broken):
        try:
            found.append(await submit(process, x=x))
        except Exception as error:
            found.append(str(error))
    return found
