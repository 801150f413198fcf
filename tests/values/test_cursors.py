"""The iterators of `itertools` keep their place, on every Python, and take nothing from what they iterate over."""

from __future__ import annotations

import itertools
import operator
import sys
import threading
import warnings

import pytest
from values.graphs import back, snapshot_of

from aiida_dreamflow.exceptions import CannotStoreError
from aiida_dreamflow.values import structures
from aiida_dreamflow.values.snapshot import encode


def small(x):
    return x < 3


def nothing(x, y):
    return None


ITERATORS = {
    'accumulate': lambda: itertools.accumulate([1, 2, 3]),
    'accumulate-initial': lambda: itertools.accumulate([1, 2, 3], operator.mul, initial=7),
    'accumulate-none': lambda: itertools.accumulate([1, 2, 3], nothing),
    'chain': lambda: itertools.chain([1], [], [2, 3], (4,)),
    'chain-from_iterable': lambda: itertools.chain.from_iterable(iter([[1, 2], [3], [4]])),
    'combinations': lambda: itertools.combinations('abcde', 3),
    'combinations-same': lambda: itertools.combinations([1, 1, 2, 2], 2),
    'combinations-none': lambda: itertools.combinations('ab', 3),
    'combinations-empty': lambda: itertools.combinations('ab', 0),
    'combinations_with_replacement': lambda: itertools.combinations_with_replacement('abc', 3),
    'compress': lambda: itertools.compress('abcd', [1, 0, 1, 1]),
    'count': lambda: itertools.islice(itertools.count(5), 8),
    'count-step': lambda: itertools.islice(itertools.count(1.5, -0.5), 8),
    'count-long': lambda: itertools.islice(itertools.count(sys.maxsize - 2), 8),
    'cycle': lambda: itertools.islice(itertools.cycle('abc'), 11),
    'cycle-empty': lambda: itertools.cycle([]),
    'dropwhile': lambda: itertools.dropwhile(small, [1, 2, 3, 1, 4]),
    'filterfalse': lambda: itertools.filterfalse(small, [1, 3, 2, 5]),
    'filterfalse-none': lambda: itertools.filterfalse(None, [1, 0, 2, 0]),
    'groupby': lambda: map(read_group, itertools.groupby([1, 1, 2, 2, 1])),
    'groupby-key': lambda: map(read_group, itertools.groupby([1, 2, 3, 4, 1], small)),
    'groupby-unread': lambda: map(operator.itemgetter(0), itertools.groupby([1, 1, 2, 2, 1])),
    'islice': lambda: itertools.islice(range(20), 3, 16, 4),
    'islice-endless': lambda: itertools.islice(range(9), 1, None, 2),
    'islice-late': lambda: itertools.islice(range(9), 5, 3),
    'pairwise': lambda: itertools.pairwise([1, 2, 3, 4]),
    'permutations': lambda: itertools.permutations('abcd', 2),
    'permutations-all': lambda: itertools.permutations('abc'),
    'permutations-same': lambda: itertools.permutations([1, 1, 2], 2),
    'product': lambda: itertools.product('ab', 'cde', [1]),
    'product-repeat': lambda: itertools.product('ab', repeat=3),
    'product-nothing': lambda: itertools.product(),
    'product-empty': lambda: itertools.product('ab', ''),
    'repeat': lambda: itertools.repeat('x', 4),
    'repeat-endless': lambda: itertools.islice(itertools.repeat('x'), 4),
    'starmap': lambda: itertools.starmap(pow, [(1, 2), (2, 3), (3, 2)]),
    'takewhile': lambda: itertools.takewhile(small, [1, 2, 3, 1, 2]),
    'tee': lambda: itertools.tee([1, 2, 3])[1],
    'tee-long': lambda: itertools.tee(range(150))[0],
    'zip_longest': lambda: itertools.zip_longest([1, 2, 3], 'a', (), fillvalue=0),
}
if sys.version_info >= (3, 12):
    ITERATORS['batched'] = lambda: itertools.batched('abcde', 2)
if sys.version_info >= (3, 13):
    ITERATORS['batched-strict'] = lambda: itertools.batched('abcdef', 2, strict=True)


def read_group(group):
    key, items = group
    return key, list(items)


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('consumed', [0, 1, 2, 3, 4, 5, 7, 9, 60, 120])
@pytest.mark.parametrize('name', ITERATORS)
def test_goes_on_where_it_was(name, consumed):
    original = ITERATORS[name]()
    given = list(itertools.islice(original, consumed))
    if len(given) < consumed - 1:
        return
    rebuilt = back(original)
    assert type(rebuilt) is type(original)
    if len(given) == consumed:
        assert snapshot_of(rebuilt).digest() == snapshot_of(original).digest()
    assert given + list(rebuilt) == list(ITERATORS[name]())
    assert given + list(original) == list(ITERATORS[name]())  # storing takes nothing


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('name', ITERATORS)
def test_rebuilt_at_every_item(name):
    it, given = ITERATORS[name](), []
    expected = list(ITERATORS[name]())
    for _ in range(len(expected) + 2):
        it = back(back(it))
        given.extend(itertools.islice(it, 1))
    assert given == expected


