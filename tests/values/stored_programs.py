"""Functions whose frames are kept in ``stored_frames``: what was written once must be read by every later version.

Don't edit them: a frame knows the source of its function. Write a new file for new ones.
"""

import datetime
import enum
import fractions
from dataclasses import dataclass

import numpy as np

from aiida_dreamflow import checkpoint, submit


class Colour(enum.Enum):
    RED = 'red'


@dataclass
class Point:
    x: float
    label: str


def cube(x):
    return x**3


async def helper(x):
    await checkpoint()
    return x


async def scalars():
    number, text, large, nothing, part, flag = 1.5, 'a text', 10**30, None, 2 + 3j, True
    await checkpoint()
    return number, text, large, nothing, part, flag


async def arrays():
    row = np.arange(12.0).reshape(3, 4)[:, ::2]
    matrix = np.arange(4000).reshape(40, 100)
    both = [row, matrix, matrix]
    await checkpoint()
    return row.tolist(), int(matrix.sum()), both[1] is both[2]


async def objects():
    point, day, third = Point(1.0, 'p'), datetime.date(2020, 2, 29), fractions.Fraction(1, 3)
    items = {'point': point, 'again': point, (1, 2): {3, 4}, 'colour': Colour.RED, 'bytes': b'\x00\xff'}
    await checkpoint()
    return items['again'] is point, point, day, third, items['colour'], items[1, 2], items['bytes']


async def loops():
    found = []
    for i in range(3):
        for name, j in zip('ab', [10, 20]):
            found.append((name, await helper(i + j)))
    return found


async def generator():
    def squares(n):
        for i in range(n):
            yield i * i

    numbers = squares(4)
    first = next(numbers)
    await checkpoint()
    return first, list(numbers)


async def handles():
    one, two = submit(cube, x=2), submit(cube, x=3)
    return [await one, await two]


async def nested():
    start = 5

    def add(x):
        return start + x

    await checkpoint()
    return add(1)


async def raised():
    try:
        {}['missing']
    except KeyError as error:
        await checkpoint()
        return repr(error), error.__traceback__ is not None


def _maker(start):
    return lambda x: start + x


async def made_elsewhere():
    """A function that no name leads to, made where nothing of the frame is: its code belongs to one version of Python."""
    add = _maker(5)
    await checkpoint()
    return add(1)


PROGRAMS = (scalars, arrays, objects, loops, generator, handles, nested, raised, made_elsewhere)
