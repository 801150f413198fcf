"""Processes of a worker in turns."""

from __future__ import annotations

import asyncio
import inspect
from types import SimpleNamespace

import jobs.functions as functions
import pytest
from aiida import engine
from aiida.engine.processes.calcjobs import tasks
from plumpy import ProcessState

from aiida_dreamflow.jobs import leased, waiting
from aiida_dreamflow.jobs.calculation import FunctionJob
from aiida_dreamflow.jobs.launch import function_job_inputs
from aiida_dreamflow.jobs.turns import Place, in_turns
from aiida_dreamflow.jobs.waiting import Waiting


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 10))


def test_messages_between_two_turns():
    """Twenty that become ready at once: a message that takes several callbacks, one after the other, is done before the third."""
    done = []

    async def works(name, gate):
        await gate.wait()
        done.append(name)

    async def main():
        gate = asyncio.Event()
        loop = asyncio.get_running_loop()
        works_ = [loop.create_task(_awaiting(works(i, gate), Place())) for i in range(20)]
        while len(done) < 1:
            gate.set()
            await asyncio.sleep(0)
        for _ in range(7):
            await asyncio.sleep(0)
        done.append('message')
        await asyncio.gather(*works_)

    run(main())
    assert [each for each in done if each != 'message'] == [*range(20)]
    assert done.index('message') <= 2


async def _awaiting(coroutine, place):
    return await in_turns(coroutine, place)


def twenty(done, meanwhile):
    """Let twenty work, in three parts each, and something else when they have begun; all that they note is there in the end."""

    async def works(name):
        for part in range(3):
            await asyncio.sleep(0)
            done.append((name, part))

    async def main():
        places = [Place() for _ in range(20)]
        all_ = [asyncio.ensure_future(_awaiting(works(i), place)) for i, place in enumerate(places)]
        await asyncio.sleep(0)
        await meanwhile(places)
        await asyncio.gather(*all_)

    run(main())
    assert sorted(done) == [(i, part) for i in range(20) for part in range(3)]


def test_who_hurries_needs_no_turn():
    done = []

    async def meanwhile(places):
        places[19].hurry()

    twenty(done, meanwhile)
    assert done.index((19, 2)) < done.index((1, 0))


def test_who_is_killed_with_its_parent_comes_before_others_and_one_by_one():
    done = []

    async def meanwhile(places):
        for place in places[17:]:
            place.come_first()
            place.come_first()
        while (17, 0) not in done:
            await asyncio.sleep(0)
        assert (18, 0) not in done

    twenty(done, meanwhile)
    last = max(done.index((i, 2)) for i in (17, 18, 19))
    assert [name for name, _ in done[:last] if name < 17] in ([], [0])


def test_what_it_returns_and_raises():
    async def returns():
        await asyncio.sleep(0.001)
        return 1

    async def raises():
        await asyncio.sleep(0)
        raise KeyError('x')

    async def catches():
        try:
            await asyncio.wait_for(asyncio.sleep(9), 0.01)
        except asyncio.TimeoutError:
            return 'late'

    async def main():
        assert await _awaiting(returns(), Place()) == 1
        assert await _awaiting(catches(), Place()) == 'late'
        with pytest.raises(KeyError, match='x') as caught:
            await _awaiting(raises(), Place())
        return caught.traceback

    assert 'raises' in [entry.name for entry in run(main())]


@pytest.mark.parametrize('rounds', range(8))
def test_cancelled_wherever_it_waits(rounds):
    """For what it awaits, or for its turn: it is told, and may go on."""
    told = []

    async def works():
        try:
            for _ in range(3):
                await asyncio.sleep(0)
            await asyncio.sleep(9)
        except asyncio.CancelledError:
            told.append(True)
            await asyncio.sleep(0)
            raise

    async def main():
        task = asyncio.ensure_future(_awaiting(works(), Place()))
        others = [asyncio.ensure_future(_awaiting(asyncio.sleep(0), Place())) for _ in range(3)]
        for _ in range(rounds):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.gather(*others)
        return asyncio.all_tasks() - {asyncio.current_task()}

    left = run(main())
    assert len(told) <= 1
    assert not [each for each in left if not each.done()]


def test_closed():
    closed = []

    async def works():
        try:
            await asyncio.sleep(0)
        finally:
            closed.append(True)

    async def main():
        generator = in_turns(works(), Place())
        generator.send(None)
        generator.close()  # while it waits for its first turn: not begun
        generator = in_turns(works(), Place(hurries=True))
        generator.send(None)
        generator.close()

    run(main())
    assert closed == [True]


def test_aiida_makes_tasks_in_one_place():
    """`Waiting._launch_task`: if this fails, look where AiiDA makes the tasks of a job now."""
    assert list(inspect.signature(tasks.Waiting._launch_task).parameters) == ['self', 'coro', 'args', 'kwargs']
    source = inspect.getsource(tasks)
    assert source.count('interruptable_task(') == 1
    assert FunctionJob.get_state_classes()[ProcessState.WAITING] is Waiting


def test_who_is_killed_with_its_parent():
    """It is told by AiiDA's words for that."""
    assert "msg_text=f'Killed by parent<{" in inspect.getsource(engine.Process.kill)
    assert leased.by_parent(7) == 'Killed by parent<7>'
    for message, hurries, comes_first in (
        (None, True, False),
        ('Killed through `verdi process kill`', True, False),
        (leased.by_parent(7), False, True),
        (leased.by_parent(7, is_cancelled=True), False, True),
    ):
        place = Place()
        leased.Leased.speed_up(SimpleNamespace(place=place), message)
        assert (place.hurries, place.comes_first) == (hurries, comes_first)


@pytest.mark.parametrize('in_daemon', [True, False])
def test_all_that_a_job_does_is_done_in_turns(profile, monkeypatch, in_daemon):
    """Its steps, and upload, submission, update and retrieval; if it runs where it was launched, none of them waits."""
    asked = []

    def noted(coroutine, place):
        asked.append((coroutine.__name__, place.hurries))
        return in_turns(coroutine, place)

    monkeypatch.setattr(leased, 'in_turns', noted)
    monkeypatch.setattr(waiting, 'in_turns', noted)
    if in_daemon:
        monkeypatch.setattr(leased.Leased, 'place', Place())
    process_class, inputs = function_job_inputs(functions.add, {'x': 1, 'y': 2})
    assert engine.run_get_node(process_class, **inputs)[1].is_finished_ok
    assert {hurries for _, hurries in asked} == {not in_daemon}
    assert {name for name, _ in asked} == {
        'step', 'task_upload_job', 'task_submit_job', 'task_update_job', 'task_retrieve_job'
    }  # fmt: skip
