"""Workflows run in this process, through the ordinary launchers of AiiDA."""

from __future__ import annotations

import runpy

import pytest
from aiida import engine, orm
from aiida.cmdline.utils.common import get_workchain_report
from engine import workflows
from engine.helpers import evaluations

from aiida_dreamflow import workflow
from aiida_dreamflow.exceptions import CannotStoreError, CompileError, LaunchError, WorkflowUsageError
from aiida_dreamflow.testing import check_provenance, run_in_memory


def report_of(node) -> str:
    return get_workchain_report(node, 'REPORT')


def test_values_in_and_out(run):
    outputs, node = run(workflows.add_squares)
    assert outputs == {'result': 1}
    assert node.inputs.n.value == 2, 'a default is an input node too'
    assert node.process_label == 'add_squares'
    assert len(evaluations(node)) == 2
    assert check_provenance(node) == []


def test_nodes_as_inputs(run):
    n = orm.Int(1).store()
    _, node = run(workflows.add_squares, n=n)
    assert node.inputs.n.pk == n.pk


def test_plain_def(run):
    outputs, node = run(workflows.add_squares_plainly)
    assert outputs == {'total': 0}
    assert check_provenance(node) == []


def test_builder(profile):
    builder = workflows.add_squares.get_builder()
    builder.n = 1
    outputs = engine.run(builder)
    assert outputs['result'].value == 0


def test_gather_launches_side_by_side(run):
    outputs, node = run(workflows.side_by_side, n=2)
    assert outputs == {'first': 0, 'others': [1], 'again': 0}
    jobs = evaluations(node)
    assert len(jobs) == 2
    # All were created before the first of them ended.
    assert max(job.ctime for job in jobs) < min(entry.node.ctime for job in jobs for entry in results_of(job))


def results_of(job):
    return job.base.links.get_outgoing(link_label_filter='result')


def test_handle_never_awaited_is_waited_for(run, tmp_path):
    log = tmp_path / 'log'
    outputs, node = run(workflows.forgets, log=str(log))
    assert outputs == {'result': 1}
    assert log.read_text() == '5\n'
    assert [job.is_finished_ok for job in evaluations(node)] == [True]


def test_helper(run):
    outputs, node = run(workflows.with_helper, x=2)
    assert outputs == {'result': 26}
    assert check_provenance(node) == []


def test_asynchronous_generators(run):
    outputs, node = run(workflows.streamed, x=1)
    assert outputs == run_in_memory(workflows.streamed, x=1)
    assert outputs['found'] == [[1, 10], [2, 11]]
    assert outputs['some'] == [1, 0, 1, 2, 'closed']
    assert outputs['others'] == [10, 0, 1, 'closed']
    assert check_provenance(node) == []


def test_workflow_as_child(run):
    outputs, node = run(workflows.outer, x=3)
    assert outputs == {'result': 30}
    assert check_provenance(node) == []


def test_results_keep_their_nodes(run):
    """The result of a job is the very node that the workflow returns; nothing is stored twice."""
    _, node = run(workflows.passes_on, x=3)
    (job,) = evaluations(node)
    assert node.outputs.result.pk == job.outputs.result.pk


def test_number_of_nodes(run):
    """Steps without a change make no data; a step is one node."""
    before = orm.QueryBuilder().append(orm.Data).count()
    _, node = run(workflows.steps, n=20)
    made = orm.QueryBuilder().append(orm.Data).count() - before
    assert len(node.steps) == 21
    # The input, and `total` at each await (`i` is not needed after it), the last of which is the result.
    assert made == 1 + 20


def test_print_is_reported(run, capsys, tmp_path):
    _, node = run(workflows.survivor, log=str(tmp_path / 'log'), n=1, seconds=0.0)
    assert 'seen [100]' in capsys.readouterr().out
    assert report_of(node).count('seen [100]') == 1


