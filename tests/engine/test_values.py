"""Values of all kinds as inputs, results and outputs of workflows."""

from __future__ import annotations

import numpy as np
import pytest
from engine import value_workflows as workflows

from aiida_dreamflow.testing import run_in_memory


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
