"""What crosses between machines, and what doesn't."""

from __future__ import annotations

import datetime
import math
import struct
from collections import namedtuple
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath, PureWindowsPath
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from aiida_dreamflow.jobs import wire
from aiida_dreamflow.jobs.names import port_name, python_name


def same(left, right):
    """Equal in type and value, NaN and the sign of zero included."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return struct.pack('d', left) == struct.pack('d', right) or (math.isnan(left) and math.isnan(right))
    if isinstance(left, complex):
        return same(left.real, right.real) and same(left.imag, right.imag)
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return same(list(left.items()), list(right.items()))
    if isinstance(left, (np.ndarray, np.generic)):
        return left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes()
    if isinstance(left, Decimal):
        return str(left) == str(right)
    return left == right


def round_trip(value, folder):
    text = wire.dumps(wire.encode(value, wire.ArrayFolder(folder, 'input').save))
    return wire.decode(wire.loads(text), wire.ArrayFolder(folder, 'input').open)


keys = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(),
    st.binary(),
    st.dates(),
    st.fractions(),
    st.tuples(st.integers(), st.text()),
)
leaves = st.one_of(
    keys,
    st.floats(),
    st.complex_numbers(),
    st.text(st.characters()),
    st.datetimes(timezones=st.none() | st.just(datetime.timezone.utc) | st.just(ZoneInfo('Europe/Zurich'))),
    st.times(),
    st.timedeltas(),
    st.decimals(allow_nan=True),
    st.builds(range, st.integers(), st.integers(), st.integers(1, 5)),
    st.builds(bytearray, st.binary()),
    st.frozensets(st.integers()),
    st.sets(st.text()),
    st.floats().map(np.float64),
    st.sampled_from([np.int8(-3), np.bool_(True), np.str_('aé'), np.datetime64('2020-01-01', 'D'), np.bytes_(b'')]),
    st.sampled_from(
        [..., slice(None), slice(1, [2], None), Path('a/b'), PurePosixPath('/x'), PureWindowsPath('c:\\x')]
    ),
)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(keys, inner, max_size=4)
        | st.dictionaries(st.just('!'), inner, max_size=1)
    ),
    max_leaves=15,
)


@settings(max_examples=400)
@given(values)
def test_values_come_back_as_they_were(value):
    text = wire.dumps(wire.encode(value))
    assert text.isascii()
    assert same(wire.decode(wire.loads(text)), value)


@given(
    npst.arrays(
        npst.boolean_dtypes() | npst.integer_dtypes() | npst.floating_dtypes() | npst.complex_number_dtypes(),
        npst.array_shapes(min_dims=0, min_side=0),
    )
)
def test_arrays_come_back_as_they_were(tmp_path_factory, array):
    folder = tmp_path_factory.mktemp('arrays')
    assert same(round_trip({'a': [array, (array,)]}, folder), {'a': [array, (array,)]})


def test_more_arrays(tmp_path):
    structured = np.array([(1, 2.0)], dtype=[('a', 'i4'), ('b', 'f8')])
    fortran = np.asfortranarray(np.arange(6).reshape(2, 3))
    for array in (structured, fortran, np.array(['a', 'bc']), np.array('2020', dtype='M8[Y]')):
        assert same(round_trip(array, tmp_path), array)
    assert round_trip(fortran, tmp_path).flags.f_contiguous


def test_large_numbers_and_named_zones():
    zone = datetime.timezone(datetime.timedelta(hours=1), 'CET')
    for value in (10**5000, -(2**63), range(10**30), Fraction(10**5000, 3), datetime.time(1, tzinfo=zone)):
        assert wire.decode(wire.loads(wire.dumps(wire.encode(value)))) == value
    assert wire.decode(wire.encode(zone)).tzname(None) == 'CET'
    assert wire.decode(wire.encode(datetime.timezone.utc)) is datetime.timezone.utc


Pair = namedtuple('Pair', 'x y')
circle = []
circle.append(circle)
deep = []
for _ in range(200):
    deep = [deep]


@pytest.mark.parametrize(
    ('value', 'path', 'words'),
    [
        (object(), '', 'send what it consists of'),
        ({'a': [1, object()]}, "['a'][1]", 'send what it consists of'),
        ({(1, 2): object()}, '[(1, 2)]', 'send what it consists of'),
        ((Pair(1, 2),), '[0]', 'the file of the function has no `Pair`'),
        ([len, print], '[0]', 'send what it consists of'),
        ([lambda: 1], '[0]', 'only data crosses between machines; return or pass values'),
        (circle, '[0]', 'it contains itself'),
        (deep, '[0]' * 100, 'nested more than 100 levels'),
        (np.array([None]), '', 'array of Python objects'),
        (np.asmatrix([1]), '', r'numpy\.asarray'),
    ],
)
def test_what_cannot_be_sent_is_named(value, path, words):
    with pytest.raises(wire.NotSendableError, match=words) as caught:
        wire.encode(value, lambda array: 'input-0.npy')
    assert caught.value.path == path


@pytest.mark.parametrize(
    'text',
    [
        '{"!": "pickle", "data": ""}',
        '{"!": null}',
        '{"!": ["tuple"]}',
        '{"!": {}}',
        '{"!": "tuple"}',
        '{"!": "tuple", "items": "abc"}',
        '{"!": "set", "items": [[]]}',
        '{"!": "dict", "items": [[1]]}',
        '{"!": "slice", "items": [1, 2, 3, 4]}',
        '{"!": "range", "items": ["1", "2", "0"]}',
        '{"!": "Fraction", "items": ["1", "0"]}',
        '{"!": "Decimal", "value": "x"}',
        '{"!": "timedelta", "items": [1e300]}',
        '{"!": "datetime", "iso": "2020", "fold": 9, "tz": null}',
        '{"!": "datetime", "iso": "2020-01-01", "fold": 0, "tz": 5}',
        '{"!": "zone", "key": "../../etc/passwd"}',
        '{"!": "timezone", "offset": 1e300, "name": "x"}',
        '{"!": "bytes", "data": "%%%"}',
        '{"!": "bytes", "data": 3}',
        '{"!": "scalar", "dtype": "O", "data": "AAAAAAAAAAA="}',
        '{"!": "scalar", "dtype": "<f8", "data": "AAAA"}',
        '{"!": "scalar", "dtype": "|V8", "data": "AAAAAAAAAAA="}',
        '{"!": "float", "value": "1"}',
        '{"!": "Path", "value": 3}',
        '{"!": "array", "file": "../result-0.npy"}',
        '{"!": "array", "file": "/etc/passwd"}',
        '{"!": "array", "file": "result-0.npy/../x"}',
        '{"!": "array", "file": "nowhere-0.npy"}',
        '{"!": "array", "file": "result-7.npy"}',
        '{"!": "array", "file": ["result-0.npy"]}',
        'NaN',
        '[Infinity]',
        '{',
        '[' * 100_000,
        '[' * 300 + ']' * 300,
        '1' * 5000 if hasattr(__import__('sys'), 'set_int_max_str_digits') else '{',
    ],
)
def test_hostile_documents_are_refused(text, tmp_path):
    with pytest.raises(wire.MalformedError):
        wire.decode(wire.loads(text), wire.ArrayFolder(tmp_path, 'result').open)


def test_hostile_arrays_are_refused(tmp_path):
    document = {'!': 'array', 'file': 'result-0.npy'}
    path = tmp_path / 'result-0.npy'
    with path.open('wb') as handle:
        np.save(handle, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(wire.MalformedError):
        wire.decode(document, wire.ArrayFolder(tmp_path, 'result').open)
    # A header that promises more memory than there is.
    header = np.lib.format.magic(1, 0) + struct.pack('<H', 118)
    shape = b"{'descr': '<f8', 'fortran_order': False, 'shape': (100000000000000,), }"
    path.write_bytes(header + shape.ljust(117) + b'\n' + b'\0' * 8)
    with pytest.raises(wire.MalformedError, match='size is not what its header says'):
        wire.decode(document, wire.ArrayFolder(tmp_path, 'result').open)
    path.write_bytes(b'cos\nsystem\n(S"echo"\ntR.')
    with pytest.raises(wire.MalformedError):
        wire.decode(document, wire.ArrayFolder(tmp_path, 'result').open)


def test_too_many_values_are_refused(monkeypatch):
    monkeypatch.setattr(wire, 'MAX_ITEMS', 10)
    with pytest.raises(wire.MalformedError):
        wire.decode([0] * 10)
    with pytest.raises(wire.NotSendableError, match='more than 10 values'):
        wire.encode([0] * 10)


@given(st.text() | st.from_regex(r'\A[Z0_a-z]{0,6}\Z'))
def test_every_name_has_a_port(name):
    from aiida.common.links import validate_link_label
    from aiida.engine.processes.ports import PortNamespace

    port = port_name(name)
    assert python_name(port) == name
    validate_link_label(port)
    PortNamespace.validate_port_name(port)


@pytest.mark.parametrize('name', ['x', 'x_doe', 'n1', 'Z', 'metadata'])
def test_plain_names_stay(name):
    assert port_name(name) == name


@pytest.mark.parametrize(
    ('name', 'port'),
    [
        ('_', 'Z0Z5fZ'),
        ('x_', 'Z0xZ5fZ'),
        ('a__b', 'Z0a_Z5fZb'),
        ('é', 'Z0Ze9Z'),
        ('class', 'Z0class'),
        ('Z0x', 'Z0Z5aZ0x'),
    ],
)
def test_other_names_are_escaped(name, port):
    assert port_name(name) == port
