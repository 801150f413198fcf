"""A step that does not end: its report says where it is, a kill ends it, and the other runs of its worker go on."""

from __future__ import annotations

import inspect
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from aiida import engine, orm
from aiida.cmdline.utils.common import get_workchain_report
from aiida.manage import get_manager
from click.testing import CliRunner
from engine import held_workflows as workflows
from engine.helpers import wait_until

from aiida_dreamflow.cli.main import dreamflow
from aiida_dreamflow.exceptions import StepInterrupted
from aiida_dreamflow.jobs import watchdog
from aiida_dreamflow.jobs.lease import holder_of, note_kill, noted_kill
from aiida_dreamflow.jobs.watchdog import Watchdog, Work


@pytest.fixture
def begun(daemon, tmp_path):
    """Launches a workflow, and returns it when its step has begun, with another one that its worker has, too."""

    launched = []

    def begun(workflow):
        node = engine.submit(workflow, log=str(tmp_path / 'log'))
        launched.append(node)
        wait_until((tmp_path / 'log').exists, 'the step begins', node)
        return node, engine.submit(workflows.goes_on)

    yield begun
    for node in launched:  # of a test that has failed, so that the next one has a worker
        CliRunner().invoke(dreamflow, ['kill', str(node.pk)])


def kill(node):
    """Do what `verdi process kill` does, and return what it is told."""
    return get_manager().get_process_controller().kill_process(node.pk, msg_text='Killed by a test').result(timeout=60)


def ends(*nodes):
    for node in nodes:
        wait_until(lambda node=node: node.is_terminated and node.is_sealed, 'it ends', node, seconds=120)


def log_of(tmp_path):
    return (tmp_path / 'log').read_text().split()


def test_interrupted(begun, tmp_path):
    """Once, as by Ctrl-C, in the middle of `time.sleep`."""
    node, other = begun(workflows.polls)
    lines, first = inspect.getsourcelines(workflows.polls.function)
    line = first + next(number for number, text in enumerate(lines) if 'sleep(1000)' in text)
    told = f'line {line}, in `polls`: `time.sleep(1000)`: this step has held up its worker for 1'
    wait_until(lambda: told in get_workchain_report(node, 'REPORT'), 'it says where it is', node)
    assert not other.is_terminated
    worker = holder_of(node.pk)
    assert kill(node) is True
    ends(node, other)
    assert node.is_killed
    assert other.is_finished_ok
    assert log_of(tmp_path) == ['begins', 'ends']
    assert 'killed in the middle of a step, of which nothing stays' in get_workchain_report(node, 'REPORT')
    assert node.process_status == 'Killed by a test'
    follower = engine.submit(workflows.goes_on)
    ends(follower)
    assert os.getpgid(worker)  # it lives


def test_the_caller_is_killed(begun, tmp_path):
    node, other = begun(workflows.calls)
    kill(node)
    ends(node, *node.called, other)
    assert [node.is_killed, *(child.is_killed for child in node.called)] == [True, True]
    assert log_of(tmp_path) == ['begins', 'ends']


@pytest.mark.slow
def test_in_a_process_function(begun, tmp_path):
    """Such a function is not interrupted: AiiDA runs it."""
    node, other = begun(workflows.calls_a_function)
    worker = holder_of(node.pk)
    kill(node)
    ends(node, other)
    assert node.is_killed
    assert other.is_finished_ok
    assert log_of(tmp_path) == ['begins']
    assert f'the worker {worker} is ended' in get_workchain_report(node, 'REPORT')
    assert [child.process_state.value for child in node.called if not child.is_terminated] == []


@pytest.mark.slow
def test_the_worker_is_ended(begun, tmp_path):
    """The next one kills the process without beginning it again."""
    node, other = begun(workflows.catches)
    worker = holder_of(node.pk)
    assert kill(node) is True
    ends(node, other)
    assert node.is_killed
    assert other.is_finished_ok
    assert log_of(tmp_path) == ['begins']
    assert f'the worker {worker} is ended' in get_workchain_report(node, 'REPORT')
    assert noted_kill(node.pk) is None


@pytest.mark.slow
def test_a_worker_that_hears_nothing(begun, tmp_path, monkeypatch):
    node, other = begun(workflows.hears_nothing)
    worker = holder_of(node.pk)
    done = CliRunner().invoke(dreamflow, ['kill', str(node.pk)])
    assert done.exit_code == 0, done.output
    assert f'its worker {worker} does not answer, and was ended' in done.output
    ends(node, other)
    assert node.is_killed
    assert other.is_finished_ok
    assert log_of(tmp_path) == ['begins']
    again = CliRunner().invoke(dreamflow, ['kill', str(node.pk)])
    assert again.output == f'hears_nothing {node.pk} has ended already\n'


@pytest.mark.slow
def test_not_in_the_middle_of_a_transaction(begun, tmp_path):
    """AiiDA comes to the end of what it does, and the worker goes on."""
    node, other = begun(workflows.stores)
    worker = holder_of(node.pk)
    kill(node)
    ends(node, other)
    assert node.is_killed
    assert other.is_finished_ok
    assert os.getpgid(worker)
    assert 'killed in the middle of a step' in get_workchain_report(node, 'REPORT')


