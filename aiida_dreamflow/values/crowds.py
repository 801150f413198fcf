"""Children under way that differ in nothing but their labels, stored together.

A workflow that has submitted a thousand jobs, and takes them as they end, makes a step for each; the others are then as
they were. So those that nothing has happened to are one object of the frame, and what a step says of them is a few words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from ..runtime import Handle
from .records import Staged
from .snapshot import Codec

__all__ = ('Crowd', 'CrowdCodec', 'gathered', 'labels_in', 'members', 'scattered')

#: So many are worth an object of their own.
_FEW = 8
_NUMBERED = re.compile(r'(.*_)(0|[1-9]\d*)', re.DOTALL)
_MISSING = object()
#: What may be said of a handle in a crowd; all else is as by default.
_SAID = frozenset({'label', 'target', 'watchers'})

Ref = Callable[[object], Any]
Get = Callable[[Any], Any]


class Crowd:
    """Handles with the same target and the same watchers, which have not ended.

    :ivar handles: they, in order.
    """

    def __init__(self, handles: Sequence[Handle[Any]]) -> None:
        self.handles = handles


def gathered(handles: Iterable[Handle[Any]]) -> list[Any]:
    """Return the handles, those that stand side by side and are alike as one `Crowd`."""
    found: list[Any] = []
    for key, group in groupby(handles, _key):
        alike = list(group)
        found += alike if not key or len(alike) < _FEW else [Crowd(alike)]
    return found


def scattered(found: Iterable[Any]) -> list[Handle[Any]]:
    """Return the handles again."""
    return [handle for each in found for handle in (each.handles if type(each) is Crowd else [each])]


def members(objects: Iterable[object]) -> Iterator[object]:
    """Yield the handles of the crowds among some objects."""
    for value in objects:
        if type(value) is Crowd:
            yield from value.handles


def _key(handle: Handle[Any]) -> tuple[int, ...]:
    """Return what handles of one crowd have in common; nothing for one that stands for itself."""
    if handle.ended or type(handle) is not Handle:
        return ()
    for name, value in vars(handle).items():
        if name in _SAID or name in handle.not_kept or (name in handle.empty and not value):
            continue
        if name in handle.empty or value is not getattr(Handle, name, _MISSING):
            return ()
    return id(handle.target), *map(id, handle.watchers)


class CrowdCodec(Codec):
    """Crowds; and their handles, wherever these are.

    :ivar crowds: the crowd and the place in it of each of their handles, by the `id` of the handle.
    """

    name = 'crowd'
    kinds = (Crowd, Handle)

    def __init__(self, agenda: Any = None) -> None:
        self._agenda = agenda
        self.crowds: dict[int, tuple[Crowd, int]] = {}

    def know(self, found: Iterable[Any]) -> None:
        """Take notice of the crowds among what `gathered` returned."""
        crowds = (each for each in found if type(each) is Crowd)
        self.crowds = {id(handle): (crowd, place) for crowd in crowds for place, handle in enumerate(crowd.handles)}

    def encode(self, value: object, ref: Ref) -> Any | None:
        """Return the content for a crowd, or for a handle of one."""
        if type(value) is Crowd:
            first = value.handles[0]
            labels = _runs(handle.label for handle in value.handles)
            return Staged(labels, [ref(first.target), *map(ref, first.watchers)])
        known = self.crowds.get(id(value))
        return None if known is None else {'of': ref(known[0]), 'place': known[1]}

    def decode(self, content: Any, get: Get) -> object:
        """Return the handle, or a crowd of handles with nothing but labels."""
        if isinstance(content, dict):
            return get(content['of']).handles[content['place']]
        return Crowd([Handle(self._agenda, label, None, {}) for label in labels_in(content)])

    def fill(self, obj: Any, content: Any, get: Get) -> None:
        """Give the handles of a crowd their target and watchers."""
        target, *watchers = map(get, content)
        for handle in obj.handles:
            handle.target, handle.watchers = target, [*watchers]


def _runs(labels: Iterable[str]) -> list[Any]:
    """Return labels in few words: one by one, or a beginning, the first number and how many."""
    runs: list[Any] = []
    for label in labels:
        match = _NUMBERED.fullmatch(label)
        if match is None:
            runs.append(label)
            continue
        beginning, number = match[1], int(match[2])
        if runs and type(runs[-1]) is list and runs[-1][0] == beginning and sum(runs[-1][1:]) == number:
            runs[-1][2] += 1
        else:
            runs.append([beginning, number, 1])
    return runs


def labels_in(runs: Iterable[Any]) -> Iterator[str]:
    """Yield the labels that the content of a crowd says in few words."""
    for run in runs:
        if isinstance(run, str):
            yield run
        else:
            beginning, first, count = run
            yield from (f'{beginning}{number}' for number in range(first, first + count))
