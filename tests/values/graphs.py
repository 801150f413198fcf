"""Comparing graphs of objects: equal values, exact types, and the same pattern of which is which."""

from __future__ import annotations

import enum
import json
import os
import struct
import types

from hypothesis import HealthCheck, settings

from aiida_dreamflow.values.snapshot import Snapshot, decode, encode


def examples(few: int) -> settings:
    """So many random examples, four times as many in CI, ``DREAMFLOW_FUZZ`` if that is set."""
    number = int(os.environ.get('DREAMFLOW_FUZZ', 4 * few if os.environ.get('CI') else few))
    return settings(max_examples=number, deadline=None, suppress_health_check=list(HealthCheck))


def through(roots, codecs=()):
    """The roots, encoded, written as strict JSON, read and decoded."""
    snapshot = encode(roots, codecs)
    text = json.dumps(snapshot.document, allow_nan=False)
    return decode(json.loads(text), snapshot.blobs.__getitem__, codecs)


def back(value, codecs=()):
    """One value, through its stored form."""
    return through({'v': value}, codecs)['v']


def snapshot_of(value) -> Snapshot:
    return encode({'v': value})


_SMALL = (int, str, float, bool, type(None))


def assert_same_graph(left, right):
    """Fails unless the two graphs have the same shape, types and values. Iterators are compared by what they give."""
    pairs: dict[int, int] = {}
    seen: dict[int, int] = {}
    stack = [(left, right)]
    keep = []
    while stack:
        a, b = stack.pop()
        keep.append((a, b))
        assert type(a) is type(b), (type(a), type(b))
        if isinstance(a, float):
            assert struct.pack('d', a) == struct.pack('d', b)
            continue
        if isinstance(a, _SMALL) or type(a) in (type(...), type(NotImplemented)):
            assert a == b
            continue
        if isinstance(a, enum.Enum):
            assert a is b
            continue
        if type(a) is bytes and len(a) < 2:  # Python keeps one object for each of these, but not from `int.to_bytes`
            assert a == b
            continue
        assert pairs.setdefault(id(a), id(b)) == id(b), 'one object became two'
        assert seen.setdefault(id(b), id(a)) == id(a), 'two objects became one'
        if (id(a), 'done') in pairs:
            continue
        pairs[(id(a), 'done')] = 0
        if isinstance(a, dict):
            assert len(a) == len(b)
            stack.extend(zip(a.keys(), b.keys()))
            stack.extend(zip(a.values(), b.values()))
        elif isinstance(a, (list, tuple)):
            assert len(a) == len(b)
            stack.extend(zip(a, b))
        elif isinstance(a, (set, frozenset)):
            assert {repr(item) for item in a} == {repr(item) for item in b}
        elif isinstance(a, (bytes, bytearray, complex, range, slice)):
            assert repr(a) == repr(b)
        elif type(a).__name__ == 'ndarray':
            assert (a.dtype, a.shape, a.strides, a.tobytes()) == (b.dtype, b.shape, b.strides, b.tobytes())
        elif isinstance(a, types.BuiltinMethodType):
            assert a.__name__ == b.__name__
            stack.append((a.__self__, b.__self__))
        elif isinstance(a, types.FunctionType):
            stack.append((a.__closure__ or (), b.__closure__ or ()))
        elif isinstance(a, types.CellType):
            stack.append((a.cell_contents, b.cell_contents))
        elif hasattr(a, '__next__'):
            if hasattr(a, '__setstate__'):  # `iter`, its arguments and where it is
                stack.append((a.__reduce__()[1:], b.__reduce__()[1:]))
        else:
            stack.append((vars(a), vars(b)))
