"""Which node holds which variable: decided on exact bytes and the flow of data."""

from __future__ import annotations

import math

from aiida.common.links import LinkType
from engine import change_workflows as workflows
from engine.helpers import evaluations

from aiida_dreamflow.testing import check_provenance


def made_by(step):
    return {entry.link_label: entry.node for entry in step.base.links.get_outgoing(link_type=LinkType.CREATE).all()}


def steps_of(node):
    return node.steps


def test_two_children_that_return_the_same_small_value(run):
    outputs, node = run(workflows.equal_results)
    assert outputs == {'a': 1, 'b': 1}
    jobs = [job.outputs.result.pk for job in evaluations(node)]
    last = steps_of(node)[-1]
    assert [last.inputs.a.pk, last.inputs.b.pk] == jobs, 'each is the result of its own child'
    assert check_provenance(node) == []


def test_floats_one_ulp_apart(run):
    outputs, node = run(workflows.one_ulp)
    assert outputs == {'y': math.nextafter(3.0, math.inf), 'z': 3.0}
    # `y`; then a new `y`, and `z`, which is a variable of its own; then the `y` that is exactly as it was makes nothing.
    assert [sorted(made_by(step)) for step in steps_of(node)][:3] == [['y'], ['y', 'z'], []]


def test_change_through_an_alias(run):
    outputs, node = run(workflows.alias)
    assert outputs['base'].tolist() == [0, 5, 0, 0]
    assert outputs['part'].tolist() == [5, 0, 0]
    made = [sorted(made_by(step)) for step in steps_of(node)]
    assert made == [['base', 'part', 'untouched'], ['base', 'part'], [], []]
    assert node.outputs.untouched.creator.pk == steps_of(node)[0].pk
