"""What the standard library does not pickle comes back all the same, or is refused by name."""

from __future__ import annotations

import _pyio
import _random
import argparse
import contextvars
import decimal
import fractions
import functools
import hashlib
import io
import ipaddress
import json
import os
import random
import re
import struct
import sys
import threading
import weakref

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


def test_the_with_of_a_decimal_context():
    async def workflow():
        with decimal.localcontext() as context:
            context.prec = 5
            await checkpoint()
            is_same = decimal.getcontext() is context
            inside = str(decimal.Decimal(1) / 3)
            with decimal.localcontext(decimal.Context(prec=2)):
                await checkpoint()
                deeper = str(decimal.Decimal(1) / 3)
            await checkpoint()
            back_in = str(decimal.Decimal(1) / 3)
            await checkpoint()
        return is_same, inside, deeper, back_in, str(decimal.Decimal(1) / 3)

    before = decimal.getcontext().prec
    assert run_in_memory(workflow) == (True, '0.33333', '0.33', '0.33333', str(decimal.Decimal(1) / 3))
    assert decimal.getcontext().prec == before


def test_a_parser_of_arguments_knows_what_to_suppress():
    parser, text = argparse.ArgumentParser(), ''.join(['==SUPPRESS', '=='])
    parser.add_argument('--scale', default=argparse.SUPPRESS)
    parser_again, text_again = back([parser, text])
    assert vars(parser_again.parse_args([])) == {}
    assert text_again == text


def test_methods_of_what_is_written_in_c():
    plus, union, own = back([(5).__add__, type.__or__.__get__(int, type), int.__or__.__get__(6)])
    assert (plus(1), union(str), own(1)) == (6, int | str, 7)


def test_what_is_called_otherwise_in_its_module():
    values = [json.encoder.c_make_encoder, dict.__dict__['fromkeys'], json.scanner.c_make_scanner]
    assert all(one is other for one, other in zip(back(values), values, strict=True))


VARIABLE = contextvars.ContextVar('variable', default=0)


def test_contexts():
    context, empty = contextvars.Context(), contextvars.Context()
    held = []
    context.run(VARIABLE.set, held)
    again, held_again, empty_again = back([context, held, empty])
    assert again.run(VARIABLE.get) is again[VARIABLE] is held_again
    assert [*empty_again.items()] == []
    empty.run(decimal.setcontext, decimal.Context(prec=3))
    assert back(empty).run(decimal.getcontext).prec == 3
    with pytest.raises(CannotStoreError, match='make it at the top of the file'):
        back(contextvars.ContextVar('of a function'))


def test_partial_functions():
    inner = functools.partial(print, 'a', sep='')
    again = back(inner)
    for each in (inner, again):  # not looked at, nor with attributes it would stay by itself
        assert functools.partial(each, end='').func is print
    inner.note = inner
    again = back(inner)
    assert again.note is again
    assert (again.func, again.args, again.keywords) == (print, ('a',), {'sep': ''})
    circle = functools.partial(print)
    circle.__setstate__((circle, (circle,), {}, None))
    again = back(circle)
    assert again.func is again.args[0] is again
    for each in (circle, again):
        each.__setstate__((print, (), {}, None))


class _Noted(property):
    """Has an attribute and a slotless dict."""


class _Slim(property):
    __slots__ = ('__doc__', 'note')


def test_properties_of_a_derived_class():
    class Point:
        @_Noted
        def x(self):
            """Where it is."""
            return [*self.found]

        @x.setter
        def x(self, value):
            self.found = [value]

        @_Slim
        def slim(self):
            return 3

    vars(Point)['x'].note = vars(Point)['slim'].note = 'n'
    point, cls = back([Point(), Point])
    point.x = 4
    assert (point.x, point.slim) == ([4], 3)
    assert [type(vars(cls)[name]) for name in ('x', 'slim')] == [_Noted, _Slim]
    assert [vars(cls)[name].note for name in ('x', 'slim')] == ['n', 'n']
    assert vars(cls)['x'].__doc__ == vars(Point)['x'].__doc__
    with pytest.raises(AttributeError) as ours:
        point.slim = 1
    with pytest.raises(AttributeError) as pythons:
        Point().slim = 1
    assert str(ours.value) == str(pythons.value)


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


def test_the_modules_are_those_of_the_process():
    assert back({'loaded': sys.modules})['loaded'] is sys.modules


def test_the_main_thread_is_that_of_the_process():
    threads = weakref.WeakSet([threading.main_thread()])
    assert [*back([threads, threading.main_thread()])[0]] == [threading.main_thread()]


class Whole(int):
    pass


def test_the_parts_of_a_fraction_keep_their_class():
    fraction = fractions.Fraction(3, 4)
    fraction._numerator = Whole(3)
    names = back({fraction: 'x'})
    ((found, said),) = names.items()
    assert (found, type(found.numerator), said) == (fraction, Whole, 'x')
    assert names[fraction] == 'x'


def test_the_zone_of_an_address():
    for text in ('fe80::1%eth0', 'fe80::1'):
        assert back(ipaddress.ip_address(text)) == ipaddress.ip_address(text)
    assert back(ipaddress.ip_address('fe80::1%eth0')).scope_id == 'eth0'


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


def test_hashes():
    for name in ('sha256', 'shake_128'):
        value = hashlib.new(name)
        assert (type(back(value)), back(value).name) == (type(value), name)
        value.update(b'a')
        with pytest.raises(CannotStoreError, match='does not tell what it was given; keep the bytes'):
            back(value)


def test_what_random_is_derived_from():
    generator = _random.Random(3)
    assert (type(back(generator)), back(generator).random()) == (_random.Random, generator.random())


@pytest.mark.parametrize('newline', [None, ''])
def test_the_text_in_memory_that_is_written_in_python(newline):
    text = _pyio.StringIO('a\nb\r\nc\rd', newline)
    text.readline()
    again = back(text)
    assert (again.tell(), again.newlines, again.read()) == (text.tell(), text.newlines, text.read())
    again.write('x\n')
    text.write('x\n')
    assert back(again).getvalue() == text.getvalue()
