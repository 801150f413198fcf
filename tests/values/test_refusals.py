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
import itertools
import logging
import os
import re
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
    'search': (lambda: re.finditer('a', 'aa'), 'SRE_Scanner', r'make a list of its items before the loop'),
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
    """The filters of warnings come back if they are those of the process; not those of a module that a test has put there."""
    for name in ('warnings', '_py_warnings'):
        monkeypatch.delitem(sys.modules, name, raising=False)
    other = importlib.import_module('warnings')
    assert other is not warnings
    manager = other.catch_warnings()
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
    with pytest.raises(CannotStoreError, match='await it'):
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
        (lambda: ValueError('x', _bad()), 'v.args[1]'),
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


def _crossing(make):
    """Return what crosses an await beside the object that it was made from."""

    async def flow():
        thing = _Plain()
        kept = make(thing)
        await checkpoint()
        await checkpoint()
        return kept, make(thing)

    return run_in_memory(flow)


class _Knows:
    def __init__(self, thing):
        self.thing, self.place = thing, id(self)


@pytest.mark.parametrize(
    'make',
    [
        id,
        hash,
        lambda thing: {id(thing): 1, 2: id(type(thing))},
        lambda thing: {3, id(thing), hash(thing)},
        repr,
        lambda thing: [1, (str(thing),)],
        lambda thing: repr([thing][0].__init__),
        lambda thing: [id(thing)] * 2,
        lambda thing: f'made {thing} é, {thing!r}: {[thing, _Plain]}',
        lambda thing: repr([thing] * 99),
    ],
)
def test_an_address_is_that_of_the_object_that_comes_back(make):
    kept, made = _crossing(make)
    assert kept == made


def test_an_object_that_knows_its_address():
    async def flow():
        known = {}
        for _ in range(2):
            thing = _Knows(known)
            known[id(thing)] = thing
            await checkpoint()
        return known

    known = run_in_memory(flow)
    assert len(known) == 2
    assert all(key == id(thing) == thing.place and thing.thing is known for key, thing in known.items())


def test_the_address_of_what_is_gone_says_nothing():
    async def flow():
        thing = _Plain()
        place = id(thing)
        del thing
        await checkpoint()
        return place

    assert isinstance(run_in_memory(flow), int)


def test_what_is_no_address_is_kept():
    assert _crossing(lambda thing: id(thing) + 1)[0] > 1
    assert _crossing(lambda thing: repr(_Plain()))[0].startswith('<')


def test_the_variables_of_a_module_that_nobody_finds():
    module = importlib.util.module_from_spec(importlib.machinery.ModuleSpec('values.unfound', None))
    exec('def double(x): return twice * x\ntwice = 2', vars(module))
    for value in (module, module.double, vars(module)):
        with pytest.raises(CannotStoreError, match=r'`import values\.unfound` does not give'):
            encode({'v': value})


def test_what_is_found_only_when_all_else_is_written():
    """The items that a `tee` has read are such: a refusal among them ends, and has a path."""

    class Busy:
        def __iter__(self):
            return self

        def __next__(self):
            return 1

    source = Busy()
    source.lock = _held(threading.Lock())
    with pytest.raises(CannotStoreError, match='release it before the await'):
        encode({'v': [*itertools.tee(source)]})


def test_a_function_with_builtins_of_its_own():
    made: dict = {'__builtins__': {'len': lambda x: 7}}
    exec('def count(x): return len(x)', made)
    with pytest.raises(CannotStoreError, match='made with builtins of its own'):
        encode({'v': made['count']})


class _Plain:
    pass


class _Disguised:
    def __reduce_ex__(self, protocol):
        return _Plain, ()


def test_an_object_that_would_come_back_as_one_of_another_class():
    with pytest.raises(CannotStoreError, match='makes an object of the class `_Plain` of it'):
        back([_Disguised()])


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
