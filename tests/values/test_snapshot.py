"""Values to their stored form and back: types, identity, cycles, depth."""

from __future__ import annotations

import builtins
import collections
import datetime
import decimal
import functools
import itertools
import json
import math
import pathlib
import subprocess
import sys
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st
from values import things
from values.graphs import assert_same_graph, back, examples, snapshot_of, through

from aiida_dreamflow.exceptions import CannotStoreError, FrameError, UntrustedValueError
from aiida_dreamflow.values.snapshot import Codec, Staged, decode, encode, runs_code

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=100)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(10**40), 10**40),
    st.floats(),
    st.complex_numbers(),
    ANY_TEXT,
    st.binary(max_size=40),
    st.binary(max_size=40).map(bytearray),
    st.sampled_from(
        [Ellipsis, NotImplemented, range(0), range(3, 10**30, 7), slice(1, None, 'x'), 5e-324, 1e16, 1e308]
    ),
)


@given(LEAVES)
def test_leaves(value):
    assert_same_graph(value, back(value))


@given(st.recursive(LEAVES, lambda inner: st.one_of(
    st.lists(inner), st.lists(inner).map(tuple), st.dictionaries(ANY_TEXT, inner),
    st.sets(st.integers() | ANY_TEXT), st.frozensets(st.tuples(st.integers(), ANY_TEXT)),
)))  # fmt: skip
def test_trees(value):
    assert_same_graph(value, back(value))
    assert snapshot_of(value).digest() == snapshot_of(back(value)).digest()


@st.composite
def graphs(draw):
    """Containers and objects that hold each other at random: shared, cyclic, iterated over."""
    makers = [list, dict, things.Plain, things.Slotted, things.Items, things.Table, lambda: things.Keyed('k')]
    nodes = [draw(st.sampled_from(makers))() for _ in range(draw(st.integers(1, 8)))]
    nodes += [types.CellType() for _ in range(draw(st.integers(0, 1)))]
    everything = list(nodes)
    for _ in range(draw(st.integers(0, 15))):
        target, source = draw(st.sampled_from(nodes)), draw(st.sampled_from(everything))
        if isinstance(target, list):
            target.append(source)
        elif isinstance(target, dict):
            target[draw(st.sampled_from(['a', 'b', 1, (2, 'c')]))] = source
        elif isinstance(target, types.CellType):
            target.cell_contents = source
        elif isinstance(target, things.Slotted):
            setattr(target, draw(st.sampled_from(['left', 'right'])), source)
        elif isinstance(target, things.Keyed):
            target.owner = source
        else:
            setattr(target, draw(st.sampled_from('xyz')), source)
        if draw(st.booleans()):
            everything.append(draw(st.sampled_from([(source,), (source, target), draw(LEAVES), 'x' * 100])))
        if draw(st.booleans()) and isinstance(source, list):
            everything.append(iter(source))
    return everything


def _pattern(value):
    """Every object reached, numbered in the order of a fixed walk: its type, and the numbers of what it holds."""
    numbers, order = {}, [value]
    result = []
    while len(result) < len(order):
        item = order[len(result)]
        kind = type(item)
        if isinstance(item, dict):
            parts = [part for pair in item.items() for part in pair]
        elif isinstance(item, (list, tuple)):
            parts = list(item)
        elif kind is types.CellType:
            parts = [item.cell_contents] if item != types.CellType() else []
        elif kind is things.Slotted:
            parts = [item.left, item.right]
        elif isinstance(item, (things.Plain, things.Keyed)):
            parts = [vars(item)]
        elif kind.__name__ == 'list_iterator':
            _, args, *place = item.__reduce__()
            parts = [args[0], *place] if place else []
        else:
            parts = []
        inside = []
        for part in parts:
            if isinstance(part, (int, float, str, bytes, complex, bytearray, range, slice)) or part in (None, ...):
                inside.append((type(part).__name__, repr(part)))
                continue
            if id(part) not in numbers:
                numbers[id(part)] = len(order)
                order.append(part)
            inside.append(numbers[id(part)])
        result.append((kind, inside))
    return result


