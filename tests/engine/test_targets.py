"""What `submit` takes beside plain functions: process functions, workflows called directly, entry point names."""

from __future__ import annotations

import re

import numpy as np
import pytest
from aiida import engine, orm
from engine import target_workflows as workflows
from engine.helpers import kill_workers, wait_until

from aiida_dreamflow.exceptions import WorkflowUsageError
from aiida_dreamflow.testing import check_provenance, run_in_memory
from aiida_dreamflow.values.nodes import from_node


@pytest.fixture(scope='module')
def code(profile):
    computer = orm.load_computer('localhost')
    return orm.InstalledCode(label='bash', computer=computer, filepath_executable='/bin/bash').store()


class TestProcessFunctions:
    def test_submitted(self, run):
        outputs, node = run(workflows.submits, x=1)
        assert outputs == {'y': 3, 'quotient': 1, 'remainder': 1, 'z': 7}
        first, second, third = sorted(node.called, key=lambda child: child.pk)
        assert (first.process_label, second.process_label, third.process_label) == ('add', 'divmod_', 'add_twice')
        assert first.inputs.x.pk == node.inputs.x.pk
        assert second.inputs.x.pk == first.outputs.result.pk == node.outputs.y.pk
        assert node.outputs.quotient.creator.pk == second.pk
        assert isinstance(third, orm.WorkFunctionNode)
        assert len(third.called) == 2
        assert check_provenance(node) == []

    def test_called_directly(self, run):
        """A call is an await point of its own: what the step before it computed is an output of that step."""
        outputs, node = run(workflows.calls, x=1)
        assert outputs == {'z': 13, 'sums': [1, 2], 'last': 2} if outputs else node.process_state
        assert check_provenance(node) == []

    def test_called_in_a_plain_def(self, run):
        outputs, node = run(workflows.calls_plainly, x=1)
        assert outputs == {'total': 3, 'child': {'b': 2, 'c': 1}, 'both': [2, 3]}
        assert check_provenance(node) == []

    def test_called_in_helpers(self, run):
        outputs, _ = run(workflows.calls_in_helpers, x=1)
        assert outputs == {'sums': [4, 6], 'handles': [{'b': 2, 'c': 1}, {'b': 3, 'c': 1}]}

    def test_failures(self, run):
        outputs, _ = run(workflows.catches)
        (kind, status, message), (other, nothing, text) = outputs['result']
        assert (kind, status) == (other, 418) == ('ChildFailedError', 418)
        assert 'no tea for 3' in message
        assert nothing is None
        assert 'ValueError: no 3' in text

    def test_uncaught(self, run):
        _, node = run(workflows.uncaught)
        assert node.exit_status == 400
        assert 'fails_1' in node.exit_message
        assert 'no tea for 1' in node.exit_message

    def test_seen_only_at_run_time(self, run):
        outputs, node = run(workflows.hidden_call)
        assert outputs['kind'] == 'WorkflowUsageError'
        assert '`add`' in outputs['message']
        assert 'await submit(add, ...)' in outputs['message']
        assert node.called == []

    def test_too_many_arguments(self, run):
        outputs, _ = run(workflows.too_many_arguments)
        assert outputs == {'message': 'add() takes 2 positional arguments but 3 were given'}

    def test_worker_killed_while_it_runs(self, daemon, tmp_path):
        """What was lost with the worker is gone, and runs again."""
        log = tmp_path / 'log'
        node = engine.submit(workflows.killed_in_a_calcfunction, log=str(log))
        wait_until(lambda: log.exists(), 'it runs', node)
        kill_workers(daemon)
        wait_until(lambda: node.is_terminated, 'the workflow ends', node)
        assert node.is_finished_ok, node.exception or node.exit_message
        assert from_node(node.outputs.more) == 1
        assert log.read_text() == 'began began '
        assert len(node.called) == 1
        assert check_provenance(node) == []


