"""Where two stored forms of the same objects say different things.

Not compared is what does not count as a difference: how often equal immutables are stored, the order of the items of a set
and of the attributes of an object, attributes that come in addition, and what an object keeps for itself of what it has worked
out or counted. Knows the records only.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, NamedTuple

from .records import CODEC, REF, Record

__all__ = ('NOT_LOADED', 'Stored', 'differences')

#: A document and the objects of its records.
Stored = tuple[dict[str, Any], Sequence[object]]

_MISSING = object()
#: What is not loaded to be compared; if there is another one all the same, a `__new__` makes a class for each object.
NOT_LOADED = frozenset({'class', 'class namespace', 'code', 'function', 'registrations'})
_CONTAINERS = frozenset({'list', 'tuple', 'dict', 'set', 'frozenset'})
_SETS = frozenset({'set', 'frozenset'})
#: What has one identity beside those whose records have a second part.
_MUTABLE = frozenset({'array', 'array view', 'object array', 'bytearray', 'memory'})
#: With more items than this, those of two sets are not compared.
_MATCHED = 100


class _At(NamedTuple):
    """A place in the first of the two.

    :ivar path: the way there from a root.
    :ivar private: whether it is what an object keeps for itself.
    :ivar owner: the number of that object.
    """

    path: str
    private: bool = False
    owner: int = 0

    def down(self, step: str) -> _At:
        return self._replace(path=self.path + step)


def differences(one: Stored, other: Stored) -> dict[str, int]:
    """Return where two stored forms differ: the paths, each with the number of the object in the first that has it.

    :param one: the first, with the objects as they were.
    :param other: the second, of what was made of the first.
    """
    comparison = _Comparison(one, other)
    for name, root in one[0]['roots'].items():
        comparison.work.append((root, other[0]['roots'][name], _At(name)))
    while comparison.work:
        comparison.compare(*comparison.work.pop())
    return comparison.found


class _Comparison:
    def __init__(self, one: Stored, other: Stored) -> None:
        self.sides = one, other
        self.pairs: set[tuple[int, int]] = set()
        self.left: dict[int, int] = {}
        self.right: dict[int, int] = {}
        self.found: dict[str, int] = {}
        self.work: list[tuple[Any, Any, _At]] = []

    def compare(self, one: Any, other: Any, at: _At) -> None:
        """Compare two contents, or what these refer to."""
        if _is_ref(one) and _is_ref(other):
            self.compare_records(one[REF], other[REF], at)
        elif type(one) is not type(other):
            self.note(one, other, at)
        elif isinstance(one, list):
            self.compare_lists(one, other, at)
        elif isinstance(one, dict) and not _is_ref(one) and not _is_ref(other):
            for name in {**one, **other}:
                self.compare(one.get(name, _MISSING), other.get(name, _MISSING), at)
        elif one != other:
            self.note(one, other, at)

    def compare_lists(self, one: list[Any], other: list[Any], at: _At, numbered: bool = False) -> None:
        if len(one) != len(other):
            self.note(one, other, at)
        else:
            each = enumerate(zip(one, other, strict=True))
            self.work += [(*pair, at.down(f'[{number}]') if numbered else at) for number, pair in each]

    def compare_records(self, i: int, j: int, at: _At) -> None:
        (ones, own), (others, made) = self.sides
        if (i, j) in self.pairs or own[i] is made[j]:
            return
        self.pairs.add((i, j))
        a: Record = ones['objects'][i]
        b: Record = others['objects'][j]
        if a[0] not in _CONTAINERS:
            at = at._replace(owner=i)
        has_identity = len(a) > 2 or a[0] in _MUTABLE
        if a[0] != b[0] or len(a) > len(b) or (has_identity and not self.is_paired(i, j)):
            self.note({REF: i}, {REF: j}, at)
        elif a[0] in NOT_LOADED:
            pass
        elif a[0] == 'dict':
            self.compare_pairs(a[2], b[2], at)
        elif a[0] in _SETS:
            self.compare_sets(a[-1], b[-1], at)
        elif a[0] in _CONTAINERS:
            self.compare_lists(a[-1], b[-1], at, numbered=True)
        elif has_identity and len(a) > 2 and _is_filling(a[2]) and _is_filling(b[2]) and not a[0].startswith(CODEC):
            self.compare(a[1], b[1], at)
            self.compare_filled(type(own[i]), a[2], b[2], at)
        else:
            self.compare_lists(a[1:], b[1 : len(a)], at)

    def is_paired(self, i: int, j: int) -> bool:
        """Return whether two objects stand for each other wherever they are met."""
        return self.left.setdefault(i, j) == j and self.right.setdefault(j, i) == i

    def compare_filled(self, cls: Any, one: dict[str, Any], other: dict[str, Any], at: _At) -> None:
        """Compare what two objects of a class are filled with."""
        for name in {**other, **one} if {'items', 'pairs'} & other.keys() else one:
            parts = one.get(name, []), other.get(name, [])
            if name in ('dict', 'slots', 'pairs'):
                self.compare_pairs(*parts, at, None if name == 'pairs' else cls)
            elif name == 'set state' and _is_ref(parts[0]) and _is_ref(parts[1]):
                self.compare_states(parts[0][REF], parts[1][REF], at, cls)
            else:
                self.compare(*parts, at)

    def compare_states(self, i: int, j: int, at: _At, cls: Any) -> None:
        """Compare what two objects say of their state: attributes, if it is a dict, or a pair of them."""
        a, b = self.sides[0][0]['objects'][i], self.sides[1][0]['objects'][j]
        if a[0] == b[0] == 'dict':
            self.pairs.add((i, j))
            self.compare_pairs(a[2], b[2], at, cls)
        elif a[0] == b[0] == 'tuple' and len(a[1]) == len(b[1]) == 2:
            for one, other in zip(a[1], b[1], strict=True):
                if _is_ref(one) and _is_ref(other):
                    self.compare_states(one[REF], other[REF], at, cls)
                else:
                    self.compare(one, other, at)
        else:
            self.compare_records(i, j, at)

    def compare_pairs(self, one: list[Any], other: list[Any], at: _At, cls: Any = None) -> None:
        """Compare keys and values: by name where the keys are texts; of a class, they are the attributes of its objects."""
        ones, others = _named(one), _named(other)
        if ones is None or others is None:
            self.compare_lists(one, other, at)
            return
        for name in {**ones, **others} if cls is None else ones:
            inside = at.down(f'[{name!r}]')
            if cls is not None:
                inside = at.down(f'.{name}')._replace(private=at.private or _is_private(cls, name))
            self.compare(ones.get(name, _MISSING), others.get(name, _MISSING), inside)

    def compare_sets(self, one: list[Any], other: list[Any], at: _At) -> None:
        if len(one) != len(other):
            self.note(one, other, at)
            return
        left = [*other]
        for item in one if len(one) <= _MATCHED else ():
            match = next((each for each in left if self.is_same(item, each)), _MISSING)
            if match is _MISSING:
                self.note(one, other, at)
                return
            left.remove(match)
            self.work.append((item, match, at))

    def is_same(self, one: Any, other: Any) -> bool:
        """Return whether two things are the same, if what is taken for the same so far is."""
        inner = _Comparison(*self.sides)
        inner.pairs, inner.left, inner.right = {*self.pairs}, {**self.left}, {**self.right}
        inner.work = [(one, other, _At(''))]
        while inner.work and not inner.found:
            inner.compare(*inner.work.pop())
        return not inner.found

    def note(self, one: Any, other: Any, at: _At) -> None:
        if not at.private or not (self.is_by_the_way(one, 0) or self.is_by_the_way(other, 1)):
            self.found.setdefault(at.path, at.owner)

    def is_by_the_way(self, content: Any, side: int) -> bool:
        """Return whether a private attribute may have this for a while: nothing yet, a flag, a count."""
        if _is_ref(content):
            record = self.sides[side][0]['objects'][content[REF]]
            return record[0] in _CONTAINERS and not record[-1]
        return content is _MISSING or content is None or type(content) in (bool, int) or content in ([], {}, '')


def _is_ref(content: Any) -> bool:
    return isinstance(content, dict) and REF in content


def _is_filling(content: Any) -> bool:
    return isinstance(content, dict) and REF not in content


def _named(flat: list[Any]) -> dict[str, Any] | None:
    """Return keys and values as a dict; ``None`` if some keys are no texts."""
    keys = flat[::2]
    return dict(zip(keys, flat[1::2], strict=True)) if all(type(key) is str for key in keys) else None


def _is_private(cls: Any, name: str) -> bool:
    """Return whether an attribute is the business of its class: by its name, or as what a property keeps in its own place."""
    if name.startswith('_'):
        return True
    found = type(inspect.getattr_static(cls, name, None))
    return hasattr(found, '__get__') and not hasattr(found, '__set__')
