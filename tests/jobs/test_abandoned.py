"""A process that has not ended, and that nobody runs, is taken on by a worker that looks for such."""

from __future__ import annotations

import asyncio

import plumpy
import pytest
from aiida import orm

from aiida_dreamflow.jobs import abandoned
from aiida_dreamflow.jobs.lease import Lease, lease_folder


@pytest.fixture
def process(profile):
    """A stored process with a checkpoint, whose worker was killed: its lease is free, and has not been given up."""
    node = orm.WorkChainNode().store()
    node.set_process_state('waiting')
    node.set_checkpoint('checkpoint')
    path = lease_folder() / f'{node.pk}.lock'
    path.touch()
    yield node
    path.unlink(missing_ok=True)


def test_found(process):
    assert process.pk in abandoned.find_abandoned()


def test_not_found_while_a_worker_runs_it(process):
    lease = Lease(lease_folder(), process.pk)
    assert process.pk not in abandoned.find_abandoned()
    lease.release()
    assert process.pk not in abandoned.find_abandoned()


def test_not_found_when_it_has_ended(process):
    process.set_process_state('killed')
    assert process.pk not in list(abandoned.find_abandoned())
    abandoned.seal_ended()
    assert process.is_sealed, 'its worker was killed when it had all but ended'


def test_taken_on_when_nobody_else_does(process, monkeypatch):
    """Once by each watch, and only what is still free at the second look; the broker is told too."""
    looks, taken, sent = [{1, 2}, {2, 3}, {3}], [], []
    waiting = [set(), {4}, {4}]
    monkeypatch.setattr(abandoned, 'find_waiting', lambda: waiting.pop(0) if waiting else set())
    monkeypatch.setattr(abandoned, 'INTERVAL', 0.01)
    monkeypatch.setattr(abandoned, 'find_abandoned', lambda: looks.pop(0) if looks else set())

    async def take_on(runner, pk):
        taken.append(pk)

    monkeypatch.setattr(abandoned, '_take_on', take_on)

    async def scene():
        class Runner:
            loop = asyncio.get_running_loop()

            class controller:
                @staticmethod
                def continue_process(pk, nowait, no_reply):
                    sent.append(pk)

        abandoned.watch(Runner)
        abandoned.watch(Runner)
        while looks:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)

    asyncio.run(scene())
    assert taken == sent == [2, 3, 4]


def test_how_many_processes_a_worker_runs(process, monkeypatch):
    """What it has taken on by itself, and what a broker has given it, which runs inside a task of plumpy's."""

    async def run(*args):
        await asyncio.sleep(0.05)

    monkeypatch.setattr(plumpy.ProcessLauncher, '_continue', run)

    async def scene():
        loop = asyncio.get_running_loop()
        receive = plumpy.communications.convert_to_comm(abandoned.ProcessLauncher(), loop)
        receive(None, {'task': 'continue', 'args': {'pid': process.pk, 'nowait': False}})
        direct = loop.create_task(abandoned.ProcessLauncher()._continue(None, process.pk, nowait=False))
        other = loop.create_task(asyncio.sleep(0.05))
        await asyncio.sleep(0.01)
        assert len(abandoned._running(loop)) == 2
        await asyncio.gather(direct, other)
        await asyncio.sleep(0.05)
        assert abandoned._running(loop) == []

    asyncio.run(scene())


def test_one_that_was_never_taken_on(profile):
    """A workflow that was created, and whose message was lost."""
    from aiida.manage import get_manager
    from engine import workflows

    runner = get_manager().create_runner(communicator=None)
    process = runner.instantiate_process(workflows.add_squares, n=orm.Int(0))
    runner.persister.save_checkpoint(process)
    try:
        assert process.pid in set(abandoned.find_waiting())
        lease = Lease(lease_folder(), process.pid)
        assert process.pid not in set(abandoned.find_waiting())
        lease.release()
    finally:
        process.node.set_process_state('killed')
        process.close()
    assert process.pid not in set(abandoned.find_waiting())
