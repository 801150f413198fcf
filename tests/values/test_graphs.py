"""Random graphs of objects, and random programs over closures: what is one object stays one, what is two stays two."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import functools
import itertools
import types

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from values import things
from values.graphs import back, examples, snapshot_of

from aiida_dreamflow import checkpoint
from aiida_dreamflow.testing import run_in_memory

LEAVES = st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=80), st.binary(max_size=5))
MUTABLE = (
    list, dict, things.Plain, things.Slotted, things.Items, things.Table, collections.deque, collections.OrderedDict,
    lambda: things.Keyed('k'), types.CellType, lambda: types.SimpleNamespace(), lambda: collections.defaultdict(list),
    lambda: np.array([None] * 3, object), set,
)  # fmt: skip
#: What stands for an object and another: holds both, in a place of its own, and is complete when it is made.
PAIRS = (
    lambda a, b: (a, b),
    lambda a, b: things.Frozen(a, b),
    lambda a, b: things.OwnReduce(a, b),
    lambda a, b: functools.partial(things.double, a, key=b),
    lambda a, b: types.MethodType(things.Plain.method, b),
    lambda a, b: slice(a, b),
    lambda a, b: things.Point(a, b),
    lambda a, b: frozenset([things.Keyed('in', a)]),
)
#: Iterators over a list or dict that others hold; some have made a step or two.
ITERATORS = (
    iter,
    reversed,
    enumerate,
    lambda a: zip(a, a),
    lambda a: map(id, a),
    lambda a: filter(None, a),
    lambda a: enumerate(iter(a)),
)
VIEWS = (lambda a: iter(a.items()), lambda a: iter(a), lambda a: a.keys(), lambda a: a.values(), lambda a: reversed(a))


def _hold(owner, value, draw):
    """Put an object into another, in a way that its type allows."""
    if isinstance(owner, (list, collections.deque)):
        owner.append(value)
    elif isinstance(owner, dict):
        owner[draw(st.sampled_from(['a', 'b', 1, (2, 'c'), None]))] = value
    elif isinstance(owner, types.CellType):
        owner.cell_contents = value
    elif isinstance(owner, things.Slotted):
        setattr(owner, draw(st.sampled_from(['left', 'right'])), value)
    elif isinstance(owner, things.Keyed):
        owner.owner = value
    elif isinstance(owner, np.ndarray):
        owner[draw(st.integers(0, 2))] = value
    elif isinstance(owner, set):
        if isinstance(value, things.Keyed):
            owner.add(value)
    else:
        setattr(owner, draw(st.sampled_from('xyz')), value)


@st.composite
def graphs(draw):
    """Objects that hold each other at random."""
    owners = [draw(st.sampled_from(MUTABLE))() for _ in range(draw(st.integers(1, 8)))]
    everything = list(owners)
    for _ in range(draw(st.integers(0, 20))):
        owner, value = draw(st.sampled_from(owners)), draw(st.sampled_from(everything))
        _hold(owner, value, draw)
        match draw(st.integers(0, 3)):
            case 0:
                everything.append(draw(LEAVES))
            case 1:
                everything.append(draw(st.sampled_from(PAIRS))(value, owner))
    # Iterators last: a dict may not change under one.
    for _ in range(draw(st.integers(0, 4))):
        base = draw(st.sampled_from(everything))
        if type(base) in (list, things.Items):
            everything.append(draw(st.sampled_from(ITERATORS))(base))
        elif type(base) is dict:
            everything.append(draw(st.sampled_from(VIEWS))(base))
        if hasattr(everything[-1], '__next__'):
            for _ in range(draw(st.integers(0, 2))):
                with contextlib.suppress(ValueError):  # an array is neither true nor false
                    next(everything[-1], None)
    return everything


def _parts(item):
    """What an object holds, in a fixed order."""
    kind = type(item)
    if isinstance(item, dict):
        return [part for pair in item.items() for part in pair] + [getattr(item, 'default_factory', None)]
    if isinstance(item, (list, tuple, collections.deque)):
        return [*item, *vars(item).values()] if kind is things.Items else list(item)
    if isinstance(item, (set, frozenset)):
        return sorted(item, key=lambda key: key.name)
    if kind is np.ndarray:
        return item.tolist()
    if kind is types.CellType:
        return [item.cell_contents] if item != types.CellType() else []
    if kind is things.Slotted:
        return [item.left, item.right]
    if kind is things.Frozen:
        return [item.x, item.y]
    if kind is functools.partial:
        return [item.func, item.args, item.keywords]
    if kind is types.MethodType:
        return [item.__func__, item.__self__]
    if kind is slice:
        return [item.start, item.stop]
    if hasattr(item, '__next__') and kind.__name__ != 'dict_reversekeyiterator':
        _, args, *place = item.__reduce__()
        # What is left of a dict iterator is a list made for the occasion, and so are its pairs.
        inside = args[0] if kind.__name__.startswith('dict') else args
        return [*(_unpacked(inside) if kind.__name__.startswith('dict') else inside), *place]
    return [vars(item)] if hasattr(item, '__dict__') and not callable(item) else []


def _is_exhausted(item):
    reduced = item.__reduce__() if hasattr(item, '__next__') else ()
    return len(reduced) == 2 and reduced[0] is iter and reduced[1] in (([],), ((),))


def _unpacked(items):
    for item in items:
        yield from item if type(item) is tuple else [item]


def _pattern(root):
    """Every object reached, numbered in the order of a fixed walk: its type, and the numbers of what it holds."""
    numbers, order, kept, result = {}, [root], [], []
    while len(result) < len(order):
        item = order[len(result)]
        inside = []
        parts = [] if _is_exhausted(item) else _parts(item)
        kept.append(parts)
        for part in parts:
            if part is None or isinstance(part, (int, float, str, bytes)):
                inside.append((type(part).__name__, repr(part)))
                continue
            if id(part) not in numbers:
                numbers[id(part)] = len(order)
                order.append(part)
            inside.append(numbers[id(part)])
        # An iterator at its end has let go of everything, and may come back as one of another type.
        result.append(('exhausted', []) if _is_exhausted(item) else (type(item).__name__, inside))
    return result


def test_a_hash_needs_an_attribute_of_what_holds_the_set():
    """The key's other attribute is made from the set itself; its attributes keep their order."""
    key = things.Keyed('k')
    key.owner = things.OwnReduce(frozenset([key]), 1)
    key.last = 2
    again = back(key)
    assert list(again.owner.a) == [again]
    assert next(iter(again.owner.a)) is again
    assert list(vars(again)) == ['name', 'owner', 'last']


