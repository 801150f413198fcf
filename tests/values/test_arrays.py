"""numpy: every dtype, order, flags, shared memory; and documents that lie."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from values.graphs import back, examples, snapshot_of

from aiida_dreamflow.exceptions import CannotStoreError, FrameError
from aiida_dreamflow.values.arrays import from_npy, to_npy
from aiida_dreamflow.values.snapshot import decode, encode


def assert_same_array(left, right):
    assert type(left) is type(right)
    assert left.dtype == right.dtype
    assert left.dtype.str == right.dtype.str
    assert left.dtype.isalignedstruct == right.dtype.isalignedstruct
    assert left.shape == right.shape
    assert left.tobytes() == right.tobytes()
    assert left.flags.writeable == right.flags.writeable


@examples(40)
@given(
    npst.arrays(
        st.one_of(npst.scalar_dtypes(), npst.array_dtypes(max_size=3)), npst.array_shapes(min_dims=0, min_side=0)
    )
)
def test_any_array(array):
    assert_same_array(array, back(array))
    assert snapshot_of(array).digest() == snapshot_of(back(array)).digest()


@pytest.mark.parametrize(
    'array',
    [
        np.array(3.5), np.zeros((0, 3)), np.zeros((3, 0), '>i2'), np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.arange(10)[::-2],
        np.arange(24).reshape(2, 3, 4).transpose(2, 0, 1), np.array(['a', 'é\U0001f600']), np.array([b'x']), np.arange(0, 3, dtype='M8[D]'),
        np.array(['NaT', 3], 'm8[ns]'), np.zeros(2, [('a', '<f4'), ('b', '>i2', (2,))]), np.zeros(2, np.dtype('i1,f8', align=True)),
        np.array([np.nan, np.inf, -0.0]), np.ones(5, np.longdouble), np.zeros(200_000), np.array([], 'U'), np.zeros(2, [('é', 'f8')]),
        np.broadcast_to(np.arange(3), (2, 3)), np.zeros((2, 2), np.float16), np.array([True]), np.array([1 + 2j]),
    ],
    ids=lambda array: f'{array.dtype.str}{array.shape}',
)  # fmt: skip
def test_arrays(array):
    assert_same_array(array, back(array))
    if array.flags.f_contiguous:
        assert back(array).flags.f_contiguous


def test_read_only():
    array = np.arange(3)
    array.flags.writeable = False
    with pytest.raises(ValueError, match='read-only'):
        back(array)[0] = 1
    back(np.arange(3))[0] = 1


@pytest.mark.parametrize(
    'array', [np.arange(6.0).reshape(2, 3), np.asfortranarray(np.ones((2, 3))), np.zeros(0), np.array(1)]
)
def test_npy_is_numpys_own(array):
    stream = io.BytesIO()
    np.save(stream, array)
    assert to_npy(array) == stream.getvalue()
    assert_same_array(from_npy(stream.getvalue()), array)


def test_large_arrays_are_blobs_by_content():
    array = np.arange(1000.0)
    snapshot = encode({'a': array, 'b': array.copy(), 'c': array})
    (blob,) = snapshot.blobs.values()
    assert np.array_equal(np.load(io.BytesIO(blob)), array)
    roots = decode(snapshot.document, snapshot.blobs.__getitem__)
    assert roots['a'] is roots['c']
    assert roots['a'] is not roots['b']


@pytest.mark.parametrize('order', ['C', 'F'])
def test_shared_memory_stays_shared(order):
    base = np.array(np.arange(12.0).reshape(3, 4), order=order)
    a, row, column, backwards, flat = back((base, base[1], base[:, 2], base[::-1, ::-2], base.reshape(-1, order=order)))
    a[1, 2] = 99
    assert row[2] == column[1] == 99
    assert 99 in flat
    assert np.array_equal(backwards, a[::-1, ::-2])
    backwards[0, 0] = -5
    assert a[2, 3] == -5


def test_views_without_their_base_share():
    base = np.arange(10)
    left, right = back((base[:6], base[4:]))
    left[5] = 77
    assert right[1] == 77
    apart = encode({'l': base[:5], 'r': base[5:]})
    assert [record[0] for record in apart.document['objects']] == ['array', 'array']


def test_gaps_between_fields_do_not_change_the_digest():
    dtype = np.dtype('i1,f8', align=True)
    array = np.frombuffer(bytes(range(64)), dtype).copy()
    array.view(np.uint8)[:] = np.arange(64)
    assert back(array).tobytes() == array.tobytes()
    assert len({snapshot_of(array[::2]).digest() for _ in range(20)}) == 1


def test_lone_view_does_not_drag_its_base_along():
    view = np.zeros(1_000_000)[:3]
    assert encode({'v': view}).blobs == {}
    assert back(view).flags.owndata or back(view).base.size == 3


def test_overlap_with_an_empty_view():
    base = np.arange(10)
    whole, empty, tail = back((base, base[3:3], base[8:]))
    whole[9] = -1
    assert tail[1] == -1
    assert empty.shape == (0,)


@pytest.mark.parametrize('order', ['C', 'F'])
def test_object_arrays(order):
    items = np.empty((2, 2), object, order=order)
    items[0, 0], items[0, 1], items[1, 0] = [1], items, np.array(5)
    rebuilt, alias = back((items, items[0, 0]))
    assert rebuilt[0, 0] is alias
    assert rebuilt[0, 1] is rebuilt
    assert type(rebuilt[1, 0]) is np.ndarray
    assert rebuilt[1, 1] is None
    assert rebuilt.flags.f_contiguous == items.flags.f_contiguous


@pytest.mark.parametrize(
    'scalar',
    [
        np.float64(0.1), np.float64('nan'), np.float32(1), np.int8(-3), np.uint64(2**64 - 1), np.bool_(True), np.str_('é'), np.bytes_(b'a'),
        np.datetime64('2026-01-01T00:00', 'm'), np.timedelta64(3, 'us'), np.complex128(1j), np.longdouble(1) / 3, np.str_(''),
        np.zeros(1, [('a', 'i4'), ('b', 'f8')])[0], np.void(b'abc'),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_scalars(scalar):
    rebuilt = back(scalar)
    assert type(rebuilt) is type(scalar)
    assert rebuilt.dtype == scalar.dtype
    assert rebuilt.tobytes() == scalar.tobytes()
    assert not snapshot_of(scalar).runs_code


@pytest.mark.parametrize('dtype', ['f8', '>i2', 'M8[3D]', 'U7', 'f4,(2,)i2', 'O'])
def test_dtypes(dtype):
    assert back(np.dtype(dtype)) == np.dtype(dtype)
    assert back(np.dtype('i1,f8', align=True)).isalignedstruct


@pytest.mark.parametrize(
    'loop',
    [
        lambda a: a.flat,
        lambda a: a.T.flat,
        lambda a: a.astype(object).flat,
        np.ndenumerate,
        lambda a: np.ndindex(a.shape),
        lambda a: np.ndindex(0, 2),
        lambda a: np.ndindex(),
    ],
)
def test_iterators_over_arrays(loop):
    """At each place, also before the first item and after the last."""
    array = np.arange(6).reshape(2, 3)
    items = [*loop(array)]
    for taken in range(len(items) + 1):
        going = loop(array)
        for _ in range(taken):
            next(going)
        again = back(going)
        assert type(again) is type(going)
        assert [*again] == items[taken:]
        assert [*going] == items[taken:]


def test_a_flat_iterator_stays_on_its_array():
    array, flat = back((array := np.zeros(3), array.flat))
    assert flat.base is array


def test_numpy_functions_and_subclasses():
    assert back(np.sin) is np.sin
    assert back(np.float64) is np.float64
    masked = back(np.ma.array([1, 2], mask=[True, False]))
    assert masked.mask.tolist() == [True, False]
    generator = np.random.default_rng(3)
    assert back(generator).random() == generator.random()


@pytest.mark.parametrize(
    ('value', 'message'),
    [
        (np.zeros(2, [('a', 'f8'), ('b', 'O')]), 'mixes Python objects with numbers'),
        ((lambda a: [a, a[:1]])(np.array([None, 1])), 'shares memory'),
        ((lambda a: [a, a.view(np.matrix)])(np.arange(3)), 'shares memory'),
    ],
)
def test_refused(value, message):
    with pytest.raises(CannotStoreError, match=message):
        encode({'v': value})


def test_memmap_is_refused(tmp_path):
    with pytest.raises(CannotStoreError, match='shows a file'):
        encode({'v': np.memmap(tmp_path / 'f', 'f8', 'w+', shape=(2,))})


@pytest.mark.parametrize('record', [['scalar', ['|O', '00' * 8]], ['array view', [{'@': 1}, '|O', [1], [8], 0, True]]])
def test_bytes_are_never_taken_for_addresses(record):
    document = {'version': 1, 'roots': {}, 'objects': [record, ['memory', 'AAAAAAAAAAA=']]}
    with pytest.raises(FrameError, match='claim to be Python objects'):
        decode(document, {}.__getitem__)


def test_npy_with_objects_is_never_unpickled():
    stream = io.BytesIO()
    np.save(stream, np.array([{}], object), allow_pickle=True)
    with pytest.raises(ValueError, match='allow_pickle=False'):
        from_npy(stream.getvalue())
