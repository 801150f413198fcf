"""Workflows for the tests of the engine. The daemon cannot import this file: it runs them from their pinned source."""

import pathlib
import time

from aiida.engine import ExitCode

from aiida_dreamflow import checkpoint, gather, job, submit, workflow


def square(x):
    return x * x


def slow_square(x, log, seconds=0.0):
    import pathlib
    import time

    with pathlib.Path(log).open('a') as file:
        file.write(f'{x}\n')
    time.sleep(seconds)
    return x * x


def twice(x):
    return [x, x]


def fail(message):
    raise ValueError(message)


class Unpicklable:
    """Stands for an object of a compiled library: no stored form, but made by a call."""

    def __init__(self, start):
        self.total = start

    def __reduce_ex__(self, protocol):
        raise TypeError('cannot pickle an Unpicklable')

    def add(self, x):
        return self.total + x


@workflow
async def add_squares(n: int = 2):
    """Add up the squares of the first integers, each from a job of its own."""
    total = 0
    for i in range(n):
        total += await submit(square, x=i)
    return total


@workflow
def add_squares_plainly(n: int = 1):
    total = 0
    for i in range(n):
        total += submit(square, x=i).result()
        total += submit(square, x=i)
    return {'total': total}


@workflow
async def side_by_side(n: int):
    handles = [submit(square, x=i) for i in range(n)]
    first, *others = await gather(*handles)
    again = await handles[0]
    return {'first': first, 'others': others, 'again': again}


@workflow
async def survivor(log: str, n: int = 4, seconds: float = 1.0, step_seconds: float = 0.0):
    """Loops over jobs, with a recipe, a cursor and a growing list across each await."""
    adder = Unpicklable(start=100)
    seen = []
    for i in range(n):
        y = await submit(slow_square, x=i, log=log, seconds=seconds)
        seen.append(adder.add(y))
        if step_seconds:
            with pathlib.Path(log + '.steps').open('a') as file:
                file.write(f'{i}\n')
            time.sleep(step_seconds)
    print(f'seen {seen}')
    return {'seen': seen}


@workflow
async def catches():
    try:
        await submit(fail, message='no luck')
    except ValueError as error:
        cause = str(error.__cause__)
        return {'message': str(error), 'line': 'raise ValueError(message)' in cause}


@workflow
async def fails():
    await submit(fail, message='no luck')


@workflow
async def raises():
    await checkpoint()
    values = {}
    return values['missing']


@workflow
async def exits():
    await checkpoint()
    return ExitCode(418, 'a teapot')


@workflow
async def keeps_a_file():
    file = open('/dev/null')
    await checkpoint()
    return file.read()


@workflow
async def returns_unsendable():
    return await submit(make_lambda)


def make_lambda():
    return lambda: None


@workflow
async def forgets(log: str, seconds: float = 0.0):
    submit(slow_square, x=5, log=log, seconds=seconds)
    return 1


@workflow
async def steps(n: int):
    total = 0
    for i in range(n):
        total += i
        await checkpoint()
    return total


async def helper(x):
    y = await submit(square, x=x)
    return y + 1


@workflow
async def with_helper(x: int):
    return await helper(await helper(x))


async def growing(items: list):
    try:
        for i in range(4):
            await checkpoint()
            items.append(i)
            yield sum(items)
    finally:
        await checkpoint()
        items.append('closed')


@workflow
async def streamed(x: int):
    """Two asynchronous generators, in turn at the same place of the stack; one is left to be closed."""
    some, others = [x], [10 * x]
    one, other = growing(some), growing(others)
    found = []
    for _ in range(2):
        found.append([await anext(one), await anext(other)])
        await checkpoint()
    async for total in one:
        break
    del one, other
    await checkpoint()
    await checkpoint()
    return {'found': found, 'total': total, 'some': some, 'others': others}


@workflow
async def outer(x: int):
    inner = await submit(steps, n=x)
    return inner * 10


@workflow
async def passes_on(x: int):
    y = await submit(twice, x=x)
    await checkpoint()
    return y


@workflow
async def unknown_computer():
    try:
        await submit(job(square, computer='no-such-computer'), x=1)
    except ValueError as error:
        return {'message': str(error)}


@workflow
async def wrong_argument():
    try:
        await submit(square, y=1)
    except TypeError as error:
        return {'message': str(error)}
