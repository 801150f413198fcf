"""The iterators of `itertools` keep their place: read from memory, rebuilt by calling the same class again.

All Python versions write and read the same records, so that a frame survives an upgrade. Rebuilding takes nothing from
the iterators inside and calls none of their functions: what was taken already is handed over by a `Rest` in front of
them, which is taken away when it has nothing left. Two costs to know: an iterator over combinations, permutations or a
product is moved to its place by stepping, some ten nanoseconds an item; one of `cycle` as many as it has saved.

Knows the standard library only.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from math import comb, perm, prod
from typing import Any

from ..exceptions import CannotStoreError, FrameError
from .records import Kind, Reader, Record, Writing
from .structures import NULL, integers_at, items_of, items_of_tee, state_of

__all__ = ('KINDS', 'WRITERS', 'Rest', 'advanced', 'split')


class Rest:
    """An iterator that gives some items back before it goes on with another iterator."""

    def __init__(self, items: list[Any], it: Iterator[Any]) -> None:
        self.items = deque(items)
        self.it = it

    def __iter__(self) -> Rest:
        return self

    def __next__(self) -> Any:
        return self.items.popleft() if self.items else next(self.it)

    def __reduce__(self) -> Any:
        """Let whoever copies or pickles the iterator that has this one get what would be there without a restart."""
        return (itertools.chain, ([*self.items], self.it)) if self.items else (_itself, (self.it,))


def _itself(it: Any) -> Any:
    return it


class _Given:
    """Something whose iterator is the one given: ``iter`` may not be called on a user's object a second time."""

    def __init__(self, it: Iterator[Any]) -> None:
        self.it = it

    def __iter__(self) -> Iterator[Any]:
        return self.it


class _Keys:
    """The key function of a `groupby`, with the keys of what a `Rest` gives back."""

    def __init__(self, keys: list[Any], function: Callable[[Any], Any] | None) -> None:
        self.keys = deque(keys)
        self.function = function

    def __call__(self, value: Any) -> Any:
        if self.keys:
            return self.keys.popleft()
        return value if self.function is None else self.function(value)


class _TeeSource:
    """What several iterators of one `tee` share: the items that some of them have not given yet, and the rest."""

    def __init__(self, items: list[Any], it: Any) -> None:
        self.items = items
        self.it = it


def advanced(it: Any, count: int) -> Any:
    """Return an iterator from which some items have been taken."""
    deque(itertools.islice(it, count), maxlen=0)
    return it


def split(it: Any) -> tuple[list[Any], Any]:
    """Return what a `Rest` has left, and the iterator behind it; an empty one if there is none any more."""
    if it is NULL:
        return [], iter(())
    return ([*it.items], it.it) if type(it) is Rest else ([], it)


# -- what is written: the arguments of the function of that name in `_MAKERS`


def _accumulate(s: Any) -> tuple[Any, ...]:
    _, it = split(s.it)
    function = None if s.function is NULL else s.function
    return (it, function, s.initial) if s.total is NULL else (it, function, None, s.total)


def _batched(s: Any) -> tuple[Any, ...]:
    if s.it is NULL or s.size < 1:
        return (iter(()), 1, False)
    return (s.it, s.size, bool(getattr(s, 'strict', 0) & 255))


def _chain(s: Any) -> tuple[Any, ...]:
    given, source = split(s.source)
    if s.active is not NULL:
        return (source, s.active)
    return (source, *(one.it for one in given))


def _cycle(s: Any) -> tuple[Any, ...]:
    if getattr(s, 'copied', 0) and s.it is not NULL:
        raise CannotStoreError('cycle', '', 'it is a copy that is in its first turn; use the original')
    if s.it is NULL:
        return (iter(()), *s.saved[s.index :], *s.saved[: s.index])
    return (split(s.it)[1], *s.saved)


def _groupby(s: Any) -> tuple[Any, ...]:
    (values, it), keys, function = split(s.it), [], s.function
    if type(function) is _Keys:
        keys, function = [*function.keys], function.function
    if s.target is NULL:
        return (it, function)
    if s.key is not NULL:
        return (it, function, s.target, s.key, s.value)
    return (it, function, s.target, *keys, *values)


def _islice(s: Any) -> tuple[Any, ...]:
    if s.it is NULL:
        return (iter(()), 0, 0, 1)
    return (s.it, s.next - s.taken, None if s.stop == -1 else s.stop - s.taken, s.step)


