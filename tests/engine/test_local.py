"""`await run(f)`: off the worker's event loop, recorded once, ended with whoever asked for it."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest
from engine import local_workflows
from engine.helpers import alive, kill_workers, wait_until

from aiida_dreamflow.testing import run_in_memory


def runs_of(node):
    """The records of the functions that a workflow ran."""
    from aiida import orm

    return [child for child in node.called if isinstance(child, orm.CalcFunctionNode) and 'function' in child.inputs]


def pids_in(log):
    return [int(line) for line in log.read_text().split()] if log.exists() else []


def test_values_of_all_sorts(run):
    x = np.arange(4.0)
    outputs, node = run(local_workflows.scales, x=x, params=local_workflows.Params(2.0))
    assert np.array_equal(outputs['second']['values'], 6 * x)
    assert outputs['second']['params'] == local_workflows.Params(4.0)
    assert outputs['both'] == [6.0, 36.0]
    first, *others = runs_of(node)
    assert len(others) == 3
    assert first.process_label == 'scaled'
    assert first.is_sealed
    assert first.is_finished_ok
    assert sorted(first.inputs.arguments) == ['params', 'values']
    assert 'def scaled(values, params):' in first.get_source_code_file()
    from aiida import orm

    assert any('scaling by 2.0' in log.message for log in orm.Log.collection.get_logs_for(first))


def test_in_a_plain_function(run):
    assert run(local_workflows.plain)[0] == {'result': 4.0}


def test_in_memory():
    assert run_in_memory(local_workflows.plain) == 4.0
    with pytest.raises(ValueError, match='not this'):
        run_in_memory(raising)


async def raising():
    from aiida_dreamflow import run

    await run(local_workflows.fail, x=1)


def test_failures_come_back(run):
    found = run(local_workflows.failures)[0]['found']
    assert found[0] == ['not this', 4]
    assert 'killed by signal 9' in found[1]


def test_process_or_thread(run):
    outputs = run(local_workflows.where)[0]
    assert outputs['worker'] == os.getpid() == outputs['here'][0] != outputs['there'][0]
    assert 'MainThread' not in outputs['here'][1]


@pytest.fixture
def computing(daemon, tmp_path):
    """A workflow in the middle of a long computation; its node, and the processes that compute."""
    from aiida import engine

    log = tmp_path / 'log'
    node = engine.submit(local_workflows.heavy, log=str(log), seconds=30.0)
    wait_until(lambda: len(pids_in(log)) == 2, 'it computes', node)
    yield node, log
    if not node.is_terminated:
        from aiida.engine.processes import control

        control.kill_processes([node], timeout=10)


def test_others_go_on_meanwhile(computing):
    from aiida import engine

    node, log = computing
    times = []
    for _ in range(3):
        begin = time.monotonic()
        other = engine.submit(local_workflows.quick)
        wait_until(lambda other=other: other.is_terminated, 'another workflow ends', other)
        times.append(time.monotonic() - begin)
    assert not node.is_terminated
    assert all(alive(pid) for pid in pids_in(log))
    # One worker, and nothing else to do: it would take thirty seconds if the computation held its loop.
    assert min(times) < 10


def test_killed_with_its_workflow(computing):
    from aiida.engine.processes import control

    node, log = computing
    control.kill_processes([node], timeout=10)
    wait_until(lambda: node.is_killed, 'it is killed', node, seconds=10)
    wait_until(lambda: not any(alive(pid) for pid in pids_in(log)), 'nothing computes', node, seconds=5)
    (record,) = runs_of(node)
    wait_until(lambda: record.is_killed, 'its run is killed', node, seconds=5)


def test_ends_with_its_worker(computing, daemon):
    node, log = computing
    before = pids_in(log)
    kill_workers(daemon)
    wait_until(lambda: not any(alive(pid) for pid in before), 'nothing computes', node, seconds=5)
    wait_until(lambda: len(pids_in(log)) == 4, 'it is computed again', node)


def test_recorded_once(profile, tmp_path):
    """A worker that dies after the result was stored, before the process has ended: the function is not run again."""
    from aiida import orm
    from aiida.common.links import LinkType
    from aiida.engine.runners import Runner
    from aiida.engine.utils import instantiate_process

    from aiida_dreamflow.compiler import bundle
    from aiida_dreamflow.jobs.calculation import bundle_to_nodes
    from aiida_dreamflow.jobs.local import local_run_inputs

    log = tmp_path / 'log'
    source = bundle_to_nodes(bundle(local_workflows.compute))
    process_class, inputs = local_run_inputs(
        local_workflows.compute, {'log': str(log), 'seconds': 0.0}, source, in_thread=False
    )
    runner = Runner()
    process = instantiate_process(runner, process_class, **inputs)
    result = orm.Bool(True)
    result.base.links.add_incoming(process.node, LinkType.CREATE, 'result')
    result.store()
    runner.loop.run_until_complete(process.step_until_terminated())
    assert process.node.is_finished_ok
    assert not log.exists()