def test_a_set_whose_key_holds_another():
    """A key must have its attributes before a set asks for its hash, in whatever order the two are met."""
    shared = {}
    inner = frozenset([things.Keyed('a', shared)])
    outer = frozenset([things.Keyed('b', inner)])
    shared['both'] = (inner, outer)
    for graph in ([inner, outer, shared], [outer, inner, shared], [shared, inner, outer]):
        assert _pattern(back(graph)) == _pattern(graph)


def test_made_from_a_set_with_a_key_that_holds_it():
    key, keys = things.Keyed('k'), set()
    key.owner = things.OwnReduce(key, keys)
    keys.add(key)
    assert _pattern(back([key, keys])) == _pattern([key, keys])


@examples(100)
@given(graphs())
def test_random_graphs(graph):
    # `map` compares by what it would give: the function, and the iterator inside.
    rebuilt = back(graph)
    assert _pattern(rebuilt) == _pattern(graph)
    assert snapshot_of(rebuilt).digest() == snapshot_of(graph).digest()


@examples(25)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=5),
    st.integers(0, 5),
    st.sampled_from(['C', 'F']),
)
def test_arrays_that_share_memory(cuts, place, order):
    base = np.arange(48.0).reshape(6, 8, order=order)
    views = [base[start::step, ::other] for start, step, other in cuts]
    rebuilt, *others = back([base, *views])
    rebuilt[place] = -1
    base[place] = -1
    for view, other in zip(views, others):
        assert np.array_equal(view, other)


# -- programs


async def program(operations):
    """Closures over shared cells, iterators over shared lists; does what it is told, with awaits anywhere."""
    total, items, makers, steps, iterators, trace = 0, [], [], [], [], []

    def increase():
        nonlocal total
        total += 1
        return total

    def add(value=0):
        items.append(value + total)
        return items

    def make():
        count = 0

        def step():
            nonlocal count
            count += 1
            return count, total

        def reset(to):
            nonlocal count
            count = to

        return step, reset

    for name, number in operations:
        if name == 'await':
            await checkpoint()
        elif name == 'increase':
            trace.append(increase())
        elif name == 'add':
            trace.append(len(add(number)))
        elif name == 'make':
            steps.append(make())
        elif name == 'share' and steps:
            steps.append(steps[number % len(steps)])
        elif name == 'step' and steps:
            trace.append(steps[number % len(steps)][0]())
        elif name == 'reset' and steps:
            steps[number % len(steps)][1](number)
        elif name == 'iterate':
            iterators.append(iter(items) if number % 2 else enumerate(items))
        elif name == 'again' and iterators:
            iterators.append(iterators[number % len(iterators)])
        elif name == 'next' and iterators:
            trace.append(next(iterators[number % len(iterators)], None))
        elif name == 'function':
            makers.append((increase, add, make)[number % 3])
    everything = [*makers, *itertools.chain.from_iterable(steps), *iterators, items, add()]
    same = [[a is b for a in everything] for b in everything]
    return trace, total, items, same


NAMES = ['await', 'increase', 'add', 'make', 'share', 'step', 'reset', 'iterate', 'again', 'next', 'function']


@examples(25)
@given(st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 7)), max_size=30))
def test_random_programs(operations):
    assert run_in_memory(program, operations) == asyncio.run(program(operations))
