"""One snapshot of a whole graph of objects: to pure JSON plus blobs, and back.

Identity and aliasing are kept over everything reachable from the roots, types are kept exactly, cycles and deep nesting
work, and what cannot be stored is refused by name. What is *not* kept: tracebacks of exceptions; the identity of small
``int``, ``float`` and ``str`` objects; an alias of ``obj.__dict__`` held beside ``obj``; identity with objects outside the
graph, such as a sentinel that a module also holds.

Other rooms teach it their own types through :class:`Codec`. It knows neither AiiDA nor where documents are kept.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import copysign
from sys import intern
from typing import Any, Protocol, cast

from ..exceptions import CannotStoreError, FrameError, UntrustedValueError
from .addresses import LOWEST, PointsAt, mentions_an_address
from .containers import is_suppress
from .errors import leave_out
from .objects import begins_anew, is_refused
from .paths import path_between
from .proving import note_proven, unproven
from .rebuild import UnbuildableError, rebuild
from .records import CODEC, REF, VERSION, LeftOut, Record, Staged, Writing, canonical, refs_in
from .registry import kind_named, kind_of, writer_for
from .trial import require_loads
from .trust import records_run_code
from .weak import strong_in

__all__ = ('Codec', 'Codecs', 'Snapshot', 'Staged', 'decode', 'encode', 'read_file', 'refused_reference', 'runs_code')

_TEXT_INLINE = 64
_PLAIN_CONTAINERS = frozenset({list, tuple, dict, set, frozenset})
_INT_LIMIT = 1 << 63
# From here on some databases give whole floats back as ints.
_FLOAT_LIMIT = 1e16
# Python keeps one object for each of these, but `int.to_bytes` makes another: they are equal or not, as small numbers are.
_SINGLE = tuple(bytes([number]) for number in range(256))


class Codec(Protocol):
    """How a type, or one single object, is stored by those who know it; subclass it to inherit the defaults.

    A codec of a plugin is an entry point of the group ``dreamflow.codecs``, named after the class whose objects it is
    asked about, ``package.module.Class``; so it is loaded only when there is such an object.

    Codecs that are given to :func:`encode` are asked in the order given, before the built-in forms, about every object
    except small ``int``, ``float``, ``str``, ``bool`` and ``None``. In content, ``{"@": number}`` is reserved for what
    `ref` returns.

    :cvar name: names the codec in stored documents, if no entry point does; never change it.
    :cvar last_resort: ask only about an object that could not be stored, and the lists, tuples, dicts and sets around it:
        the nearest first.
    :cvar kinds: the only classes about whose objects, and those of derived classes, it is asked; about all if there are none.
    :cvar runs_code: whether decoding may run code that the document chooses; such documents are decoded only if this
        profile signed them.
    """

    name: str = ''
    last_resort: bool = False
    kinds: tuple[type, ...] = ()
    runs_code: bool = True

    def encode(self, value: object, ref: Callable[[object], Any]) -> Any | None:
        """The content for an object: JSON, with objects inside put through `ref`; a :class:`Staged`; or ``None``.

        :param value: the object.
        :param ref: gives what stands for another object in the content.
        :returns: the content, ``None`` for "not mine".
        :raises CannotStoreError: "mine, but it cannot be stored"; with an empty path.
        """

    def decode(self, content: Any, get: Callable[[Any], Any]) -> object:
        """The object again; of a :class:`Staged`, from its `first`.

        :param content: what :meth:`encode` returned.
        :param get: the object that a ref stands for.
        """

    def fill(self, obj: Any, content: Any, get: Callable[[Any], Any]) -> None:
        """Complete an object with the `rest` of its :class:`Staged`.

        :param obj: what :meth:`decode` made.
        :param content: the `rest`.
        :param get: the object that a ref stands for; in a cycle it may not be filled yet.
        :raises FrameError: by default: this codec writes no :class:`Staged`.
        """
        raise FrameError(f'the codec `{self.name}` has no `fill`, but its stored content has a second part')


class Codecs(list[Codec]):
    """Codecs for more than one :func:`encode`: it is found out only once which are asked about a class.

    :ivar asked: a class and those that are, by the `id` of the class: it may have a hash of its own.
    :ivar located: numbers and texts that say where an object lies, and what they say.
    """

    def __init__(self, codecs: Iterable[Codec] = ()) -> None:
        super().__init__(codecs)
        self.asked: dict[int, tuple[type, list[Codec]]] = {}
        self.located: dict[int | str, PointsAt] = {}


def _asked_about(kind: Any, codecs: Iterable[Codec]) -> list[Codec]:
    """Return the codecs that are asked about objects of a class."""
    meta: Any = type(kind)
    is_ordinary = meta.__hash__ is type.__hash__ and meta.__eq__ is type.__eq__
    is_asked = _is_asked if is_ordinary else _is_asked.__wrapped__
    return [codec for codec in codecs if is_asked(type(codec), kind)]


@functools.lru_cache(1 << 12)
def _is_asked(codec: Any, kind: type) -> bool:
    kinds = getattr(codec, 'kinds', ())
    return not kinds or any(each in kinds for each in kind.__mro__ or ())


@dataclass(frozen=True)
class Snapshot:
    """The stored form of a graph of objects.

    :ivar document: pure JSON.
    :ivar blobs: longer bytes by their sha256: `.npy` bytes of arrays, and plain bytes.
    :ivar plain_codecs: the kinds of records that codecs without ``runs_code`` wrote.
    :ivar objects: the objects of the records, in their order.
    :ivar addresses: the numbers and texts that may say where an object lies.
    :ivar has_stand_ins: whether something stands for a part of an exception that could not be stored.
    :ivar dangling: the paths of weak references to objects that nothing else in the snapshot leads to, by the `id` of these.
    """

    document: dict[str, Any]
    blobs: dict[str, bytes]
    plain_codecs: frozenset[str] = field(default=frozenset(), compare=False)
    objects: Sequence[object] = field(default=(), compare=False, repr=False)
    dangling: Mapping[int, str] = field(default_factory=dict, compare=False, repr=False)
    addresses: Sequence[int | str] = field(default=(), compare=False, repr=False)
    has_stand_ins: bool = field(default=False, compare=False)

    def strong(self) -> set[int]:
        """Return the `id` of each object that something else than a weak reference leads to."""
        return strong_in(self.document, self.objects)

    @property
    def runs_code(self) -> bool:
        """Whether decoding may import or call anything beyond plain values."""
        return records_run_code(self.document['objects'], self.plain_codecs)

    def digest(self) -> str:
        """The sha256 of the exact content; blobs enter by their own sha256."""
        return hashlib.sha256(canonical(self.document)).hexdigest()


def runs_code(document: Mapping[str, Any], codecs: Sequence[Codec] = ()) -> bool:
    """Whether decoding a stored document may import or call anything beyond plain values.

    :param document: a document from anywhere.
    :param codecs: those it would be decoded with.
    :returns: ``True`` also for a document that is not understood.
    """
    objects = document.get('objects')
    return not isinstance(objects, list) or records_run_code(objects, _plain_kinds(codecs))


def encode(roots: Mapping[str, object], codecs: Sequence[Codec] = (), *, whole: bool = True) -> Snapshot:
    """Turn named objects, and all that they reach, into their stored form.

    :param roots: the objects by name.
    :param codecs: asked before the built-in forms, in order; see :class:`Codec`.
    :param whole: whether this is all; otherwise what a weak reference refers to may be held by something else.
    :returns: the snapshot.
    :raises CannotStoreError: if something has no stored form; its path starts with the name of the root.
    """
    rescued: dict[int, tuple[object, Codec]] = {}
    left_out: dict[int, LeftOut] = {}
    paths: set[str] = set()
    while True:
        encoder = _Encoder(codecs, rescued, left_out)
        try:
            document = encoder.run(roots)
            if encoder.code:
                encoder.prove(document, roots)
        except CannotStoreError as error:
            if encoder.leave_out(error):
                continue
            if error.by_choice or not encoder.rescue(paths):
                raise
        else:
            dangling = encoder.dangling(document) if encoder.weak else {}
            if dangling and whole:
                raise refused_reference(next(iter(dangling.values())))
            return Snapshot(
                document,
                encoder.blobs,
                _plain_kinds(codecs),
                encoder.values,
                dangling,
                encoder.told,
                encoder.has_stand_ins(),
            )


def refused_reference(path: str) -> CannotStoreError:
    """Return the error for a weak reference that would not survive.

    :param path: where it is.
    """
    reason = 'nothing that is stored with this weak reference holds its object; keep the object itself'
    return CannotStoreError('weakref', path, reason)


def decode(
    document: Mapping[str, Any],
    read_blob: Callable[[str], bytes],
    codecs: Sequence[Codec] = (),
    numbers: dict[Any, Any] | None = None,
) -> dict[str, Any]:
    """Rebuild the objects of a document. Whether it may be trusted must have been decided before.

    :param document: what :func:`encode` made.
    :param read_blob: the bytes of a blob from its sha256.
    :param codecs: all that the document was encoded with.
    :param numbers: the numbers that were met, which equal ones shall be: that of several documents.
    :returns: the roots by name.
    :raises FrameError: if the document is of another version, is damaged, or names what is not there any more.
    :raises UntrustedValueError: if a blob is not what it was when stored.
    """
    if document.get('version') != VERSION:
        raise FrameError(
            f'a stored value has format version {document.get("version")}, this aiida-dreamflow reads {VERSION}; '
            'install the version that wrote it'
        )
    decoder = _Decoder(read_blob, {} if numbers is None else numbers)
    known = {CODEC + codec.name: kind_of(codec) for codec in codecs}
    records = document['objects']
    try:
        rebuild(records, [known.get(record[0]) or kind_named(record[0]) for record in records], decoder.built, decoder)
    except UnbuildableError as error:
        holders = [f'`{name.rpartition(":")[2]}`' for name in _holders(error.number, document) if name]
        raise FrameError(f'variable {holders[0]}: {error}' if holders else str(error)) from error.__cause__
    return {name: decoder.get(ref) for name, ref in document['roots'].items()}


def _holders(number: int, document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of the roots that lead to an object."""
    for name, ref in document['roots'].items():
        pending, seen = [*refs_in([ref])], set[int]()
        while pending:
            at = pending.pop()
            if at == number:
                yield name
                break
            if at not in seen:
                seen.add(at)
                pending.extend(refs_in(document['objects'][at][1:]))


