"""What a workflow returns: outputs of AiiDA's own types, and exactly the value for whoever awaits it."""

from __future__ import annotations

import numpy as np
import pytest
from aiida import orm
from aiida.common.links import LinkType
from engine import result_workflows as workflows

from aiida_dreamflow import workflow
from aiida_dreamflow.exceptions import CompileError
from aiida_dreamflow.testing import check_provenance
from aiida_dreamflow.values.nodes import from_node


def test_outputs_are_of_types_of_aiida(run):
    _, node = run(workflows.statistics)
    types = {label: type(node.outputs[label]).__name__ for label in node.outputs}
    assert types == {
        'mean': 'Float',
        'n': 'Int',
        'ok': 'Bool',
        'label': 'Str',
        'single': 'Float',
        'zero_d': 'Float',
        'pair': 'List',
        'fit': 'Dict',
        'ordered': 'Dict',
        'columns': 'ArrayData',
    }
    assert node.outputs.mean.value == 3.0
    assert node.outputs.pair.get_list() == [1, 2.5]
    assert node.outputs.fit.get_dict() == {'e0': 1.0, 'inside': [[1, 2]]}
    assert np.array_equal(node.outputs.columns.get_array(), [[1.0, 2.0], [3.0, 4.0]])
    query = orm.QueryBuilder().append(orm.WorkChainNode, filters={'id': node.pk}, tag='workflow')
    query.append(orm.Float, with_incoming='workflow', filters={'attributes.value': {'>': 2.9}}, project='id')
    assert set(query.all(flat=True)) == {node.outputs.mean.pk, node.outputs.zero_d.pk}
    assert check_provenance(node) == []


def test_a_variable_that_crossed_is_a_float_when_it_is_returned(run):
    _, node = run(workflows.crossed)
    assert type(node.outputs.mean) is orm.Float
    assert from_node(node.outputs.mean) == 0.30000000000000004
    assert check_provenance(node) == []


@pytest.mark.parametrize('kind', ['scalar', 'tuple', 'ordered', 'fit', 'columns', 'long', 'odd'])
def test_a_workflow_that_awaits_gets_the_exact_value(kind, run):
    outputs, node = run(workflows.receives, kind=kind)
    assert outputs['types']
    assert outputs['text'] == outputs['expected']
    assert check_provenance(node) == []


def test_a_workflow_that_awaits_gets_a_namespace_as_it_was(run):
    outputs, node = run(workflows.receives, kind='nested')
    assert outputs['types']
    assert "'n': np.int64(2)" in outputs['text'] or "'n': 2" in outputs['text']
    child = node.called[0] if node.called[0].process_label.startswith('gives') else node.called[1]
    assert sorted(child.outputs.scf) == ['energy', 'n']
    assert check_provenance(node) == []


def test_outputs_of_a_child_are_forwarded(run):
    _, node = run(workflows.forwards)
    child = next(each for each in node.called if each.process_label == 'Doubles')
    assert node.outputs.scf.twice.uuid == child.outputs.scf.twice.uuid
    assert node.outputs.parameters.uuid == child.outputs.parameters.uuid
    assert check_provenance(node) == []


def test_a_mapping_that_holds_nodes_is_a_namespace(run):
    _, node = run(workflows.forwards_below)
    assert node.outputs.first.scf.twice.value == 4.0
    assert node.outputs.all.second.scf.twice.value == 6.0
    assert type(node.outputs.all.energy) is orm.Float
    assert check_provenance(node) == []


def test_keys_that_are_no_names_make_a_dict(run):
    _, node = run(workflows.odd_keys)
    assert sorted(node.outputs) == ['result']
    assert node.outputs.result.get_dict() == {'10 nm': -1.0, '11 nm': -2.0}
    assert any(
        'all that is returned is the output `result`' in log.message for log in orm.Log.collection.get_logs_for(node)
    )
    _, node = run(workflows.odd_keys, inner=True)
    assert node.outputs.energies.get_dict() == {'10 nm': -1.0, '11 nm': -2.0}


def test_keys_with_a_dot(run):
    """AiiDA takes no such keys in a `Dict`; the value can be read and filtered on all the same."""
    outputs, node = run(workflows.dotted_keys)
    assert outputs == {'result': {'10.0': -1.0, '11.0': -2.0}}
    assert node.outputs.result.base.attributes.get('value') == {'10.0': -1.0, '11.0': -2.0}


def test_values_of_no_type_of_aiida_can_be_queried(run):
    _, node = run(workflows.opaque)
    shown = {label: node.outputs[label].base.attributes.get('value', None) for label in node.outputs}
    assert shown == {
        'report': {'title': 'ends well', 'error': 0.5},
        'sizes': {'1': 'inf', '2': 3},
        'chosen': [3],
        'small': [[1, 2]],
        'long': None,
    }
    query = orm.QueryBuilder().append(orm.Data, filters={'attributes.value.error': {'<': 1}}, project='id')
    assert node.outputs.report.pk in query.all(flat=True)


def test_a_figure_is_a_picture(run):
    pytest.importorskip('matplotlib')
    _, node = run(workflows.draws)
    assert isinstance(node.outputs.plot, orm.SinglefileData)
    assert node.outputs.plot.filename == 'plot.png'
    assert node.outputs.plot.get_content(mode='rb').startswith(b'\x89PNG')
    _, node = run(workflows.prints_on_paper)
    assert node.outputs.result.get_content(mode='rb').startswith(b'%PDF')
    assert check_provenance(node) == []


def test_labels_of_the_user_are_kept(run):
    """A label that is taken, by a child of this step or of an earlier one or by the record of a step, gets a number."""
    _, node = run(workflows.labelled)
    calls = node.base.links.get_outgoing(link_type=LinkType.CALL_WORK)
    assert {entry.link_label: entry.node.inputs.x.value for entry in calls} == {
        'scf': 1.0,
        'scf_2': 2.0,
        'scf_3': 3.0,
        'step_1_4': 4.0,
        'Attributed_5': 5.0,
    }
    assert check_provenance(node) == []


def test_declared_exit_codes(run):
    _, node = run(workflows.converges, n=5)
    assert (node.exit_status, node.exit_message) == (410, 'not converged after 5 steps')
    assert run(workflows.converges, n=1)[0] == {'n': 1}
    assert workflows.converges.spec().exit_codes.ERROR_NOT_CONVERGED.status == 410


@pytest.mark.parametrize(
    'code', [{'error': (410, 'x')}, {'ERROR_X': 410}, {'ERROR_X': (400, 'x')}, {'ERROR_X': (11, 'x')}]
)
def test_exit_codes_that_aiida_would_not_take(code):
    with pytest.raises(CompileError, match='exit code `'):
        workflow(exit_codes=code)(workflows.converges.function)
