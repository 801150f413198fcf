"""Numbers and texts that say where an object lies: `id(x)`, the `hash` that Python makes of it, `<C object at 0x7f...>`.

After a restart the object lies elsewhere, and such a number finds it no more. So, if the object is part of the frame, they are
stored as what they say, and say it of the object that comes back.
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .records import Kind, Reader, Record, Writing

__all__ = ('KINDS', 'LOWEST', 'WRITERS', 'PointsAt', 'located', 'mentions_an_address', 'numbers_in')

#: Numbers up to this one are taken for what they are.
LOWEST = 1 << 24
_MARK = ' at 0x'
_ADDRESS = re.compile(rf'{_MARK}([0-9a-f]{{5,16}})\b')


@dataclass(frozen=True, eq=False)
class PointsAt:
    """What a number or a text says of objects.

    :ivar targets: the objects; of a number, one.
    :ivar texts: the pieces of the text before, between and behind the addresses; none of a number.
    :ivar is_hash: whether the number is a hash.
    """

    targets: tuple[object, ...]
    texts: tuple[str, ...] = ()
    is_hash: bool = False


def mentions_an_address(text: str) -> bool:
    """Return whether a text may say where an object lies."""
    return _MARK in text


def numbers_in(said: int | str) -> list[int]:
    """Return where an object may lie that a number or a text says the place of."""
    if isinstance(said, str):
        return [int(match[1], 16) for match in _ADDRESS.finditer(said)]
    return [said, said << 4]


def located(found: Iterable[int | str], objects: Iterable[Sequence[object]]) -> dict[int | str, PointsAt]:
    """Return which numbers and texts say where an object lies, and what they say.

    :param found: those that may.
    :param objects: all objects, in several sequences.
    """
    known = {id(value): value for values in objects for value in values}
    points: dict[int | str, PointsAt] = {}
    for said in found:
        if isinstance(said, str):
            matches = [match for match in _ADDRESS.finditer(said) if _is_of(int(match[1], 16), known, said)]
            if matches:
                ends = [0, *(place for match in matches for place in match.span(1)), len(said)]
                texts = tuple(said[begin:end] for begin, end in zip(ends[::2], ends[1::2], strict=True))
                points[said] = PointsAt(tuple(known[int(match[1], 16)] for match in matches), texts)
        elif said in known:
            points[said] = PointsAt((known[said],))
        elif (value := known.get(said << 4, known)) is not known and object.__hash__(value) == said:
            points[said] = PointsAt((value,), is_hash=True)  # Python makes a hash of an address by shifting it
    return points


def _write_address(value: PointsAt, w: Writing) -> Record:
    return ['address', [[*map(w.ref, value.targets)], [*map(w.ref, value.texts)], value.is_hash]]


def _make_address(first: Any, r: Reader) -> object:
    targets, texts, is_hash = [*map(r.get, first[0])], [*map(r.get, first[1])], first[2]
    if texts:
        return ''.join(f'{text}{id(target):x}' for text, target in zip(texts, targets, strict=False)) + texts[-1]
    return object.__hash__(targets[0]) if is_hash else id(targets[0])


def _is_of(number: int, known: dict[int, Any], text: str) -> bool:
    return number in known and _tells_of(text, known[number])


def _tells_of(text: str, value: Any) -> bool:
    """Return whether a `repr` may be that of an object: its address may have been that of another one before."""
    named = value if issubclass(type(value), _NAMED) else type(value)
    return named.__qualname__ in text


_NAMED = (type, types.FunctionType, types.BuiltinFunctionType)

WRITERS: dict[type, Any] = {PointsAt: _write_address}
KINDS = (Kind('address', _make_address),)
