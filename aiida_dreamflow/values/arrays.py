"""numpy arrays, scalars and dtypes. Imported only when a value or a document has one, so numpy stays optional.

An array is kept as its `.npy` bytes, never pickled. Arrays that overlap in memory (``a`` and ``a[1:]``, where a write
through one shows in the other) are kept as views of one block of bytes, with their strides. An array that shares with
no other in the graph is kept alone: a lone view comes back as a contiguous array of its own, and drags no base along.
Object arrays are kept element by element, and refused where they overlap another array. An iterator over an array is kept as that
and its place.
"""

from __future__ import annotations

import ast
import io
from collections import deque
from functools import lru_cache
from itertools import islice
from typing import Any

import numpy as np

from ..exceptions import CannotStoreError, FrameError
from .containers import read_bytes, write_bytes
from .objects import write_object
from .records import Kind, Reader, Record, Writing

__all__ = ('KINDS', 'from_npy', 'npy_header', 'to_npy', 'writer_for')


@lru_cache(maxsize=256)
def _header(dtype: np.dtype[Any], shape: tuple[int, ...], fortran: bool) -> bytes:
    stream = io.BytesIO()
    header = {'descr': np.lib.format.dtype_to_descr(dtype), 'fortran_order': fortran, 'shape': shape}
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue()


