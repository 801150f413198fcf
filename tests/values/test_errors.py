"""Exceptions come back with all that was said and set on them."""

from __future__ import annotations

import os
import sys
import threading
import types
import urllib.error

import pydantic
import pytest
from values import things
from values.graphs import back

from aiida_dreamflow.exceptions import CannotStoreError, FrameError
from aiida_dreamflow.values.snapshot import decode, encode


def test_exceptions():
    try:
        try:
            {}['missing']
        except KeyError as first:
            raise things.OddError(3, detail=['x']) from first
    except things.OddError as error:
        error.args[0]
        if hasattr(error, 'add_note'):
            error.add_note('noted')
        error.me = error
        rebuilt = back(error)
    assert type(rebuilt) is things.OddError
    assert rebuilt.args == ("3: ['x']",)
    assert rebuilt.code == 3
    assert rebuilt.me is rebuilt
    assert type(rebuilt.__cause__) is KeyError
    assert rebuilt.__cause__ is rebuilt.__context__
    assert rebuilt.__suppress_context__
    assert rebuilt.__traceback__ is None
    assert getattr(rebuilt, '__notes__', ['noted']) == ['noted']


@pytest.mark.parametrize(
    'error',
    [
        OSError(2, 'no', 'f.txt'), FileNotFoundError(2, 'no', 'f', None, 'g'), UnicodeDecodeError('utf8', b'x', 0, 1, 'bad'),
        StopIteration(4), SystemExit(3), ImportError('x', name='n', path='p'), SyntaxError('bad', ('f', 1, 2, 'text')),
        KeyError('a'), ValueError(), OSError('only text'), AttributeError('x', name='n', obj=object()),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_native_exceptions(error):
    rebuilt = back(error)
    assert type(rebuilt) is type(error)
    assert rebuilt.args == error.args
    assert str(rebuilt) == str(error)
    for name in ('errno', 'filename', 'filename2', 'value', 'code', 'name', 'path', 'lineno', 'start', 'reason', 'msg'):
        assert getattr(rebuilt, name, None) == getattr(error, name, None)


@pytest.mark.skipif(sys.version_info < (3, 11), reason='ExceptionGroup came with 3.11')
def test_exception_group():
    rebuilt = back(ExceptionGroup('many', [ValueError(1), ExceptionGroup('in', [KeyError('k')])]))  # noqa: F821
    assert repr(rebuilt) == "ExceptionGroup('many', [ValueError(1), ExceptionGroup('in', [KeyError('k')])])"


class BusyError(Exception):
    def __init__(self, lock, number, *, why):
        super().__init__(f'busy {number}', lock)
        self.lock, self.number, self.why = lock, number, why


class Client:
    def __init__(self):
        self._lock = held()


def held():
    lock = threading.Lock()
    lock.acquire()
    return lock


def test_what_of_an_exception_cannot_be_stored_says_what_it_was():
    error = BusyError(held(), 3, why='full')
    error.client, error.me = Client(), error
    error.details = {'locks': [(error.lock, 1)], 'n': 2}
    error.again = error.details
    error.__cause__ = KeyError(error.lock)
    found = back(error)
    assert type(found) is BusyError
    assert (found.args[0], found.number, found.why, found.details['n']) == ('busy 3', 3, 'full', 2)
    assert repr(found.lock) == repr(found.args[1]) == '<not stored: <locked _thread.lock object>>'
    assert found.lock is found.args[1] is found.details['locks'][0][0]
    assert found.details is found.again
    assert found.me is found
    assert found.client.type_name.endswith('test_errors.Client')
    assert 'somebody holds this lock' in repr(found.__cause__.args[0].reason)
    with pytest.raises(
        AttributeError, match='no `acquire`: this stands for <locked _thread.lock object>.*holds this lock'
    ):
        found.lock.acquire()
    assert repr(back(found)) == repr(found)
    assert error.details['locks'][0][0] is error.lock


def test_a_lock_that_something_else_holds_is_refused():
    lock = held()
    with pytest.raises(CannotStoreError, match='somebody holds this lock') as caught:
        encode({'error': ValueError(lock), 'lock': lock})
    assert caught.value.path == 'lock'


def test_an_http_error():
    with open(os.devnull, 'rb') as file:  # noqa: PTH123
        found = back(urllib.error.HTTPError('http://x.y', 404, 'Not Found', {'a': 'b'}, file))
    assert str(found) == 'HTTP Error 404: Not Found'
    assert (found.code, found.hdrs, found.url) == (404, {'a': 'b'}, 'http://x.y')


def _class_that_no_name_leads_to():
    module = types.ModuleType('gone')
    exec('class GoneError(ValueError):\n    def __str__(self):\n        return f"gone {self.args}"', vars(module))
    return module.GoneError


def test_an_exception_whose_class_cannot_be_stored_keeps_its_name_and_message():
    error = _class_that_no_name_leads_to()(1, 2)
    error.unit = 'eV'
    found = back(back(error))
    assert isinstance(found, ValueError)
    assert type(found).__name__ == 'GoneError'
    assert (str(found), found.args, found.unit) == ('gone (1, 2)', (1, 2), 'eV')


def test_an_exception_whose_class_is_gone_when_it_is_loaded_keeps_its_name_and_message(monkeypatch):
    snapshot = encode({'v': things.OddError(3, detail=['x'])})
    monkeypatch.delattr(things, 'OddError')
    found = decode(snapshot.document, snapshot.blobs.__getitem__)['v']
    assert (type(found).__name__, str(found), found.code) == ('OddError', "3: ['x']", 3)
    assert 'could not be imported' in found.not_stored
    monkeypatch.undo()
    snapshot = encode({'v': [things.OddError(3, detail=['x']), things.OddError]})
    monkeypatch.delattr(things, 'OddError')
    with pytest.raises(FrameError, match='OddError'):
        decode(snapshot.document, snapshot.blobs.__getitem__)


def test_an_exception_that_only_its_own_class_makes_keeps_what_it_came_after():
    class Model(pydantic.BaseModel):
        x: int

    with pytest.raises(pydantic.ValidationError) as caught:
        Model(x='a')
    caught.value.__context__ = KeyError(1)
    found = back(caught.value)
    assert type(found) is pydantic.ValidationError
    assert str(found) == str(caught.value)
    assert repr(found.__context__) == 'KeyError(1)'


def test_nothing_is_left_out_without_need():
    lock = threading.Lock()
    error = ValueError(lock, [1])
    found = back(error)
    assert type(found.args[0]) is type(lock)
    assert not encode({'v': error}).has_stand_ins
