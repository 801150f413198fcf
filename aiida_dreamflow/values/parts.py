"""Named values <-> parts of a frame; what did not change since the last frame is not written again.

Values that share an object are one part, one snapshot, and all others are parts of their own. So a part can be kept as
it is when nothing in it changed. The rule:

- A value that belongs to one variable alone (`owned`), and is not small, is not looked at in a step that does not use
  that variable: nothing else leads to it, so nothing else can change it.
- Everything else is written anew in memory and compared: what is used, what is small, and what something outside of the
  frame may refer to (an object that a function keeps in a global, a default argument, a closure).

Whether something changed is decided on the exact stored bytes.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import io
import itertools
import sys
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol, cast

from ..exceptions import CannotStoreError
from .addresses import located
from .chunks import ChunkCodec, files_of
from .owned import SHARED_BY_ALL, is_owned, references_to
from .records import canonical
from .snapshot import Codec, Codecs, Snapshot, encode, refused_reference
from .weak import is_mortal

__all__ = ('Files', 'Form', 'MemoryFiles', 'Part', 'PartWriter', 'Place', 'digest_of')

#: A part whose document is shorter stands in the frame itself; a longer one is a file.
_INLINE = 1000
#: A part with less than this is not worth finding out who refers to it.
_WORTH_OWNING = 4000
#: From this size on an array of its own goes to its file without a copy.
_LARGE_ARRAY = 1 << 20
#: Records of what is found by its name wherever it is needed; to share it is not to share an object of the frame.
_NAMED = frozenset({'global', 'module', 'constant', 'dtype', 'enum', 'codec:own'})
_VALUE = 'value'
_SHA = 'sha256:'

_Inside = Callable[[Sequence[object]], Iterable[object]]
#: Where a value is: the variables of an activation, and a name.
Place = tuple[dict[str, Any], str]


class Files(Protocol):
    """Where the files of frames are kept, by the sha256 of their content."""

    def add(self, sha: str, data: bytes) -> None:
        """Keep a file; one that is there already costs nothing."""

    def add_stream(self, stream: BinaryIO) -> str:
        """Keep a file; returns its sha256."""


class MemoryFiles(dict[str, bytes]):
    """Files in memory."""

    def add(self, sha: str, data: bytes) -> None:
        """Keep a file."""
        self[sha] = data

    def add_stream(self, stream: BinaryIO) -> str:
        """Keep a file."""
        data = stream.read()
        sha = hashlib.sha256(data).hexdigest()
        self[sha] = data
        return sha


@dataclass(frozen=True)
class Form:
    """The stored form of one value.

    :ivar digest: equal for equal values: the same exact bytes and types.
    :ivar snapshot: its snapshot, of one root named ``value``, if it was written in this step.
    :ivar array: the sha256 of its file, if it is a large array.
    """

    digest: str
    snapshot: Snapshot | None = None
    array: str | None = None


@dataclass
class Part:
    """One part of a frame.

    :ivar names: how the values are called in its snapshot, by name in the frame.
    :ivar text: the snapshot; empty for a large array.
    :ivar array: the sha256 of the file of a large array.
    :ivar files: the files that it needs.
    :ivar owned: the value that belongs to one variable alone, by its name in the frame.
    """

    names: dict[str, str]
    text: str = ''
    array: str | None = None
    files: frozenset[str] = frozenset()
    owned: dict[str, object] = field(default_factory=dict)

    def entry(self, files: Files) -> list[Any]:
        """Return what stands in the frame for it."""
        if self.array is not None:
            return [self.names, {'array': self.array}]
        if len(self.text) <= _INLINE:
            return [self.names, self.text]
        data = self.text.encode('ascii')
        sha = hashlib.sha256(data).hexdigest()
        files.add(sha, data)
        self.files |= {sha}
        return [self.names, {'file': sha}]


def digest_of(value: object, codecs: Sequence[Codec]) -> str:
    """Return the digest that the form of a value has.

    :param codecs: those that it is written with, but for that of long lists.
    :raises CannotStoreError: if it has no stored form.
    """
    return _digest(encode({_VALUE: value}, [*ChunkCodec().codecs, *codecs]))


def _digest(snapshot: Snapshot) -> str:
    objects = snapshot.document['objects']
    if not objects:
        return canonical(snapshot.document['roots'][_VALUE]).decode('ascii')
    if len(objects) == 1 and objects[0][0] == 'array' and objects[0][1][1:] == [None, True]:
        text: str = objects[0][1][0]
        if text.startswith(_SHA):
            return text.removeprefix(_SHA)  # of its file, which an array of its own is known by
    return hashlib.sha256(canonical(snapshot.document)).hexdigest()


class PartWriter:
    """Writes the values of a run, frame after frame.

    :param codecs: the codecs, but for that of long lists.
    :param chunks: the codec of long lists.
    :param files: where to keep files.
    :ivar head: the names in the first part of the last frame.
    """

    def __init__(self, chunks: ChunkCodec, files: Files) -> None:
        self.chunks = chunks
        self.files = files
        self._codecs = Codecs()
        self._parts: list[Part] = []
        self._written: list[tuple[dict[str, str], Snapshot]] = []
        self._kept: list[Part] = []
        self._forms: dict[str, Form] = {}
        self._checksums: dict[str, tuple[tuple[int, int], str]] = {}
        self._appendable: dict[int, frozenset[str]] = {}
        self.head: frozenset[str] = frozenset()

    # -- first: the values one by one

    def survey(
        self, places: Mapping[str, Place], codecs: Sequence[Codec], used: Collection[str], appended: Collection[str]
    ) -> dict[str, Form]:
        """Find the stored form of each value by itself.

        :param places: where the values are, by their names in the frame.
        :param codecs: further codecs, asked first.
        :param used: the names that the step used.
        :param appended: those of lists to which it did nothing but append.
        :returns: the forms by name; a value without one goes to the first part, where it may be stored after all.
        """
        self._codecs = Codecs([*self.chunks.codecs, *codecs])
        untouched = {*used} - {*appended}
        self.chunks.begin([number for number, names in self._appendable.items() if not names & untouched])
        self._kept = [part for part in self._parts if part.owned and _is_untouched(part, places, used)]
        known = {name: self._forms[name] for part in self._kept for name in part.owned}
        for part in self._kept:
            self.chunks.keep(next(iter(part.owned.values())))
        self._parts = []
        self._written = []
        self._forms = {}
        for name, place in places.items():
            with contextlib.suppress(CannotStoreError):
                self._forms[name] = known.get(name) or self._form(name, *place)
        self._keep_chunks()
        return self._forms

    def has_unheld(self) -> bool:
        """Whether, after `survey`, a weak reference refers to what no value holds; the first part may hold it."""
        snapshots = [form.snapshot for form in self._forms.values() if form.snapshot is not None]
        dangling = {target for snapshot in snapshots for target in snapshot.dangling}
        return bool(dangling) and not dangling <= set().union(*(snapshot.strong() for snapshot in snapshots))

    def let_go(self) -> None:
        """Hold no object any more; a `survey` comes next."""
        self._forms, self._codecs = {}, Codecs()

    def _keep_chunks(self) -> None:
        for sha, data in self.chunks.blobs.items():
            self.files.add(sha, data)
        self.chunks.blobs.clear()

    def _form(self, name: str, variables: dict[str, Any], key: str) -> Form:
        if _is_large_array(variables[key]) and is_owned(variables, key):
            return self._array_form(name, variables[key])
        snapshot = encode({_VALUE: variables[key]}, self._codecs, whole=False)
        return Form(_digest(snapshot), snapshot)

    def _array_form(self, name: str, array: Any) -> Form:
        """Write a large array, unless its file has the same content. A sum tells most changes at a low price."""
        from .arrays import npy_header

        header, memory = npy_header(array), memoryview(array.reshape(-1).view('u1'))
        checksum = zlib.crc32(header), _sum_of(array)
        last, sha = self._checksums.get(name, (None, ''))
        if (last is not None and last != checksum) or not sha or _sha_of(header, memory) != sha:
            sha = self.files.add_stream(cast(BinaryIO, io.BufferedReader(_Joined(header, memory), 1 << 20)))
        self._checksums[name] = checksum, sha
        return Form(sha, array=sha)

    # -- then: the parts

    def write(
        self, places: Mapping[str, Place], head: Mapping[str, Any], inside: _Inside = lambda objects: ()
    ) -> tuple[dict[str, Any], list[Part]]:
        """Find the parts of the frame.

        :param places: as given to `survey`.
        :param head: further values, which are all in the first part.
        :param inside: gives what is in some objects of a snapshot and has no record there.
        :returns: the values that are simple enough to stand in the frame, and the parts.
        :raises CannotStoreError: if something has no stored form; the path begins with its name.
        """
        refused = places.keys() - self._forms.keys()
        head = {**head, **{name: variables[key] for name, (variables, key) in places.items() if name in refused}}
        while True:
            plain, single, parts = self._alone()
            self._written = []
            first, others = self._grouped(places, head, single, inside)
            if not self._locate(places):
                break
        self._require_holders()
        self._parts = [first, *others, *parts]
        # A file that this frame does not name may be gone by the next one.
        arrays = {name for part in parts if part.array is not None for name in part.names}
        self._checksums = {name: found for name, found in self._checksums.items() if name in arrays}
        self.head = frozenset(first.names)
        return plain, self._parts

    def _alone(self) -> tuple[dict[str, Any], dict[str, Snapshot], list[Part]]:
        """Return the values that can stand in the frame, the snapshots of others, and the parts that are whole already."""
        kept = {name for part in self._kept for name in part.names}
        plain, single = {}, {}
        parts = list(self._kept)
        for name, form in self._forms.items():
            if form.array is not None and name not in kept:
                parts.append(Part({name: _VALUE}, array=form.array, files=frozenset({form.array})))
            elif form.snapshot is not None and not form.snapshot.document['objects']:
                plain[name] = form.snapshot.document['roots'][_VALUE]
            elif form.snapshot is not None:
                single[name] = form.snapshot
        return plain, single, parts

    def _grouped(
        self, places: Mapping[str, Place], head: Mapping[str, Any], single: Mapping[str, Snapshot], inside: _Inside
    ) -> tuple[Part, list[Part]]:
        def more(objects: Sequence[object]) -> Iterable[object]:
            return itertools.chain(self.chunks.shared_in(objects), inside(objects))

        self.chunks.link()
        first = encode(head, self._codecs, whole=False)
        groups = _groups([first, *single.values()], [None, *single], more)
        parts = []
        for group in groups:
            names = [name for name in group if name is not None]
            values = {name: places[name][0][places[name][1]] for name in names}
            if None in group:
                snapshot = encode({**head, **values}, self._codecs, whole=False) if names else first
                first_part = self._part({name: name for name in (*head, *names)}, snapshot)
            elif len(names) == 1:
                snapshot = single[names[0]]
                if any(True for _ in self.chunks.shared_in(snapshot.objects)):
                    snapshot = encode({_VALUE: values[names[0]]}, self._codecs, whole=False)
                parts.append(self._part({names[0]: _VALUE}, snapshot))
            else:
                parts.append(self._part({name: name for name in names}, encode(values, self._codecs, whole=False)))
        return first_part, parts

    def _require_holders(self) -> None:
        """Refuse weak references to what nothing in the frame holds."""
        if any(snapshot.dangling for _, snapshot in self._written):
            strong = set().union(*(snapshot.strong() for _, snapshot in self._written))
            for names, snapshot in self._written:
                for target, path in snapshot.dangling.items():
                    if target not in strong:
                        raise refused_reference(
                            path if path in names else next(iter(names)) + path.removeprefix(_VALUE)
                        )

    def _locate(self, places: Mapping[str, Place]) -> bool:
        """Find numbers and texts that say where an object of the frame lies; return whether there are some not known yet."""
        alone = {name: form.snapshot for name, form in self._forms.items() if form.snapshot is not None}
        snapshots = [*(snapshot for _, snapshot in self._written), *alone.values()]
        found = {said for snapshot in snapshots for said in snapshot.addresses} - self._codecs.located.keys()
        objects = [snapshot.objects for _, snapshot in self._written]
        lists = self.chunks.pointing(found, objects)
        for each in lists:
            self.chunks.write_whole(each)
        new = located(found, objects) if found else {}
        self._codecs.located |= new
        for name, snapshot in alone.items():
            has_list = any(each is value for each in lists for value in snapshot.objects)
            if has_list or not new.keys().isdisjoint(snapshot.addresses):
                self._forms[name] = self._form(name, *places[name])
        return bool(new or lists)

    def stood_for(self) -> set[str]:
        """Return the names of the values, in the frame just written, that now have something which stands for a part of an exception."""
        return {name for names, snapshot in self._written if snapshot.has_stand_ins for name in names}

    def mortal(self) -> list[object]:
        """Return the objects of the frame just written whose end would be noticed: those with a `__del__`, or a callback."""
        known: dict[type, bool] = {}
        found = []
        for _, snapshot in self._written:
            for value in snapshot.objects:
                kind = type(value)
                if kind not in known:
                    known[kind] = is_mortal(kind)
                if known[kind]:
                    found.append(value)
        return found

    def _part(self, names: dict[str, str], snapshot: Snapshot) -> Part:
        self._written.append((names, snapshot))
        for sha, data in snapshot.blobs.items():
            self.files.add(sha, data)
        self._keep_chunks()
        files = frozenset((*snapshot.blobs, *files_of(snapshot.document)))
        return Part(names, canonical(snapshot.document).decode('ascii'), files=files)

    # -- at last: who refers to what

    def settle(self, places: Mapping[str, Place]) -> None:
        """End a frame: find out which values belong to one variable alone. The caller holds none of them."""
        self.chunks.end()
        self._written = []
        for name, form in self._forms.items():  # in place: snapshots refer to all their objects, whoever has this dict
            self._forms[name] = Form(form.digest, array=form.array)
        self._appendable = {}
        for part in self._parts:
            names = [name for name in part.names if name in places]
            if not part.owned:
                self._note_lists(names, places)
            else:
                self._appendable.update({id(value): frozenset(names) for value in part.owned.values()})
            if len(part.names) == 1 == len(names) and not part.owned:
                (name,) = names
                if (part.files or len(part.text) > _WORTH_OWNING) and self._is_owned(*places[name]):
                    part.owned[name] = places[name][0][places[name][1]]

    def _is_owned(self, variables: dict[str, Any], key: str) -> bool:
        if type(variables[key]) is list and self.chunks.knows(variables[key]):
            return self.chunks.is_owned(variables, key)
        return is_owned(variables, key)

    def _note_lists(self, names: list[str], places: Mapping[str, Place]) -> None:
        """Note which long lists only variables of one part lead to; others may lead to their shared items."""
        for name in names:
            variables, key = places[name]
            if type(variables[key]) is list and self.chunks.knows(variables[key]):
                # The codec has one reference; iterators and bound methods in variables of the compiler have others.
                leading = {other: _leads(places[other], places[name]) for other in names if other != name}
                if references_to(variables, key) == 1 + sum(leading.values()):
                    self._appendable[id(variables[key])] = frozenset(
                        (name, *(n for n, count in leading.items() if count))
                    )


def _leads(place: Place, to: Place) -> int:
    """Return how often the value at one place refers to the value at another, or is it."""
    value, target = place[0][place[1]], to[0][to[1]]
    if value is target:
        return 1
    return sum(1 for found in gc.get_referents(value) if found is target) if place[1].startswith('.') else 0


def _is_untouched(part: Part, places: Mapping[str, Place], used: Collection[str]) -> bool:
    return all(
        name not in used and name in places and places[name][0][places[name][1]] is value
        for name, value in part.owned.items()
    )


def _groups(snapshots: Sequence[Snapshot], names: Sequence[str | None], more: _Inside) -> Iterable[list[str | None]]:
    """Return the names of the snapshots that share objects, or the memory of arrays, together.

    :param more: returns objects that are no records of a snapshot, but in it, from its objects.
    """
    group = list(range(len(snapshots)))

    def root(number: int) -> int:
        while group[number] != number:
            number = group[number]
        return number

    owner: dict[int, int] = {}
    for number, snapshot in enumerate(snapshots):
        pairs = zip(snapshot.objects, snapshot.document['objects'], strict=True)
        own = (value for value, record in pairs if record[0] not in _NAMED)
        for value in itertools.chain(own, more(snapshot.objects)):
            if not any(value is shared for shared in SHARED_BY_ALL):
                for shared in (value, _memory_of(value)):
                    other = root(owner.setdefault(id(shared), number))
                    group[max(other, root(number))] = min(other, root(number))
    found: dict[int, list[str | None]] = {}
    for number, name in enumerate(names):
        found.setdefault(root(number), []).append(name)
    return found.values()


def _memory_of(value: Any) -> object:
    """Return the object whose memory an array is a view of, the object itself if it is no view."""
    numpy: Any = sys.modules.get('numpy')
    while numpy is not None and issubclass(type(value), numpy.ndarray) and value.base is not None:
        value = value.base
    return value


def _is_large_array(value: Any) -> bool:
    numpy: Any = sys.modules.get('numpy')
    return (
        numpy is not None
        and type(value) is numpy.ndarray
        and value.nbytes >= _LARGE_ARRAY
        and value.dtype.kind in 'biufc'
        and value.dtype.metadata is None
        and bool(value.flags.c_contiguous and value.flags.writeable)
    )


def _sum_of(array: Any) -> int:
    """Return the sum of the bytes of a large array, taken as numbers of 64 bits: five times as fast as a checksum."""
    data = array.reshape(-1).view('u1')
    whole = data.size // 8 * 8
    return int(data[:whole].view('u8').sum()) + int(data[whole:].sum())


def _sha_of(header: bytes, memory: memoryview) -> str:
    digest = hashlib.sha256(header)
    digest.update(memory)
    return digest.hexdigest()


class _Joined(io.RawIOBase):
    """A file with the bytes of several buffers, one after the other."""

    def __init__(self, *buffers: Any) -> None:
        self._buffers = [memoryview(buffer) for buffer in buffers]

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        while self._buffers and not self._buffers[0]:
            self._buffers.pop(0)
        if not self._buffers:
            return 0
        part = self._buffers[0][: len(target)]
        target[: len(part)] = part
        self._buffers[0] = self._buffers[0][len(part) :]
        return len(part)
