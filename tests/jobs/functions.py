"""Functions for jobs, as a user would write them in a file."""

import math
import os
import signal
from dataclasses import dataclass

try:
    import tomllib
except ImportError:
    tomllib = None

import numpy as np

SCALE = 2.0
TABLE = {}
TABLE['one'] = 1


class OddNumberError(ValueError):
    def __init__(self, number, *, hint):
        super().__init__(f'{number} is odd')
        self.number = number
        self.hint = hint


@dataclass
class Point:
    x: float
    y: float


def scale(x):
    return SCALE * x


def add(x, y=1):
    print('adding')
    return x + y


def xsinx(x):
    return (x - 3.5) * np.sin((x - 3.5) / np.pi)


def hypotenuse(a: 'float', b: float) -> 'Point':
    return scale(math.hypot(a, b))


def half(number):
    if number % 2:
        raise OddNumberError(number, hint='double it')
    return number // 2


def divide(x, y):
    try:
        return x / y
    except ZeroDivisionError as error:
        raise ValueError('no division', {'y': y}) from error


def unsendable(x):
    return {'points': [1, object()]}


def needs_missing():
    import a_module_that_is_nowhere

    return a_module_that_is_nowhere


def killed():
    os.kill(os.getpid(), signal.SIGKILL)


def leaves(status):
    raise SystemExit(status)


def everything(first, /, _tmp, x_, *args, metadata, **others):
    return [first, _tmp, x_, list(args), metadata, others]


def lookup(key):
    return TABLE[key], tomllib is None, tuple(range(3))


def read_all(single, folder):
    texts = [single.name, single.read_text()]
    for path in folder.rglob('*'):
        if path.is_file():
            texts += [str(path.relative_to(folder)), path.read_text()]
    return texts


if __name__ == '__main__':
    print(scale(2))