def _moved(graph, places):
    for item, place in zip([item for item in graph if type(item).__name__ == 'list_iterator'], places):
        for _ in range(place):
            next(item, None)
    return graph


@examples(75)
@given(graphs(), st.lists(st.integers(0, 3), min_size=15, max_size=15))
def test_random_graphs_keep_their_pattern(graph, places):
    graph = _moved(graph, places)
    rebuilt = back(graph)
    assert _pattern(graph) == _pattern(rebuilt)
    assert snapshot_of(graph).digest() == snapshot_of(rebuilt).digest()


@pytest.mark.parametrize('value', [math.nan, -math.nan, math.inf, -math.inf, -0.0, 1e16, 1e300, 0.1 + 0.2, 5e-324])
def test_floats_are_exact_and_strict_json(value):
    assert_same_graph(value, back(value))
    assert_same_graph([value, {'k': value}], back([value, {'k': value}]))


def test_nan_is_found_in_its_list():
    nan = math.nan
    value, items = back((nan, [nan, 1]))
    assert value in items


@pytest.mark.parametrize(
    'text', ['', '\0', '\ud800', '\udc80\ud83d\ude00', 'é\n\t', '\U0001f600', 'x' * 10_000, '\\x00', '@']
)
def test_odd_text(text):
    assert back(text) == text
    assert back({text: [text]}) == {text: [text]}


def test_no_nul_and_no_surrogate_in_the_document():
    text = json.dumps(snapshot_of(['\0', '\ud800', {'\0': 1}]).document, ensure_ascii=True)
    assert '\\u0000' not in text
    assert '\\ud800' not in text.replace('\\\\ud800', '')


def test_large_shared_immutables_stay_one_object():
    text, data, pair, number = 'x' * 100, b'y' * 2000, (1, 'a'), 10**30
    roots = through({'a': [text, data, pair, number], 'b': (text, data, pair, number)})
    assert all(one is other for one, other in zip(roots['a'], roots['b']))


def test_the_empty_tuple_is_itself():
    empty: tuple = ()
    assert back([empty])[0] is empty


def test_aliases_across_roots():
    shared = [1]
    roots = through({'a': shared, 'b': {'in': shared}, 'c': (shared, shared)})
    assert roots['a'] is roots['b']['in'] is roots['c'][0] is roots['c'][1]


@pytest.mark.parametrize('wrap', [lambda x: [x], lambda x: (x,), lambda x: {'k': x}, lambda x: things.Plain(x=x)])
def test_deep_nesting(wrap):
    value = None
    for _ in range(10_000):
        value = wrap(value)
    rebuilt, depth = back(value), 0
    while rebuilt is not None:
        rebuilt = (
            rebuilt.x
            if isinstance(rebuilt, things.Plain)
            else next(iter(rebuilt.values() if type(rebuilt) is dict else rebuilt))
        )
        depth += 1
    assert depth == 10_000


def test_cycles():
    items: list = []
    pair = (items, {'self': items})
    items.append(pair)
    rebuilt = back(items)
    assert rebuilt[0][0] is rebuilt
    assert rebuilt[0][1]['self'] is rebuilt
    cell = types.CellType()
    cell.cell_contents = [cell]
    assert back(cell).cell_contents[0].cell_contents is not cell
    empty = back(types.CellType())
    with pytest.raises(ValueError, match='empty'):
        empty.cell_contents


def test_keys_are_complete_before_they_are_hashed():
    key = things.Keyed('k')
    key.owner = {key: 1, 'inner': {key}}
    rebuilt = back(key)
    assert rebuilt.owner[rebuilt] == 1
    assert rebuilt in rebuilt.owner['inner']
    outside = back({key: [key]})
    assert next(iter(outside)).owner[next(iter(outside))] == 1


def test_setstate_sees_filled_containers_inside_a_circle():
    state = things.WithState([])
    state.items.extend([1, state])
    rebuilt = back(state)
    assert rebuilt.restored
    assert rebuilt.items[1] is rebuilt


