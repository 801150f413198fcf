"""A worker gets back what AiiDA's ZeroMQ broker loses."""

from __future__ import annotations

import types

import pytest
from aiida.brokers.zeromq.server import ZeromqBrokerServer

from aiida_dreamflow.jobs import zeromq


class _Server(ZeromqBrokerServer):
    probes = 0

    def _probe_workers(self):
        self.probes += 1


@pytest.fixture
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp('z')
    server = _Server(folder / 'storage', folder / 'sockets')
    server.start()
    yield server
    server.stop()


def _connected(monkeypatch, here, there, workers=()):
    """Let this process be connected to one place, while the broker listens at another; return how often it connects anew."""
    called = []
    communicator = None if here is None else types.SimpleNamespace(_router_endpoint=here, _task_subscribers=workers)
    broker = types.SimpleNamespace(_resources=types.SimpleNamespace(communicator=communicator), _router_endpoint=there)
    manager = types.SimpleNamespace(
        get_broker=lambda: broker,
        reset_broker=lambda: called.append('reset'),
        get_communicator=lambda: 'communicator',
        get_process_controller=lambda: 'new',
    )
    monkeypatch.setattr(zeromq, 'get_manager', lambda: manager)
    monkeypatch.setattr(zeromq, 'wrap_communicator', lambda communicator, loop: communicator)
    return called


def test_the_broker_looks_for_the_dead_again_after_the_end_of_a_worker(server, monkeypatch):
    _connected(monkeypatch, server.router_endpoint, server.router_endpoint)
    monkeypatch.setattr(zeromq, '_MOMENT', 0)
    monkeypatch.setattr(zeromq, '_companions', [])
    zeromq.survive_broker()
    zeromq.survive_broker()
    (companion,) = zeromq._companions
    assert companion.poll() is None, 'it waits'
    companion.stdin.close()  # the system does that when a worker ends
    while not server.probes:
        server.run_once(5)
    assert companion.wait(5) == 0


def test_a_companion_ends_without_a_broker(tmp_path, monkeypatch):
    _connected(monkeypatch, f'ipc://{tmp_path}/gone', None)
    monkeypatch.setattr(zeromq, '_MOMENT', 0)
    monkeypatch.setattr(zeromq, '_companions', [])
    zeromq.survive_broker()
    zeromq._companions[0].stdin.close()
    assert zeromq._companions[0].wait(3) == 0, 'it does not wait for what is not there'


@pytest.mark.parametrize(
    ('here', 'there', 'leaves'),
    [('ipc://a', 'ipc://a', False), ('ipc://a', None, False), ('ipc://a', 'ipc://b', True), (None, 'ipc://b', False)],
)
def test_a_worker_leaves_when_the_broker_is_elsewhere(here, there, leaves, monkeypatch):
    left = []
    _connected(monkeypatch, here, there)
    monkeypatch.setattr(zeromq.os, '_exit', left.append)
    zeromq.leave_if_alone()
    assert left == [1] * leaves


@pytest.mark.parametrize('there', ['ipc://b', None])
def test_who_submits_connects_with_the_broker_that_there_is(there, monkeypatch):
    """Also if that begins just now, and does not say yet where; `test_daemon_stopped_and_started` does it for real."""
    connected = _connected(monkeypatch, 'ipc://a', there)
    runner = types.SimpleNamespace(controller='old', loop=None)
    zeromq.reconnect(runner)
    assert connected == ['reset']
    assert runner._controller == 'new'


@pytest.mark.parametrize(
    ('here', 'there', 'workers', 'controller'),
    [
        ('ipc://a', 'ipc://a', [], 'old'),
        (None, 'ipc://a', [], 'old'),
        ('ipc://a', 'ipc://b', ['a worker leaves instead'], 'old'),
        ('ipc://a', 'ipc://b', [], None),
    ],
)
def test_who_needs_no_other_broker(here, there, workers, controller, monkeypatch):
    connected = _connected(monkeypatch, here, there, workers)
    zeromq.reconnect(types.SimpleNamespace(controller=controller, loop=None))
    assert not connected


def test_another_broker_needs_none_of_it(monkeypatch):
    monkeypatch.setattr(zeromq, 'get_manager', lambda: types.SimpleNamespace(get_broker=lambda: None))
    monkeypatch.setattr(zeromq, '_companions', [])
    zeromq.survive_broker()
    zeromq.leave_if_alone()
    zeromq.reconnect(types.SimpleNamespace(controller='old', loop=None))
    assert not zeromq._companions
