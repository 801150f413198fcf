"""A step reads of a child's outputs what its code takes out of them."""

from __future__ import annotations

import copy

import pytest
from aiida import orm
from aiida.common.links import LinkType
from engine import output_workflows as workflows

from aiida_dreamflow.engine.outputs import Outputs, are_outputs, nodes_behind, taking
from aiida_dreamflow.values.snapshot import decode, encode
from aiida_dreamflow.values.trust import records_run_code


def read_by_steps(node) -> list[list[str]]:
    """The labels of the inputs of each step of a workflow."""
    steps = [entry for entry in node.base.links.get_outgoing(link_type=LinkType.CALL_CALC).all()]
    steps = [entry.node for entry in steps if entry.link_label.startswith('step_')]
    return [
        sorted(step.base.links.get_incoming(link_type=LinkType.INPUT_CALC).all_link_labels())
        for step in sorted(steps, key=lambda step: step.pk)
    ]


def test_one_of_many(run):
    outputs, node = run(workflows.takes_one, x=2.0)
    assert outputs == {'energy': 2.0}
    assert read_by_steps(node) == [['x'], ['Pw_1_parameters'], ['energy']]


def test_taken_later(run):
    outputs, node = run(workflows.takes_later, x=2.0)
    assert outputs == {'energy': 2.0, 'name': 'bands'}
    assert read_by_steps(node) == [['x'], ['x'], ['Pw_1_parameters'], ['Pw_1_more_bands'], ['energy', 'name']]


def test_none(run):
    _, node = run(workflows.takes_none, x=2.0)
    assert read_by_steps(node) == [['x'], ['x']]


def test_a_list_of_outputs(run):
    outputs, node = run(workflows.many, n=3)
    assert outputs == {'energies': [0.0, 1.0, 2.0], 'n': 3}
    *_, taken, last = read_by_steps(node)
    assert taken == ['Pw_1_parameters', 'Pw_2_parameters', 'Pw_3_parameters']
    assert last == ['energies']
    assert not [label for labels in read_by_steps(node) for label in labels if 'remote' in label]


def test_gathered_helpers(run):
    """Their last step reads one number of each."""
    outputs, node = run(workflows.helpers, n=5)
    assert outputs == {'energies': [0.0, 2.0, 4.0, 6.0, 8.0]}
    steps = read_by_steps(node)
    assert len([label for label in steps[-1] if label.endswith('_parameters')]) == 5
    assert all(len(labels) <= 6 for labels in steps), steps
    assert not [label for labels in steps for label in labels if 'origin' in label or 'remote' in label]


def test_inside_of_something_else(run):
    """To keep outputs is not to take them."""
    outputs, node = run(workflows.pairs, n=3)
    assert outputs == {'energies': [0.0, 2.0, 4.0]}
    *steps, last = read_by_steps(node)
    assert last == ['Pw_1_parameters', 'Pw_2_parameters', 'Pw_3_parameters', 'found']
    assert max(map(len, steps)) <= 3, steps
    assert not [label for labels in steps for label in labels if label.startswith('Pw')]


def test_a_loop_over_them(run):
    """Who goes on with a loop has taken what it goes through."""
    outputs, node = run(workflows.loops, x=2.0)
    assert sorted(outputs['found']) == ['parameters', 'remote', 'trajectory']
    assert all(labels for labels in read_by_steps(node))


def test_handed_on(run):
    outputs, node = run(workflows.hands_on, x=2.0)
    assert outputs['parameters']['energy'] == 2.0
    child = next(each for each in node.called if each.process_label == 'Pw')
    assert node.outputs.parameters.pk == child.outputs.parameters.pk
    assert node.outputs.remote.pk == child.outputs.remote.pk


def test_all(run):
    outputs, node = run(workflows.gives_all, x=2.0)
    assert outputs['type'] == 'Outputs'
    assert read_by_steps(node)[1] == ['make_1_bands', 'make_1_parameters', 'make_1_remote', 'make_1_trajectory']


@pytest.fixture(scope='module')
def nodes(profile):
    return {name: orm.Int(number).store() for number, name in enumerate(('a', 'b', 'c'))}


def match(outputs):
    match outputs:
        case {'b': node}:
            return node


ALL, B, NONE = ['f_1_a', 'f_1_b', 'f_1_c'], ['f_1_b'], []
WAYS = {
    'item': (lambda out: out['b'], B),
    'missing': (lambda out: out.get('d'), NONE),
    'get': (lambda out: out.get('b', None), B),
    'pop': (lambda out: out.pop('b'), B),
    'popitem': (lambda out: out.popitem(), ['f_1_c']),
    'setdefault': (lambda out: out.setdefault('b', 1), B),
    'match': (match, B),
    'names': (lambda out: [*out, len(out), 'a' in out, out.keys()], NONE),
    'copy': (lambda out: copy.copy(out.copy())['b'] and out.copy(), ALL),
    'own copy': (lambda out: out.copy()['b'], B),
    'values': (lambda out: list(out.values()), ALL),
    'items': (lambda out: sorted(out.items(), key=str), ALL),
    'dict': (dict, ALL),
    'stars': (lambda out: {**out}, ALL),
    'arguments': (lambda out: dict(d=1, **out), ALL),
    'update': (lambda out: {}.update(out), ALL),
    'equal': (lambda out: out == {}, ALL),
    'not equal': (lambda out: {} != out, ALL),
    'or': (lambda out: out | {}, ALL),
    'or, reflected': (lambda out: {} | out, ALL),
    'text': (str, ALL),
    'written': (lambda out: f'{out}', ALL),
}


@pytest.mark.parametrize('way', WAYS)
def test_ways_to_take(nodes, way):
    take, expected = WAYS[way]
    outputs, taken = Outputs.of(nodes).named('f_1'), set()
    with taking(lambda name, node: taken.add((name, node.pk))):
        take(outputs)
    assert sorted(name for name, _ in taken) == expected
    assert {pk for _, pk in taken} <= {node.pk for node in nodes.values()}


def test_what_are_outputs(nodes):
    outputs = Outputs.of({**nodes, 'inner': nodes})
    assert are_outputs(outputs)
    assert are_outputs([outputs, outputs])
    assert are_outputs({'first': outputs})
    assert not are_outputs([outputs, 1])
    assert not are_outputs(dict(nodes))
    assert not are_outputs([])
    outputs['sum'] = 3
    assert not are_outputs(outputs)
    assert sorted(nodes_behind(iter(Outputs.of(nodes).named('f_1').items()))) == ALL


def test_across_an_await(nodes):
    """They are stored and come back as such, without being taken; nothing of the user's runs for it."""
    plain = Outputs({'x': 1, 'inner': Outputs({'y': 2})}).named('f_1')
    snapshot = encode({'': plain}, [])
    assert not records_run_code(snapshot.document['objects'])
    again = decode(snapshot.document, snapshot.blobs.__getitem__, [])['']
    assert (type(again), again, again._child, again['inner']._child) == (Outputs, plain, 'f_1', 'f_1_inner')


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('a', "write `['a']` instead of `.a` (its outputs: 'a', 'b', 'c')"),
        ('outputs', "'Outputs' object has no attribute 'outputs'"),
        ('energy', "`f_1` has no output 'energy' (its outputs: 'a', 'b', 'c')"),
    ],
)
def test_asked_like_a_node(nodes, name, message):
    with pytest.raises(AttributeError) as raised:
        getattr(Outputs.of(nodes).named('f_1'), name)
    assert str(raised.value) == message
