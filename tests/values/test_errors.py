"""Exceptions come back with all that was said and set on them."""

from __future__ import annotations

import sys

import pytest
from values import things
from values.graphs import back


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
