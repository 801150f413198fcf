"""Trouble with storage and broker that passes ends no workflow."""

from __future__ import annotations

import asyncio
import errno

import kiwipy
import pytest
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager
from chaos.lone_worker import FolderCommunicator
from engine import trouble_workflows

from aiida_dreamflow.engine import execution, workchain
from aiida_dreamflow.testing import check_provenance


class Failing:
    """Stands for a function, and raises the first few times."""

    def __init__(self, function, times, error):
        self.function, self.left, self.error, self.called = function, times, error, 0

    def __call__(self, *args):
        self.called += 1
        if self.left:
            self.left -= 1
            raise self.error
        return self.function(*args)


def disk_full():
    return OSError(errno.ENOSPC, 'No space left on device')


def database_gone():
    from sqlalchemy.exc import OperationalError

    return OperationalError('INSERT', {}, Exception('server closed the connection unexpectedly'))


@pytest.mark.parametrize('error', [disk_full, database_gone])
def test_waits_and_runs_the_step_again(run, monkeypatch, tmp_path, error):
    monkeypatch.setattr(workchain, '_PAUSES', (0.01, 0.02, 0.03))
    failing = Failing(execution.write_step, 2, error())
    monkeypatch.setattr(execution, 'write_step', failing)
    outputs, node = run(trouble_workflows.steps, log=str(tmp_path / 'log'))
    assert node.is_finished_ok
    assert outputs == {'seen': [0, 1, 2]}
    assert failing.called == 2 + 4
    # The first step ran three times and is recorded once.
    assert (tmp_path / 'log').read_text().split() == ['0', '0', '0', '1', '2']
    assert len(node.steps) == 4
    assert check_provenance(node) == []


def test_pauses_with_a_message(profile, monkeypatch, tmp_path):
    monkeypatch.setattr(workchain, '_PAUSES', (0.01,))
    failing = Failing(execution.write_step, 2, disk_full())
    monkeypatch.setattr(execution, 'write_step', failing)
    runner = get_manager().create_runner(communicator=None)
    process = instantiate_process(runner, trouble_workflows.steps, log=str(tmp_path / 'log'))

    async def to_the_end():
        running = runner.loop.create_task(process.step_until_terminated())
        while not process.paused:
            assert not running.done(), process.node.exception
            await asyncio.sleep(0.05)
        assert process.node.paused
        assert 'No space left on device' in process.node.process_status
        assert 'verdi process play' in process.node.process_status
        process.play()
        await running

    runner.loop.run_until_complete(asyncio.wait_for(to_the_end(), 60))
    assert process.node.is_finished_ok


def test_what_does_not_pass_ends_the_workflow(profile, monkeypatch, tmp_path):
    from aiida import engine

    monkeypatch.setattr(execution, 'write_step', Failing(execution.write_step, 1, ValueError('a fault')))
    with pytest.raises(ValueError, match='a fault'):
        engine.run(trouble_workflows.steps, log=str(tmp_path / 'log'))


def broker_gone():
    return kiwipy.DeliveryFailed('NO_ROUTE')


@pytest.mark.parametrize('before', [True, False])
def test_a_broker_that_takes_no_message(profile, monkeypatch, tmp_path, before):
    """The step is stored; each child is created once, and handed over when the broker is there again."""
    monkeypatch.setattr(workchain, '_PAUSES', (0.01,) * 4)
    communicator = FolderCommunicator(tmp_path)
    runner = get_manager().create_runner(broker_submit=True, communicator=communicator, poll_interval=0.1)
    monkeypatch.setattr(type(runner), 'is_daemon_runner', True)
    sent, failing = [], Failing(lambda: None, 2, broker_gone())

    def continue_process(pk, **_):
        failing()
        sent.append(pk)

    monkeypatch.setattr(runner.controller, 'continue_process', continue_process)
    if before:  # the child cannot even be made
        subscribe = Failing(communicator.add_rpc_subscriber, 0, broker_gone())
        monkeypatch.setattr(communicator, 'add_rpc_subscriber', subscribe)
    process = instantiate_process(runner, trouble_workflows.asks)
    if before:
        subscribe.left = 1

    async def until_it_waits():
        running = runner.loop.create_task(process.step_until_terminated())
        while len(sent) < 2:
            assert not running.done(), process.node.exception
            await asyncio.sleep(0.02)
        process.kill()
        await running

    runner.loop.run_until_complete(asyncio.wait_for(until_it_waits(), 60))
    children = [child.pk for child in process.node.called]
    assert len(children) == 2
    assert sorted(set(sent)) == sorted(children)
    assert len(process.node.steps) == 1
