"""The second copy of a process stands by, and takes over only if the first is lost."""

from __future__ import annotations

import asyncio

import pytest
from aiida import orm
from plumpy.persistence import LoadSaveContext

from aiida_dreamflow.jobs import understudy
from aiida_dreamflow.jobs.lease import Lease, lease_folder
from aiida_dreamflow.jobs.understudy import Understudy


@pytest.fixture
def process(profile, monkeypatch):
    """A stored process; makes understudies of it that look often."""
    monkeypatch.setattr(understudy, '_INTERVAL', 0.01)
    return orm.WorkChainNode().store()


async def stands_by(copy):
    task = asyncio.ensure_future(copy.step_until_terminated())
    await asyncio.sleep(0.1)
    return task


def test_leaves_when_the_process_has_ended(process):
    async def scene():
        lease = Lease(lease_folder(), process.pk)
        copy = Understudy(process.pk, LoadSaveContext())
        task = await stands_by(copy)
        assert not task.done()
        process.set_process_state('finished')
        lease.release()
        await asyncio.wait_for(task, 5)
        assert copy.future().result() is None

    asyncio.run(scene())
    assert Understudy._newest == {}


def test_one_understudy_is_enough(process):
    async def scene():
        lease = Lease(lease_folder(), process.pk)
        tasks = [await stands_by(Understudy(process.pk, LoadSaveContext())) for _ in range(3)]
        assert [task.done() for task in tasks] == [True, True, False]
        process.set_process_state('killed')
        lease.release()
        await asyncio.wait_for(tasks[2], 5)

    asyncio.run(scene())
    assert Understudy._newest == {}


def test_takes_over_when_the_lease_is_free(process, monkeypatch):
    class Process:
        def __init__(self):
            self.steps = 0

        async def step_until_terminated(self):
            self.steps += 1

        def future(self):
            return 'its outcome'

    class Persister:
        def load_checkpoint(self, pk):
            assert pk == process.pk
            return self

        def unbundle(self, context):
            return taken_on

    class Manager:
        get_persister = Persister

    async def scene():
        lease = Lease(lease_folder(), process.pk)
        copy = Understudy(process.pk, LoadSaveContext())
        task = await stands_by(copy)
        assert taken_on.steps == 0
        lease.release()
        await asyncio.wait_for(task, 5)
        assert (taken_on.steps, copy.future()) == (1, 'its outcome')

    taken_on = Process()
    monkeypatch.setattr(understudy, 'get_manager', Manager)
    asyncio.run(scene())