@pytest.mark.skipif(sys.version_info >= (3, 14), reason='there is nothing to compare with')
@pytest.mark.optional
@pytest.mark.parametrize('consumed', range(8))
@pytest.mark.parametrize('name', ITERATORS)
def test_memory_says_what_reduce_says(name, consumed):
    """What Python itself calls the rest of the iterator is what a rebuilt one gives."""
    original = ITERATORS[name]()
    list(itertools.islice(original, consumed))
    rebuilt = back(original)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        try:
            make, args, *state = original.__reduce__()
        except TypeError:
            return
        copy = make(*args)
        if state and state[0] is not None:
            copy.__setstate__(state[0])
    if name != 'combinations-empty':  # which `__reduce__` forgets to be exhausted
        assert list(rebuilt) == list(copy)


class Source:
    """Counts what is taken from it, and how often it is asked for its iterator."""

    def __init__(self, items):
        self.items = items
        self.taken = 0
        self.asked = 0

    def __iter__(self):
        self.asked += 1
        return self

    def __next__(self):
        if self.taken == len(self.items):
            raise StopIteration
        self.taken += 1
        return self.items[self.taken - 1]


CALLS: list = []


def noted(x):
    CALLS.append(x)
    return x // 2


@pytest.mark.parametrize('consumed', range(4))
@pytest.mark.parametrize(
    'make',
    [
        lambda s: itertools.accumulate(s),
        lambda s: itertools.chain.from_iterable([s]),
        lambda s: itertools.chain(s, [8]),
        lambda s: itertools.compress(s, [1, 1, 1, 1, 1]),
        lambda s: itertools.cycle(s),
        lambda s: itertools.dropwhile(noted, s),
        lambda s: itertools.filterfalse(noted, s),
        lambda s: itertools.groupby(s, noted),
        lambda s: itertools.islice(s, 1, 9),
        lambda s: itertools.pairwise(s),
        lambda s: itertools.takewhile(small, s),
        lambda s: itertools.tee(s)[0],
        lambda s: itertools.zip_longest(s, [1, 2]),
    ],
)
def test_takes_nothing_and_shares_its_source(make, consumed):
    source = Source([0, 1, 2, 3, 4, 5, 6, 7])
    it = make(source)
    list(itertools.islice(it, consumed))
    CALLS.clear()
    new, same = back((it, source))
    assert (same.taken, same.asked, CALLS) == (source.taken, source.asked, [])
    next(it, None), next(new, None)
    assert same.taken == source.taken
    assert CALLS[: len(CALLS) // 2] == CALLS[len(CALLS) // 2 :]


def test_groups_share_their_place_with_what_made_them():
    groups = itertools.groupby([1, 1, 1, 2, 2, 3])
    _, old = next(groups)
    _, current = next(groups)
    assert next(current) == 2
    for _ in range(3):
        groups, old, current = back((groups, old, current))
    assert list(old) == []
    assert next(current) == 2
    groups, current = back((groups, current))
    assert list(current) == []
    key, last = next(groups)
    last, groups = back((last, groups))
    assert (key, list(last), list(groups), list(current)) == (3, [3], [], [])


def test_a_group_read_into_the_next():
    groups = itertools.groupby([1, 1, 2, 2])
    _, first = next(groups)
    assert list(first) == [1, 1]
    for _ in range(3):
        groups, first = back((groups, first))
        assert list(first) == []
    assert [(key, list(items)) for key, items in groups] == [(2, [2, 2])]


@pytest.mark.parametrize('ahead', [0, 1, 56, 57, 58, 113, 114, 130])
def test_tee_shares_what_one_has_taken(ahead):
    source = Source(list(range(140)))
    a, b, c = itertools.tee(source, 3)
    list(itertools.islice(a, ahead))
    next(b)
    for _ in range(2):
        a, b, c, source = back([a, b, c, source])
        next(c)
    assert list(a) == list(range(ahead, 140))
    assert source.taken == 140
    assert list(b) == list(range(1, 140))
    assert list(c) == list(range(2, 140))


def test_independent_tees_stay_so():
    a, b = itertools.tee([1, 2])
    c, d = itertools.tee([1, 2])
    next(a), next(d)
    a, b, c, d = back((a, b, c, d))
    assert [list(x) for x in (a, b, c, d)] == [[2], [1, 2], [1, 2], [2]]


def test_started_dropwhile_needs_no_function():
    local = threading.local()
    it = itertools.dropwhile(lambda x: local and x < 2, [1, 2, 1])
    with pytest.raises(CannotStoreError):
        encode({'it': it})
    next(it)
    assert list(back(it)) == [1]


def test_sees_what_is_appended_later():
    items = [1, 2]
    it = itertools.chain(items)
    next(it)
    items, it = back((items, it))
    items.append(3)
    assert list(it) == [2, 3]


@pytest.mark.parametrize('name', structures._FIELDS)
def test_memory_is_laid_out_as_expected(name):
    cls = structures.LOCAL_CONTEXT if name == 'ContextManager' else getattr(itertools, name, None)
    assert cls is not None or (name == 'batched' and sys.version_info < (3, 12))
    if cls is not None:
        assert structures._layout(cls) is not None


def test_every_class_is_known():
    classes = {name for name, value in vars(itertools).items() if isinstance(value, type)}
    assert classes - {'__loader__'} <= structures._FIELDS.keys()


def test_an_unknown_layout_is_refused(monkeypatch):
    monkeypatch.setattr(structures, '_layout', lambda cls: None)
    with pytest.raises(CannotStoreError, match='make a list of its items before'):
        encode({'it': itertools.count()})
