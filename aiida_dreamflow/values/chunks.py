"""Long lists, in chunks: what is stored of a list that grows is not stored again.

The first items of a list are put into chunks, each a snapshot of its own in a file named after its bytes; the document
of the list names them and holds the last few items itself. There are a few chunks however long the list is (see
`_layout`), for every step names all of them, and each item is written a few times in all.

Only items that belong to the list alone go into a chunk (see `owned`): plain values, containers and arrays that nothing
else refers to. So a chunk has no identity to keep with the rest of the frame, and nobody can change an item but through
the list. A step that only appends to the list changes none; after any other use of it each chunk is compared: immutable
items by identity, others by their exact stored bytes.
"""

from __future__ import annotations

import hashlib
import json
import operator
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from math import comb
from typing import Any, NamedTuple

from ..exceptions import CannotStoreError, UntrustedValueError
from .owned import PLAIN, is_frozen, is_owned
from .records import canonical
from .snapshot import Codec, Snapshot, Staged, decode, encode, read_file, runs_code

__all__ = ('LONG', 'ChunkCodec', 'files_of', 'needs_chunks_only')

#: A list of fewer items is written whole.
LONG = 64
#: Chunks have a multiple of so many items.
_UNIT = 32
#: So many of the last items are in no chunk, so that taking them away and adding others changes none.
_LOOSE = 8
#: A list has so many chunks that are not full.
_FEW = 3
#: A chunk of so many items is full, and stays as it is; so is one whose file has so many bytes.
_FULL = 1 << 16
_FULL_FILE = 1 << 23
#: Shorter arrays and bytes of its items are in the file of the chunk; longer ones have files of their own.
_INSIDE = 1 << 20

Ref = Callable[[object], Any]
Get = Callable[[Any], Any]


class _Chunk(NamedTuple):
    """Some items of a list.

    :ivar sha: the sha256 of its snapshot, and the name of its file.
    :ivar size: how many items.
    :ivar blobs: the files that the snapshot itself names.
    :ivar items: ``plain`` or ``frozen`` if all its items are (see `owned`), else ``open``.
    :ivar is_full: whether it is large enough.
    """

    sha: str
    size: int
    blobs: tuple[str, ...]
    items: str
    is_full: bool


@dataclass
class _LongList:
    """What is known of one list.

    :ivar value: the list.
    :ivar chunks: its chunks.
    :ivar items: the items that are in chunks.
    """

    value: list[Any]
    chunks: list[_Chunk] = field(default_factory=list)
    items: list[Any] = field(default_factory=list)


