"""What cannot be stored is refused by name, with the path to it and what to do."""

from __future__ import annotations

import asyncio
import collections
import ctypes
import functools
import importlib
import importlib.machinery
import importlib.util
import io
import logging
import os
import socket
import subprocess
import sys
import threading
import time
import warnings
import weakref

import pytest
from values import things
from values.graphs import back

from aiida_dreamflow import checkpoint
from aiida_dreamflow.exceptions import CannotStoreError
from aiida_dreamflow.testing import run_in_memory
from aiida_dreamflow.values.chunks import ChunkCodec
from aiida_dreamflow.values.parts import MemoryFiles, PartWriter
from aiida_dreamflow.values.snapshot import encode


async def _coroutine():
    pass


def _frame():
    return sys._getframe()


def _held(lock):
    lock.acquire()
    return lock


def _running():
    thread = threading.Thread(target=time.sleep, args=(1,), daemon=True)
    thread.start()
    return thread


_HELD_BY_NOBODY_STORED = {1}

CASES = {
    'generator': (lambda: (x for x in []), 'generator', 'make a list'),
    'lock': (lambda: _held(threading.Lock()), 'lock', 'release it before the await'),
    'rlock': (lambda: _held(threading.RLock()), 'RLock', 'release it before the await'),
    'condition': (lambda: _held(threading.Condition()), 'RLock', 'release it before the await'),
    'thread': (lambda: _running(), 'Thread', 'join it'),
    'weakref': (lambda: weakref.ref(_HELD_BY_NOBODY_STORED), 'weakref', 'keep the object itself'),
    'finalizer': (lambda: weakref.finalize(_HELD_BY_NOBODY_STORED, print), 'finalize', 'call it before the await'),
    'frame': (_frame, 'frame', 'format_exc'),
    'memoryview': (lambda: memoryview(ctypes.c_int(1)), 'memoryview', 'bytes'),
    'folder': (lambda: os.scandir('.'), 'ScandirIterator', 'make a list of its items before the loop'),
    'refuses': (things.Refuses, 'Refuses', 'TypeError: not me'),
}


@pytest.mark.parametrize('name', CASES)
def test_refused_by_name(name):
    make, type_name, advice = CASES[name]
    with pytest.raises(CannotStoreError, match=advice) as caught:
        encode({'v': make()})
    assert caught.value.value_type == type_name
    assert advice in caught.value.reason
    assert 'v' in caught.value.path


def test_open_things(tmp_path):
    with (tmp_path / 'f').open('w') as file, pytest.raises(CannotStoreError, match='open file') as caught:
        encode({'': {'log': [file]}})
    assert caught.value.path == "['log'][0]"
    with socket.socket() as connection, pytest.raises(CannotStoreError, match='open connection'):
        encode({'v': connection})
    with subprocess.Popen(['true']) as program, pytest.raises(CannotStoreError, match='running program'):
        encode({'v': program})
    assert back(io.BytesIO(b'abc')).getvalue() == b'abc'
    assert back(io.StringIO('abc')).getvalue() == 'abc'


def test_filters_of_another_warnings(monkeypatch):
    """The filters of warnings come back if they are those of the process; not those of another one that nobody finds."""
    for name in ('warnings', '_py_warnings'):
        monkeypatch.delitem(sys.modules, name, raising=False)
    other = importlib.import_module('warnings')
    assert other is not warnings
    monkeypatch.setitem(sys.modules, 'warnings', warnings)
    manager = other.catch_warnings(module=other)
    with manager, pytest.raises(CannotStoreError, match='leave its `with` before the await'):
        encode({'v': manager})


class Places:
    """An iterator of somebody's that cannot be stored."""

    place = 0

    def __next__(self):
        self.place += 1
        return self.place

    def __reduce__(self):
        raise TypeError('cannot pickle')


def test_no_iterator_is_made_again_by_its_recipe():
    """It would begin anew."""

    async def workflow():
        places = Places()
        seen = [next(places)]
        await checkpoint()
        return [*seen, next(places)]

    assert run_in_memory(workflow, restart=False) == [1, 2]
    with pytest.raises(CannotStoreError, match='variable `places`'):
        run_in_memory(workflow)


