"""Readers and writers of `csv`: they come back with their dialect, over the same lines or the same file.

What a reader reads from, and a writer writes with, is asked of the garbage collector, as neither tells. A reader that
raised an error in the middle of a record begins with the next line. Knows the standard library only.
"""

from __future__ import annotations

import _csv
import gc
from collections.abc import Callable
from typing import Any

from .cursors import Rest, advanced, split
from .records import Kind, Reader, Record, Writing

__all__ = ('KINDS', 'WRITERS')

_OPTIONS = (
    'delimiter', 'doublequote', 'escapechar', 'lineterminator', 'quotechar', 'quoting', 'skipinitialspace', 'strict',
)  # fmt: skip


class _File:
    """Something that a writer is made for."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self.write = write


def _partner(value: Any) -> Any:
    """Return what a reader reads from, or a writer writes with."""
    known = (value.dialect, type(value), _csv.Error)
    return next(part for part in gc.get_referents(value) if all(part is not each for each in known))


def _write_dialect(value: Any, w: Writing) -> Record:
    return ['csv dialect', [w.ref(getattr(value, name)) for name in _OPTIONS]]


def _make_dialect(first: Any, r: Reader) -> object:
    return _csv.Dialect(**dict(zip(_OPTIONS, map(r.get, first), strict=True)))


def _write_reader(value: Any, w: Writing) -> Record:
    return ['csv reader', [w.ref(value.dialect), w.ref(split(_partner(value))[1]), value.line_num]]


def _make_reader(first: Any, r: Reader) -> object:
    dialect, lines, count = map(r.get, first)
    # Empty lines count as others, and give nothing.
    return advanced(_csv.reader(Rest([''] * count, lines), dialect), count)


def _write_writer(value: Any, w: Writing) -> Record:
    return ['csv writer', [w.ref(value.dialect), w.ref(_partner(value))]]


def _make_writer(first: Any, r: Reader) -> object:
    dialect, write = map(r.get, first)
    return _csv.writer(_File(write), dialect)


WRITERS: dict[type, Any] = {
    _csv.Dialect: _write_dialect,
    type(_csv.reader(())): _write_reader,
    type(_csv.writer(_File(print))): _write_writer,
}
KINDS = (
    Kind('csv dialect', _make_dialect),
    Kind('csv reader', _make_reader, late=1),
    Kind('csv writer', _make_writer, late=1),
)
