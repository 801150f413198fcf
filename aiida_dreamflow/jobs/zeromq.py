"""What AiiDA's ZeroMQ broker (aiida-core 2.9) loses, and how its workers get it back.

- **Of a dead worker.** The broker asks all workers whether they live when the system tells it that a connection has ended.
  Up to one time in ten that is too early: the dead counts as alive, and keeps its tasks until the next connection ends,
  whoever's it is. A fresh worker is no reason to ask again. So each worker has a companion: a shell that does nothing until
  the worker is gone, waits for a moment, then connects to the broker and hangs up.
- **Of a dead broker.** The next one listens at another place, and the workers stay at the old one. They look now and then;
  one that has been left alone ends, and the daemon starts another.
- **Of who submits.** A notebook that has submitted something stays with the broker of then, too. When the daemon was started anew, what it
  submits would reach nobody, without a word. So it connects anew before it submits a process of ours.

Relies on this: a broker writes into the file ``broker.sockets`` where it listens (``ZeromqBroker._router_endpoint``), and its
communicator knows where it has connected to (``_resources.communicator._router_endpoint``), and who its tasks are for
(``_task_subscribers``); a runner keeps its own ``_communicator`` and ``_controller``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from aiida.common.log import AIIDA_LOGGER
from aiida.manage import get_manager
from plumpy.communications import wrap_communicator

__all__ = ('leave_if_alone', 'reconnect', 'survive_broker')

#: How many seconds after the end of a worker its companion knocks; by then the broker has noticed.
_MOMENT = 1.0

_WAIT_AND_KNOCK = 'read _; sleep "$1"; shift; exec "$@"'
#: A connection of ZeroMQ's own kind; one that is refused or takes too long is given up, as the broker is gone then.
_KNOCK = """
import sys, zmq
context = zmq.Context()
socket = context.socket(zmq.DEALER)
monitor = socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_CONNECT_RETRIED)
socket.connect(sys.argv[1])
monitor.poll(5000)
context.destroy(linger=0)
"""

_logger = AIIDA_LOGGER.getChild('dreamflow')
_companions: list[subprocess.Popen[bytes]] = []


def survive_broker() -> None:
    """Give this worker a companion, if its broker is ZeroMQ's; a second call changes nothing."""
    endpoint = _endpoint()
    if endpoint is None or _companions:
        return
    knock = [sys.executable, '-I', '-c', _KNOCK, endpoint]
    quiet = subprocess.DEVNULL
    companion = subprocess.Popen(
        ['/bin/sh', '-c', _WAIT_AND_KNOCK, 'dreamflow', str(_MOMENT), *knock],
        stdin=subprocess.PIPE,  # it ends when the worker does, however that is
        stdout=quiet,
        stderr=quiet,
        cwd='/',
        start_new_session=True,  # what ends the worker is not to end its companion
    )
    _companions.append(companion)


def leave_if_alone() -> None:
    """End this worker if its broker was started anew elsewhere; what it ran is then taken on by the next."""
    here, broker = _endpoint(), get_manager().get_broker()
    if here is not None and broker._router_endpoint not in (None, here):  # type: ignore[union-attr]
        _logger.error('the broker was started anew, elsewhere; another worker takes the place of this one')
        os._exit(1)


def reconnect(runner: Any) -> None:
    """Connect this process with the broker that there is now, if it is no worker and was connected with another.

    :param runner: that is to submit a process.
    :raises ConnectionError: if there is no broker.
    """
    if runner.controller is None or getattr(_communicator(), '_task_subscribers', None):
        return
    here, manager = _endpoint(), get_manager()
    if here is not None and manager.get_broker()._router_endpoint != here:  # type: ignore[union-attr]
        manager.reset_broker()
        runner._communicator = wrap_communicator(manager.get_communicator(), runner.loop)
        runner._controller = manager.get_process_controller()


def _communicator() -> Any:
    return getattr(getattr(get_manager().get_broker(), '_resources', None), 'communicator', None)


def _endpoint() -> str | None:
    """Return where this process has connected to, if that is ZeroMQ's broker."""
    return getattr(_communicator(), '_router_endpoint', None)