@lru_cache(maxsize=256)
def _parsed(header: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    stream = io.BytesIO(header)
    np.lib.format.read_magic(stream)
    return np.lib.format.read_array_header_1_0(stream)


def to_npy(array: np.ndarray[Any, Any]) -> bytes:
    """The `.npy` bytes of an array, as :func:`numpy.save` makes them.

    :param array: an array without Python objects in it.
    :returns: the bytes.
    """
    fortran = array.flags.f_contiguous and not array.flags.c_contiguous
    if array.dtype.fields and not array.flags.forc:
        filled = np.zeros(array.shape, array.dtype)  # a plain copy leaves chance bytes between the fields
        filled[...] = array
        array = filled
    try:
        header = _header(array.dtype, array.shape, fortran)
    except ValueError:  # names or sizes that need a newer version of the format
        stream = io.BytesIO()
        np.lib.format.write_array(stream, array, version=(3, 0), allow_pickle=False)
        return stream.getvalue()
    return header + (array.T if fortran else array).tobytes()


def npy_header(array: np.ndarray[Any, Any]) -> bytes:
    """The beginning of the `.npy` bytes of a C-contiguous array of numbers; its own bytes follow.

    :param array: the array.
    :returns: the bytes.
    """
    return _header(array.dtype, array.shape, False)


def from_npy(data: bytes) -> np.ndarray[Any, Any]:
    """The writeable array of `.npy` bytes; never unpickles.

    :param data: the bytes.
    :returns: a new array.
    :raises ValueError: if the bytes are no array, or one that holds Python objects.
    """
    if data[6:7] == b'\x01':
        start = 10 + int.from_bytes(data[8:10], 'little')
        shape, fortran, dtype = _parsed(data[:start])
        if dtype.itemsize and 0 not in shape and not dtype.hasobject:
            array: np.ndarray[Any, Any] = np.empty(shape, dtype, order='F' if fortran else 'C')
            # Byte by byte: copying structures would leave out the gaps between their fields, and change the digest.
            memory = (array.T if fortran else array).reshape(-1).view(np.uint8)
            memory[:] = np.frombuffer(data, np.uint8, offset=start)
            return array
    loaded: np.ndarray[Any, Any] = np.load(io.BytesIO(data), allow_pickle=False)
    return loaded


@lru_cache(maxsize=256)
def _is_simple(dtype: np.dtype[Any]) -> bool:
    """Whether a `.npy` header says all about a dtype."""
    if dtype.metadata or dtype.hasobject or dtype.isalignedstruct:
        return False
    try:
        return bool(np.lib.format.descr_to_dtype(np.lib.format.dtype_to_descr(dtype)) == dtype)
    except (TypeError, ValueError):
        return False


def _write_array(value: np.ndarray[Any, Any], w: Writing) -> Record:
    dtype = value.dtype
    if dtype.kind == 'O':
        w.defer(_settle, value)
        fortran = value.flags.f_contiguous and not value.flags.c_contiguous
        items = [w.ref(item) for item in value.ravel(order='F' if fortran else 'C')]
        return ['object array', [list(value.shape), fortran], [bool(value.flags.writeable), *items]]
    if dtype.kind == 'T':
        fortran = value.flags.f_contiguous and not value.flags.c_contiguous
        missing = [w.ref(dtype.na_object)] if hasattr(dtype, 'na_object') else []
        first = [list(value.shape), fortran, bool(dtype.coerce), missing]
        return ['text array', first, [bool(value.flags.writeable), *_texts(value, fortran, w)]]
    if dtype.hasobject:
        raise CannotStoreError(
            'numpy.ndarray', '', f'its dtype {dtype} mixes Python objects with numbers; use two arrays'
        )
    if not _is_simple(dtype) and not dtype.isalignedstruct:
        raise CannotStoreError('numpy.ndarray', '', f'its dtype {dtype!r} has no `.npy` form; convert it with `astype`')
    return w.defer(_settle, value)


def _texts(value: np.ndarray[Any, Any], fortran: bool, w: Writing) -> list[Any]:
    return [w.ref(item) for item in value.ravel(order='F' if fortran else 'C').astype(object)]


def _write_subclass(value: np.ndarray[Any, Any], w: Writing) -> Record:
    if isinstance(value, np.memmap):
        raise CannotStoreError(
            'numpy.memmap', '', 'it shows a file; keep the path, or a copy made with `numpy.array(...)`'
        )
    w.defer(_settle, value)
    return write_object(value, w)


class _Memory:
    """The block of bytes that arrays share; exists in documents only."""

    def __init__(self, data: bytes) -> None:
        self.data = data


def _write_memory(value: _Memory, w: Writing) -> Record:
    return ['memory', write_bytes(value.data, w)]


def _alone(value: np.ndarray[Any, Any], w: Writing) -> Record:
    # A `.npy` header does not say that a structured dtype is aligned.
    dtype = w.ref(value.dtype) if value.dtype.isalignedstruct else None
    return ['array', [write_bytes(to_npy(value), w), dtype, bool(value.flags.writeable)]]


def _extent(value: np.ndarray[Any, Any]) -> tuple[int, int]:
    """The first and the last address (plus one) that an array touches."""
    start = stop = value.__array_interface__['data'][0]
    for count, stride in zip(value.shape, value.strides, strict=True):
        if stride < 0:
            start += (count - 1) * stride
        else:
            stop += (count - 1) * stride
    return start, stop + value.itemsize


def _settle(waiting: list[tuple[int, Any]], w: Writing) -> None:
    """Find the arrays that overlap, and write the records of all."""
    if len(waiting) == 1:
        _settle_group(waiting, w)
        return
    groups = [[item] for item in waiting if not item[1].size]
    end = 0
    for (start, stop), item in sorted(
        ((_extent(item[1]), item) for item in waiting if item[1].size), key=lambda pair: pair[0]
    ):
        if start < end:
            groups[-1].append(item)
        else:
            groups.append([item])
        end = max(end, stop)
    for group in groups:
        _settle_group(sorted(group, key=lambda item: item[0]), w)


def _settle_group(members: list[tuple[int, Any]], w: Writing) -> None:
    if len(members) == 1:
        index, value = members[0]
        if type(value) is np.ndarray and not value.dtype.hasobject:
            w.settle(index, _alone(value, w))
        return
    extents = [_extent(value) for _, value in members]
    start, stop = min(low for low, _ in extents), max(high for _, high in extents)
    for index, value in members:
        w.blame(index)
        if type(value) is not np.ndarray or value.dtype.hasobject:
            reason = 'it shares memory with another array; use `.copy()` on one of them'
            raise CannotStoreError(f'numpy.{type(value).__name__}', '', reason)
    w.blame(members[0][0])
    memory = w.ref(_Memory(_bytes_between(members[0][1], start, stop)))
    for index, value in members:
        place = value.__array_interface__['data'][0] - start
        layout = [list(value.shape), list(value.strides), place, bool(value.flags.writeable)]
        w.settle(index, ['array view', [memory, w.ref(value.dtype), *layout]])


def _bytes_between(value: np.ndarray[Any, Any], start: int, stop: int) -> bytes:
    """The bytes between two addresses inside the block of memory that `value` lives in."""
    owner = value
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    low, high = _extent(owner)
    if high - low != owner.nbytes or not low <= start <= stop <= high:
        raise CannotStoreError('numpy.ndarray', '', 'it shares the memory of another object; use `.copy()`')
    flat = owner.ravel(order='K').view(np.uint8) if owner.ndim else owner.reshape(1).view(np.uint8)
    return flat[start - low : stop - low].tobytes()


def _write_dtype(value: np.dtype[Any], w: Writing) -> Record:
    return ['dtype', repr(np.lib.format.dtype_to_descr(value))] if _is_simple(value) else write_object(value, w)


def _write_scalar(value: np.generic, w: Writing) -> Record:
    if value.dtype.hasobject:
        raise CannotStoreError(type(value).__name__, '', f'its dtype {value.dtype} holds Python objects; use a tuple')
    return ['scalar', [w.ref(value.dtype) if value.dtype.fields else value.dtype.str, value.tobytes().hex()]]


def _write_flat(value: np.flatiter[Any], w: Writing) -> Record:
    return ['flat', [w.ref(value.base), value.index]]


def _write_index(value: np.ndindex, w: Writing) -> Record:
    """Relies on the `nditer` that an `ndindex` goes through, before numpy 2.4; from then on it is written as its attributes."""
    going: Any = getattr(value, '_it', None)
    if not isinstance(going, np.nditer):
        return write_object(value, w)
    ahead = going.copy()
    following = ahead.iterindex if next(ahead, None) is not None else ahead.itersize
    return ['index', [list(going.operands[0].shape), following]]


def writer_for(cls: type) -> Any:
    """The function that writes objects of a numpy class; ``None`` if `cls` is none of numpy's."""
    if issubclass(cls, np.ndarray):
        return _write_array if cls is np.ndarray else _write_subclass
    if issubclass(cls, np.dtype):
        return _write_dtype
    if cls is _Memory:
        return _write_memory
    if cls in (np.flatiter, np.ndindex):
        return _write_flat if cls is np.flatiter else _write_index
    return _write_scalar if issubclass(cls, np.generic) and cls.__module__ == 'numpy' else None


def _dtype_of(ref: Any, r: Reader) -> np.dtype[Any]:
    dtype: np.dtype[Any] = np.dtype(r.get(ref))
    if dtype.hasobject:  # stored bytes must never be taken for addresses
        raise FrameError('stored numbers claim to be Python objects; the stored document is damaged')
    return dtype


def _make_flat(first: Any, r: Reader) -> object:
    ref, index = first
    flat = r.get(ref).flat
    deque(islice(flat, index), 0)
    return flat


def _make_index(first: Any, r: Reader) -> object:
    shape, following = first
    index = np.ndindex(*shape)
    deque(islice(index, following), 0)
    return index


def _read_array(first: Any, r: Reader) -> np.ndarray[Any, Any]:
    text, dtype, writeable = first
    array = from_npy(read_bytes(text, r))
    if dtype is not None:
        array = array.view(_dtype_of(dtype, r))
    if not writeable:
        array.flags.writeable = False
    return array


def _read_view(first: Any, r: Reader) -> np.ndarray[Any, Any]:
    memory, dtype, shape, strides, offset, writeable = first
    view: np.ndarray[Any, Any] = np.ndarray(
        tuple(shape), _dtype_of(dtype, r), buffer=r.get(memory), offset=offset, strides=tuple(strides)
    )
    if not writeable:
        view.flags.writeable = False
    return view


def _make_object_array(first: Any, r: Reader) -> np.ndarray[Any, Any]:
    shape, fortran = first
    return np.empty(tuple(shape), object, order='F' if fortran else 'C')


def _fill_object_array(obj: np.ndarray[Any, Any], rest: Any, r: Reader) -> None:
    flat = (obj.T if obj.flags.f_contiguous else obj).reshape(-1)
    for index, ref in enumerate(rest[1:]):
        flat[index] = r.get(ref)
    obj.flags.writeable = rest[0]


def _make_text_array(first: Any, r: Reader) -> np.ndarray[Any, Any]:
    shape, fortran, coerce, missing = first
    options = {'na_object': r.get(missing[0])} if missing else {}
    dtype: Any = np.dtypes.StringDType(coerce=coerce, **options)
    return np.empty(tuple(shape), dtype, order='F' if fortran else 'C')


def _read_scalar(first: Any, r: Reader) -> Any:
    dtype = _dtype_of(first[0], r)
    data = bytes.fromhex(first[1])
    return np.ndarray((), dtype, buffer=data)[()] if data else np.zeros((), dtype)[()]


KINDS = (
    Kind('array', _read_array),
    Kind('array view', _read_view),
    Kind('memory', lambda first, r: np.frombuffer(bytearray(read_bytes(first, r)), np.uint8)),
    Kind('object array', _make_object_array, _fill_object_array),
    Kind('text array', _make_text_array, _fill_object_array),
    Kind('flat', _make_flat, late=1),
    Kind('index', _make_index),
    Kind('dtype', lambda first, r: np.dtype(np.lib.format.descr_to_dtype(ast.literal_eval(first)))),
    Kind('scalar', _read_scalar),
)