class TestFailures:
    def test_exception_of_a_job_is_caught(self, run):
        outputs, _ = run(workflows.catches)
        assert outputs == {'message': 'no luck', 'line': True}

    def test_uncaught_it_names_the_child(self, run):
        _, node = run(workflows.fails)
        assert node.exit_status == 400
        assert 'fail_1' in node.exit_message
        assert 'ValueError: no luck' in node.exit_message
        report = report_of(node)
        assert "await submit(fail, message='no luck')" in report
        assert 'raise ValueError(message)' in report

    def test_exception_of_the_workflow(self, profile):
        node = run_excepted(workflows.raises, KeyError)
        assert node.stepper_state_info == 'raised KeyError'
        report = report_of(node)
        assert "return values['missing']" in report
        assert 'aiida_dreamflow' not in report, 'only lines of the user'

    def test_exit_code(self, run):
        _, node = run(workflows.exits)
        assert (node.exit_status, node.exit_message) == (418, 'a teapot')

    def test_unsendable_result(self, run):
        _, node = run(workflows.returns_unsendable)
        assert node.exit_status == 400
        assert 'make_lambda' in node.exit_message
        assert 'cannot be sent' in node.exit_message

    def test_variable_that_cannot_be_stored(self, profile):
        node = run_excepted(workflows.keeps_a_file, CannotStoreError)
        for part in ('variable `file`', 'TextIOWrapper', 'made at line', 'needed after the await at line', 'del'):
            assert part in node.exception
        assert node.steps == [], 'nothing half-made is left behind'


def run_excepted(process, kind):
    before = {pk for (pk,) in orm.QueryBuilder().append(orm.WorkChainNode, project='id').all()}
    with pytest.raises(kind):
        engine.run(process)
    (node,) = orm.QueryBuilder().append(orm.WorkChainNode, filters={'id': {'!in': [*before, 0]}}).all(flat=True)
    assert node.is_excepted
    return node


class TestBadInput:
    @pytest.mark.parametrize('name', ['metadata', 'inputs', 'wait', 'wait_interval', 'process', 'self'])
    def test_reserved_parameter(self, name, tmp_path):
        path = tmp_path / 'reserved.py'
        path.write_text(f'def f({name}):\n    return {name}\n')
        with pytest.raises(CompileError, match=f'`{name}` has a name that AiiDA'):
            workflow(runpy.run_path(str(path))['f'])

    def test_starred_parameter(self):
        def f(*args):
            return args

        with pytest.raises(CompileError, match=r'`args` is \*args'):
            workflow(f)

    def test_missing_input(self, profile):
        with pytest.raises(ValueError, match='x'):
            engine.run(workflows.with_helper)

    def test_unknown_computer(self, run):
        _, node = run(workflows.unknown_computer)
        assert node.exit_status == 0
        assert 'no-such-computer' in node.outputs.message.value
        assert 'verdi computer' in node.outputs.message.value

    def test_wrong_argument(self, run):
        outputs, _ = run(workflows.wrong_argument)
        assert outputs == {'message': "square() got an unexpected keyword argument 'y'"}

    def test_no_daemon(self, profile, monkeypatch):
        from aiida.common import InvalidOperation
        from aiida.engine.daemon.client import DaemonClient

        # Another test may have started one.
        monkeypatch.setattr(DaemonClient, 'is_daemon_running', False)

        before = orm.QueryBuilder().append(orm.WorkChainNode).count()
        with pytest.raises(InvalidOperation, match='daemon is not running'):
            engine.submit(workflows.add_squares)
        assert orm.QueryBuilder().append(orm.WorkChainNode).count() == before

    def test_base_class(self, profile):
        from aiida_dreamflow import FunctionWorkChain

        with pytest.raises(WorkflowUsageError, match='decorate a function with `@workflow`'):
            engine.run(FunctionWorkChain)

    def test_submit_outside(self):
        from aiida_dreamflow import submit

        with pytest.raises(WorkflowUsageError, match='only be called while a workflow function runs'):
            submit(workflows.square, x=1)


def test_launch_error_is_a_value_error():
    assert issubclass(LaunchError, ValueError)