class ChunkCodec(Codec):
    """Long lists, in chunks.

    One serves all frames of a run, and remembers the lists.

    :param read_blob: gives the bytes of a file from its sha256; only for decoding.
    :ivar blobs: the files made by encoding, by sha256; whoever stores them may clear this.
    """

    name = 'chunks'
    runs_code = False

    def __init__(self, read_blob: Callable[[str], bytes] | None = None) -> None:
        self.blobs: dict[str, bytes] = {}
        self.read_blob = read_blob
        self._lists: dict[int, _LongList] = {}
        self._met: dict[int, _LongList] = {}
        self._appended: Collection[int] = ()

    def begin(self, appended: Collection[int]) -> None:
        """Begin a frame.

        :param appended: the `id` of lists with which nothing was done since the last one but to append to them.
        """
        self._lists.update(self._met)
        self._met = {}
        self._appended = appended

    def end(self) -> None:
        """End a frame: lists that it does not hold are forgotten."""
        self._lists, self._met = self._met, {}

    def keep(self, value: object) -> None:
        """Remember a list that the current frame holds as the last one did."""
        if id(value) in self._lists:
            self._met[id(value)] = self._lists[id(value)]

    def knows(self, value: object) -> bool:
        """Return whether an object is a list that the last frame holds in chunks."""
        return id(value) in self._lists

    def is_owned(self, container: Any, key: Any) -> bool:
        """Return whether a list belongs to ``container[key]`` alone; the items in its chunks belong to the list."""
        known = self._lists.get(id(container[key]))
        if known is None or not is_owned(container, key, others=1, inside=False):
            return False
        return all(is_owned(known.value, index) for index in range(len(known.items), len(known.value)))

    def encode(self, value: object, ref: Ref) -> Any | None:
        """Return the content for a long list of which something can be put into chunks."""
        if type(value) is not list or len(value) < LONG:
            return None
        known = self._met.get(id(value))
        if known is None:
            known = self._lists.get(id(value))
            if known is None or known.value is not value:
                known = _LongList(value)
            if id(value) not in self._appended:
                self._compare(known)
            self._grow(known)
            self._met[id(value)] = known
        if not known.chunks:
            return None
        return Staged(
            None,
            [
                [[chunk.sha, chunk.size, list(chunk.blobs), chunk.items] for chunk in known.chunks],
                [ref(item) for item in value[len(known.items) :]],
            ],
        )

    def _compare(self, known: _LongList) -> None:
        """Write the chunks anew that are not what they were; forget those from where that cannot be done."""
        start = 0
        for number, chunk in enumerate(known.chunks):
            stop = start + chunk.size
            if not self._is_same(known, chunk, start):
                known.items[start:stop] = [None] * chunk.size  # the items are counted, and are not to be twice
                new = self._chunk(known, start, stop) if stop <= len(known.value) else None
                if new is None:
                    del known.chunks[number:], known.items[start:]
                    return
                known.chunks[number] = new
                known.items[start:stop] = known.value[start:stop]
            start = stop

    def _is_same(self, known: _LongList, chunk: _Chunk, start: int) -> bool:
        """Return whether a chunk certainly says what the list has there; looking at the objects is enough if they are frozen."""
        value, stop = known.value, start + chunk.size
        if chunk.items == 'open' or stop > len(value):
            return False
        if not all(map(operator.is_, known.items[start:stop], value[start:stop])):
            return False
        return chunk.items == 'plain' or all(is_owned(value, index, others=1) for index in range(start, stop))

    def _grow(self, known: _LongList) -> None:
        """Put more items into chunks, and small chunks into larger ones."""
        while True:
            full = next((n for n, chunk in enumerate(known.chunks) if not chunk.is_full), len(known.chunks))
            start = sum(chunk.size for chunk in known.chunks[:full])
            units = (len(known.value) - _LOOSE - start) // _UNIT
            if len(known.items) >= start + units * _UNIT:
                return
            wanted = [_UNIT * size for size in _layout(units)]
            number = full
            while number < len(known.chunks) and known.chunks[number].size == wanted[number - full]:
                start += known.chunks[number].size
                number += 1
            chunk = self._limited(known, start, start + wanted[number - full])
            if chunk is None:
                return
            known.chunks[number:] = [chunk]
            known.items[start:] = known.value[start : start + chunk.size]

    def _limited(self, known: _LongList, start: int, stop: int) -> _Chunk | None:
        """Return the chunk of some items, or of half of them as long as it is too large."""
        while True:
            chunk = self._chunk(known, start, stop)
            if (
                chunk is None
                or not chunk.is_full
                or stop - start == _UNIT
                or len(self.blobs[chunk.sha]) < 2 * _FULL_FILE
            ):
                return chunk
            del self.blobs[chunk.sha]
            stop = start + max((stop - start) // (2 * _UNIT), 1) * _UNIT

    def _chunk(self, known: _LongList, start: int, stop: int) -> _Chunk | None:
        """Return the chunk of some items, ``None`` if one of them does not belong to the list alone."""
        value, counted = known.value, known.items
        for index in range(start, stop):
            others = int(index < len(counted) and counted[index] is value[index])
            if not is_owned(value, index, others):
                return None
        items = value[start:stop]
        try:
            snapshot = encode({'': items})
        except CannotStoreError:
            return None
        data, blobs = _packed(snapshot)
        sha = hashlib.sha256(data).hexdigest()
        self.blobs.update(blobs)
        self.blobs[sha] = data
        kinds = set(map(type, items))
        how = 'plain' if kinds <= PLAIN else 'frozen' if all(map(is_frozen, kinds)) else 'open'
        return _Chunk(sha, stop - start, tuple(blobs), how, _is_full(stop - start, data))

    def decode(self, content: Any, get: Get) -> object:
        """Return the list, empty."""
        return []

    def fill(self, obj: object, content: Any, get: Get) -> None:
        """Give the list its items."""
        assert isinstance(obj, list)
        known = _LongList(obj)
        for sha, size, blobs, how in content[0]:
            assert self.read_blob is not None
            data = read_file(sha, self.read_blob)
            items = self._items(sha, data)
            obj.extend(items)
            known.items.extend(items)
            known.chunks.append(_Chunk(sha, size, tuple(blobs), how, _is_full(size, data)))
        obj.extend(map(get, content[1]))
        self._lists[id(obj)] = known

    def _items(self, sha: str, data: bytes) -> list[Any]:
        text, _, inside = data.partition(b'\n')
        document = json.loads(text)
        if runs_code(document):
            raise UntrustedValueError(
                f'the stored items {sha[:12]}... would run code when loaded, which none of ours does'
            )
        begin, places = 0, {}
        for name, length in document.get('inside', ()):
            places[name] = slice(begin, begin := begin + length)

        def read(name: str) -> bytes:
            assert self.read_blob is not None
            return inside[places[name]] if name in places else self.read_blob(name)

        items: list[Any] = decode(document, read)['']
        return items


def _layout(units: int) -> list[int]:
    """Return the sizes of the chunks of a list, in units, the largest first.

    They are the binomial coefficients of the *combinatorial number system*: each number is the sum of one C(d, k) for each
    ``k`` from `_FEW` down to 1, with smaller and smaller ``d``. So there are at most that many, whatever the length, and when
    it grows by one unit the small ones at the end become one: of 10,000 items each was written eight times.
    """
    full = _FULL // _UNIT
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


def _packed(snapshot: Snapshot) -> tuple[bytes, dict[str, bytes]]:
    """Return the file of a chunk, a line of text followed by what is short enough to be inside, and the files that it needs."""
    inside = {name: data for name, data in snapshot.blobs.items() if len(data) <= _INSIDE}
    others = {name: data for name, data in snapshot.blobs.items() if name not in inside}
    text = canonical(
        {**snapshot.document, 'inside': [[name, len(data)] for name, data in inside.items()]}
        if inside
        else snapshot.document
    )
    return b'\n'.join([text, b''.join(inside.values())]) if inside else text, others


def _is_full(size: int, data: bytes) -> bool:
    return size >= _FULL or len(data) >= _FULL_FILE


def files_of(document: Mapping[str, Any]) -> set[str]:
    """Return the files that the long lists of a document name."""
    found: set[str] = set()
    for record in document['objects']:
        if record[0] == 'codec:chunks':
            for sha, _, blobs, _ in record[2][0]:
                found.update((sha, *blobs))
    return found


def needs_chunks_only(document: Mapping[str, Any]) -> bool:
    """Return whether a document holds long lists, and nothing else that needs a codec."""
    kinds = {record[0] for record in document['objects'] if record[0].startswith('codec:')}
    return kinds == {'codec:chunks'}
