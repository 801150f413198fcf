"""Long lists, in chunks: what is stored of a list that grows is not stored again.

The first items of a list are put into chunks, each a snapshot of its own in a file named after its bytes; the document
of the list names them and holds the last few items itself. There are a few chunks however long the list is (see
`layout`), for every step names all of them, and each item is written a few times in all.

A chunk says what its items are worth. If something else refers to an item, or to something in one, that is *shared*: the
frame says which object it is, beside the chunk (see `links`), and it is compared at every step unless only lists that
were appended to lead to it. An item with something inside that cannot be looked into (see `owned`) goes into no chunk. All
else can be changed through the list only: a step that only appends to the list changes none of it. After any other use
each chunk is compared: immutable items by identity, others by their exact stored bytes.
"""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..exceptions import CannotStoreError
from .chunk_addresses import places_of, pointing
from .chunk_files import UNIT, is_full, is_too_large, layout, packed, unpacked
from .links import Links, unrolled
from .long_lists import Chunk, LongList, worth_of
from .owned import PLAIN, Shared, find_shared, is_frozen, is_owned
from .records import CODEC
from .references import has_name
from .snapshot import Codec, Snapshot, Staged, encode, read_file

__all__ = ('LONG', 'ChunkCodec', 'files_of', 'needs_other_codecs')

#: A list of fewer items is written whole.
LONG = 64
#: So many of the last items are in no chunk, so that taking them away and adding others changes none.
_LOOSE = 8
Ref = Callable[[object], Any]
Get = Callable[[Any], Any]


