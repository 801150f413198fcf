"""The five questions of the documentation, asked about small runs."""

from __future__ import annotations

import sys

import pytest
from aiida import orm
from engine import link_workflows as workflows


@pytest.fixture(scope='module')
def queries(root):
    sys.path.insert(0, str(root / 'examples'))
    try:
        import queries

        yield queries
    finally:
        sys.path.remove(str(root / 'examples'))


def test_results_of(queries, run):
    _, node = run(workflows.sends)
    found = queries.results_of(node)
    assert list(found) == ['child_1.result', 'child_2.result', 'child_3.result', 'child_4.result', 'result']
    assert [value.value for value in found.values()] == [1, 2, 4, 8, 15]


def test_inputs_behind(queries, run):
    _, node = run(workflows.two_sums)
    assert {name: set(queries.inputs_behind(node.outputs[name], node)) for name in ('a', 'b')} == {
        'a': {'x'},
        'b': {'y'},
    }


def test_runs_with(queries, run):
    inside, other = orm.Int(3).store(), orm.Int(4).store()
    _, first = run(workflows.sums, nodes=[inside, other])
    _, second = run(workflows.two_sums, x=inside)
    *runs, child = queries.runs_with(inside)
    assert [found.pk for found in runs] == [first.pk, second.pk]
    assert child.caller == second
    assert [found.pk for found in queries.runs_with(other)] == [first.pk]


def test_failed_children(queries, run):
    _, node = run(workflows.survives)
    assert [child.process_label for child in queries.failed_children(node)] == ['calls_broken', 'broken', 'broken']


def test_history_of(queries, run):
    _, node = run(workflows.makes_models, n=2)
    history = queries.history_of('seen', node)
    assert [(label.partition(' ')[2], seen.get_list()) for label, seen in history] == [
        ('model = Model(seen)', [1]),
        ('model = Model(seen)', [1, 1]),
    ]
