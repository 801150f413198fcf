"""Values of all kinds as inputs, results and outputs of workflows."""

from __future__ import annotations

import decimal
import sys

import numpy as np
import pytest
from aiida.common.links import LinkType
from engine import value_workflows as workflows

from aiida_dreamflow.exceptions import CannotStoreError
from aiida_dreamflow.testing import check_provenance, run_in_memory


def test_a_child_gives_what_it_returns(run):
    """Named outputs are for people; whoever awaits the workflow gets the object that it returned."""
    outputs, node = run(workflows.receives)
    assert outputs == {'same': True, 'x': 1} == run_in_memory(workflows.receives)
    pair = next(child for child in node.called if child.inputs.kind.value == 'pair')
    assert sorted(pair.outputs) == ['x', 'y']


@pytest.mark.parametrize(
    ('inputs', 'expected'),
    [({'a': None}, [None, 5, None]), ({'a': 1, 'b': None, 'c': 3}, [1, None, 3])],
)
def test_none_is_a_value(inputs, expected, run):
    outputs, _ = run(workflows.not_given, **inputs)
    assert outputs == {'result': expected}


def test_none_for_a_child(run):
    outputs, _ = run(workflows.gives_none)
    assert outputs == {'result': [None, None, None]}


def test_looking_at_a_masked_array_does_not_change_it(run):
    """numpy sets the usual fill value when an array is first printed, as its node does."""
    _, node = run(workflows.keeps, v=np.ma.array([1, 2], mask=[0, 1]))
    assert node.inputs.v.pk == node.outputs.v.pk == node.outputs.w.pk


def test_a_fill_value_of_its_own_is_kept(run):
    outputs, _ = run(workflows.keeps, v=np.ma.array([1, 2], mask=[0, 1], fill_value=7))
    assert outputs['v'].fill_value == 7


@pytest.mark.parametrize('how', ['run', 'run_in_memory'])
def test_what_is_returned_and_cannot_be_stored(how, run):
    where = r"value_workflows.py, line \d+, in `returns_it`: what is returned at `\['a'\]\[1\]`, of type `Unstorable`, cannot"
    with pytest.raises(CannotStoreError, match=where):
        (run if how == 'run' else run_in_memory)(workflows.returns_it)


@pytest.mark.parametrize('how', ['run', 'run_in_memory'])
def test_no_recipe_is_proposed_where_none_helps(how, run):
    with pytest.raises(CannotStoreError, match='`thread` of type .*Thread`, made at line .*join it before') as caught:
        (run if how == 'run' else run_in_memory)(workflows.holds_a_thread)
    assert 'assignment' not in str(caught.value)


def test_a_step_is_the_creator_of_what_it_stores(run):
    _, node = run(workflows.stores_nodes)
    assert node.outputs.number.pk == node.outputs.again.pk == node.outputs.known.pk
    first, second = node.steps
    assert node.outputs.number.creator == first
    made = {entry.link_label: entry.node for entry in first.base.links.get_outgoing(link_type=LinkType.CREATE)}
    assert sorted(each.pk for each in made.values()) == [node.outputs.number.pk, node.outputs.number.pk + 1]
    assert node.outputs.unstored.creator == second
    assert check_provenance(node) == []


def test_what_a_workflow_changes_is_not_left_to_the_next(run):
    """Others go on in the process of a worker; natively, what a function has set would stay."""
    before = decimal.getcontext().prec, sys.stderr
    outputs, _ = run(workflows.changes_its_process)
    assert outputs['result'] == '0.333'
    assert (decimal.getcontext().prec, sys.stderr) == before


@pytest.mark.parametrize(
    'workflow', [workflows.keeps_unloadable, workflows.returns_unloadable], ids=['kept', 'returned']
)
def test_what_cannot_be_loaded_is_refused_where_it_would_be_stored(workflow, run):
    """And not on the day on which a worker dies; in memory as well."""
    first = workflow.function.__code__.co_firstlineno
    said = []
    for way in (run_in_memory, run):
        with pytest.raises(CannotStoreError, match=rf'value_workflows.py, line {first + 3}, in `\w+`: ') as caught:
            way(workflow)
        assert 'cannot be loaded: an object of type `Unloadable` cannot be filled again: RuntimeError: no' in str(
            caught.value
        )
        said.append(str(caught.value))
    assert said[0] == said[1]
