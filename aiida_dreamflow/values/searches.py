"""The search that the loop over ``re.finditer`` goes through: in which text, and how often it was asked.

Where it is, is read from memory as CPython lays it out, and compared with a search of the same text made anew; nothing is ever
written there. It relies on ``SRE_STATE`` in ``Modules/_sre/sre.h``, and is tried on a text of our own before it is trusted. Knows
the standard library only.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from typing import Any

from ..exceptions import CannotStoreError
from . import nameless
from .records import Kind, Reader, Record, Writing

__all__ = ('KINDS', 'WRITERS')

#: Where a search looks next, and whether it has to leave that place, having found nothing there; ``None`` at the end.
_Place = tuple[int, int] | None


@cache
def _layout() -> Any:
    """The structure of a search; ``None`` if this interpreter has another one."""
    import ctypes  # takes a while, and few frames need it

    address, size, number = ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int
    fields: list[tuple[str, Any]] = [('head', ctypes.c_byte * object.__basicsize__)]
    fields += [(name, address) for name in ('pattern', 'found', 'beginning', 'start', 'end', 'text')]
    fields += [('buffer', address * 10), ('pos', size), ('endpos', size), ('is_bytes', number), ('width', number)]
    if sys.version_info < (3, 11):
        fields += [('last_index', size), ('last_mark', size), ('marks', address)]
    fields += [('whole', number), ('must_advance', number)]
    layout = type('Search', (ctypes.Structure,), {'_fields_': fields})
    known = sys.implementation.name == 'cpython' and ctypes.sizeof(layout) <= nameless.pattern_scanner.__basicsize__
    return layout if known and all(_tells_the_places(layout, text) for text in ('xaéb', 'xa€b')) else None


def _tells_the_places(layout: Any, text: str) -> bool:
    search: Any = re.compile('b?').scanner(text, 2)  # type: ignore[attr-defined]
    state = layout.from_address(id(search))
    found = [(_place(state), search.search() is None) for _ in range(5)]
    expected = [((2, 0), False), ((2, 1), False), ((4, 0), False), ((4, 1), True), (None, True)]
    return found == expected and (state.text, state.pos, state.endpos) == (id(text), 2, 4)


def _place(state: Any) -> _Place:
    return ((state.start - state.beginning) // state.width, state.must_advance) if state.start else None


def _write_search(value: Any, w: Writing) -> Record:
    import ctypes

    layout = _layout()
    if layout is None:
        reason = 'it does not tell how far it is; make a list of its items before the loop: `list(...)`'
        raise CannotStoreError('SRE_Scanner', '', reason, is_outside=True)
    state = layout.from_address(id(value))
    text = ctypes.cast(state.text, ctypes.py_object).value
    count = _searches_to(_place(state), value.pattern.scanner(text, state.pos, state.endpos), layout)
    if count is None:
        reason = (
            'searching again does not come to where it is: its text has changed; make a list of its items before the '
            'loop: `list(...)`'
        )
        raise CannotStoreError('SRE_Scanner', '', reason, is_outside=True)
    return ['search', [count, *map(w.ref, (value.pattern, text, state.pos, state.endpos))]]


def _searches_to(place: _Place, fresh: Any, layout: Any) -> int | None:
    """Return how often a fresh search has to be asked to come to a place."""
    state, count = layout.from_address(id(fresh)), 0
    while (now := _place(state)) != place:
        if now is None or (place is not None and now > place):
            return None
        fresh.search()
        count += 1
    return count


def _make_search(first: Any, r: Reader) -> object:
    count, *parts = first
    pattern, *args = map(r.get, parts)
    search: object = pattern.scanner(*args)
    for _ in range(count):
        search.search()  # type: ignore[attr-defined]
    return search


WRITERS: dict[type, Any] = {nameless.pattern_scanner: _write_search}
KINDS = (Kind('search', _make_search, late=1),)
