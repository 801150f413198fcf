"""A RabbitMQ server of its own."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from .processes import Program, free_ports, is_listening, missing_programs, wait_for

__all__ = ('RabbitMQ',)


class RabbitMQ:
    """A running server, in a folder, under a name of its own; knows no other.

    :param folder: an empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port, self._epmd_port, distribution_port = free_ports(3)
        (folder / 'rabbitmq.conf').write_text(f'listeners.tcp.default = 127.0.0.1:{self.port}\n')
        self._environment = {
            'HOME': str(folder),
            'RABBITMQ_NODENAME': f'dreamflow{self.port}@localhost',
            'RABBITMQ_MNESIA_BASE': str(folder / 'mnesia'),
            'RABBITMQ_LOG_BASE': str(folder / 'log'),
            'RABBITMQ_PID_FILE': str(folder / 'pid'),
            'RABBITMQ_CONFIG_FILE': str(folder / 'rabbitmq.conf'),
            'RABBITMQ_ADVANCED_CONFIG_FILE': str(folder / 'advanced.config'),
            'RABBITMQ_ENABLED_PLUGINS_FILE': str(folder / 'plugins'),
            'RABBITMQ_CONF_ENV_FILE': str(folder / 'no-environment.conf'),
            'RABBITMQ_DIST_PORT': str(distribution_port),
            # On loopback only, and without threads that wait busily.
            'RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS': (
                '-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none'
            ),
            'ERL_EPMD_ADDRESS': '127.0.0.1',
            'ERL_EPMD_PORT': str(self._epmd_port),
        }
        self._names: Program | None = None
        self._server: Program | None = None
        self.start()

    @staticmethod
    def missing() -> str | None:
        """Return why there is no RabbitMQ here; ``None`` if there is."""
        programs = missing_programs('rabbitmq-server', 'epmd')
        return f'needs RabbitMQ (Debian: apt-get install rabbitmq-server): no {programs}' if programs else None

    @property
    def broker_config(self) -> dict[str, Any]:
        """What AiiDA's ``core.rabbitmq`` wants to know of it."""
        return {
            'broker_protocol': 'amqp',
            'broker_username': 'guest',
            'broker_password': 'guest',
            'broker_host': '127.0.0.1',
            'broker_port': self.port,
            'broker_virtual_host': '',
        }

    def start(self, consumer_timeout: float = 1800.0) -> None:
        """Start it, or start it again after `stop` or `kill`.

        :param consumer_timeout: after how many seconds without an acknowledgement a task is given to another worker.
        """
        # RabbitMQ looks for tasks that were held for too long at each tick of their channel: once a minute by default.
        timeout, tick = int(1000 * consumer_timeout), int(1000 * min(consumer_timeout, 60.0))
        settings = f'{{consumer_timeout, {timeout}}}, {{channel_tick_interval, {tick}}}'
        (self._folder / 'advanced.config').write_text(f'[{{rabbit, [{settings}]}}].\n')
        if self._names is None:
            # The registry of names of Erlang; if it does not run, the server starts one that outlives it.
            log = self._folder / 'epmd.log'
            self._names = Program(
                ['epmd', '-port', str(self._epmd_port), '-address', '127.0.0.1'], log, self._environment
            )
            self._names.wait_for(lambda: is_listening(self._epmd_port), 'epmd listens')
        # Debian's command of this name, in front of the server's own, changes the user and the settings.
        own = Path('/usr/lib/rabbitmq/bin/rabbitmq-server')
        command = own if own.exists() else 'rabbitmq-server'
        (self._folder / 'pid').unlink(missing_ok=True)
        self._server = Program([command], self._folder / 'server.log', self._environment)
        self._server.wait_for(lambda: is_listening(self.port), 'RabbitMQ listens')

    def stop(self) -> None:
        """Stop it; what is in the durable queues is there again after `start`."""
        if self._server is not None:
            pid = int((self._folder / 'pid').read_text())
            os.kill(pid, signal.SIGTERM)
            wait_for(lambda: not is_listening(self.port), 'RabbitMQ stops')
            self._server.stop()
            self._server = None

    def timeouts(self) -> int:
        """How many times it took tasks from a worker that had them for too long."""
        return sum(
            log.read_text(errors='replace').count('Timeout value used:') for log in self._folder.glob('log/*.log')
        )

    def kill(self) -> None:
        """End it as a crash would."""
        if self._server is not None:
            self._server.kill()
            wait_for(lambda: not is_listening(self.port), 'RabbitMQ is gone')
            self._server = None

    def close(self) -> None:
        """End it, and what it needed."""
        self.kill()
        if self._names is not None:
            self._names.kill()
            self._names = None
