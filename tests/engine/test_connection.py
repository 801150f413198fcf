"""A connection to a computer that is lost for a while ends neither a job nor the workflow that waits for it."""

from __future__ import annotations

import asyncio

import pytest
from aiida.engine.processes.calcjobs import tasks
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager
from aiida.transports.plugins.local import LocalTransport
from engine import trouble_workflows

ATTEMPTS = 2


@pytest.fixture
def lost(monkeypatch):
    """Counts down how often no connection can be made."""
    lost, connect = [], LocalTransport.open

    def open_(transport):
        if lost:
            lost.pop()
            raise OSError('connection lost')
        return connect(transport)

    monkeypatch.setattr(LocalTransport, 'open', open_)
    options = {tasks.RETRY_INTERVAL_OPTION: 0.01, tasks.MAX_ATTEMPTS_OPTION: ATTEMPTS}
    others = tasks.get_config_option
    monkeypatch.setattr(tasks, 'get_config_option', lambda name: options[name] if name in options else others(name))
    return lost


def test_connection_is_lost_for_a_while(profile, lost):
    """AiiDA tries again, then pauses the job; the workflow waits, and goes on when somebody lets the job go on."""
    runner = get_manager().create_runner(communicator=None, poll_interval=0.01)
    workflow = instantiate_process(runner, trouble_workflows.asks_one)
    lost += [1] * (2 * ATTEMPTS + 1)
    paused = []

    async def to_the_end():
        running = runner.loop.create_task(workflow.step_until_terminated())
        while not running.done():
            for job, _ in workflow._program.children.tasks.values():
                if job.paused:
                    assert not workflow.has_terminated()
                    assert 'failed 2 times' in job.node.process_status
                    paused.append(len(lost))
                    job.play()
            await asyncio.sleep(0.01)
        await running

    runner.loop.run_until_complete(asyncio.wait_for(to_the_end(), 60))
    assert paused == [ATTEMPTS + 1, 1]
    assert workflow.node.is_finished_ok, workflow.node.exception
    assert workflow.node.outputs.result.value == 9
    (job,) = workflow.node.called
    assert job.is_finished_ok
