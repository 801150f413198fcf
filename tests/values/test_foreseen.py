"""What can be told of a class agrees with what is found with an object of it."""

from __future__ import annotations

import collections
import datetime
import fractions
import itertools
import re
import socket
import threading
import zlib

import numpy
import pytest

from aiida_dreamflow.exceptions import CannotStoreError
from aiida_dreamflow.values.foreseen import is_unstorable
from aiida_dreamflow.values.snapshot import encode


class Plain:
    def __init__(self, x=1):
        self.x = x


class Slotted:
    __slots__ = ('__weakref__', 'x')


class Both(Slotted):
    pass


class Table(dict):
    pass


class Number(int):
    pass


OBJECTS = [
    1, 'a', [1], {1: 2}, {1}, (1,), b'', None, 1.5, range(3), numpy.zeros(2), numpy.float64(1), re.compile('a'),
    fractions.Fraction(1, 3), datetime.date(2020, 1, 1), collections.Counter('aa'), collections.deque([1]),
    collections.OrderedDict(a=1), itertools.count(), Plain(), Slotted(), Both(), Table(a=1), Number(3), ValueError('a'),
    threading.Lock(), threading.RLock(), threading.local(), zlib.compressobj(), zlib.decompressobj(), socket.socket(), iter([1]),
]  # fmt: skip


@pytest.mark.parametrize('value', OBJECTS, ids=lambda value: type(value).__qualname__)
def test_what_is_told_is_true(value):
    if is_unstorable(type(value)):
        with pytest.raises(CannotStoreError):
            encode({'': value}, [])


@pytest.mark.parametrize('value', [zlib.compressobj(), threading.local(), socket.socket()])
def test_what_must_be_told(value):
    assert is_unstorable(type(value))
