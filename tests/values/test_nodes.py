"""Values as AiiDA nodes, in a profile with SQLite."""

from __future__ import annotations

import importlib
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from values import things
from values.graphs import assert_same_graph, examples

from aiida_dreamflow.exceptions import UntrustedValueError
from aiida_dreamflow.values import signing

pytestmark = pytest.mark.usefixtures('profile')


@pytest.fixture(scope='module')
def nodes(profile):
    """The module under test; it imports AiiDA, so it is imported after the profile is there."""
    return importlib.import_module('aiida_dreamflow.values.nodes')


@pytest.fixture
def orm(profile):
    return importlib.import_module('aiida.orm')


NATURAL = {
    'Bool': [True, False],
    'Int': [0, -1, 2**63 - 1, -(2**63)],
    'Float': [0.0, -0.0, 0.1 + 0.2, 1e16, 1e17, 1e300, 5e-324, 1 / 3, 1.0 + 1e-14, 1.0],
    'Str': ['', 'é\n\U0001f600', 'x' * 10_000],
    'List': [[], [1, 'a', None, True, [1.5], {'k': []}], [0.1 + 0.2, -0.0, 1e20, 1.0], [[[[1]]]]],
    'Dict': [{}, {'b': 1, 'a': {'z': 1 / 3, 'y': [2]}}, {'a': 1.5, 'b': None}, {'list': [1e22]}, {'é': 1, '_x': 2}],
    'ArrayData': [
        np.arange(3),
        np.array([[1.5, math.nan]], '>f4'),
        np.zeros((0, 2)),
        np.array([1 + 2j]),
        np.array([True]),
    ],
    'EnumData': [things.Colour.RED, things.Colour.BLUE, things.Level.LOW, things.Flags.A | things.Flags.B],
}
SHARED = [1]
CYCLE: list = []
CYCLE.append(CYCLE)
ODD = [
    None, 2**63, math.nan, math.inf, '\0', '\ud800', np.float64(0.5), np.int64(3), (1, 2), {1: 2}, [(1,)], [SHARED, SHARED], CYCLE, [math.nan],
    {'a.b': 1}, {'': 1}, ['\0'], {'k': '\0'}, {'k': {'\ud800': 1}}, b'x', {1, 2}, np.array(1.0), np.asfortranarray(np.ones((2, 3))),
    np.array(['a']), np.arange(4)[::2], things.Colour.GOLD, things.Plain(a=1), things.Text('a'), range(3), [2**63],
]  # fmt: skip


def _stored(node, orm):
    pk = node.store().pk
    return orm.load_node(pk)


def _same(left, right):
    if isinstance(left, np.ndarray):
        assert left.dtype.str == right.dtype.str
        assert left.shape == right.shape
        assert left.tobytes() == right.tobytes()
        assert left.flags.f_contiguous == right.flags.f_contiguous or not left.flags.forc
    elif isinstance(left, (np.generic, things.Plain)):
        assert type(left) is type(right)
        assert repr(left) == repr(right) or vars(left) == vars(right)
    elif isinstance(left, things.Text) or type(left).__module__.endswith('things'):
        assert left == right
        assert type(left) is type(right)
    else:
        assert_same_graph(left, right)
        if type(left) is dict:
            assert list(left) == list(right)


@pytest.mark.parametrize(
    ('kind', 'value'),
    [(kind, value) for kind, values in NATURAL.items() for value in values],
    ids=lambda value: type(value).__name__,
)
def test_natural_nodes(kind, value, nodes, orm):
    node = nodes.to_node(value)
    assert type(node).__name__ == kind
    assert not node.is_stored
    _same(value, nodes.from_node(node))
    _same(value, nodes.from_node(_stored(node, orm)))


@pytest.mark.parametrize('value', ODD, ids=lambda value: type(value).__name__)
def test_all_else_is_dream_data(value, nodes, orm):
    node = nodes.to_node(value)
    assert type(node).__name__ == 'DreamData'
    _same(value, nodes.from_node(node))
    loaded = _stored(node, orm)
    _same(value, nodes.from_node(loaded))
    assert len(loaded.base.attributes.get('repr')) <= 200
    if isinstance(value, (list, dict, set, np.ndarray, things.Plain)):
        assert loaded.value is not loaded.value