def test_under_run(profile, tmp_path):
    """Ctrl-C ends a step that does not end."""
    script = tmp_path / 'run.py'
    script.write_text(
        'from aiida import engine, load_profile\n'
        'load_profile()\n'
        'from engine import held_workflows\n'
        f'engine.run(held_workflows.polls, log={str(tmp_path / "log")!r})\n'
    )
    environment = {**os.environ, 'PYTHONPATH': str(Path(__file__).parent.parent)}
    running = subprocess.Popen([sys.executable, str(script)], env=environment, stderr=subprocess.PIPE, text=True)
    try:
        wait_until((tmp_path / 'log').exists, 'the step begins')
        running.send_signal(signal.SIGINT)
        _, told = running.communicate(timeout=60)
    finally:
        running.kill()
    node = orm.QueryBuilder().append(orm.WorkChainNode).order_by({orm.WorkChainNode: {'id': 'desc'}}).first(flat=True)
    assert node.is_killed, told
    assert log_of(tmp_path) == ['begins', 'ends']


def test_a_note_is_forgotten_with_the_lease(profile):
    from aiida_dreamflow.jobs.lease import Lease, lease_folder

    note_kill(10**9, 'nobody has begun it')
    assert noted_kill(10**9) is None
    lease = Lease(lease_folder(), 10**9)
    assert holder_of(10**9) == os.getpid()
    note_kill(10**9, 'why')
    assert noted_kill(10**9) == 'why'
    lease.release()
    assert noted_kill(10**9) is None
    assert holder_of(10**9) is None


# -- the watchdog alone


class Tables:
    """What it writes."""

    def __init__(self):
        self.reports = []

    def callers(self, pk):
        return [pk + 1]

    def report(self, pk, text):
        self.reports.append((pk, text))


def user_code(function):
    return function()


@pytest.fixture
def dog(monkeypatch):
    monkeypatch.setattr(watchdog, 'REPORTS', (0.0,))
    dog = Watchdog()
    dog._tables = Tables()
    before = signal.signal(signal.SIGURG, dog._interrupt)
    yield dog
    signal.signal(signal.SIGURG, before)


def work(**options):
    options = {'is_machinery': lambda frame: False, 'place': lambda frame: 'here', 'begin': -1e9, **options}
    return Work(7, 'name', user_code=user_code.__code__, **options)


def look(dog, each):
    """Look, in another thread, while the main one is in the user's code."""
    thread = threading.Thread(target=dog._look, args=(each,))
    thread.start()
    thread.join()
    time.sleep(0.01)  # a signal comes between two lines


def test_tells_once_where_it_is(dog):
    with dog.watching(work()) as each:
        for _ in range(3):
            look(dog, each)
    ((pk, text),) = dog._tables.reports
    assert pk == 7
    assert text.startswith('[7|name]: here: this step has held up its worker for ')


@pytest.mark.parametrize('pk', [7, 8])
def test_interrupts_once(dog, pk):
    """Who is killed, or who has called it."""
    dog.hear(pk, 'why', at_once=True)
    with dog.watching(work()) as each:
        with pytest.raises(StepInterrupted):
            user_code(lambda: look(dog, each))
        assert dog.has_interrupted
        user_code(lambda: look(dog, each))
    assert dog.text_of(7) == ('why' if pk == 7 else '')
    dog.forget(pk)
    assert dog._asked == {}


def test_others_are_not_interrupted(dog):
    dog.hear(9, at_once=True)
    with dog.watching(work()) as each:
        user_code(lambda: look(dog, each))
    assert not each.was_interrupted


def test_gives_a_while(dog):
    dog.hear(7)
    with dog.watching(work()) as each:
        user_code(lambda: look(dog, each))
    assert not each.is_wanted


def test_leaves_alone_what_must_end(dog):
    """What is not the user's comes to its end; what is no code of the step is not ended at all."""
    dog.hear(7, at_once=True)
    seen = []

    def step():
        machinery()
        seen.append('the next line')

    def machinery():
        look(dog, each)
        seen.append('its end')

    with dog.watching(work(is_machinery=lambda frame: frame.f_code is machinery.__code__)) as each:
        look(dog, each)
        assert each.is_wanted
        assert not each.was_interrupted
        with pytest.raises(StepInterrupted):
            user_code(step)
        user_code(step)
    assert seen == ['its end', 'its end', 'the next line']
    assert sys.gettrace() is None


def test_ends_the_worker(dog, monkeypatch):
    """It notes why, and answers."""
    from concurrent.futures import Future

    ended, noted, answer = [], [], Future()
    monkeypatch.setattr(watchdog, 'note_kill', lambda *note: noted.append(note))
    monkeypatch.setattr(watchdog, '_FAREWELL', 0.0)
    monkeypatch.setattr(watchdog.os, '_exit', ended.append)
    monkeypatch.setattr(watchdog, 'noted_kill', lambda pk: None)
    dog._ends_worker = True
    dog.hear(7, 'why', answer)
    dog._asked[7] = (-1e9, 'why')
    with dog.watching(work(was_interrupted=True)) as each:
        look(dog, each)
    assert noted == [(7, 'why')]
    assert ended == [1]
    assert answer.result(timeout=0) is True
