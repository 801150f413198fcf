"""Fixtures of the servers: each is started when a test first asks for it, and ends with the session."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from .postgresql import PostgreSQL
from .processes import temporary_folder
from .profiles import on_servers, without_servers
from .rabbitmq import RabbitMQ
from .slurm import Slurm

SQLITE_ZEROMQ = 'sqlite-zeromq'
POSTGRESQL_RABBITMQ = 'postgresql-rabbitmq'


def _started(server_class, name):
    if (reason := server_class.missing()) is not None:
        pytest.skip(reason)
    with temporary_folder(name) as folder, ExitStack() as at_end:
        server = server_class(folder)
        at_end.callback(server.close)
        yield server


@pytest.fixture(scope='session')
def postgresql() -> Iterator[PostgreSQL]:
    """A PostgreSQL server."""
    yield from _started(PostgreSQL, 'postgresql')


@pytest.fixture(scope='session')
def rabbitmq() -> Iterator[RabbitMQ]:
    """A RabbitMQ server."""
    yield from _started(RabbitMQ, 'rabbitmq')


@pytest.fixture(scope='session')
def slurm() -> Iterator[Slurm]:
    """A SLURM cluster behind SSH."""
    yield from _started(Slurm, 'slurm')


@pytest.fixture(scope='module', params=[SQLITE_ZEROMQ, POSTGRESQL_RABBITMQ])
def pair(request, tmp_path_factory) -> Iterator[str]:
    """A loaded profile for each pair of database and broker; the name of the pair."""
    with ExitStack() as stack:
        if request.param == POSTGRESQL_RABBITMQ:
            servers = (request.getfixturevalue('postgresql'), request.getfixturevalue('rabbitmq'))
            stack.enter_context(on_servers(*servers, tmp_path_factory.mktemp('repository')))
        else:
            stack.enter_context(without_servers())
        yield request.param


@pytest.fixture(scope='module')
def pair_daemon(pair):
    """The running daemon of `pair`, with one worker; its client."""
    import throwaway

    with throwaway.running_daemon(workers=1) as client:
        yield client
