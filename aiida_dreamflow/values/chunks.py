"""Long lists, in chunks: what is stored of a list that grows is not stored again.

The first items of a list are put into chunks, each a snapshot of its own in a file named after its bytes; the document
of the list names them and holds the last few items itself. There are a few chunks however long the list is (see
`_layout`), for every step names all of them, and each item is written a few times in all.

Only items go into a chunk with nothing in them that something else refers to (see `owned`): plain values, containers and
arrays. The chunk says what they are worth. If something else refers to an item itself, it is *shared*: the frame says which object it
is, beside the chunk (see `link`), and the list is compared at every step. Otherwise nobody can change an item but through
the list. A step that only appends to such a list changes none; after any other use of it each chunk is compared: immutable
items by identity, others by their exact stored bytes.
"""

from __future__ import annotations

import hashlib
import json
import operator
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import comb
from typing import Any, NamedTuple

from ..exceptions import CannotStoreError, UntrustedValueError
from .owned import PLAIN, is_closed, is_frozen, is_owned, references_to
from .records import canonical
from .snapshot import Codec, Snapshot, Staged, decode, encode, read_file, runs_code

__all__ = ('LONG', 'ChunkCodec', 'files_of', 'needs_other_codecs')

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


@dataclass(eq=False)
class _LongList:
    """What is known of one list.

    :ivar value: the list.
    :ivar chunks: its chunks.
    :ivar items: the items that are in chunks.
    :ivar shared: the places of those that something else than the list refers to, and what they were worth; empty if that is
        not known, or cannot change.
    :ivar links: what the frame says of these, once it is known: which of them are objects of the frame, and which are
        items of another list: place, number of them, that list, place in it.
    """

    value: list[Any]
    chunks: list[_Chunk] = field(default_factory=list)
    items: list[Any] = field(default_factory=list)
    shared: dict[int, str] = field(default_factory=dict)
    links: tuple[list[int], list[tuple[int, int, list[Any], int]]] | None = None


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
        self._links = False

    def begin(self, appended: Collection[int]) -> None:
        """Begin a frame.

        :param appended: the `id` of lists with which nothing was done since the last one but to append to them.
        """
        self._lists.update(self._met)
        self._met = {}
        self._appended = appended
        self._links = False

    def link(self) -> None:
        """Say from now on which objects the shared items are; lists have been compared and are as they will be.

        What only long lists refer to is in a chunk of the first of them, and the others name it there.
        """
        self._links = True
        shared = [(known, place) for known in self._met.values() for place in sorted(known.shared)]
        count = Counter(id(known.value[place]) for known, place in shared)
        homes: dict[int, tuple[_LongList, int]] = {}
        for known in self._met.values():
            known.links = ([], [])
        for known, place in shared:
            assert known.links is not None
            number = id(known.value[place])
            # Each of the lists refers to it, and so does what is known of the list.
            if references_to(known.value, place) != 2 * count[number] - 1:
                known.links[0].append(place)
            elif (home := homes.setdefault(number, (known, place))) != (known, place):
                _extend(known.links[1], place, home[0].value, home[1])

    def shared_in(self, objects: Iterable[object]) -> Iterator[object]:
        """Yield the items of the long lists among some objects that something else refers to as well."""
        for value in objects:
            if type(value) is list and id(value) in self._met:
                known = self._met[id(value)]
                yield from (known.value[place] for place in known.shared)

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
        return not known.shared and all(
            is_owned(known.value, index) for index in range(len(known.items), len(known.value))
        )

    def encode(self, value: object, ref: Ref) -> Any | None:
        """Return the content for a long list of which something can be put into chunks."""
        if type(value) is not list or len(value) < LONG:
            return None
        known = self._met.get(id(value))
        if known is None:
            known = self._lists.get(id(value))
            if known is None or known.value is not value:
                known = _LongList(value)
            self._compare(known, only_shared=id(value) in self._appended)
            self._grow(known)
            known.shared = {place: worth for place, worth in known.shared.items() if place < len(known.items)}
            self._met[id(value)] = known
        if not known.chunks:
            return None
        entries = [[chunk.sha, chunk.size, list(chunk.blobs), chunk.items] for chunk in known.chunks]
        rest: list[Any] = [[ref(item) for item in value[len(known.items) :]]]
        if self._links and known.shared:
            objects, others = known.links or (sorted(known.shared), [])
            rest.append([[place, ref(value[place])] for place in objects])
            rest.append([[place, number, ref(other), at] for place, number, other, at in others])
        return Staged(entries, rest)

    def _compare(self, known: _LongList, only_shared: bool) -> None:
        """Write the chunks anew that are not what they were; forget those from where that cannot be done.

        :param only_shared: whether only items can have changed that something else refers to.
        """
        start, known.links = 0, None
        is_same = self._has_same_shared if only_shared else self._is_same
        for number, chunk in enumerate(known.chunks):
            stop = start + chunk.size
            if not is_same(known, chunk, start):
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
        if chunk.items == 'frozen':
            self._find_shared(known, start, stop)
        return True

    def _has_same_shared(self, known: _LongList, chunk: _Chunk, start: int) -> bool:
        """Return whether the shared items of a chunk are worth what they were."""
        places = [place for place in known.shared if start <= place < start + chunk.size]
        return chunk.items != 'open' or all(_worth(known.value[place]) == known.shared[place] for place in places)

    def _find_shared(self, known: _LongList, start: int, stop: int) -> None:
        """Find the items that something else than the list refers to."""
        value, counted = known.value, known.items
        for place in range(start, stop):
            others = int(place < len(counted) and counted[place] is value[place])
            if is_owned(value, place, others, inside=False):
                known.shared.pop(place, None)
            else:
                known.shared[place] = _worth(value[place])

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
        """Return the chunk of some items, ``None`` if something else refers to what is in one of them."""
        value = known.value
        if not all(is_closed(value, place) for place in range(start, stop)):
            return None
        self._find_shared(known, start, stop)
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
        """Return the list, with the items that are in chunks."""
        obj: list[Any] = []
        self._lists[id(obj)] = _LongList(obj)
        self._read(obj, content or ())
        return obj

    def _read(self, obj: list[Any], entries: Iterable[Any]) -> None:
        known = self._lists[id(obj)]
        for sha, size, blobs, how in entries:
            assert self.read_blob is not None
            data = read_file(sha, self.read_blob)
            obj.extend(self._items(sha, data))
            known.chunks.append(_Chunk(sha, size, tuple(blobs), how, _is_full(size, data)))
        known.items.extend(obj)

    def fill(self, obj: object, content: Any, get: Get) -> None:
        """Give the list its last items, and those that others refer to."""
        assert isinstance(obj, list)
        known = self._lists[id(obj)]
        if _is_old(content):
            self._read(obj, content[0])
            content = content[1:]
        last, objects, others = [*content, [], []][:3]
        for place, ref in objects:
            obj[place] = known.items[place] = get(ref)
            known.shared[place] = ''
        for place, number, ref, at in others:
            obj[place : place + number] = known.items[place : place + number] = get(ref)[at : at + number]
            known.shared.update(dict.fromkeys(range(place, place + number), ''))
        obj.extend(map(get, last))

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


