"""The promises of a restart on each pair of database and broker that AiiDA's users run, on real servers."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import pytest
from aiida.manage import get_manager
from chaos.agent import reconnect
from engine import pair_workflows
from engine.helpers import evaluations, kill_workers, wait_until
from servers.fixtures import POSTGRESQL_RABBITMQ
from sqlalchemy import text

from aiida_dreamflow.testing import check_provenance

pytestmark = [pytest.mark.daemon, pytest.mark.servers]


def lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


@pytest.fixture
def everything(pair_daemon, tmp_path):
    """Submits the workflow; its node and the log of its jobs."""
    from aiida import engine

    def submit(**inputs):
        log = tmp_path / 'log'
        return engine.submit(pair_workflows.everything, log=str(log), **inputs), log

    return submit


def assert_as_uninterrupted(node, log: Path, n: int = 1) -> None:
    """The workflow ends with the result, the children and the provenance that it has when nothing happens."""
    wait_until(lambda: node.is_terminated, f'{node} ends', node, seconds=180)
    assert node.is_finished_ok, (node.exception, node.exit_message)
    assert node.outputs.seen.get_list() == [*(i * i for i in range(n)), 100, 121]
    assert node.outputs.nested.value == 20 * 20 + 21 * 21
    assert len(evaluations(node)) == n + 2
    (nested,) = [child for child in node.called if child.process_label == 'inner']
    assert len(evaluations(nested)) == 2
    expected = [*range(n), 10, 11, 20, 21]
    assert sorted(map(int, lines(log))) == expected, 'a job ran twice, or not at all'
    assert check_provenance(node) == []


def test_uninterrupted(everything):
    node, log = everything(n=2)
    assert_as_uninterrupted(node, log, 2)


def test_worker_killed_while_a_job_runs(everything, pair_daemon):
    node, log = everything(seconds=2.0)
    wait_until(lambda: lines(log), 'the job runs', node)
    assert kill_workers(pair_daemon)
    assert_as_uninterrupted(node, log)


def test_worker_killed_while_a_step_runs(everything, pair_daemon):
    node, log = everything(step_seconds=1.5)
    steps = Path(f'{log}.steps')
    wait_until(lambda: lines(steps), 'the step runs', node)
    assert kill_workers(pair_daemon)
    assert_as_uninterrupted(node, log)
    assert len(lines(steps)) == 2, 'the killed step runs again, from its start'


def test_daemon_stopped_and_started(everything, pair_daemon):
    node, log = everything(seconds=2.0)
    wait_until(lambda: lines(log), 'the job runs', node)
    pair_daemon.stop_daemon(wait=True)
    assert not node.is_terminated
    pair_daemon.start_daemon(1)
    # This process may still be connected to the broker that was stopped.
    get_manager().reset_broker()
    get_manager().reset_runner()
    assert_as_uninterrupted(node, log)


# -- what only servers can do


def forget_connection() -> None:
    """Let this process connect to the database anew; AiiDA would not."""
    from sqlalchemy.exc import DBAPIError

    session = get_manager().get_profile_storage().get_session()
    with suppress(DBAPIError):
        session.execute(text('SELECT 1'))
    session.rollback()


on_servers = pytest.mark.parametrize('pair', [POSTGRESQL_RABBITMQ], indirect=True, scope='module')


@on_servers
def test_database_restarted(everything, postgresql):
    node, log = everything(n=2, seconds=2.0)
    wait_until(lambda: lines(log), 'the first job runs', node)
    postgresql.stop()
    time.sleep(3.0)  # the job ends meanwhile, and the worker notices
    postgresql.start()
    forget_connection()
    assert_as_uninterrupted(node, log, 2)


@on_servers
def test_broker_restarted(everything, rabbitmq):
    node, log = everything(n=2, seconds=2.0)
    wait_until(lambda: lines(log), 'the first job runs', node)
    rabbitmq.stop()
    rabbitmq.start()
    assert_as_uninterrupted(node, log, 2)


@on_servers
def test_broker_killed(everything, rabbitmq):
    node, log = everything(n=2, seconds=2.0)
    wait_until(lambda: lines(log), 'the first job runs', node)
    rabbitmq.kill()
    rabbitmq.start()
    assert_as_uninterrupted(node, log, 2)


@pytest.fixture
def impatient(rabbitmq, pair_daemon):
    """RabbitMQ gives a task to another worker that was not done within three seconds; its default is half an hour."""
    rabbitmq.stop()
    rabbitmq.start(consumer_timeout=3.0)
    reconnect()  # what submits has lost its connection, and would be told that there is no queue
    yield rabbitmq
    rabbitmq.stop()
    rabbitmq.start()


@on_servers
@pytest.mark.parametrize('is_killed', [False, True])
def test_consumer_timeout_in_the_middle(everything, pair_daemon, impatient, is_killed):
    """The tasks of the workflow and of its job are delivered again, and again."""
    node, log = everything(n=2, seconds=6.0)
    wait_until(lambda: len(lines(log)) == 2, 'the second job runs', node, seconds=120)
    before = impatient.timeouts()
    wait_until(lambda: impatient.timeouts() > before, 'RabbitMQ is out of patience again', node)
    if is_killed:
        assert kill_workers(pair_daemon)
    assert_as_uninterrupted(node, log, 2)
