"""`verdi process` controls and shows a workflow like any other process.

The commands are called in this process, which costs seconds less than a `verdi` of their own; one test runs that.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from aiida.cmdline.utils.common import get_workchain_report
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager
from click.testing import CliRunner
from engine import workflows
from engine.helpers import evaluations, wait_until

from aiida_dreamflow.engine import killing


def verdi(*arguments: object) -> str:
    """Call the command; return what it prints."""
    from aiida.cmdline.commands.cmd_verdi import verdi as command

    done = CliRunner().invoke(command, [*map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def waiting(daemon, tmp_path):
    """Makes a workflow that waits for the first of two jobs of so many seconds."""
    from aiida import engine

    def waiting(seconds: float):
        node = engine.submit(workflows.survivor, log=str(tmp_path / 'log'), n=2, seconds=seconds)
        wait_until(lambda: (tmp_path / 'log').exists(), 'the first job runs', node)
        return node

    return waiting


def test_shown_while_it_runs(waiting):
    node = waiting(3.0)
    line = 'y = await submit(slow_square, x=i, log=log, seconds=seconds)'
    status = verdi('process', 'status', node.pk)
    assert 'survivor' in status
    assert f'L{workflow_line(line)} for i in range(n): {line}' in ' '.join(status.split())
    listed = verdi('process', 'list')
    assert 'survivor' in listed
    assert 'Waiting' in listed or 'Running' in listed
    shown = verdi('process', 'show', node.pk)
    assert 'slow_square_1' in shown
    assert 'seconds' in shown
    wait_until(lambda: node.is_terminated, 'it ends', node)
    assert node.is_finished_ok
    assert 'seen [100, 101]' in verdi('process', 'report', node.pk)
    assert 'FunctionJob<slow_square>' in verdi('process', 'status', node.pk)


def workflow_line(text: str) -> int:
    import inspect

    source, first = inspect.getsourcelines(workflows.survivor.function)
    return first + next(number for number, line in enumerate(source) if text in line)


def test_pause_and_play(waiting):
    node = waiting(2.0)
    verdi('process', 'pause', node.pk)
    wait_until(lambda: node.paused, 'it is paused', node)
    # The job goes on by itself, the workflow does not.
    wait_until(lambda: evaluations(node)[0].is_terminated, 'the job ends', node)
    time.sleep(1.5)
    assert len(evaluations(node)) == 1
    verdi('process', 'play', node.pk)
    wait_until(lambda: node.is_terminated, 'it ends', node)
    assert node.is_finished_ok
    assert len(evaluations(node)) == 2


def test_kill(waiting):
    node = waiting(300.0)
    verdi('process', 'kill', node.pk)
    wait_until(lambda: node.is_killed, 'it is killed', node)
    (job,) = evaluations(node)
    wait_until(lambda: job.is_terminated, 'its job is killed', node)
    assert job.is_killed
    assert node.is_sealed


def test_kill_reaches_only_what_still_runs(daemon, tmp_path):
    """Finished children and steps have nobody who could answer; AiiDA would wait for them."""
    from aiida import engine

    node = engine.submit(workflows.survivor, log=str(tmp_path / 'log'), n=4, seconds=0.0, step_seconds=0.0)
    wait_until(lambda: len(evaluations(node)) >= 3, 'three jobs', node)
    begin = time.monotonic()
    verdi('process', 'kill', node.pk)
    wait_until(lambda: node.is_terminated, 'it ends', node, seconds=30)
    # AiiDA's own kill would wait for answers until its timeout of minutes.
    assert time.monotonic() - begin < 30


def test_interrupt_kills_the_children_too(profile, tmp_path):
    """Ctrl-C under `engine.run`; AiiDA's own work chains leave their children behind."""
    from aiida import orm

    script = tmp_path / 'run.py'
    script.write_text(
        'from aiida import engine, load_profile\n'
        'load_profile()\n'
        'from engine import workflows\n'
        f'engine.run(workflows.survivor, log={str(tmp_path / "log")!r}, n=2, seconds=300.0)\n'
    )
    here = Path(__file__).parent.parent
    environment = {**os.environ, 'PYTHONPATH': str(here)}
    running = subprocess.Popen([sys.executable, str(script)], env=environment, stderr=subprocess.PIPE, text=True)
    try:
        wait_until((tmp_path / 'log').exists, 'the first job runs')
        running.send_signal(signal.SIGINT)
        _, told = running.communicate(timeout=60)  # long before the job would end
    finally:
        running.kill()
    node = orm.QueryBuilder().append(orm.WorkChainNode).order_by({orm.WorkChainNode: {'id': 'desc'}}).first(flat=True)
    assert node.is_killed, told
    assert [job.is_killed for job in evaluations(node)] == [True], told


@pytest.mark.parametrize('asked_twice', [False, True])
def test_a_job_that_takes_its_time_to_be_cancelled(profile, monkeypatch, tmp_path, asked_twice):
    """Under `engine.run` the workflow waits for it, and says so; asked again, it leaves the job as it is."""
    runner = get_manager().create_runner(communicator=None)
    process = instantiate_process(runner, workflows.survivor, log=str(tmp_path / 'log'), n=1)
    cancelled = asyncio.Event()

    async def kill_slowly(*_):
        await cancelled.wait()

    async def scene():
        running = runner.loop.create_task(process.step_until_terminated())
        while not process._program.children.tasks:
            await asyncio.sleep(0.01)
        process.kill()
        while 'Ctrl-C' not in get_workchain_report(process.node, 'REPORT'):
            await asyncio.sleep(0.01)
        assert not process.has_terminated()
        process.kill() if asked_twice else cancelled.set()
        await asyncio.wait_for(asyncio.wait([running]), 10)
        assert process.node.is_killed
        ((job, _),) = process._program.children.tasks.values()
        job.kill(force_kill=True)

    monkeypatch.setattr(killing, 'kill_and_wait', kill_slowly)
    monkeypatch.setattr(killing, '_SILENCE', 0.01)
    runner.loop.run_until_complete(asyncio.wait_for(scene(), 30))


def test_plugin_list():
    """As a user types it."""
    command = ['verdi', 'plugin', 'list', 'aiida.workflows', 'dreamflow.function']
    shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert 'FunctionWorkChain' in shown or 'workflow' in shown