def _pairwise(s: Any) -> tuple[Any, ...]:
    taken, it = split(s.it)
    return (it, *(taken if s.old is NULL else [s.old]))


def _chosen(s: Any, rank: Callable[[Any], int], *args: Any) -> tuple[Any, ...]:
    """How many items were given, and what they are made of; nothing if there are no more."""
    if s.stopped:
        return ()
    return (0 if s.result is NULL else rank(s) + 1, *args)


def _rank(indices: list[int], size: int) -> int:
    """The number of a combination of `size` things among all, in their order."""
    r = len(indices)
    return comb(size, r) - 1 - sum(comb(size - 1 - chosen, r - place) for place, chosen in enumerate(indices))


def _rank_of_combination(s: Any) -> int:
    return _rank(integers_at(s.indices, s.r), len(s.pool))


def _rank_with_replacement(s: Any) -> int:
    indices = [index + place for place, index in enumerate(integers_at(s.indices, s.r))]
    return _rank(indices, len(s.pool) + s.r - 1)


def _rank_of_permutation(s: Any) -> int:
    size, cycles = len(s.pool), integers_at(s.cycles, s.r)
    return sum((size - place - left) * perm(size - place - 1, s.r - place - 1) for place, left in enumerate(cycles))


def _rank_of_product(s: Any) -> int:
    sizes, indices = [len(pool) for pool in s.pools], integers_at(s.indices, len(s.pools))
    return sum(index * prod(sizes[place + 1 :]) for place, index in enumerate(indices))


_PARTS: dict[str, Callable[[Any], tuple[Any, ...]]] = {
    'accumulate': _accumulate,
    'batched': _batched,
    'chain': _chain,
    'combinations': lambda s: _chosen(s, _rank_of_combination, s.pool, s.r),
    'combinations_with_replacement': lambda s: _chosen(s, _rank_with_replacement, s.pool, s.r),
    'compress': lambda s: (s.data, s.selectors),
    'count': lambda s: (s.number if s.value is NULL else s.value, s.step),
    'cycle': _cycle,
    'dropwhile': lambda s: (split(s.it)[1],) if s.started else (s.it, s.function),
    'filterfalse': lambda s: (s.function, s.it),
    'groupby': _groupby,
    'islice': _islice,
    'pairwise': _pairwise,
    'permutations': lambda s: _chosen(s, _rank_of_permutation, s.pool, s.r),
    'product': lambda s: _chosen(s, _rank_of_product, *s.pools),
    'repeat': lambda s: (s.element,) if s.left < 0 else (s.element, s.left),
    'starmap': lambda s: (s.function, s.it),
    'takewhile': lambda s: () if s.stopped else (s.function, s.it),
    'zip_longest': lambda s: (s.fill, *(split(it)[1] for it in items_of(s.iterators))),
}


def _write(value: Any, w: Writing) -> Record:
    name = type(value).__name__
    return ['itertools', [name, *map(w.ref, _PARTS[name](state_of(value)))]]


def _write_grouper(value: Any, w: Writing) -> Record:
    s = state_of(value)
    current = state_of(s.parent).grouper == id(value)
    return ['itertools', ['_grouper', *([w.ref(s.parent), w.ref(s.target)] if current else [])]]


def _write_tee(value: Any, w: Writing) -> Record:
    return w.defer(_finish_tees, value)


def _finish_tees(waiting: list[tuple[int, Any]], w: Writing) -> None:
    """Write the iterators of each `tee` over one source, which begins where the first of them is."""
    groups: dict[int, list[tuple[int, list[Any], int]]] = {}
    for number, value in waiting:
        w.blame(number)
        s = state_of(value)
        chain = [s.data]
        while (following := state_of(chain[-1]).following) is not NULL:
            chain.append(following)
        groups.setdefault(id(chain[-1]), []).append((number, chain, s.index))
    for members in groups.values():
        longest = max((chain for _, chain, _ in members), key=len)
        items = [items_of_tee(data) for data in longest]
        places = [sum(map(len, items[: len(longest) - len(chain)])) + index for _, chain, index in members]
        first = min(places)
        more, it = split(state_of(longest[-1]).it)
        taken = [item for part in items for item in part]
        source = w.ref(_TeeSource([*taken[first:], *more], it))
        for (number, _, _), place in zip(members, places, strict=True):
            w.settle(number, ['itertools', ['_tee', source, place - first]])