class ChunkCodec(Codec):
    """Long lists, in chunks.

    One serves all frames of a run, and remembers the lists.

    :param read_blob: gives the bytes of a file from its sha256; only for decoding.
    :ivar blobs: the files made by encoding, by sha256; whoever stores them may clear this.
    """

    name = 'chunks'
    kinds = (list,)
    runs_code = False

    def __init__(self, read_blob: Callable[[str], bytes] | None = None) -> None:
        self.blobs: dict[str, bytes] = {}
        self.read_blob = read_blob
        self._lists: dict[int, LongList] = {}
        self._met: dict[int, LongList] = {}
        self._appended: Collection[int] = ()
        self._links: Links | None = None
        self._insides: dict[int, Sequence[object]] = {}
        self._unfilled: list[_Unfilled] = []
        self._whole: dict[int, list[Any]] = {}
        self._met_whole: set[int] = set()

    @property
    def codecs(self) -> tuple[Codec, ...]:
        """This codec, and that of lists whose items run code when they are made again."""
        return self, _CodeChunkCodec(self)

    def begin(self, appended: Collection[int]) -> None:
        """Begin a frame.

        :param appended: the `id` of lists with which nothing was done since the last one but to append to them.
        """
        self._lists.update(self._met)
        self._met = {}
        self._appended = appended
        self._links = None
        self._met_whole = set()

    def link(self) -> None:
        """Say from now on which objects the shared ones are; lists have been compared and are as they will be."""
        self._links = Links(
            {number: [chunk.shared for chunk in known.chunks] for number, known in self._met.items()},
            {number: (known.value, len(known.items)) for number, known in self._met.items()},
        )

    def shared_in(self, objects: Iterable[object]) -> Iterator[object]:
        """Yield what the long lists among some objects share: objects of the frame, and other lists that have the rest."""
        for value in objects:
            if type(value) is list and self._links is not None:
                for links in self._links.of(value).values():
                    yield from (other for _, _, other, *_ in links.others)
                    for _, shared in links.objects:
                        yield from self._inside(shared)

    def _inside(self, shared: Shared) -> Iterable[object]:
        """Return an object of the frame with all in it that may be shared as well."""
        value = shared.holder[0]
        if shared.is_closed:
            return [value]
        if isinstance(value, type) and has_name(value):
            return []
        if id(value) not in self._insides:
            self._insides[id(value)] = encode({'': value}).objects
        return self._insides[id(value)]

    def end(self) -> None:
        """End a frame: lists that it does not hold are forgotten."""
        self._lists, self._met, self._links = self._met, {}, None
        self._insides.clear()
        for known in self._lists.values():
            for chunk in known.chunks:
                chunk.told = ()
        self._whole = {number: value for number, value in self._whole.items() if number in self._met_whole}

    def pointing(self, found: Iterable[int | str], objects: Sequence[Sequence[object]]) -> list[list[Any]]:
        """Return the lists with something in their chunks that says where an object lies, or lies where something says.

        :param found: what says so in the frame.
        :param objects: the objects of the frame.
        """
        return pointing(self._met.values(), found, objects)

    def write_whole(self, value: list[Any]) -> None:
        """Put nothing of a list into chunks."""
        self._whole[id(value)] = value
        self._met.pop(id(value), None)
        self._lists.pop(id(value), None)

    def keep(self, value: object) -> None:
        """Remember a list that the current frame holds as the last one did."""
        if id(value) in self._lists:
            self._met[id(value)] = self._lists[id(value)]

    def alone(self, value: object) -> Snapshot | None:
        """Return the snapshot, of one root named ``value``, of something of the current frame in which long lists are, by itself.

        :returns: ``None`` if it needs other codecs.
        """
        links, self._links = self._links, None
        try:
            snapshot = encode({'value': value}, self.codecs)
        except CannotStoreError:
            return None
        finally:
            self._links = links
        return snapshot if files_of(snapshot.document) else None

    def knows(self, value: object) -> bool:
        """Return whether an object is a list that the last frame holds in chunks."""
        return id(value) in self._lists

    def is_owned(self, container: Any, key: Any) -> bool:
        """Return whether a list belongs to ``container[key]`` alone; the items in its chunks belong to the list."""
        known = self._lists.get(id(container[key]))
        if known is None or not is_owned(container, key, others=1, inside=False):
            return False
        return not known.has_shared and all(
            is_owned(known.value, index) for index in range(len(known.items), len(known.value))
        )

    def encode(self, value: object, ref: Ref) -> Any | None:
        """Return the content for a long list of which something can be put into chunks, unless that runs code."""
        return self.content(value, ref, runs_code=False)

    def content(self, value: object, ref: Ref, runs_code: bool) -> Any | None:
        """Return the content for a list whose items run code when they are made again, or for one whose items do not."""
        if type(value) is not list or len(value) < LONG:
            return None
        if id(value) in self._whole:
            self._met_whole.add(id(value))
            return None
        known = self._met.get(id(value))
        if known is None:
            known = self._lists.get(id(value))
            if known is None or known.value is not value:
                known = LongList(value)
            self._compare(known, only_appended=id(value) in self._appended)
            self._grow(known)
            if self._links is not None and known.has_shared:
                return None  # the links are made already, without it
            self._met[id(value)] = known
        if not known.chunks or runs_code != any(chunk.items == 'code' for chunk in known.chunks):
            return None
        links = {} if self._links is None else self._links.of(value)
        entries = [chunk.entry(number in links) for number, chunk in enumerate(known.chunks)]
        rest: list[Any] = [[ref(item) for item in value[len(known.items) :]]]
        if links:
            rest += [[], [], [[number, *each.content(ref)] for number, each in links.items()]]
        return Staged(entries, rest)

    def _compare(self, known: LongList, only_appended: bool) -> None:
        """Write the chunks anew that are not what they were; forget those from where that cannot be done.

        :param only_appended: whether only what is shared can have changed.
        """
        start = 0
        is_same = self._has_same_shared if only_appended else self._is_same
        for number, chunk in enumerate(known.chunks):
            stop = start + chunk.size
            if not is_same(known, chunk, start):
                known.items[start:stop] = [None] * chunk.size  # the items are counted, and are not to be twice
                chunk.shared = {}
                new = self._chunk(known, start, stop) if stop <= len(known.value) else None
                if new is None:
                    del known.chunks[number:], known.items[start:]
                    return
                known.chunks[number] = new
                known.items[start:stop] = known.value[start:stop]
            start = stop

    def _is_same(self, known: LongList, chunk: Chunk, start: int) -> bool:
        """Return whether a chunk certainly says what the list has there; looking at the objects is enough if they are frozen."""
        value, stop = known.value, start + chunk.size
        if chunk.items not in ('plain', 'frozen') or not chunk.is_counted or stop > len(value):
            return False
        if not all(map(operator.is_, known.items[start:stop], value[start:stop])):
            return False
        if chunk.items == 'frozen':
            if not chunk.numbers:
                return False
            chunk.shared = {}
            chunk.share(find_shared(value, start, stop, known.items) or {})
        return True

    def _has_same_shared(self, known: LongList, chunk: Chunk, start: int) -> bool:
        """Return whether what is shared is worth what it was; nobody can have changed what only such lists lead to."""
        return chunk.is_counted and all(
            chunk.worth[number] == worth_of(shared.holder[0])
            for number, shared in chunk.shared.items()
            if chunk.worth[number] and (not shared.lists or not shared.lists.issubset(self._appended))
        )

    def _grow(self, known: LongList) -> None:
        """Put more items into chunks, and small chunks into larger ones."""
        while True:
            full = next((n for n, chunk in enumerate(known.chunks) if not chunk.is_full), len(known.chunks))
            start = sum(chunk.size for chunk in known.chunks[:full])
            units = (len(known.value) - _LOOSE - start) // UNIT
            if len(known.items) >= start + units * UNIT:
                return
            wanted = [UNIT * size for size in layout(units)]
            number = full
            while number < len(known.chunks) and known.chunks[number].size == wanted[number - full]:
                start += known.chunks[number].size
                number += 1
            chunk = self._limited(known, start, start + wanted[number - full])
            if chunk is None:
                return
            known.chunks[number:] = [chunk]
            known.items[start:] = known.value[start : start + chunk.size]

    def _limited(self, known: LongList, start: int, stop: int) -> Chunk | None:
        """Return the chunk of some items, or of half of them as long as it is too large."""
        while True:
            chunk = self._chunk(known, start, stop)
            if chunk is None or not chunk.is_full or stop - start == UNIT or not is_too_large(self.blobs[chunk.sha]):
                return chunk
            del self.blobs[chunk.sha]
            stop = start + max((stop - start) // (2 * UNIT), 1) * UNIT

    def _chunk(self, known: LongList, start: int, stop: int) -> Chunk | None:
        """Return the chunk of some items, ``None`` if there is something in one of them that has to stay outside."""
        found = find_shared(known.value, start, stop, known.items)
        if found is None:
            return None
        items = known.value[start:stop]
        try:
            snapshot = encode({'': items})
        except CannotStoreError:
            return None
        numbers = {id(each): number for number, each in enumerate(snapshot.objects)}
        if not found.keys() <= numbers.keys():
            return None  # whoever stores what is around it says otherwise what it consists of
        data, blobs = packed(snapshot)
        sha = hashlib.sha256(data).hexdigest()
        self.blobs.update(blobs)
        self.blobs[sha] = data
        kinds = set(map(type, items))
        how = 'plain' if kinds <= PLAIN else 'frozen' if all(map(is_frozen, kinds)) else 'open'
        chunk = Chunk(sha, stop - start, tuple(blobs), how, is_full(stop - start, data), numbers=numbers)
        chunk.places, chunk.told = places_of(snapshot.objects), tuple(snapshot.addresses)
        chunk.share(found)
        if how != 'frozen':
            chunk.numbers = {}
        if snapshot.runs_code:
            chunk.items = 'code'
        return chunk

    def decode(self, content: Any, get: Get) -> object:
        """Return the list; with the items that are in chunks, unless the frame has some of what is in there."""
        return self.made(content, get, runs_code=False)

    def made(self, content: Any, get: Get, runs_code: bool) -> object:
        """Return a list for `decode`.

        :param runs_code: whether its items may run code when they are made again.
        """
        obj: list[Any] = []
        known = self._lists[id(obj)] = LongList(obj)
        self._name(known, content or (), get, runs_code)
        return obj

    def _name(self, known: LongList, entries: Iterable[Any], get: Get, runs_code: bool) -> None:
        """Say which chunks a list has, and read them if that can be done already."""
        known.chunks = [
            Chunk(sha, size, tuple(blobs), how, is_full(size), is_counted=not linked)
            for sha, size, blobs, how, *linked in entries
        ]
        if all(chunk.is_counted for chunk in known.chunks):
            self._read(_Unfilled(known, [], {}, get, runs_code))

    def fill(self, obj: object, content: Any, get: Get) -> None:
        """Give the list the rest of its items."""
        self.filled(obj, content, get, runs_code=False)

    def filled(self, obj: Any, content: Any, get: Get, runs_code: bool) -> None:
        """Fill a list for `fill`, or later, when those are filled that have some of what is in its chunks.

        :param runs_code: whether its items may run code when they are made again.
        """
        known = self._lists[id(obj)]
        if _is_old(content):
            self._name(known, content[0], get, runs_code)
            content = content[1:]
        last, objects, others, links = [*content, [], [], []][:4]
        self._share_items(known, objects, others, get)
        self._unfilled.append(_Unfilled(known, last, {number: each for number, *each in links}, get, runs_code))
        while ready := next((each for each in self._unfilled if not self._waits(each)), None):
            self._unfilled.remove(ready)
            if ready.links:
                self._read(ready)
            ready.known.value.extend(map(ready.get, ready.last))

    def _share_items(self, known: LongList, objects: Iterable[Any], others: Iterable[Any], get: Get) -> None:
        """Give a list the items that others refer to, as earlier versions stored them: by their places in the list."""
        items = {place: get(ref) for place, ref in objects}
        for place, number, ref, at in others:
            items.update(enumerate(get(ref)[at : at + number], place))
        for place, item in items.items():
            known.value[place] = known.items[place] = item
        for chunk in known.chunks if items else ():
            chunk.is_counted = False

    def _waits(self, unfilled: _Unfilled) -> bool:
        """Return whether a list needs another one that has no items yet."""
        return any(value is not unfilled.known.value and not self._lists[id(value)].items for value in unfilled.lists())

    def _read(self, unfilled: _Unfilled) -> None:
        """Give a list the items that are in its chunks."""
        known, read_blob = unfilled.known, self.read_blob
        for number, chunk in enumerate(known.chunks):
            assert read_blob is not None
            data = read_file(chunk.sha, read_blob)
            chunk.is_full = is_full(chunk.size, data)
            given, own = unfilled.shared(number, self._lists)
            items, found = unpacked(chunk.sha, data, read_blob, given, own, unfilled.runs_code)
            chunk.shared = {number: Shared([each], is_closed=False) for number, each in {**given, **found}.items()}
            chunk.worth = dict.fromkeys(chunk.shared, '')
            known.value.extend(items)
        known.items.extend(known.value)


@dataclass
class _Unfilled:
    """A list without the rest of its items.

    :ivar known: the list.
    :ivar last: the refs of those that are in no chunk.
    :ivar links: what the frame says of its chunks, by their numbers (see `ChunkLinks`).
    :ivar get: gives the object that a ref stands for.
    :ivar runs_code: whether its items may run code when they are made again.
    """

    known: LongList
    last: list[Any]
    links: dict[int, list[Any]]
    get: Get
    runs_code: bool

    def lists(self) -> Iterator[object]:
        """Yield the lists that have some of what is in the chunks."""
        for _, _, others in self.links.values():
            yield from (self.get(ref) for _, _, ref, *_ in others)

    def shared(self, number: int, lists: Mapping[int, LongList]) -> tuple[dict[int, object], list[int]]:
        """Return what a chunk shares: objects that are there already, and the numbers of those that others find in it."""
        if number not in self.links:
            return {}, []
        own, objects, others = self.links[number]
        given = {first: self.get(ref) for first, ref in objects}
        for first, count, ref, chunk, start in others:
            there = lists[id(self.get(ref))].chunks[chunk].shared
            given.update({first + more: there[start + more].holder[0] for more in range(count)})
        return given, [*unrolled(own)]


class _CodeChunkCodec(Codec):
    """The same for lists whose items run code when they are made again: only what this profile signed may."""

    name = 'chunks of objects'
    kinds = (list,)

    def __init__(self, chunks: ChunkCodec) -> None:
        self._chunks = chunks

    def encode(self, value: object, ref: Ref) -> Any | None:
        return self._chunks.content(value, ref, runs_code=True)

    def decode(self, content: Any, get: Get) -> object:
        return self._chunks.made(content, get, runs_code=True)

    def fill(self, obj: object, content: Any, get: Get) -> None:
        self._chunks.filled(obj, content, get, runs_code=True)


def _is_old(content: Any) -> bool:
    """Return whether the second part of a record names the chunks, as the first one does now."""
    return len(content) == 2


_KINDS = (CODEC + ChunkCodec.name, CODEC + _CodeChunkCodec.name)


def files_of(document: Mapping[str, Any]) -> set[str]:
    """Return the files that the long lists of a document name."""
    found: set[str] = set()
    for record in document['objects']:
        if record[0] in _KINDS:
            for sha, _, blobs, *_ in record[2][0] if _is_old(record[2]) else record[1]:
                found.update((sha, *blobs))
    return found


def needs_other_codecs(document: Mapping[str, Any]) -> bool:
    """Return whether a document holds something that another codec than that of long lists has written."""
    return any(record[0].startswith(CODEC) and record[0] not in _KINDS for record in document['objects'])
