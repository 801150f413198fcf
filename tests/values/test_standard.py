"""What the standard library does not pickle comes back all the same, or is refused by name."""

from __future__ import annotations

import _pyio
import io
import os
import random
import re
import struct
import sys
import typing

import pytest
from values.graphs import back

from aiida_dreamflow import checkpoint
from aiida_dreamflow.exceptions import CannotStoreError
from aiida_dreamflow.testing import run_in_memory
from aiida_dreamflow.values.snapshot import encode


@pytest.mark.parametrize(
    'match',
    [
        re.search('(b)(x)?', 'abab'),
        [*re.finditer('(?P<n>b)', 'abab')][1],
        re.compile('a').fullmatch('xa', 1),
        re.compile('a?').match('b'),
        re.search(b'a', b'ba'),
    ],
)
def test_matches(match):
    again = back(match)
    assert (again.re, again.string) == (match.re, match.string)
    assert (again.pos, again.endpos, again.regs, again.lastgroup) == (
        match.pos,
        match.endpos,
        match.regs,
        match.lastgroup,
    )


def test_files_in_memory():
    class Lines(io.StringIO):
        """Made by a workflow."""

    text, data, closed = Lines('a\nb'), _pyio.BytesIO(b'ab'), io.BytesIO(b'x')
    text.readline()
    text.tag = [text]
    data.read(1)
    closed.close()
    twins = back([text, data, closed])
    assert [twins[0].read(), twins[0].getvalue(), twins[0].tag[0] is twins[0]] == ['b', 'a\nb', True]
    assert twins[1].read() == b'b'
    assert [twin.closed for twin in twins] == [False, False, True]


def test_a_match_in_a_changed_text_is_refused():
    text = bytearray(b'xa')
    match = re.search(b'a', text)
    text[:] = b'xy'
    with pytest.raises(CannotStoreError, match='searching again does not find it'):
        encode({'v': match})


def test_type_variables_of_a_function():
    variable = typing.TypeVar('variable', bound=int, covariant=True)
    pair = back((variable, list[variable]))
    assert pair[1].__parameters__ == (pair[0],)
    assert (pair[0].__name__, pair[0].__bound__, pair[0].__covariant__) == ('variable', int, True)
    assert pair[0].__module__ == __name__
    kind = back(typing.NewType('kind', int))
    assert (kind(3), kind.__supertype__, kind.__name__) == (3, int, 'kind')


def test_what_there_is_one_of():
    assert back([os.environ, sys.__stdout__]) == [os.environ, sys.__stdout__]
    assert back(struct.Struct('<i')).pack(1) == b'\1\0\0\0'
    assert type(back(random.SystemRandom())) is random.SystemRandom


def test_the_common_random_numbers():
    """`draw = random.random` draws on from where all others do."""
    draw = back(random.random)
    assert draw.__self__ is random._inst
    assert back(random.randrange).__self__ is random._inst
    assert back(random.Random(3)).random() == random.Random(3).random()


def test_what_stands_in_for_a_stream(monkeypatch):
    stream = io.StringIO()
    assert back(stream) is not stream
    monkeypatch.setattr(sys, 'stdout', stream)
    assert back(stream) is stream


def test_nothing_of_the_standard_library_is_made_again():
    import zlib

    async def workflow():
        packer = zlib.compressobj()
        packer.compress(b'x')
        await checkpoint()
        return packer.flush()

    with pytest.raises(CannotStoreError, match='does not support pickling'):
        run_in_memory(workflow)


class _Holds:
    def __init__(self, inner):
        self.inner = inner


class _Inner:
    def __reduce_ex__(self, version):
        raise TypeError('not me')


def test_what_is_around_a_value_made_again_is_not():
    async def workflow():
        outer = _Holds(_Inner())
        await checkpoint()
        return outer

    with pytest.raises(CannotStoreError, match='make this part by one assignment of its own'):
        run_in_memory(workflow)

    async def parts():
        inner = _Inner()
        outer = _Holds(inner)
        outer.more = 1
        await checkpoint()
        return outer.more, outer.inner is inner

    assert run_in_memory(parts) == (1, True)


def test_an_object_that_cannot_be_asked_is_refused():
    class Bad:
        @property
        def __dict__(self):
            raise OSError('no')

    with pytest.raises(CannotStoreError, match=r'fails \(OSError: no\)'):
        encode({'v': {'a': Bad()}})


def test_a_new_that_wants_arguments_is_not_called():
    class Wants:
        def __new__(cls, argument):
            return object.__new__(cls)

    value = Wants(1)
    value.x = 2
    assert back(value).x == 2


def test_attributes_of_names_that_classes_have():
    class Odd:
        __bases__ = property(lambda self: (1,))
        __class__ = int

    odd = back(Odd)
    assert odd is not Odd
    assert odd.__mro__ == (odd, object)
    assert type(odd) is type
    assert odd().__bases__ == (1,)
    assert odd().__class__ is int
