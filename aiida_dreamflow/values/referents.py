"""What is written in C and does not pickle, but tells the garbage collector what it holds.

Sort keys of `functools.cmp_to_key`, the loop over `struct.iter_unpack`, that over a template string. Relies on the order in which
``tp_traverse`` visits, in ``Modules/_functoolsmodule.c``, ``Modules/_struct.c`` and ``Objects/templateobject.c``. Knows the
standard library only.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import gc
import importlib
import itertools
import struct
from typing import Any

from . import nameless
from .records import Kind, Reader, Record, Writing

__all__ = ('KINDS', 'WRITERS')


def _held_by(value: object) -> list[Any]:
    """What an object holds beside its class, which those whose class is a heap type visit first."""
    held = gc.get_referents(value)
    return held[1:] if held and held[0] is type(value) else held


def _write_sort_key(value: Any, w: Writing) -> Record:
    return ['sort key', [*map(w.ref, _held_by(value))]]


def _make_sort_key(first: Any, r: Reader) -> object:
    compare, *item = map(r.get, first)
    key: Any = functools.cmp_to_key(compare)
    return key(*item) if item else key


# -- what is left of a binary text


def _write_unpacking(value: Any, w: Writing) -> Record:
    held = _held_by(value)
    if not held:
        return ['unpacking', None]
    form, content = held
    done = memoryview(content).nbytes // form.size - value.__length_hint__()
    return ['unpacking', [w.ref(form), w.ref(content), done]]


def _make_unpacking(first: Any, r: Reader) -> object:
    made: Any = struct.iter_unpack('B', b'')
    if first is None:
        next(made, None)
        return made
    made = r.get(first[0]).iter_unpack(r.get(first[1]))
    for _ in itertools.islice(made, first[2]):
        pass
    return made


# -- what is left of a template string


def _write_parts(value: Any, w: Writing) -> Record:
    # It begins with a text, and takes texts and interpolations in turns; empty texts are left out.
    texts, others = ([*copy.copy(held)] for held in _held_by(value))
    pairs = itertools.zip_longest(*((texts, others) if len(texts) > len(others) else (others, texts)), fillvalue='')
    return ['template parts', [w.ref(part) for pair in pairs for part in pair]]


def _make_parts(first: Any, r: Reader) -> object:
    templates: Any = importlib.import_module('string.templatelib')
    return iter(templates.Template(*map(r.get, first)))


WRITERS: dict[type, Any] = {nameless.sort_key: _write_sort_key, nameless.unpack_iterator: _write_unpacking}
with contextlib.suppress(ImportError):  # since Python 3.14
    WRITERS[type(iter(importlib.import_module('string.templatelib').Template()))] = _write_parts

KINDS = (
    Kind('sort key', _make_sort_key, late=1),
    Kind('unpacking', _make_unpacking, late=1),
    Kind('template parts', _make_parts, late=1),
)