class TestWorkflows:
    def test_called(self, run):
        outputs, node = run(workflows.calls_child, x=1)
        assert outputs == {'first': {'b': 2, 'c': 1}, 'second': {'b': 6, 'c': 5}, 'third': {'b': 2, 'c': 1}}
        assert [each.process_label for each in node.called] == ['child'] * 3
        assert all(each.inputs.a.pk == node.inputs.x.pk for each in node.called)

    def test_called_in_memory(self):
        expected = {'first': {'b': 2, 'c': 1}, 'second': {'b': 6, 'c': 5}, 'third': {'b': 2, 'c': 1}}
        assert run_in_memory(workflows.calls_child, x=1) == expected

    def test_wrong_input(self, run):
        outputs, _ = run(workflows.wrong_child)
        assert outputs == {'message': "child() got an unexpected keyword argument 'd'"}

    def test_defined_below(self, run):
        outputs, _ = run(workflows.calls_late)
        assert 'write `submit(late, ...)`' in outputs['message']

    def test_called_outside(self, profile):
        with pytest.raises(WorkflowUsageError, match=r'aiida.engine.run\(child, ...\)'):
            workflows.child(a=1)

    def test_in_a_work_chain_written_by_hand(self, profile):
        outputs, node = engine.run_get_node(workflows.ByHand, child={'a': 3})
        assert outputs['b'] == 4
        assert {entry.link_label for entry in node.base.links.get_incoming().all()} == {'child__a', 'child__c'}

    def test_builder(self, profile):
        builder = workflows.child.get_builder()
        assert {'a', 'c', 'metadata'} <= set(dir(builder))
        builder.a = 2
        assert engine.run(builder)['b'] == 3


WRONG = [
    ({'number': 'abc'}, "`number` of `annotated` takes float, got str: 'abc'"),
    ({'number': 1, 'choice': 'c'}, "`choice` of `annotated` takes Literal['a', 'b'], got str: 'c'"),
    ({'number': 1, 'values': 3}, ', got int: 3'),
    ({'number': 1, 'array': [1.0]}, '`array` of `annotated` takes '),
    ({'number': 1, 'cell': 3}, '`cell` of `annotated` takes Cell, got int'),
    ({'number': 1, 'node': 'x'}, '`node` of `annotated` takes '),
]
RIGHT = [
    {'number': 1},
    {'number': np.float32(1), 'choice': 'b', 'values': [1], 'array': np.zeros(2), 'cell': workflows.Cell(1.0)},
    {'number': 2.0, 'values': None, 'later': 3, 'anything': {}},
]


class TestInputs:
    @pytest.mark.parametrize(('inputs', 'message'), WRONG)
    def test_wrong(self, inputs, message, profile):
        with pytest.raises(ValueError, match=re.escape(message)):
            engine.run(workflows.annotated, **inputs)

    @pytest.mark.parametrize('inputs', RIGHT)
    def test_right(self, inputs, run):
        outputs, node = run(workflows.annotated, **inputs)
        assert outputs == {'result': inputs['number']}, node.exit_message

    def test_a_node(self, profile):
        engine.run(workflows.annotated, number=orm.Int(1), node=orm.Int(2))

    def test_wrong_for_a_child(self, run):
        outputs, _ = run(workflows.submits_wrong_values)
        assert outputs['message'].startswith('`choice` of `annotated` takes ')
        assert 'choice' in outputs['message']

    def test_help(self, profile):
        ports = workflows.annotated.spec().inputs
        assert ports['number'].help == 'float: a number of any kind.'
        assert ports['values'].help.replace('list[int] | None', '') == ''

    def test_exposed(self, profile):
        spec = workflows.WithDefaults.spec()
        assert 'number' in spec.inputs
        assert 'choice' not in spec.inputs
        with pytest.raises(ValueError, match='`number` of `annotated` takes float'):
            engine.run(workflows.WithDefaults, number='x', child={'a': 1})


class TestEntryPoints:
    def test_by_name(self, run, code):
        outputs, node = run(workflows.by_name, code=code)
        assert outputs == {'first': 3, 'second': 10, 'third': 9}
        assert check_provenance(node) == []

    def test_unknown_name(self, run):
        outputs, _ = run(workflows.unknown_name)
        assert '`no.such`' in outputs['message']
        assert 'verdi plugin list' in outputs['message']