def test_coroutine():
    coroutine = _coroutine()
    with pytest.raises(CannotStoreError, match='write `await'):
        encode({'v': coroutine})
    coroutine.close()
    loop = asyncio.new_event_loop()
    with pytest.raises(CannotStoreError, match='await it'):
        encode({'v': loop.create_future()})
    loop.close()


def _bad():
    return things.Refuses()


@pytest.mark.parametrize(
    ('value', 'path'),
    [
        (lambda: _bad(), 'v'),
        (lambda: [0, 0, 0, things.Slotted(left={'k': _bad()})], "v[3].left['k']"),
        (lambda: things.Plain(a=things.Plain(b=(_bad(),))), 'v.a.b[0]'),
        (lambda: things.Point(1, _bad()), 'v.y'),
        (lambda: {things.Keyed('x', _bad()): 1}, 'v.key(Keyed).owner'),
        (lambda: things.WithState([_bad()]), 'v.items[0]'),
        (lambda: things.Frozen(1, y=_bad()), 'v.y'),
        (lambda: functools.partial(things.double, _bad()), 'v.args[0]'),
        (lambda: collections.deque([1, _bad()]), 'v[1]'),
        (lambda: collections.OrderedDict(a=_bad()), "v['a']"),
    ],
)
def test_path(value, path):
    with pytest.raises(CannotStoreError, match='not me') as caught:
        encode({'v': value()})
    assert caught.value.path == path
    assert f'`{path}`' in str(caught.value)


def test_path_of_an_array_that_shares():
    import numpy as np

    base = np.array([None])
    with pytest.raises(CannotStoreError) as caught:
        encode({'v': [1, {'a': base, 'b': base[:]}]})
    assert caught.value.path == "v[1]['a']"


class _Plain:
    pass


def test_what_a_logger_uses():
    """A copy of it would hear nothing of what is logged."""
    text = io.StringIO()
    handler, only = logging.StreamHandler(text), logging.Filter('a')
    logger = logging.getLogger('dreamflow.tests.refusals')
    logger.addHandler(handler)
    logger.addFilter(only)
    try:
        for value in handler, only, text:
            with pytest.raises(CannotStoreError, match='logger `dreamflow.tests.refusals` of the process uses it'):
                back([value])
    finally:
        logger.removeHandler(handler)
        logger.removeFilter(only)
    assert type(back([only])[0]) is logging.Filter


@pytest.mark.parametrize('count', [5, 200])
def test_addresses_of_and_in_long_lists(count):
    async def flow():
        things = [_Plain() for _ in range(count)]
        seen = {id(thing) for thing in things[::2]}
        order = [id(thing) for thing in things]
        named = [f'{number}: {thing!r}' for number, thing in enumerate(things)]
        for _ in range(3):
            await checkpoint()
            things.append(_Plain())
            order.append(id(things[-1]))
            named.append(f'{len(named)}: {things[-1]!r}')
        return (
            order == [*map(id, things)],
            seen == {id(thing) for thing in things[:count:2]},
            named == [f'{number}: {thing!r}' for number, thing in enumerate(things)],
        )

    assert run_in_memory(flow) == (True, True, True)


def test_one_long_list_points_into_another():
    async def flow():
        first = [_Plain() for _ in range(100)]
        second = [(number, id(thing)) for number, thing in enumerate(first)]
        await checkpoint()
        return second == [(number, id(thing)) for number, thing in enumerate(first)]

    assert run_in_memory(flow)


def test_long_lists_of_other_numbers_stay_in_chunks():
    lists = {'times': [10**12 + number for number in range(300)], 'things': [{'n': number} for number in range(300)]}
    writer = PartWriter(ChunkCodec(), MemoryFiles())
    places = {name: (lists, name) for name in lists}
    for _ in range(2):
        writer.survey(places, [], lists, [])
        _, parts = writer.write(places, {})
        writer.settle(places)
        assert all('codec:chunks' in part.text for part in parts if part.names)
        lists['times'].append(10**12)
        lists['things'].append({'n': 1})