@pytest.mark.parametrize(
    'value',
    [
        len, int, type(None), type(Ellipsis), types.FunctionType, things.double, things.Plain, things.Plain.Inner, math, str.join,
        things.wrapped, things.wrapped.__wrapped__, things.Plain.method, things.Plain.from_class.__func__, math.sin,
        builtins, ValueError, collections.abc.Mapping, things.Colour, itertools.chain, dict.fromkeys, object,
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_by_reference(value):
    rebuilt = back(value)
    assert rebuilt is value or rebuilt == value


def test_methods():
    owner = things.Plain(a=1)
    rebuilt, method, items, append = back([owner, owner.method, owner.__dict__.setdefault('i', []), owner.i.append])
    assert method() is rebuilt
    append(5)
    assert items == rebuilt.i == [5]
    assert back(things.Plain.from_class)() is things.Plain
    assert back(dict.fromkeys)('a') == {'a': None}


class _ByTag(Codec):
    """Stores objects with a `tag` by it."""

    name = 'tag'
    runs_code = False

    def __init__(self, known):
        self.known = known

    def encode(self, value, ref):
        tag = getattr(value, 'tag', None)
        return None if tag is None else {'tag': tag, 'with': ref(value.extra)}

    def decode(self, content, get):
        return self.known[content['tag']], get(content['with'])


class _Circular(Codec):
    name = 'circular'

    def encode(self, value, ref):
        return Staged(None, ref(value.extra)) if type(value) is things.Plain else None

    def decode(self, content, get):
        return things.Plain()

    def fill(self, obj, content, get):
        obj.extra = get(content)


def test_codecs_come_first():
    shared = [1]
    value = things.Refuses()
    value.tag, value.extra = 'a', shared
    (known, extra), again = back([value, shared], [_ByTag({'a': 'found'})])
    assert known == 'found'
    assert extra is again
    assert not encode({'v': value}, [_ByTag({})]).runs_code
    document = encode({'v': value}, [_ByTag({})]).document
    assert runs_code(document)
    assert not runs_code(document, [_ByTag({})])


def test_staged_codec_in_a_cycle():
    value = things.Plain()
    value.extra = [value]
    rebuilt = back(value, [_Circular()])
    assert rebuilt.extra[0] is rebuilt
    assert encode({'v': value}, [_Circular()]).runs_code


class _Recipe(Codec):
    name = 'recipe'
    last_resort = True

    def __init__(self, target):
        self.target, self.asked = target, []

    def encode(self, value, ref):
        self.asked.append(value)
        return 'rebuild' if value is self.target else None

    def decode(self, content, get):
        return 'rebuilt'


@pytest.mark.parametrize('hidden', [lambda bad: bad, lambda bad: ({'b': [bad]}, 1)])
def test_last_resort_takes_the_nearest_object(hidden):
    target = hidden(things.Refuses())
    recipe = _Recipe(target)
    rebuilt = back({'x': [target, target], 'y': 1}, [recipe])
    assert rebuilt == {'x': ['rebuilt', 'rebuilt'], 'y': 1}
    assert recipe.asked[0] is not target or type(target) is things.Refuses
    unasked = _Recipe(None)
    back({'x': 1}, [unasked])
    assert unasked.asked == []


def test_last_resort_takes_no_object_with_a_state_of_its_own():
    target = things.Plain(a={'b': [things.Refuses()]})
    with pytest.raises(CannotStoreError, match='not me'):
        back([target], [_Recipe(target)])


def test_last_resort_that_does_not_help():
    with pytest.raises(CannotStoreError, match='not me'):
        back([things.Refuses()], [_Recipe(None)])


def test_digest_tells_exact_values_apart():
    digests = {snapshot_of(value).digest() for value in [1, 1.0, True, 1.0 + 1e-14, '1', [1], (1,), 0.0, -0.0, None]}
    assert len(digests) == 10


def test_digest_ignores_the_order_of_sets():
    assert snapshot_of({'a', 'b', 'c'}).digest() == snapshot_of({'c', 'b', 'a'}).digest()


def test_wrong_documents():
    with pytest.raises(FrameError, match='format version 2'):
        decode({'version': 2}, {}.__getitem__)
    with pytest.raises(FrameError, match='unknown kind `magic`'):
        decode({'version': 1, 'roots': {}, 'objects': [['magic', None]]}, {}.__getitem__)
    with pytest.raises(FrameError, match='need each other'):
        decode({'version': 1, 'roots': {}, 'objects': [['tuple', [{'@': 1}]], ['tuple', [{'@': 0}]]]}, {}.__getitem__)
    with pytest.raises(FrameError, match=r'`json\.gone`'):
        decode({'version': 1, 'roots': {}, 'objects': [['global', 'json:gone']]}, {}.__getitem__)
    snapshot = snapshot_of(b'x' * 5000)
    with pytest.raises(UntrustedValueError, match='not what they were'):
        decode(snapshot.document, lambda sha: b'y')


@pytest.mark.parametrize(
    'value',
    [
        1, 'x', [1, {2: (3,)}], {1, 2}, b'x' * 5000, ValueError('x'), datetime.date.min, iter([1]), iter({1, 2}), map(len, ['a']), int,
        collections.OrderedDict(a=1), decimal.Decimal(1), pathlib.PurePosixPath('a'), collections.defaultdict(list),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_plain_values_run_no_code(value):
    assert not snapshot_of(value).runs_code


@pytest.mark.parametrize(
    'value',
    [things.Plain(), things.double, math, eval, getattr, [].append, things.Colour.RED, functools.partial(len), type],
    ids=lambda value: type(value).__name__,
)
def test_all_else_runs_code(value):
    assert snapshot_of([value]).runs_code


def test_forged_documents_run_code():
    def forged(*records):
        return runs_code({'version': 1, 'roots': {}, 'objects': list(records)})

    assert forged(['global', 'os:system'])
    assert forged(['call', [{'@': 1}, ['echo']]], ['method', []])
    assert forged(['call', ['not a ref', []]])
    assert forged(['call', [{'@': 7}, []]])
    assert forged(['call', [{'@': 1}, []]], ['global', 'builtins:max'])
    assert forged(['codec:function', {}])
    assert runs_code({'objects': None})


_FRESH = """
import json, sys
sys.path[:0] = json.loads(sys.argv[1])
from aiida_dreamflow.values.snapshot import decode, encode
document = json.load(sys.stdin)
roots = decode(document, {}.__getitem__)
print(json.dumps([encode(roots).digest(), list(roots['it']), sorted(roots['set']), roots['keyed'][next(iter(roots['keyed']))],
    roots['plain'].me is roots['plain'], list(roots['di']), roots['bound']() is roots['plain']]))
"""


@pytest.mark.parametrize('seed', ['1', '2'])
def test_fresh_process_with_another_hash_seed(seed, root):
    items = ['a', 'b', 'c']
    it, table = iter(items), {'x': 1, 'y': 2, 'z': 3}
    di = iter(table)
    next(it), next(di)
    plain = things.Plain()
    plain.me = plain
    roots = {
        'items': items, 'it': it, 'set': {'p', 'q', 'r', 's'}, 'keyed': {things.Keyed('k'): 'v'}, 'plain': plain,
        'table': table, 'di': di, 'bound': plain.method, 'colour': things.Colour.GOLD, 'frozen': frozenset({('a', 1), ('b', 2)}),
    }  # fmt: skip
    snapshot = encode(roots)
    result = subprocess.run(
        [sys.executable, '-c', _FRESH, json.dumps([str(root), str(root / 'tests')])],
        input=json.dumps(snapshot.document), capture_output=True, text=True, env={'PYTHONHASHSEED': seed}, check=True,
    )  # fmt: skip
    assert json.loads(result.stdout) == [
        snapshot.digest(),
        ['b', 'c'],
        ['p', 'q', 'r', 's'],
        'v',
        True,
        ['y', 'z'],
        True,
    ]
