"""Which long lists may not be in chunks: something in them says where an object lies, or lies where something says (`addresses`).

A chunk has no word for either, so such a list is written whole.
"""

from __future__ import annotations

import bisect
from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from .addresses import located, numbers_in
from .long_lists import Chunk, LongList
from .snapshot import encode

__all__ = ('places_of', 'pointing')


def places_of(objects: Iterable[object]) -> array[int]:
    """Return where some objects lie, in order."""
    return array('Q', sorted(map(id, objects)))


def pointing(
    lists: Collection[LongList], found: Iterable[int | str], objects: Sequence[Sequence[object]]
) -> list[list[Any]]:
    """Return those long lists that something in the frame points into, or out of which something points.

    :param lists: those that are in chunks.
    :param found: what may say, in the rest of the frame, where an object lies.
    :param objects: the objects of the rest of the frame.
    """
    numbers = _in_order(found) if lists else []
    return [known.value for known in lists if _holds(known, numbers) or _points_out(known, lists, objects)]


def _points_out(known: LongList, lists: Collection[LongList], objects: Sequence[Sequence[object]]) -> bool:
    told = {said for chunk in known.chunks for said in chunk.told}
    if not told:
        return False
    numbers = _in_order(told)
    return bool(located(told, objects)) or any(_holds(other, numbers) for other in lists)


def _in_order(found: Iterable[int | str]) -> list[int]:
    return sorted({number for said in found for number in numbers_in(said)})


def _holds(known: LongList, numbers: Sequence[int]) -> bool:
    """Return whether something in the chunks of a list lies at one of some places, which are in order."""
    for chunk, start in _with_starts(known.chunks) if numbers else ():
        if chunk.items == 'plain':
            continue
        if chunk.places is None:  # it was read
            chunk.places = places_of(encode({'': known.items[start : start + chunk.size]}).objects)
        low, high = bisect.bisect_left(numbers, chunk.places[0]), bisect.bisect_right(numbers, chunk.places[-1])
        if any(chunk.places[bisect.bisect_left(chunk.places, number)] == number for number in numbers[low:high]):
            return True
    return False


def _with_starts(chunks: Iterable[Chunk]) -> Iterator[tuple[Chunk, int]]:
    start = 0
    for chunk in chunks:
        yield chunk, start
        start += chunk.size
