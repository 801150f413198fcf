"""Two workers and one process: one of them runs it, whatever the broker delivers, frozen or not."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from aiida.manage import get_manager
from chaos.agent import be_patient
from chaos.leases import holders
from engine import workflows
from engine.helpers import evaluations, wait_until

from aiida_dreamflow.testing import check_provenance


@pytest.fixture(scope='module')
def two_workers(daemon):
    be_patient()
    daemon.increase_workers(1)
    wait_until(lambda: len(daemon.get_worker_info().get('info', ())) == 2, 'a second worker starts', seconds=120)
    yield daemon
    daemon.decrease_workers(1)


@pytest.fixture
def running(two_workers, tmp_path):
    """A workflow whose first job runs; the log of its jobs; the pid of its worker."""
    from aiida import engine

    log = tmp_path / 'log'
    node = engine.submit(workflows.survivor, log=str(log), n=2, seconds=1.5)
    wait_until(log.exists, 'the first job runs', node)
    return node, log, wait_until(lambda: holders().get(node.pk), 'a worker holds the lease', node)


def deliver_again(*pks: int) -> None:
    """Send the messages that make a worker take processes on."""
    for pk in pks:
        get_manager().get_process_controller().continue_process(pk, nowait=False, no_reply=True)


def assert_as_if_nothing_had_happened(node, log: Path) -> None:
    wait_until(lambda: node.is_terminated, 'it ends', node, seconds=180)
    assert node.is_finished_ok, (node.exception, node.exit_message)
    assert node.outputs.seen.get_list() == [100, 101]
    assert log.read_text().split() == ['0', '1'], 'a job ran twice, or not at all'
    assert len(evaluations(node)) == 2
    assert check_provenance(node) == []


def test_two_messages_and_two_workers(running):
    """AiiDA alone would run both, at once, to an end without any error."""
    node, log, worker = running
    for _ in range(4):
        deliver_again(node.pk, evaluations(node)[0].pk)
    assert holders()[node.pk] == worker
    assert_as_if_nothing_had_happened(node, log)
    assert 'dreamflow' not in (node.exception or '')


@pytest.mark.slow
@pytest.mark.parametrize('ends', ['wakes', 'dies'])
def test_a_frozen_worker_keeps_its_lease(running, ends):
    """What it runs waits for it: another worker stands by, and takes over when it is dead."""
    node, log, worker = running
    others = [pk for pk, pid in holders().items() if pid == worker]
    os.kill(worker, signal.SIGSTOP)
    try:
        deliver_again(node.pk)
        # One longer than a broker believes that it lives.
        time.sleep(8.0 if ends == 'wakes' else 1.0)
        assert {pk: holders().get(pk) for pk in others} == dict.fromkeys(others, worker)
        assert log.read_text().split() in (['0'], ['0', '1']), 'only what it had launched goes on'
    finally:
        os.kill(worker, signal.SIGCONT if ends == 'wakes' else signal.SIGKILL)
    assert_as_if_nothing_had_happened(node, log)
