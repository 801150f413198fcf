"""Workflows that take, hand on and return values of all kinds: what `test_values` runs."""

import decimal
import io
import sys
import threading
import time
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from aiida import orm

from aiida_dreamflow import checkpoint, submit, workflow


class Pair(NamedTuple):
    x: int
    y: float


@dataclass
class Record:
    x: int
    y: list


def made():
    return {
        'pair': Pair(1, -0.0),
        'record': Record(1, [2, np.arange(3)]),
        'empty': {},
        'result': {'result': 5},
        'order': {'b': 1, 'a__x': np.arange(2.0), '': [1e20], 'aa': None},
        'none': None,
        'list': [1],
        'plain': 7,
    }


@workflow
async def gives(kind: str):
    await checkpoint()
    return made()[kind]


@workflow
async def receives():
    got = {}
    for kind in made():
        got[kind] = await submit(gives, kind=kind)
    types = [type(value) is type(expected) for value, expected in zip(got.values(), made().values())]
    return {'same': repr(got) == repr(made()) and all(types), 'x': got['pair'].x}


@workflow
async def not_given(a, b: int | None = 5, c=None):
    await checkpoint()
    return [a, b, c]


@workflow
async def gives_none():
    return await submit(not_given, a=None, b=None)


@workflow
async def keeps(v):
    await checkpoint()
    w = v
    await checkpoint()
    return {'v': v, 'w': w}


class Unstorable:
    def __reduce__(self):
        raise TypeError('not this one')


@workflow
async def returns_it():
    await checkpoint()
    found = {'a': [1, Unstorable()]}
    return found


def begin(seconds):
    thread = threading.Thread(target=time.sleep, args=(seconds,), daemon=True)
    thread.start()
    return thread


@workflow
async def holds_a_thread():
    thread = begin(5)
    await checkpoint()
    return thread.name


@workflow
async def stores_nodes():
    number = orm.Int(3).store()
    orm.Dict({'of': 'nobody'}).store()
    known = orm.load_node(number.pk)
    await checkpoint()
    again = orm.load_node(number.pk)
    return {'number': number, 'again': again, 'known': known, 'unstored': orm.Int(4)}


@workflow
async def changes_its_process():
    decimal.getcontext().prec = 3
    await checkpoint()
    sys.stderr = io.StringIO()
    return str(decimal.Decimal(1) / 3)


class Unloadable:
    def __init__(self):
        self.x = 1

    def __setstate__(self, state):
        raise RuntimeError('no')


@workflow
async def keeps_unloadable():
    kept = Unloadable()
    await checkpoint()
    return kept.x


@workflow
async def returns_unloadable():
    await checkpoint()
    return {'out': [Unloadable()]}
