"""The words of a stored document: references, records, and the text of numbers that JSON cannot say.

A document is ``{"version": 1, "roots": {name: ref}, "objects": [record, ...]}``. A *ref* is either a small immutable
written in place (``None``, ``bool``, an ordinary ``int``, ``float`` or ``str``) or ``{"@": i}``, object number ``i``. A
*record* is ``[kind, first]`` or ``[kind, first, rest]``: the object is made from ``first`` alone, and completed with
``rest`` afterwards. Only what sits in ``rest`` may lead back to the object itself, so cycles need no special case.

This module knows neither how any type is stored nor AiiDA.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import isnan
from typing import Any, NamedTuple, Protocol

__all__ = (
    'CODEC',
    'REF',
    'VERSION',
    'Kind',
    'LeftOut',
    'Reader',
    'Record',
    'Staged',
    'Writing',
    'canonical',
    'float_of',
    'float_text',
    'refs_in',
)

VERSION = 1
REF = '@'
#: What the kind of a record begins with that a codec wrote; the name of the codec follows.
CODEC = 'codec:'
Record = list[Any]


class Staged(NamedTuple):
    """What the ``encode`` of a codec returns for an object that may sit in a cycle.

    :ivar first: enough to make the object with its ``decode``; must not lead back to the object itself.
    :ivar rest: what its ``fill`` completes it with; may lead anywhere.
    """

    first: Any
    rest: Any


@dataclass
class LeftOut:
    """What of an exception cannot be stored.

    :ivar error: the exception.
    :ivar parts: the parts, each with what stands for it, by the `id` of the part.
    :ivar lost: why the exception cannot be stored as one of its own class; empty if it can.
    """

    error: BaseException
    parts: dict[int, tuple[object, object]] = field(default_factory=dict)
    lost: str = ''


class Writing(Protocol):
    """What the function that writes one object may ask of the encoder."""

    ref: Callable[[object], Any]

    def blob(self, data: bytes) -> str:
        """Keep bytes beside the document; returns their sha256, to be written into the record."""

    def defer(self, finish: Callable[[list[tuple[int, Any]], Writing], None], value: object) -> Record:
        """Leave the record of `value` open until the whole graph is known; `finish` then calls :meth:`settle`."""

    def left_out_of(self, error: BaseException) -> LeftOut | None:
        """What of an exception cannot be stored, if anything."""

    def note_weak(self, target: object) -> None:
        """Take notice that the object being written is a weak reference to another."""

    def note_code(self, cls: type) -> None:
        """Take notice that to load the object being written runs code of a class."""

    def settle(self, index: int, record: Record) -> None:
        """Set the record of object `index`."""

    def blame(self, index: int) -> None:
        """A refusal raised from here on is about object `index`."""


class Reader(Protocol):
    """What the function that rebuilds one object may ask of the decoder."""

    def get(self, ref: Any) -> Any:
        """The object that a ref stands for."""

    def blob(self, sha: str) -> bytes:
        """The bytes kept under a sha256, verified."""


@dataclass(frozen=True)
class Kind:
    """How one kind of record becomes an object again.

    :ivar name: the first word of the record.
    :ivar make: the object from ``first``.
    :ivar fill: completes the object with ``rest``.
    :ivar rank: given ``rest``: among objects that reach each other, lower ranks are filled first: 0 runs no user code, 1 needs filled
        containers, 2 calls ``__setstate__``, 3 hashes or compares objects.
    :ivar late: making it may call into what it is made from: among objects that reach each other, these come
        last, and the highest last of all.
    """

    name: str
    make: Callable[[Any, Reader], object]
    fill: Callable[[Any, Any, Reader], None] | None = None
    rank: Callable[[Any], int] = lambda rest: 0
    late: int = 0


def canonical(document: object) -> bytes:
    """The one spelling of a document in bytes, for digests and signatures.

    :param document: pure JSON.
    :returns: ASCII JSON with sorted keys and no spaces.
    :raises ValueError: if the document holds NaN or an infinity.
    """
    return json.dumps(document, sort_keys=True, separators=(',', ':'), allow_nan=False).encode('ascii')


def float_text(value: float) -> str:
    """The exact text of any float, the bits of a NaN included."""
    return f'nan:{struct.pack(">d", value).hex()}' if isnan(value) else repr(value)


def float_of(text: str) -> float:
    """The inverse of :func:`float_text`."""
    if text.startswith('nan:'):
        return float(struct.unpack('>d', bytes.fromhex(text[4:]))[0])
    return float(text)


def refs_in(content: Any) -> Iterator[int]:
    """The numbers of the objects that the content of a record refers to."""
    stack = [content]
    while stack:
        item = stack.pop()
        if type(item) is list:
            stack.extend([part for part in item if type(part) is dict or type(part) is list])
        elif type(item) is dict:
            if REF in item:
                yield item[REF]
            else:
                stack.extend(item.values())