@examples(40)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
def test_any_json_comes_back_unstored(value):
    from aiida_dreamflow.values.nodes import from_node, to_node

    _same(value, from_node(to_node(value)))


def test_aiida_rounds_floats_and_we_do_not(nodes, orm):
    """The reason for the attribute `exact`: if AiiDA stops rounding, this fails and the attribute can go."""
    node = _stored(nodes.to_node(0.1 + 0.2), orm)
    assert node.value == 0.3
    assert nodes.from_node(node) == 0.1 + 0.2
    assert 'exact' not in nodes.to_node(0.5).base.attributes.all


def test_deep_json_is_dream_data(nodes, orm):
    value: list = []
    for _ in range(2000):
        value = [value]
    node = nodes.to_node(value)
    assert type(node).__name__ == 'DreamData'
    assert nodes.digest_of(nodes.from_node(_stored(node, orm))) == nodes.digest_of(value)


def test_data_nodes_stay_themselves(nodes, orm):
    node = orm.Int(3)
    assert nodes.to_node(node) is node
    folder = orm.FolderData()
    assert nodes.from_node(folder) is folder
    two = orm.ArrayData({'a': np.arange(2), 'b': np.arange(3)})
    assert nodes.from_node(two) is two
    array = nodes.to_node(np.arange(3)).store()
    nodes.from_node(array)[0] = 9
    assert nodes.from_node(array)[0] == 0


def test_large_values_go_to_files(nodes, orm):
    value = (list(range(50_000)), np.arange(1000.0))
    node = _stored(nodes.to_node(value), orm)
    names = sorted(node.base.repository.list_object_names())
    assert names[-1] == 'document.json'
    assert names[0].endswith('.npy')
    assert 'document' not in node.base.attributes.all
    assert node.value[0] == value[0]
    assert np.array_equal(node.value[1], value[1])


def test_readable(nodes):
    node = nodes.to_node(np.float64(0.5))
    assert node.python_type == 'numpy.float64'
    assert '0.5' in str(node)
    assert nodes.node_repr(node) == nodes.node_repr(np.float64(0.5))
    assert nodes.node_repr('a\n' * 500) == repr('a\n' * 500)[:197] + '...'
    assert nodes.node_repr(nodes.to_node([1, 2])) == '[1, 2]'


def test_repr_that_fails(nodes):
    from aiida_dreamflow.values.data import short_repr

    class Bad:
        def __repr__(self):
            raise OSError

    assert 'whose repr raised OSError' in short_repr(Bad())


def test_signature_of_code(nodes, orm, monkeypatch):
    node = _stored(nodes.to_node(things.Plain(a=[1])), orm)
    assert node.value.a == [1]
    assert 'signature' not in nodes.to_node((1, 2)).base.attributes.all
    unsigned = nodes.to_node(things.Plain())
    unsigned.base.attributes.delete('signature')
    with pytest.raises(UntrustedValueError, match='carries no signature'):
        nodes.from_node(unsigned)
    altered = nodes.to_node(things.Plain())
    altered.base.attributes.set('document', altered.base.attributes.get('document').replace('Plain', 'OwnReduce'))
    with pytest.raises(UntrustedValueError, match='altered'):
        altered.value
    monkeypatch.setattr(signing, 'require_trust', signing.Signer(lambda: b'other' * 7).require_trust)
    with pytest.raises(UntrustedValueError, match='not signed by this profile'):
        node.value


def test_altered_blob(nodes):
    node = nodes.to_node((np.arange(1000.0),))
    (name,) = node.base.repository.list_object_names()
    node.base.repository.delete_object(name)
    with pytest.raises(UntrustedValueError, match='lacks the file'):
        node.value
    node.base.repository.put_object_from_bytes(b'other', name)
    with pytest.raises(UntrustedValueError, match='not what they were'):
        node.value


def test_digest(nodes):
    assert nodes.digest_of(1.0) != nodes.digest_of(1.0 + 1e-14)
    assert nodes.digest_of([1]) == nodes.digest_of([1])