def _worth(value: object) -> str:
    """Return what an item is worth: the same for the same exact bytes and types; nothing if it cannot change."""
    if is_frozen(type(value)):
        return ''
    try:
        return encode({'': value}).digest()
    except CannotStoreError:
        return ''


def _extend(runs: list[tuple[int, int, list[Any], int]], place: int, other: list[Any], at: int) -> None:
    """Add an item to runs of items that stand side by side in both lists."""
    if runs:
        begin, number, last, start = runs[-1]
        if last is other and (begin + number, start + number) == (place, at):
            runs[-1] = begin, number + 1, last, start
            return
    runs.append((place, 1, other, at))


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


def _is_old(content: Any) -> bool:
    """Return whether the second part of a record names the chunks, as the first one does now."""
    return len(content) == 2


def files_of(document: Mapping[str, Any]) -> set[str]:
    """Return the files that the long lists of a document name."""
    found: set[str] = set()
    for record in document['objects']:
        if record[0] == 'codec:chunks':
            for sha, _, blobs, _ in record[2][0] if _is_old(record[2]) else record[1]:
                found.update((sha, *blobs))
    return found


def needs_other_codecs(document: Mapping[str, Any]) -> bool:
    """Return whether a document holds something that another codec than that of long lists has written."""
    return any(record[0].startswith('codec:') and record[0] != 'codec:chunks' for record in document['objects'])
