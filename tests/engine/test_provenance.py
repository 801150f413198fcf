"""The provenance of whole workflows has no gaps, whatever way their data take."""

from __future__ import annotations

import pytest
from aiida import orm
from aiida.common.links import LinkType
from engine import provenance_workflows as workflows

from aiida_dreamflow.testing import check_provenance


@pytest.fixture(scope='module')
def code(profile):
    """A code for the calculation that AiiDA brings along."""
    computer = orm.load_computer('localhost')
    code = orm.InstalledCode(label='add', computer=computer, filepath_executable='/bin/bash')
    return code.store()


def inputs_of(process):
    links = process.base.links.get_incoming(link_type=(LinkType.INPUT_CALC, LinkType.INPUT_WORK)).all()
    return {entry.link_label: entry.node for entry in links}


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('gathers', {'a': 1, 'b': [4]}),
        ('ignores', {'result': 'done'}),
        ('catches', {'result': 'no 1'}),
        ('outer', {'result': 8}),
    ],
)
def test_no_gaps(name, expected, run):
    outputs, node = run(getattr(workflows, name))
    assert outputs == expected
    assert check_provenance(node) == []


def test_what_depends_on_nothing_depends_on_the_inputs(run):
    _, node = run(workflows.made_of_nothing)
    assert [step.inputs.x.pk for step in node.steps] == [node.inputs.x.pk] * 2
    assert check_provenance(node) == []


def test_node_made_in_a_step(run):
    """It becomes an output of the step, and is the stored node from then on."""
    outputs, node = run(workflows.node_made)
    assert outputs == {'node': 3, 'same': True}
    assert node.outputs.node.creator.pk == node.steps[0].pk
    assert check_provenance(node) == []


def test_nodes_inside_of_values(run):
    outputs, node = run(workflows.nodes_inside)
    everything = outputs.pop('all')
    assert outputs == {'same': True, 'sum': 2, 'label': 'localhost'}
    made = everything['made']
    assert made[0] is made[1]
    assert made[0].creator.pk == node.steps[0].pk
    assert everything['computer'].pk == orm.load_computer('localhost').pk
    assert check_provenance(node) == []


def test_nodes_inside_of_what_is_returned(run):
    outputs, node = run(workflows.returns_nodes_inside)
    number, [text] = outputs['pair']
    assert (number.value, text.value) == (1, 'a')
    assert number.creator == text.creator == node.steps[0]
    assert check_provenance(node) == []


def test_calculation(run, code):
    outputs, node = run(workflows.calculation, code=code)
    assert outputs == {'more': 7, 'sum': 6}
    (job,) = [child for child in node.called if isinstance(child, orm.CalcJobNode)]
    assert node.outputs.sum.pk == job.outputs.sum.pk
    assert check_provenance(node) == []


def test_builder(run, code):
    outputs, node = run(workflows.builder, code=code)
    assert outputs == {'sum': 11, 'y': 5}
    assert check_provenance(node) == []


def test_nested_inputs_and_outputs(run):
    outputs, node = run(workflows.chain)
    assert outputs == {'r': 5, 'sub': 12}
    (chain,) = [child for child in node.called if isinstance(child, orm.WorkChainNode)]
    assert {label: item.creator.pk for label, item in inputs_of(chain).items()} == dict.fromkeys(
        ('x', 'ns__y', 'ns__z'), node.steps[0].pk
    )
    assert check_provenance(node) == []


def test_odd_names(run):
    """Names of Python that are no names of AiiDA, as inputs, variables, arguments, results and functions."""
    outputs, node = run(workflows.odd_names, _=1, x_=2, é=4, a___b=7)  # AiiDA's launchers take them as they are
    names = ('ü', '_y', 'y_', 'metadata', 'inputs', 'wait', 'a b', 'a.b', '', '_')
    assert outputs == {'result': {**{name: number for number, name in enumerate(names, 1)}, 'Z0': 0, 'Z0Z5fZ': 1}}
    assert {type(child).__name__ for child in node.called} == {'CalcJobNode'}
    assert {type(step).__name__ for step in node.steps} == {'CalcFunctionNode'}
    assert check_provenance(node) == []