def read_file(sha: str, read_blob: Callable[[str], bytes]) -> bytes:
    """Read stored bytes, and see that they are what they were.

    :param sha: their sha256.
    :param read_blob: gives the bytes.
    :raises UntrustedValueError: if they were altered.
    """
    data = read_blob(sha)
    if hashlib.sha256(data).hexdigest() != sha:
        raise UntrustedValueError(f'the stored bytes {sha[:12]}... are not what they were; restore them from a backup')
    return data


def _plain_kinds(codecs: Sequence[Codec]) -> frozenset[str]:
    return frozenset(CODEC + codec.name for codec in codecs if not getattr(codec, 'runs_code', True))


class _Encoder:
    """Writes one document. Objects are numbered when first met; the list of them is also the list of work to do."""

    def __init__(
        self,
        codecs: Sequence[Codec],
        rescued: dict[int, tuple[object, Codec]],
        left_out: dict[int, LeftOut],
        stands_for: Mapping[int, object] | None = None,
    ) -> None:
        self.every = codecs
        self.codecs = [codec for codec in codecs if not getattr(codec, 'last_resort', False)]
        self.last_resort = [codec for codec in codecs if getattr(codec, 'last_resort', False)]
        self.asked: dict[int, tuple[type, list[Codec]]] = codecs.asked if isinstance(codecs, Codecs) else {}
        self.rescued = rescued
        self.left_out = left_out
        self.blobs: dict[str, bytes] = {}
        self.names: list[str] = []
        self.values: list[object] = []  # also keeps temporaries alive, so that no `id` is used twice
        self.parents: list[int] = []
        self.records: list[Record] = []
        self.open: dict[Any, list[tuple[int, Any]]] = {}
        self.weak: list[tuple[int, object]] = []
        self.code: list[tuple[int, type]] = []
        self.told: list[int | str] = []
        self.located = codecs.located if isinstance(codecs, Codecs) else {}
        self.current = 0
        self.ref = self._make_ref({} if stands_for is None else stands_for)

    def _make_ref(self, stands_for: Mapping[int, object]) -> Callable[[object], Any]:
        memo: dict[int, dict[str, int]] = {}
        # Nothing here may refer to the encoder, or to itself, which would then keep all values alive: references are counted.
        values, told, located = self.values, self.told, self.located

        def enter(value: object) -> dict[str, int]:
            while id(value) in stands_for:
                value = stands_for[id(value)]
            found = memo.get(id(value))
            if found is None:
                found = memo[id(value)] = {REF: len(values)}
                values.append(value)
            return found

        def ref(value: Any) -> Any:
            kind = type(value)
            if kind is str:
                if mentions_an_address(value):
                    if value in located:
                        return enter(located[value])
                    told.append(value)
                if len(value) <= _TEXT_INLINE and value.isprintable() and not is_suppress(value):
                    return value
            elif kind is int:
                if -_INT_LIMIT <= value < _INT_LIMIT:
                    if value > LOWEST:
                        if value in located:
                            return enter(located[value])
                        told.append(value)
                    return value
            elif kind is float:
                if -_FLOAT_LIMIT < value < _FLOAT_LIMIT and (value or copysign(1.0, value) > 0):
                    return value
            elif value is None or kind is bool:
                return value
            elif kind is bytes and len(value) == 1:
                return enter(_SINGLE[value[0]])
            return enter(value)

        return ref

    def run(self, roots: Mapping[str, object]) -> dict[str, Any]:
        refs = {}
        values = self.values
        for name, value in roots.items():
            refs[name] = self.ref(value)
            self.names.extend([name] * (len(values) - len(self.names)))
        self.parents.extend([-1] * len(values))
        try:
            self._work()
            self._finish()
        except CannotStoreError as refusal:
            raise self._placed(refusal, self.current) from refusal.__cause__
        except Exception as error:  # from a method of the object's
            reason = f'to ask it what it consists of fails ({type(error).__name__}: {error})'
            kind = type(self.values[self.current]).__name__
            raise CannotStoreError(kind, self._path(self.current), reason) from error
        return {'version': VERSION, 'roots': refs, 'objects': self.records}

    def _placed(self, refusal: CannotStoreError, index: int) -> CannotStoreError:
        """Return a refusal with the whole path to what is refused."""
        path = self._path(index) + refusal.path
        return CannotStoreError(refusal.value_type, path, refusal.reason, refusal.by_choice, refusal.is_outside)

    def _work(self) -> None:
        values, parents, records = self.values, self.parents, self.records
        while len(records) < len(values):
            self.current = len(records)
            records.append(self._record(values[self.current]))
            parents.extend([self.current] * (len(values) - len(parents)))

    def _record(self, value: object) -> Record:
        if self.rescued and id(value) in self.rescued:
            record = self._ask(self.rescued[id(value)][1], value)
            if record is not None:
                return record
        kind = type(value)
        known = self.asked.get(id(kind))
        if known is None or known[0] is not kind:
            known = self.asked[id(kind)] = kind, _asked_about(kind, self.codecs)
        for codec in known[1]:
            record = self._ask(codec, value)
            if record is not None:
                return record
        return cast(Record, writer_for(kind)(value, self))

    def _ask(self, codec: Codec, value: object) -> Record | None:
        content = codec.encode(value, self.ref)
        if content is None:
            return None
        return [CODEC + codec.name, *(content if type(content) is Staged else (content,))]

    def _finish(self) -> None:
        """Let the writers that wanted to see everything first write their records, and then what those add."""
        while self.open:
            waiting_for, self.open = self.open, {}
            for finish, waiting in waiting_for.items():
                finish(waiting, self)
                self.parents.extend([self.current] * (len(self.values) - len(self.parents)))
            self._work()

    def leave_out(self, refusal: CannotStoreError) -> bool:
        """After a refusal: have a part of the nearest exception left out, if what is refused is in one.

        :returns: whether encoding should start again.
        """
        chain: list[object] = []
        index = self.current
        while index >= 0:
            value = self.values[index]
            if issubclass(type(value), BaseException) and leave_out(value, chain, refusal, self.left_out):  # type: ignore[arg-type]
                return True
            chain.append(value)
            index = self.parents[index]
        return False

    def left_out_of(self, error: BaseException) -> LeftOut | None:
        return self.left_out.get(id(error))

    def has_stand_ins(self) -> bool:
        return any(left.parts or left.lost for left in self.left_out.values())

    def rescue(self, paths: set[str]) -> bool:
        """After a refusal: have the refused object, or a plain container around it, stored by a last resort.

        :param paths: the places where this was done before; a second time would not help.
        :returns: whether a codec took it, so that encoding should start again.
        """
        index = self.current
        if is_refused(self.values[index]) or begins_anew(self.values[index]):
            return False
        while self.last_resort:
            value, path = self.values[index], self._path(index)
            if path not in paths and id(value) not in self.rescued:
                for codec in self.last_resort:
                    try:
                        taken = codec.encode(value, self.ref) is not None
                    except CannotStoreError as refusal:
                        raise self._placed(refusal, index) from None
                    if taken:
                        self.rescued[id(value)] = (value, codec)
                        paths.add(path)
                        return True
            index = self.parents[index]
            # Anything else has a state of its own, which would be lost without a word.
            if index < 0 or type(self.values[index]) not in _PLAIN_CONTAINERS:
                break
        return False

    def _path(self, index: int) -> str:
        chain = [index]
        while self.parents[chain[-1]] >= 0:
            chain.append(self.parents[chain[-1]])
        return self.names[chain[-1]] + path_between([self.values[i] for i in reversed(chain)])

    def blob(self, data: bytes) -> str:
        sha = hashlib.sha256(data).hexdigest()
        self.blobs[sha] = data
        return sha

    def defer(self, finish: Callable[[list[tuple[int, Any]], Writing], None], value: object) -> Record:
        self.open.setdefault(finish, []).append((self.current, value))
        return []

    def note_code(self, cls: type) -> None:
        self.code.append((self.current, cls))

    def prove(self, document: dict[str, Any], roots: Mapping[str, object]) -> None:
        """Refuse what has not been shown to load yet, and does not."""
        if found := unproven(self.code, self.records):
            try:
                require_loads(self, document, roots, lambda: _Decoder(self.blobs.__getitem__, {}))
            except CannotStoreError as refusal:
                raise self._placed(refusal, self.current) from None
            note_proven(found)

    def again(self, stands_for: Mapping[int, object]) -> _Encoder:
        """Return an encoder that writes the same objects as this one.

        :param stands_for: what is to be written in place of some objects, by their `id`.
        """
        return _Encoder(self.every, self.rescued, self.left_out, stands_for)

    def note_weak(self, target: object) -> None:
        self.weak.append((self.current, target))

    def dangling(self, document: dict[str, Any]) -> dict[int, str]:
        strong = strong_in(document, self.values)
        return {id(target): self._path(index) for index, target in self.weak if id(target) not in strong}

    def settle(self, index: int, record: Record) -> None:
        self.records[index] = record

    def blame(self, index: int) -> None:
        self.current = index


class _Decoder:
    """What the kinds ask while objects are rebuilt."""

    def __init__(self, read_blob: Callable[[str], bytes], numbers: dict[Any, Any]) -> None:
        self.numbers = numbers
        self.built: dict[int, object] = {}
        self.read_blob = read_blob

    def get(self, ref: Any) -> Any:
        kind = type(ref)
        if kind is str:
            # As constants of the source are: so equal short texts are one object, as they mostly were.
            return intern(ref)
        if kind is float or kind is int:
            return self.numbers.setdefault((kind, ref), ref)
        if kind is not dict:
            return ref
        try:
            return self.built[ref[REF]]
        except KeyError:
            raise FrameError('a stored value refers to a part that is not there; the document is damaged') from None

    def blob(self, sha: str) -> bytes:
        return read_file(sha, self.read_blob)
