"""An AiiDA of its own in a folder of its own: a profile with SQLite and the ZeroMQ broker, ``localhost``, a daemon.

Nothing outside the folder is read or written, so a demonstration or a test cannot touch the user's AiiDA. AiiDA reads
``AIIDA_PATH`` when it is imported: call :func:`use_folder` first.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiida.engine.daemon.client import DaemonClient

__all__ = ('create_profile', 'running_daemon', 'use_folder')


def use_folder(folder: Path, *, fresh: bool = False) -> None:
    """Make `folder` the home of AiiDA for this process and those that it starts.

    :param fresh: empty the folder first; a daemon that an earlier run left behind in it is stopped.
    """
    if 'aiida' in sys.modules:
        raise RuntimeError('AiiDA is imported already and has read its configuration folder')
    environment = dict(
        os.environ,
        AIIDA_PATH=str(folder),
        # The daemon is started with the `verdi` that stands first on the PATH: let it be that of this Python.
        PATH=os.pathsep.join((str(Path(sys.executable).parent), os.environ.get('PATH', os.defpath))),
    )
    if fresh and folder.exists():
        if any(folder.glob('.aiida/daemon/*.pid')):
            subprocess.run(['verdi', 'daemon', 'stop'], env=environment, capture_output=True, check=False)
        shutil.rmtree(folder)
    (folder / '.aiida').mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ.update(environment)


def create_profile(
    name: str,
    *,
    storage: tuple[str, dict[str, Any]] = ('core.sqlite_dos', {}),
    broker: tuple[str, dict[str, Any]] | None = None,
) -> None:
    """Create and load a profile, with ``localhost`` as a computer that is hardly kept waiting.

    :param storage: the storage plugin and its configuration.
    :param broker: the broker plugin and its configuration; ZeroMQ by default.
    """
    from aiida.manage import configuration
    from aiida.orm import Computer
    from aiida.plugins import BrokerFactory

    storage_backend, storage_config = storage
    broker_backend, broker_config = broker or ('core.zeromq', BrokerFactory('core.zeromq').get_default_config())
    config = configuration.get_config(create=True)
    profile = configuration.create_profile(
        config,
        name=name,
        email='you@localhost',
        storage_backend=storage_backend,
        storage_config=storage_config,
        broker_backend=broker_backend,
        broker_config=broker_config,
    )
    config.set_option('runner.poll.interval', 1, scope=profile.name)
    config.set_option('warnings.rabbitmq_version', False, scope=profile.name)
    config.set_default_profile(profile.name, overwrite=True)
    config.store()
    configuration.load_profile(profile.name, allow_switch=True)

    computer = Computer(
        label='localhost',
        hostname='localhost',
        transport_type='core.local',
        scheduler_type='core.direct',
        workdir=str(Path(config.dirpath) / 'scratch' / profile.name),
    ).store()
    computer.configure(safe_interval=0, use_login_shell=False)
    # Not 0: AiiDA would then do nothing but ask for the state of a job, a core's work for as long as one runs.
    computer.set_minimum_job_poll_interval(0.2)
    computer.set_default_mpiprocs_per_machine(1)


@contextlib.contextmanager
def running_daemon(workers: int = 1) -> Iterator[DaemonClient]:
    """Run the daemon of the loaded profile; stop it at the end, whatever happened."""
    from aiida.engine.daemon.client import DaemonException, get_daemon_client

    client = get_daemon_client()
    try:
        client.start_daemon(workers)
        _wait_for_broker()
        yield client
    finally:
        processes = _processes_of(client.get_daemon_pid())
        with contextlib.suppress(DaemonException):
            client.stop_daemon(wait=True)
        # A daemon that does not answer would go on for ever, starting workers and brokers again and again.
        _, alive = psutil.wait_procs(processes, timeout=10)
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def _wait_for_broker(attempts: int = 6) -> None:
    """Wait until the broker that a daemon has started answers: AiiDA gives up after ten seconds, too early on a busy machine."""
    from aiida.manage import get_manager

    for left in range(attempts - 1, -1, -1):
        try:
            get_manager().get_communicator()
        except ConnectionError:
            if not left:
                raise
        else:
            return


def _processes_of(pid: int | None) -> list[psutil.Process]:
    """Return a process and all that it has started."""
    try:
        daemon = psutil.Process(pid) if pid is not None else None
        return [daemon, *daemon.children(recursive=True)] if daemon is not None else []
    except psutil.NoSuchProcess:
        return []
