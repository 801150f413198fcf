"""What is written in C and tells the garbage collector alone what it holds."""

from __future__ import annotations

import array
import functools
import re
import struct
import sys

import pytest
from values.graphs import back

from aiida_dreamflow import checkpoint
from aiida_dreamflow.exceptions import CannotStoreError
from aiida_dreamflow.testing import run_in_memory
from aiida_dreamflow.values import nameless
from aiida_dreamflow.values.snapshot import encode


def backwards(one, other):
    return (one < other) - (one > other)


def test_sort_keys():
    key = functools.cmp_to_key(backwards)
    found, (item, nothing, itself) = back([key, [key([3]), key(None), key(nameless.sort_key)]])
    assert sorted([1, 3, 2], key=found) == [3, 2, 1]
    assert (item.obj, nothing.obj, itself.obj) == ([3], None, nameless.sort_key)
    assert item < found([2])


def test_a_loop_over_binary_records():
    content = struct.pack('<4i', 1, 2, 3, 4)

    async def workflow():
        seen = []
        for (number,) in struct.iter_unpack('<i', content):
            seen.append(number)
            await checkpoint()
        return seen

    assert run_in_memory(workflow) == [1, 2, 3, 4]
    numbers, whole = struct.iter_unpack('<2i', content), struct.iter_unpack('<2i', bytearray(content))
    next(numbers)
    found, other = back([numbers, whole])
    assert ([*found], [*other]) == ([(3, 4)], [(1, 2), (3, 4)])
    assert [*back(found)] == []


@pytest.mark.optional
@pytest.mark.skipif(sys.version_info < (3, 14), reason='template strings came with Python 3.14')
@pytest.mark.parametrize('text', ["t'a{x}{y}b'", "t'{x}'", "t''", "t'a'", "t'{x} {y}'"])
def test_a_loop_over_a_template_string(text):
    template = eval(text, {'x': [1], 'y': 2})
    for count in range(len([*template]) + 1):
        parts = iter(template)
        done = [next(parts) for _ in range(count)]
        left = [*map(said, back(parts))]
        assert left == [*map(said, template)][len(done) :]
        assert [*map(said, parts)] == left


def said(part):
    return part if isinstance(part, str) else (part.value, part.expression, part.conversion, part.format_spec)


def test_classes_without_a_name():
    kinds = [value for name, value in vars(nameless).items() if isinstance(value, type) and not name.startswith('_')]
    assert len(kinds) > 9
    assert all(found is kind for found, kind in zip(back(kinds), kinds, strict=True))
    assert back(type(iter(array.array('d')))) is type(iter(array.array('d')))
    assert back(type(re.compile('').scanner(''))) is nameless.pattern_scanner


@pytest.mark.optional
def test_a_class_of_an_extension_that_says_it_is_a_builtin():
    testing = pytest.importorskip('_testcapi', reason='this Python has no tests')
    assert testing.MethClass.__module__ == 'builtins'
    assert back(testing.MethClass) is testing.MethClass


def test_a_released_view_that_knows_its_hash():
    view = memoryview(b'abc')
    known = memoryview(b'abc')
    hash(known)
    view.release(), known.release()
    with pytest.raises(ValueError, match='released'):
        hash(back(view))
    with pytest.raises(CannotStoreError, match='the hash of bytes that are gone'):
        encode({'v': known})
