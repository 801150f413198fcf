"""Iterators and views keep their place, and keep looking at the container they were made from.

What cannot be asked for its place is refused by name. Three choices to know:

- an iterator over a dict is rebuilt over the same rebuilt dict and put at the same distance from its end; if the dict
  changed its size under the iterator, it is refused, as its next step could only fail, unless the size becomes again what it was;
- an iterator over a set goes on over what was left, in that order. Where the set that was made again has another order, as
  it may, that takes a class of our own; it skips what was removed meanwhile, and raises what CPython raises if the set has
  changed its size;
- an iterator that is exhausted comes back exhausted, but perhaps as one of another type.

Knows the standard library only.
"""

from __future__ import annotations

import gc
from collections import OrderedDict, deque
from collections.abc import Callable
from itertools import islice, product
from typing import Any

from ..exceptions import CannotStoreError, FrameError
from . import nameless
from .records import Kind, Reader, Record, Writing

__all__ = ('KINDS', 'WRITERS')

_MAKERS: dict[str, Callable[..., Any]] = {
    maker.__name__: maker for maker in (iter, reversed, enumerate, zip, map, filter)
}
_VIEWS: dict[str, Callable[[Any], Any]] = {
    'keys': lambda mapping: mapping.keys(),
    'values': lambda mapping: mapping.values(),
    'items': lambda mapping: mapping.items(),
}


def _write_iterator(value: Any, w: Writing) -> Record:
    maker, args, *state = value.__reduce__()
    if maker is iter and len(args) == 1 and not state:
        return ['exhausted', w.ref(args[0])]
    refs = [*map(w.ref, args)]
    record: Record = ['iterator', [maker.__name__, *refs]]
    if state and state[0] is not None:
        record.append([w.ref(state[0]), refs[0] if isinstance(args[0], list) else None])
    return record


def _make_iterator(first: Any, r: Reader) -> object:
    return _MAKERS[first[0]](*map(r.get, first[1:]))


def _make_exhausted(first: Any, r: Reader) -> object:
    exhausted = iter(r.get(first))
    next(exhausted, None)
    return exhausted


def _fill_iterator(obj: Any, rest: Any, r: Reader) -> None:
    place, base = map(r.get, rest)
    if base is None:
        obj.__setstate__(place)
        return
    # `__setstate__` clamps to the present length, but the list may not be filled yet, or have become shorter and still
    # grow past that place: lengthen it for a moment.
    size = list.__len__(base)
    list.extend(base, [None] * (place + 1 - size))
    obj.__setstate__(place)
    list.__delitem__(base, slice(size, None))


def _mapping_of(value: object) -> Any:
    """The dict behind an iterator or view; ``None`` for an iterator that is exhausted."""
    return next((found for found in gc.get_referents(value) if isinstance(found, dict)), None)


def _left_of(value: Any) -> list[Any]:
    try:
        left: list[Any] = value.__reduce__()[1][0]
    except RuntimeError as error:
        raise CannotStoreError(type(value).__name__, '', f'{error}; going on with it would fail as well') from None
    return left


def _over_dict(value: Any, view: str, backwards: bool, w: Writing) -> Record:
    left = len(_left_of(value))
    mapping = _mapping_of(value)
    if mapping is None:
        return ['dict iterator', [view, backwards, w.ref({}), 0]]  # exhausted: it let go of its dict
    if any(item is value for item in mapping.values()):
        raise CannotStoreError(type(value).__name__, '', 'it sits inside the dict that it iterates over')
    return ['dict iterator', [view, backwards, w.ref(mapping), left]]


def _write_dict_iterator(view: str, backwards: bool) -> Callable[[Any, Writing], Record]:
    return lambda value, w: _over_dict(value, view, backwards, w)


def _make_dict_iterator(first: Any, r: Reader) -> object:
    view, backwards, ref, left = first
    mapping = r.get(ref)
    if len(mapping) < left:
        raise FrameError('an iterator over a dict needs the dict to be rebuilt, and the dict the iterator')
    fresh = (reversed if backwards else iter)(_VIEWS[view](mapping))
    for _ in range(len(mapping) - left):
        next(fresh)
    return fresh


def _same_items(left: list[Any], other: list[Any]) -> bool:
    """Whether two equally long lists hold the same objects; the pairs of items are made anew each time."""
    for a, b in zip(left, other, strict=True):
        pairs = zip(a, b, strict=True) if type(a) is type(b) is tuple and len(a) == len(b) else ((a, b),)
        if not all(one is other_one for one, other_one in pairs):
            return False
    return True


