"""Workers are killed, the daemon is stopped: the workflow ends as if nothing had happened."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from aiida.engine.persistence import get_object_loader
from aiida.engine.processes import control
from aiida.engine.processes.launcher import ProcessLauncher
from aiida.manage import get_manager
from engine import local_workflows, workflows
from engine.helpers import alive, evaluations, kill_workers, wait_until
from plumpy.persistence import LoadSaveContext

from aiida_dreamflow.testing import check_provenance


def lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def assert_survived(node, n: int, log: Path) -> None:
    wait_until(lambda: node.is_terminated, f'{node} ends', node)
    assert node.is_finished_ok, (node.exception, node.exit_message)
    assert node.outputs.seen.get_list() == [100 + i * i for i in range(n)]
    assert len(evaluations(node)) == n
    assert lines(log) == [str(i) for i in range(n)], 'a job ran twice, or not at all'
    assert check_provenance(node) == []


def submit(log: Path, **inputs):
    from aiida import engine

    return engine.submit(workflows.survivor, log=str(log), **inputs)


def test_worker_killed_while_a_job_and_while_a_step_runs(daemon, tmp_path):
    log = tmp_path / 'log'
    steps = Path(f'{log}.steps')
    node = submit(log, n=2, seconds=1.5, step_seconds=1.5)
    wait_until(lambda: lines(log), 'a job runs', node)
    assert lines(steps) == []
    assert kill_workers(daemon)
    wait_until(lambda: lines(steps), 'a step runs', node)
    assert kill_workers(daemon)
    assert_survived(node, 2, log)
    assert lines(steps) == ['0', '0', '1'], 'the killed step runs again, from its start, and no other does'


@pytest.mark.slow
def test_the_optimisation_of_the_example(daemon):
    """The example of the README, its worker killed twice."""
    from aiida import engine

    import optimize

    node = engine.submit(optimize.opt_workflow, n_iterations=1)
    for done in (1, 3):
        wait_until(lambda: len(evaluations(node)) > done, f'evaluation {done + 1} is launched', node)  # noqa: B023
        kill_workers(daemon)
    wait_until(lambda: node.is_terminated, 'the optimisation ends', node)
    assert node.is_finished_ok, (node.exception, node.exit_message)
    assert len(evaluations(node)) == 4

    from aiida_dreamflow.testing import run_in_memory

    expected = run_in_memory(optimize.opt_workflow, n_iterations=1)
    assert node.outputs.y_opt.get_array().tolist() == expected['y_opt'].tolist()
    assert node.outputs.x_opt.get_array().tolist() == expected['x_opt'].tolist()


def test_worker_killed_after_the_return(daemon, tmp_path):
    """The workflow function is done, and waits for a child that it did not await."""
    from aiida import engine

    log = tmp_path / 'log'
    node = engine.submit(workflows.forgets, log=str(log), seconds=1.5)
    wait_until(lambda: lines(log), 'the job runs', node)
    kill_workers(daemon)
    wait_until(lambda: node.is_terminated, 'it ends', node)
    assert node.is_finished_ok, node.exit_message
    assert lines(log) == ['5']
    assert [job.is_finished_ok for job in evaluations(node)] == [True]
    assert check_provenance(node) == []


def test_task_delivered_twice(daemon, tmp_path):
    """This process plays the second worker that receives the tasks: it stands by, and leaves without a trace.

    AiiDA itself would run them a second time.
    """
    log = tmp_path / 'log'
    node = submit(log, n=1, seconds=2.0)
    wait_until(lambda: lines(log), 'the job runs', node)
    receive_tasks(node.pk, evaluations(node)[0].pk)
    assert node.is_terminated, 'they are done when the process is'
    assert_survived(node, 1, log)


def receive_tasks(*pks: int) -> None:
    """Do what a worker does that receives the tasks of these processes."""
    manager = get_manager()
    runner = manager.get_runner()
    launcher = ProcessLauncher(
        loop=runner.loop,
        persister=manager.get_persister(),
        load_context=LoadSaveContext(runner=runner),
        loader=get_object_loader(),
    )

    async def receive() -> None:
        await asyncio.gather(*(launcher._continue(None, pk, nowait=False) for pk in pks))

    runner.loop.run_until_complete(asyncio.wait_for(receive(), 60))


@pytest.mark.slow
def test_daemon_stopped_and_started(daemon, tmp_path):
    """It stops within its time-out, also while a function computes; afterwards job and function go on."""
    from aiida import engine

    log, pids = tmp_path / 'log', tmp_path / 'pids'
    node = submit(log, n=1, seconds=1.5)
    computes = engine.submit(local_workflows.heavy, log=str(pids), seconds=30.0)
    wait_until(lambda: lines(log) and len(lines(pids)) == 2, 'a job runs, and a function')
    before = lines(pids)
    begin = time.monotonic()
    daemon.stop_daemon(wait=True, timeout=20)
    assert time.monotonic() - begin < 20
    assert not node.is_terminated
    wait_until(lambda: not any(alive(int(pid)) for pid in before), 'nothing computes', seconds=5)
    daemon.start_daemon(1)
    later = engine.submit(local_workflows.quick)  # by a process that was connected with the broker of before
    wait_until(lambda: later.is_finished_ok, 'what is submitted later runs, too', later)
    wait_until(lambda: len(lines(pids)) == 4, 'it is computed again', computes)
    control.kill_processes([computes], timeout=10)
    assert_survived(node, 1, log)
