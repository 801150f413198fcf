"""Weak references: they come back to the same object, which something else in the snapshot must hold.

What they refer to is written like anything else; `strong_in` tells whether something refers to it that is not weak: otherwise
it would be gone after a restart, though it is there now. Knows the standard library only.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

from .records import Kind, Reader, Record, Writing, refs_in
from .subclasses import fill_state, state_of

__all__ = ('KINDS', 'WRITERS', 'is_mortal', 'strong_in', 'write_reference')

#: What is found by its name: something beside the snapshot holds it.
_HELD_ELSEWHERE = frozenset({'global', 'module', 'namespace', 'constant', 'enum'})


def write_reference(value: weakref.ReferenceType[Any], w: Writing) -> Record:
    """The record of a weak reference: its class, what it refers to, its callback; of a dead one, its hash."""
    cls, target = type(value), weakref.ref.__call__(value)
    callback: Any = getattr(value, '__callback__', None)
    if target is None:
        try:
            known: int | None = weakref.ref.__hash__(value)
        except TypeError:  # it was never asked for
            known = None
        record: Record = ['dead reference', [w.ref(cls), known]]
    else:
        w.note_weak(target)
        record = ['weak reference', [w.ref(cls), w.ref(target), w.ref(callback)]]
    rest = state_of(value, w)
    return [*record, rest] if rest else record


def _write_proxy(value: Any, w: Writing) -> Record:
    try:
        target = value.__sizeof__.__self__
    except ReferenceError:
        return ['dead proxy', type(value) is weakref.CallableProxyType]
    w.note_weak(target)
    return ['weak proxy', [w.ref(target), w.ref(next(iter(gc.get_referents(value)), None))]]


def _make_reference(first: Any, r: Reader) -> object:
    return weakref.ref.__new__(*map(r.get, first))


class _Passing:
    """Something that is gone at once."""

    def __init__(self, known: int | None = None) -> None:
        self.known = known

    def __hash__(self) -> int:
        return self.known or 0


class _PassingCallable(_Passing):
    def __call__(self) -> None:
        """Do nothing."""


def _make_dead(first: Any, r: Reader) -> object:
    cls, known = map(r.get, first)
    passing = _Passing(known)
    reference = weakref.ref.__new__(cls, passing)
    if known is not None:
        weakref.ref.__hash__(reference)
    return reference


def _make_dead_proxy(first: Any, r: Reader) -> object:
    return weakref.proxy(_PassingCallable() if first else _Passing())


# -- who holds what


def strong_in(document: Mapping[str, Any], objects: Sequence[object]) -> set[int]:
    """The `id` of each object of a snapshot that something else than a weak reference leads to."""
    records: list[Record] = document['objects']
    seen = [record[0] in _HELD_ELSEWHERE for record in records]
    open_ = [*refs_in([*document['roots'].values()])]
    while open_:
        number = open_.pop()
        if not seen[number]:
            seen[number] = True
            open_ += refs_in(_strong(records[number]))
    return {id(value) for value, is_strong in zip(objects, seen, strict=True) if is_strong}


def _strong(record: Record) -> list[Any]:
    """What a record refers to, but for the target of a weak reference."""
    kind, first, *rest = record
    if kind == 'weak reference':
        return [first[0], first[2], *rest]
    return first[1:] if kind == 'weak proxy' else [first, *rest]


def is_mortal(kind: type) -> bool:
    """Whether the end of an object of a class can be noticed."""
    mro: tuple[type, ...] = type.__dict__['__mro__'].__get__(kind) or ()
    return any('__del__' in vars(cls) for cls in mro) or issubclass(kind, _REFERENCES)


_REFERENCES = (weakref.ref, weakref.ProxyType, weakref.CallableProxyType)

WRITERS: dict[type, Any] = {
    weakref.ref: write_reference,
    weakref.ProxyType: _write_proxy,
    weakref.CallableProxyType: _write_proxy,
}

KINDS = (
    Kind('weak reference', _make_reference, fill_state),
    Kind('dead reference', _make_dead, fill_state),
    Kind('weak proxy', lambda first, r: weakref.proxy(*map(r.get, first))),
    Kind('dead proxy', _make_dead_proxy),
)