# -- what is made of it


def _make_accumulate(it: Any, function: Any, initial: Any, *total: Any) -> Any:
    if not total:
        return itertools.accumulate(_Given(it), function, initial=initial)
    return advanced(itertools.accumulate(Rest([*total], it), function), 1)


def _make_batched(it: Any, size: int, strict: bool) -> Any:
    options = {'strict': True} if strict else {}
    return itertools.batched(_Given(it), size, **options)  # type: ignore[attr-defined]


def _make_chain(source: Any, *active: Any) -> Any:
    return itertools.chain.from_iterable(Rest([_Given(it) for it in active], source) if active else _Given(source))


def _make_dropwhile(it: Any, *function: Any) -> Any:
    if function:
        return itertools.dropwhile(function[0], _Given(it))
    return advanced(itertools.dropwhile(bool, Rest([False], it)), 1)


def _make_groupby(it: Any, function: Any, *more: Any) -> Any:
    if not more:
        return itertools.groupby(_Given(it), function)
    # Its first group begins with an item of ours; that is taken, and it stands where it stood.
    groups = itertools.groupby(Rest([None, *more[2:]], it), _Keys([*more[:2]], function))
    advanced(next(groups)[1], 1)
    return groups


def _make_grouper(*parts: Any) -> Any:
    return itertools._grouper(*parts or (itertools.groupby(()), None))  # type: ignore[attr-defined]


def _make_tee(source: Any, place: int) -> Any:
    if type(source) is not itertools._tee:  # type: ignore[attr-defined]
        raise FrameError('an iterator of `tee` lacks its source; the stored document is damaged')
    return advanced(source.__copy__(), place)


def _chooser(make: Callable[..., Any], *nothing: Any) -> Callable[..., Any]:
    return lambda *parts: advanced(make(*parts[1:]), parts[0]) if parts else advanced(make(*nothing), 2)


_MAKERS: dict[str, Callable[..., Any]] = {
    '_grouper': _make_grouper,
    '_tee': _make_tee,
    'accumulate': _make_accumulate,
    'batched': _make_batched,
    'chain': _make_chain,
    'combinations': _chooser(itertools.combinations, (), 1),
    'combinations_with_replacement': _chooser(itertools.combinations_with_replacement, (), 1),
    'compress': lambda data, selectors: itertools.compress(_Given(data), _Given(selectors)),
    'count': itertools.count,
    'cycle': lambda it, *saved: advanced(itertools.cycle(Rest([*saved], it)), len(saved)),
    'dropwhile': _make_dropwhile,
    'filterfalse': lambda function, it: itertools.filterfalse(function, _Given(it)),
    'groupby': _make_groupby,
    'islice': lambda it, *place: itertools.islice(_Given(it), *place),
    'pairwise': lambda it, *old: itertools.pairwise(Rest([*old], it) if old else _Given(it)),
    'permutations': _chooser(itertools.permutations, (), 1),
    'product': _chooser(itertools.product, ()),
    'repeat': itertools.repeat,
    'starmap': lambda function, it: itertools.starmap(function, _Given(it)),
    'takewhile': lambda *parts: (
        itertools.takewhile(parts[0], _Given(parts[1])) if parts else itertools.takewhile(bool, ())
    ),
    'zip_longest': lambda fill, *its: itertools.zip_longest(*map(_Given, its), fillvalue=fill),
}


def _make(first: Any, r: Reader) -> object:
    return _MAKERS[first[0]](*map(r.get, first[1:]))


def _make_tee_source(first: Any, r: Reader) -> object:
    it, *items = map(r.get, first)
    return itertools.tee(Rest(items, it), 1)[0]


WRITERS: dict[type, Any] = {getattr(itertools, name): _write for name in _PARTS if hasattr(itertools, name)}
WRITERS[itertools._grouper] = _write_grouper  # type: ignore[attr-defined]
WRITERS[itertools._tee] = _write_tee  # type: ignore[attr-defined]
WRITERS[_TeeSource] = lambda value, w: ['tee source', [w.ref(value.it), *map(w.ref, value.items)]]

KINDS = (Kind('itertools', _make, late=1), Kind('tee source', _make_tee_source, late=1))
