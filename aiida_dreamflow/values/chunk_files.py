"""The files of chunks of long lists: how many items go into each, and what stands in one.

Knows snapshots; must not know what is kept of a list between two frames.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from math import comb
from typing import Any

from ..exceptions import UntrustedValueError
from .records import CODEC, REF, canonical, refs_in
from .snapshot import Codec, Snapshot, decode, runs_code

__all__ = ('UNIT', 'is_full', 'is_too_large', 'layout', 'packed', 'unpacked')

#: Chunks have a multiple of so many items.
UNIT = 32
#: A list has so many chunks that are not full.
_FEW = 3
#: A chunk of so many items is full, and stays as it is; so is one whose file has so many bytes.
_FULL = 1 << 16
_FULL_FILE = 1 << 23
#: Shorter arrays and bytes of its items are in the file of the chunk; longer ones have files of their own.
_INSIDE = 1 << 20


def layout(units: int) -> list[int]:
    """Return the sizes of the chunks of a list, in units, the largest first.

    They are the binomial coefficients of the *combinatorial number system*: each number is the sum of one C(d, k) for each
    ``k`` from `_FEW` down to 1, with smaller and smaller ``d``. So there are at most that many, whatever the length, and when
    it grows by one unit the small ones at the end become one: of 10,000 items each was written eight times.
    """
    full = _FULL // UNIT
    sizes = [full] * (units // full)
    units %= full
    for few in range(_FEW, 0, -1):
        n = few
        while comb(n + 1, few) <= units:
            n += 1
        if units:
            sizes.append(comb(n, few))
            units -= sizes[-1]
    return sizes


def is_full(size: int, data: bytes = b'') -> bool:
    """Return whether a chunk of so many items, with this file, stays as it is."""
    return size >= _FULL or len(data) >= _FULL_FILE


def is_too_large(data: bytes) -> bool:
    """Return whether the file of a chunk is so large that half of its items are enough."""
    return len(data) >= 2 * _FULL_FILE


class _GivenCodec(Codec):
    """What stands in a chunk for objects that are there already."""

    name = 'given'
    runs_code = False

    def __init__(self, objects: Mapping[int, object]) -> None:
        self._objects = objects

    def encode(self, value: object, ref: Callable[[object], Any]) -> Any | None:
        return None

    def decode(self, content: Any, get: Callable[[Any], Any]) -> object:
        return self._objects[content]


def packed(snapshot: Snapshot) -> tuple[bytes, dict[str, bytes]]:
    """Return the file of a chunk, a line of text followed by what is short enough to be inside, and the files that it needs."""
    inside = {name: data for name, data in snapshot.blobs.items() if len(data) <= _INSIDE}
    others = {name: data for name, data in snapshot.blobs.items() if name not in inside}
    text = canonical(
        {**snapshot.document, 'inside': [[name, len(data)] for name, data in inside.items()]}
        if inside
        else snapshot.document
    )
    return b'\n'.join([text, b''.join(inside.values())]) if inside else text, others


def unpacked(
    sha: str,
    data: bytes,
    read_blob: Callable[[str], bytes],
    given: Mapping[int, object],
    wanted: Iterable[int],
    may_run_code: bool,
) -> tuple[list[Any], dict[int, object]]:
    """Return the items of a chunk, and some of the objects in them by the numbers of their records.

    :param given: objects that are there already, by the numbers of their records.
    :param wanted: the numbers of the others.
    :raises UntrustedValueError: if the file would run code, and may not.
    """
    text, _, inside = data.partition(b'\n')
    document = json.loads(text)
    if not may_run_code and runs_code(document):
        raise UntrustedValueError(f'the stored items {sha[:12]}... would run code when loaded, which none of ours does')
    begin, places = 0, {}
    for name, length in document.get('inside', ()):
        places[name] = slice(begin, begin := begin + length)
    for number in given:
        document['objects'][number] = [CODEC + _GivenCodec.name, number]
    document['roots'].update({str(number): {REF: number} for number in wanted})
    if given:
        _leave_out(document['objects'], document['roots'])

    def read(name: str) -> bytes:
        return inside[places[name]] if name in places else read_blob(name)

    found = decode(document, read, [_GivenCodec(given)])
    return found.pop(''), {int(number): value for number, value in found.items()}


def _leave_out(records: list[Any], roots: Mapping[str, Any]) -> None:
    """Leave out the records that no root leads to."""
    needed = set(refs_in(list(roots.values())))
    work = [*needed]
    while work:
        new = set(refs_in(records[work.pop()][1:])) - needed
        needed |= new
        work += new
    for number in range(len(records)):
        if number not in needed:
            records[number] = ['tuple', []]