def _write_odict_iterator(value: Any, w: Writing) -> Record:
    # One type serves keys, values and items in both directions: what is left tells which it is.
    left, mapping = _left_of(value), _mapping_of(value)
    for backwards, view in product((False, True), _VIEWS) if mapping is not None else ():
        items = list((reversed if backwards else iter)(_VIEWS[view](mapping)))
        if _same_items(left, items[len(items) - len(left) :]):
            return _over_dict(value, view, backwards, w)
    return ['iterator', ['iter', w.ref(left)], [0, None]]


class _SetIterator:
    """An iterator over a set as CPython's, but for its order, which is that of the process it began in."""

    items: set[Any] | frozenset[Any] | None = None
    size = 0
    left: list[Any]

    def __iter__(self) -> _SetIterator:
        return self

    def __next__(self) -> Any:
        if self.items is None:
            raise StopIteration
        if len(self.items) != self.size:
            self.size = -1
            raise RuntimeError('Set changed size during iteration')
        while self.left:
            item = self.left.pop()
            if item in self.items:
                return item
        self.items = None
        raise StopIteration

    def __length_hint__(self) -> int:
        return len(self.left) if self.items is not None and len(self.items) == self.size else 0

    def __reduce__(self) -> tuple[Any, ...]:
        """Be pickled and copied as that of CPython: as an iterator over a list of what is left."""
        rest = _SetIterator()
        rest.items, rest.size, rest.left = self.items, self.size, [*self.left] if self.items is not None else []
        return iter, ([*rest],)


def _write_set_iterator(value: Any, w: Writing) -> Record:
    items = next((found for found in gc.get_referents(value) if isinstance(found, (set, frozenset))), None)
    if items is None:
        return ['exhausted', w.ref(set())]  # it let go of its set
    return _over_set(value, items, len(items), _left_of(value)[::-1], w)


def _write_own_set_iterator(value: _SetIterator, w: Writing) -> Record:
    if value.items is None:
        return ['exhausted', w.ref(set())]
    return _over_set(value, value.items, value.size, value.left, w)


def _over_set(value: object, items: Any, size: int, left: list[Any], w: Writing) -> Record:
    if value in items:  # it could not be made before its set, nor its set before it
        return ['set iterator', None, [w.ref(items), size, *map(w.ref, left)]]
    return ['over set', [w.ref(items), size, *map(w.ref, left)]]


def _are_one(item: Any, other: Any) -> bool:
    """Whether two are one item; of numbers and text there may be several objects."""
    return item is other or (type(item) is type(other) and type(item) in (int, float, str) and item == other)


def _make_over_set(first: Any, r: Reader) -> object:
    """Make an iterator of Python's own, if it would give in the same order what is left."""
    items, size, *left = map(r.get, first)
    order, done = [*items], len(items) - len(left)
    if size == len(order) and all(map(_are_one, order[done:], reversed(left))):
        own = iter(items)
        deque(islice(own, done), 0)
        return own
    made = _SetIterator()
    made.items, made.size, made.left = items, size, left
    return made


def _fill_set_iterator(obj: _SetIterator, rest: Any, r: Reader) -> None:
    obj.items, obj.size, *obj.left = map(r.get, rest)


def _write_view(view: str) -> Callable[[Any, Writing], Record]:
    return lambda value, w: ['view', [view, w.ref(_mapping_of(value))]]


def _make_view(first: Any, r: Reader) -> object:
    return _VIEWS[first[0]](r.get(first[1]))


_SEQUENCES: tuple[Any, ...] = ([], (), 'a', 'é', range(0), range(1 << 99), b'', bytearray())
_OTHERS: tuple[Any, ...] = (
    reversed([]),
    reversed(()),
    iter(int, 0),
    enumerate(()),
    zip(),
    map(int, ()),
    filter(None, ()),
)

WRITERS: dict[type, Any] = {type(example): _write_iterator for example in (*map(iter, _SEQUENCES), *_OTHERS)}
WRITERS[nameless.sequence_iterator] = _write_iterator
for _view, _get in _VIEWS.items():
    WRITERS[type(iter(_get({})))] = _write_dict_iterator(_view, False)
    WRITERS[type(reversed(_get({})))] = _write_dict_iterator(_view, True)
    WRITERS[type(_get({}))] = WRITERS[type(_get(OrderedDict()))] = _write_view(_view)
WRITERS[type(iter(OrderedDict()))] = _write_odict_iterator
WRITERS[type(iter(set()))] = _write_set_iterator
WRITERS[_SetIterator] = _write_own_set_iterator

KINDS = (
    Kind('iterator', _make_iterator, _fill_iterator, lambda rest: 1, late=1),
    Kind('dict iterator', _make_dict_iterator, late=2),
    Kind('exhausted', _make_exhausted),
    Kind('set iterator', lambda first, r: _SetIterator(), _fill_set_iterator),
    Kind('over set', _make_over_set, late=2),
    Kind('view', _make_view),
)
