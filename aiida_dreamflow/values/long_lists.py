"""What is known of a long list and of its chunks from one frame to the next. Must not know where they are kept."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Any

from ..exceptions import CannotStoreError
from .owned import Shared, is_frozen
from .snapshot import encode

__all__ = ('Chunk', 'LongList', 'worth_of')


@dataclass(eq=False)
class Chunk:
    """Some items of a list.

    :ivar sha: the sha256 of its snapshot, and the name of its file.
    :ivar size: how many items.
    :ivar blobs: the files that the snapshot itself names.
    :ivar items: ``plain`` or ``frozen`` if all its items are (see `owned`), else ``open``, or ``code`` if making them
        again runs code.
    :ivar is_full: whether it is large enough.
    :ivar places: where what is in it lies, in order; ``None`` if that has to be found out.
    :ivar told: numbers and texts in it that may say where an object lies, until a frame has been written with it.
    :ivar shared: what something else refers to, by the number of its record in the snapshot.
    :ivar worth: what these were worth; empty for what cannot change.
    :ivar numbers: the numbers of the records, by the `id` of frozen items.
    :ivar is_counted: whether it is known what is shared.
    """

    sha: str
    size: int
    blobs: tuple[str, ...]
    items: str
    is_full: bool
    shared: dict[int, Shared] = field(default_factory=dict)
    worth: dict[int, str] = field(default_factory=dict)
    numbers: dict[int, int] = field(default_factory=dict)
    is_counted: bool = True
    places: array[int] | None = None
    told: tuple[int | str, ...] = ()

    def entry(self, is_linked: bool) -> list[Any]:
        """Return what stands in the record of the list for it."""
        return [self.sha, self.size, list(self.blobs), self.items, *[1] * is_linked]

    def share(self, found: dict[int, Shared]) -> None:
        """Note what is shared; these are all among the numbers."""
        self.shared = {self.numbers[number]: shared for number, shared in found.items()}
        self.worth = {number: worth_of(shared.holder[0]) for number, shared in self.shared.items()}


@dataclass(eq=False)
class LongList:
    """What is known of one list.

    :ivar value: the list.
    :ivar chunks: its chunks.
    :ivar items: the items that are in chunks.
    """

    value: list[Any]
    chunks: list[Chunk] = field(default_factory=list)
    items: list[Any] = field(default_factory=list)

    @property
    def has_shared(self) -> bool:
        """Whether something else refers to something in its chunks."""
        return any(chunk.shared or not chunk.is_counted for chunk in self.chunks)


def worth_of(value: object) -> str:
    """Return what an object is worth: the same for the same exact bytes and types; nothing if it cannot change."""
    if is_frozen(type(value)) or isinstance(value, type):
        return ''
    try:
        return encode({'': value}).digest()
    except CannotStoreError:
        return ''
