"""Memory views of `bytes`, `bytearray` and `array`: they come back as views of the same object.

Where a view begins is asked of CPython, through the buffer protocol. Knows the standard library only.
"""

from __future__ import annotations

import array
import ctypes
from typing import Any

from ..exceptions import CannotStoreError
from .records import Kind, Reader, Record, Writing

__all__ = ('KINDS', 'WRITERS')

_FORMATS = frozenset('cbB?hHiIlLqQnNefdP')
_FULL_RO = 0x11C  # `PyBUF_FULL_RO` of ``Include/cpython/object.h``


class _Buffer(ctypes.Structure):
    """``Py_buffer``, from ``Include/cpython/object.h``."""

    _fields_ = (
        ('buf', ctypes.c_void_p), ('obj', ctypes.c_void_p), ('len', ctypes.c_ssize_t), ('itemsize', ctypes.c_ssize_t),
        ('readonly', ctypes.c_int), ('ndim', ctypes.c_int), ('format', ctypes.c_char_p), ('shape', ctypes.c_void_p),
        ('strides', ctypes.c_void_p), ('suboffsets', ctypes.c_void_p), ('internal', ctypes.c_void_p),
    )  # fmt: skip


def _address(exporter: Any) -> int:
    found = _Buffer()
    ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(exporter), ctypes.byref(found), _FULL_RO)
    try:
        return found.buf or 0
    finally:
        ctypes.pythonapi.PyBuffer_Release(ctypes.byref(found))


def _write_view(value: memoryview, w: Writing) -> Record:
    try:
        owner: Any = value.obj
    except ValueError:
        if _knows_its_hash(value):
            reason = 'it is released, and knows the hash of bytes that are gone, which is another after a restart'
            raise CannotStoreError('memoryview', '', reason) from None
        return ['released memory view', None]
    is_plain = type(owner) in (bytes, bytearray, array.array) and value.format in _FORMATS
    if not is_plain or not (value.ndim == 1 or (value.ndim and value.c_contiguous)):
        reason = 'a memoryview of this kind shows memory of another object; keep that object, or `bytes(view)`'
        raise CannotStoreError('memoryview', '', reason)
    step = 1 if value.ndim > 1 else (value.strides or (value.itemsize,))[0] // value.itemsize
    begin = _address(value) - _address(owner) if value.nbytes else 0
    shape = [*(value.shape or (0,))]
    if value.nbytes and step < 0:
        begin += (shape[0] - 1) * step * value.itemsize  # it begins with the last item of the memory
    return ['memory view', [w.ref(owner), begin, value.format, shape, step, value.readonly]]


def _knows_its_hash(released: memoryview) -> bool:
    try:
        hash(released)
    except ValueError:
        return False
    return True


def _make_view(first: Any, r: Reader) -> object:
    begin, form, shape, step, readonly = first[1:]
    flat: Any = memoryview(r.get(first[0])).cast('B')
    size = memoryview(b'\0' * 8).cast(form).itemsize
    if len(shape) > 1:
        count = size
        for length in shape:
            count *= length
        found = flat[begin : begin + count].cast(form, shape)
    else:
        count = ((shape[0] - 1) * abs(step) + 1) * size if shape[0] else 0
        found = flat[begin : begin + count]
        found = found if form == 'B' else found.cast(form)
        found = found if step == 1 else found[::step]
    return found.toreadonly() if readonly and not found.readonly else found


def _make_released(first: Any, r: Reader) -> object:
    view = memoryview(b'')
    view.release()
    return view


WRITERS: dict[type, Any] = {memoryview: _write_view}
KINDS = (Kind('memory view', _make_view, late=1), Kind('released memory view', _make_released))
