"""What making a value again would do beside: then it is refused, before that happens a second time."""

from __future__ import annotations

import ctypes
import itertools
import logging
import os
import pathlib
import random
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading

import numpy as np
import pytest

from aiida_dreamflow import checkpoint, workflow
from aiida_dreamflow.exceptions import CannotStoreError
from aiida_dreamflow.testing import run_in_memory

LIBC = ctypes.CDLL(None)
COUNT = 0
NUMBERS = itertools.count()
EVERY = []
#: Deeper than a trial looks.
CALLS = {'deep': []}


class Model:
    """Has no stored form."""

    def __init__(self, does=None, *args):
        self.got = does(*args) if does else None

    def __reduce_ex__(self, protocol):
        raise TypeError('cannot pickle it')


class Counted(Model):
    """Counts how many there are."""

    made = 0

    def __init__(self):
        type(self).made += 1


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pathlib.Path('given.txt').write_text('given')


def append(path='log.txt'):
    with open(path, 'a') as file:
        file.write('x')


def append_in_silence():
    try:
        append()
    except:  # noqa: E722
        pass


def append_past_python(path='log.txt'):
    """As a library written in C does, which closes what it has opened."""
    file = LIBC.open(path.encode(), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    LIBC.write(file, b'x', 1)
    LIBC.close(file)


def open_past_python(path='log.txt'):
    """As a library written in C does, which keeps it open."""
    return LIBC.open(path.encode(), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)


def count():
    global COUNT
    COUNT += 1


def connect():
    with socket.socket() as made:
        made.settimeout(1)


EFFECTS = {
    'append': (append, 'would open `log.txt` for writing'),
    'append and swallow what is raised': (append_in_silence, 'would open `log.txt` for writing'),
    'touch': (lambda: pathlib.Path('log.txt').touch(), 'would '),
    'numpy.save': (lambda: np.save('a.npy', [1]), 'would open `a.npy` for writing'),
    'mkdtemp': (tempfile.mkdtemp, 'would create `'),
    'rename': (lambda: os.replace('given.txt', 'other.txt') if os.path.exists('given.txt') else os.replace('other.txt', 'given.txt'), 'would rename'),
    'environment': (lambda: os.environ.update(EFFECT_OF='1'), 'would change the environment variable `EFFECT_OF`'),
    'program': (lambda: subprocess.run([sys.executable, '-c', '']), 'would start the program'),
    'os.system': (lambda: os.system('true'), 'would start the program'),
    'thread': (lambda: threading.Thread(target=int).start(), 'would start a thread'),
    'socket': (connect, 'would use the network'),
    'sqlite': (lambda: sqlite3.connect('a.db').close(), 'would open the database `a.db`'),
    'handler': (lambda: logging.getLogger('effects').addHandler(logging.NullHandler()), 'changes the handlers of a logger'),
    'counter': (count, 'changes `COUNT` of the module'),
    'itertools.count': (lambda: next(NUMBERS), 'changes `NUMBERS` of the module'),
    'list': (lambda: EVERY.append(1), 'changes `EVERY` of the module'),
    'random': (random.random, 'changes the random numbers of `random`'),
    'numpy.random': (np.random.rand, 'changes the random numbers of `numpy.random`'),
    'raises': (lambda: os.rmdir('x') if os.path.exists('x') else os.mkdir('x'), 'would delete `x`'),
    'C, kept open': (open_past_python, 'log.txt`'),
    'a descriptor for reading': (lambda: os.open('given.txt', os.O_RDONLY), 'given.txt`'),
}  # fmt: skip


async def makes(does, *args):
    model = Model(does, *args)
    await checkpoint()
    await checkpoint()
    return model.got


@pytest.mark.parametrize('name', EFFECTS)
def test_what_has_an_effect_is_not_made_again(name):
    does, said = EFFECTS[name]
    with pytest.raises(CannotStoreError) as caught:
        run_in_memory(makes, does)
    text = str(caught.value)
    assert f'{__file__}, line ' in text
    assert 'variable `model` of type `Model`, made at line' in text
    assert said in text
    assert '@workflow(recipes=[Model])' in text


def test_the_effect_happens_once():
    with pytest.raises(CannotStoreError):
        run_in_memory(makes, append)
    assert pathlib.Path('log.txt').read_text() == 'x'


def test_a_file_that_c_keeps_open_is_not_opened_again():
    async def closed():
        model = Model(open_past_python)
        LIBC.write(model.got, b'results', 7)
        LIBC.close(model.got)
        await checkpoint()
        return model

    with pytest.raises(CannotStoreError, match=r'opens `.*log\.txt`'):
        run_in_memory(closed)
    assert pathlib.Path('log.txt').read_text() == 'results'


def test_what_c_writes_and_closes_is_seen_by_the_name_of_the_file():
    with pytest.raises(CannotStoreError, match=r'writes to `log\.txt`'):
        run_in_memory(makes, append_past_python, 'log.txt')


def test_a_class_that_counts_its_objects():
    async def counted():
        model = Counted()
        await checkpoint()
        return model

    with pytest.raises(CannotStoreError, match=r'changes `Counted\.made`'):
        run_in_memory(counted)


HARMLESS = {
    'nothing': None,
    'reads': lambda: pathlib.Path('given.txt').read_text(),
    'numpy': lambda: np.linalg.eigh(np.eye(3))[0].sum(),
    'a folder that exists': lambda: os.makedirs('made', exist_ok=True),
    'its own random numbers': lambda: random.Random(1).random() + np.random.default_rng(1).random(),
    'a database in memory': lambda: sqlite3.connect(':memory:').close(),
    'devnull': lambda: append(os.devnull),
}


@pytest.mark.parametrize('name', HARMLESS)
def test_what_has_none_is(name):
    run_in_memory(makes, HARMLESS[name])


def test_the_user_says_that_it_may_be_called_again():
    @workflow(recipes=[Model, append_and_make])
    async def allowed():
        model = Model(append)
        other = append_and_make()
        await checkpoint()
        await checkpoint()
        return type(model).__name__, type(other).__name__

    assert run_in_memory(allowed) == ('Model', 'Model')
    assert pathlib.Path('log.txt').read_text() == 'x' * 6


def append_and_make():
    append()
    return Model()


def test_only_what_the_user_names():
    @workflow(recipes=[Counted])
    async def not_allowed():
        model = Model(append)
        await checkpoint()
        return model

    with pytest.raises(CannotStoreError, match='would open `log.txt` for writing'):
        run_in_memory(not_allowed)


def test_one_trial_for_each_call():
    """Further awaits make it again without one."""

    async def twice(does):
        for _ in range(2):
            model = Model(does)
            await checkpoint()
            await checkpoint()
        return model

    CALLS['deep'].clear()
    run_in_memory(twice, lambda: CALLS['deep'].append(1))
    assert len(CALLS['deep']) == 2 * (1 + 1 + 2)


def test_a_line_that_gives_many_plain_values_first():
    async def loop(turns):
        for turn in range(turns):
            value = make(turn, turns)
            if turn == turns - 1:
                await checkpoint()
        return value

    assert run_in_memory(loop, 50) is not None
    with pytest.raises(CannotStoreError, match='was not watched, as this line has given other values before'):
        run_in_memory(loop, 500)


def make(turn, turns):
    return Model() if turn == turns - 1 else turn
