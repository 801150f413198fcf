"""Which objects in the chunks of long lists are the same: those of the frame, of another chunk, or of another list.

What only long lists lead to is in the first chunk that has it, and the others name it there: in runs, so that two lists
that grow side by side need no more words for it than there are chunks. All else that is shared is an object of the frame.
Whether only lists lead to an object is decided by counting references.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .owned import Shared, references_to

__all__ = ('ChunkLinks', 'Links', 'unrolled')


@dataclass
class ChunkLinks:
    """What the frame says of one chunk. Objects go by the numbers of their records.

    :ivar own: those that other chunks find here, as runs of them: the first, and how many.
    :ivar objects: those of the frame.
    :ivar others: those of other chunks, in runs: the first, how many, the list, its chunk, and the first there.
    """

    own: list[list[int]] = field(default_factory=list)
    objects: list[tuple[int, Shared]] = field(default_factory=list)
    others: list[tuple[int, int, list[Any], int, int]] = field(default_factory=list)

    def content(self, ref: Callable[[object], Any]) -> list[Any]:
        """Return what stands in the frame for it."""
        objects = [[number, ref(shared.holder[0])] for number, shared in self.objects]
        return [self.own, objects, [[first, count, ref(value), *at] for first, count, value, *at in self.others]]


class Links:
    """What a frame says of all its chunks.

    :param chunks: what is shared in each chunk of each list, by the `id` of the list.
    :param lists: the lists, and how many of their items are counted once more, by the `id` of the list.
    """

    def __init__(
        self, chunks: Mapping[int, Sequence[Mapping[int, Shared]]], lists: Mapping[int, tuple[list[Any], int]]
    ) -> None:
        self._lists = lists
        self._links: dict[int, dict[int, ChunkLinks]] = {}
        places: dict[int, list[tuple[int, int, int, Shared]]] = defaultdict(list)
        for name, parts in chunks.items():
            for chunk, shared in enumerate(parts):
                for number in sorted(shared):
                    places[id(shared[number].holder[0])].append((name, chunk, number, shared[number]))
        for found in places.values():
            self._link(found)

    def of(self, value: list[Any]) -> dict[int, ChunkLinks]:
        """Return what is to be said of the chunks of a list, by their numbers."""
        return self._links.get(id(value), {})

    def _link(self, places: Sequence[tuple[int, int, int, Shared]]) -> None:
        """Say of one object where it is, from the places that have it."""
        home, home_chunk, home_number, first = places[0]
        only_lists = self._is_of_lists([shared for *_, shared in places])
        names = frozenset(name for name, *_ in places) if only_lists else frozenset()
        for name, chunk, number, shared in places:
            shared.lists = names
            links = self._links.setdefault(name, {}).setdefault(chunk, ChunkLinks())
            if not only_lists:
                links.objects.append((number, shared))
            elif shared is first:
                _extend_own(links.own, number)
            else:
                _extend(links.others, number, self._lists[home][0], home_chunk, home_number)

    def _is_of_lists(self, places: Sequence[Shared]) -> bool:
        """Return whether all references to an object are those of lists that are known, and what is in it is its own."""
        slots = {slot for shared in places for slot in shared.slots}
        copies = sum(1 for holder, key in slots if holder in self._lists and key < self._lists[holder][1])
        known = len(slots) + copies + len(places) - 1
        return places[0].is_closed and references_to(places[0].holder, 0) == known


def _extend_own(runs: list[list[int]], number: int) -> None:
    if runs and sum(runs[-1]) == number:
        runs[-1][1] += 1
    else:
        runs.append([number, 1])


def _extend(
    runs: list[tuple[int, int, list[Any], int, int]], number: int, value: list[Any], chunk: int, other: int
) -> None:
    if runs:
        first, count, last, last_chunk, start = runs[-1]
        if last is value and last_chunk == chunk and (first + count, start + count) == (number, other):
            runs[-1] = first, count + 1, value, chunk, start
            return
    runs.append((number, 1, value, chunk, other))


def unrolled(runs: Iterable[Sequence[int]]) -> Iterator[int]:
    """Yield the numbers in runs of them: the first, and how many."""
    for first, count in runs:
        yield from range(first, first + count)
