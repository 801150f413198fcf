"""Classes and functions that tests store by name; a fresh process imports them too."""

from __future__ import annotations

import enum
from collections import namedtuple
from dataclasses import dataclass

MISSING = object()


class Plain:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)

    def method(self):
        return self

    @classmethod
    def from_class(cls):
        return cls

    class Inner:
        pass


class Slotted:
    __slots__ = ('left', 'right')

    def __init__(self, left=None, right=None):
        self.left, self.right = left, right


@dataclass(frozen=True)
class Frozen:
    x: object
    y: object = None


@dataclass(frozen=True, slots=True)
class FrozenSlots:
    x: object


Point = namedtuple('Point', 'x y')


class Keyed:
    """Its hash needs its attributes, so it must be complete before it becomes a key."""

    def __init__(self, name, owner=None):
        self.name, self.owner = name, owner

    def __hash__(self):
        return hash(self.name)

    def __eq__(self, other):
        return isinstance(other, Keyed) and self.name == other.name


class WithState:
    """Its `__setstate__` looks at what it is given."""

    def __init__(self, items):
        self.items = items

    def __getstate__(self):
        return {'items': self.items, 'count': len(self.items)}

    def __setstate__(self, state):
        assert state['count'] == len(state['items'])
        self.items = state['items']
        self.restored = True


class OwnReduce:
    def __init__(self, a, b):
        self.a, self.b = a, b

    def __reduce__(self):
        return (OwnReduce, (self.a, self.b))


class Text(str):
    pass


class Items(list):
    pass


class Table(dict):
    pass


class Colour(enum.Enum):
    RED = 1
    BLUE = 'b'
    GOLD = (1.5, 2)


class Level(enum.IntEnum):
    LOW = 1


class Flags(enum.Flag):
    A = 1
    B = 2


class OddError(Exception):
    """Its arguments do not fit its `__init__`."""

    def __init__(self, code, *, detail):
        super().__init__(f'{code}: {detail}')
        self.code, self.detail = code, detail


def double(x):
    return 2 * x


def _wrap(function):
    import functools

    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)

    return wrapper


@_wrap
def wrapped(x):
    return x


class Refuses:
    def __reduce_ex__(self, protocol):
        raise TypeError('not me')


class Answering:
    """Has an answer for every attribute."""

    def __init__(self):
        self.kept = [1, 2]

    def __getattr__(self, name):
        return vars(self).get('answer')
