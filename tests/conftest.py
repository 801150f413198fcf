"""What all tests share.

No test touches the AiiDA of whoever runs it: each pytest process has an ``AIIDA_PATH`` of its own, set before AiiDA is
imported. Most tests need no profile; those that do take the fixture ``profile``.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from aiida.engine.daemon.client import DaemonClient

pytest_plugins = ['servers.fixtures']

ROOT = Path(__file__).resolve().parent.parent
IN_CI = os.environ.get('CI', '').lower() not in ('', '0', 'false')

# Machines are shared: how long an example takes says nothing about it.
settings.register_profile('shared machine', deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile('shared machine')

# SQLite waits for the disk at every commit, ten milliseconds and more: in memory, if there is plenty, nothing waits.
_MEMORY = Path('/dev/shm')


def _is_roomy(folder: Path) -> bool:
    if not os.access(folder, os.W_OK):
        return False
    found = os.statvfs(folder)
    return not found.f_flag & os.ST_NOEXEC and found.f_bavail * found.f_frsize > 4 << 30


if 'TMPDIR' not in os.environ and _is_roomy(_MEMORY):
    os.environ['TMPDIR'] = tempfile.tempdir = str(_MEMORY)

_home = tempfile.mkdtemp(prefix='dreamflow-tests-')
atexit.register(shutil.rmtree, _home, ignore_errors=True)
os.environ['AIIDA_PATH'] = _home
Path(_home, '.aiida').mkdir(mode=0o700)
# The daemon is started with the `verdi` that stands first on the PATH: let it be that of this Python.
os.environ['PATH'] = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get('PATH', os.defpath)))


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable():
    """What a test printed may be no UTF-8, which xdist does not send."""
    return _sendable((yield))


def _sendable(data):
    if isinstance(data, str):
        return data.encode('utf-8', 'backslashreplace').decode()
    if isinstance(data, dict):
        return {_sendable(key): _sendable(value) for key, value in data.items()}
    return type(data)(map(_sendable, data)) if type(data) in (list, tuple) else data


def pytest_collection_modifyitems(items):
    """Put first what needs a daemon: it waits most of its time, and so one process has most of it, with one daemon."""
    items.sort(
        key=lambda item: (not {'daemon', 'two_workers'} & set(item.fixturenames), not item.get_closest_marker('slow'))
    )


@pytest.fixture(scope='session')
def root() -> Path:
    """The folder of the repository."""
    return ROOT


@pytest.fixture(scope='session')
def profile():
    """The name of a loaded profile (SQLite, ZeroMQ, ``localhost``) that this pytest process has for itself."""
    import throwaway

    throwaway.create_profile('tests')
    yield 'tests'
    from aiida.manage import get_manager

    get_manager().reset_profile()


@pytest.fixture(autouse=True)
def no_gaps(request):
    """Checks, after each test with a profile, the provenance of every workflow function that has ended in it."""
    if 'profile' not in request.fixturenames:
        yield
        return
    request.getfixturevalue('profile')
    from aiida import orm

    from aiida_dreamflow.testing import check_provenance

    def workflows():
        builder = orm.QueryBuilder().append(orm.WorkChainNode, filters={'attributes.sealed': True}, project='id')
        return set(builder.all(flat=True))

    before = workflows()
    yield
    for pk in sorted(workflows() - before):
        node = orm.load_node(pk)
        if node.caller is None and 'dreamflow' in (node.process_type or ''):
            # The children of one that failed go on.
            faults = [fault for fault in check_provenance(node) if node.is_finished_ok or 'not sealed' not in fault]
            assert faults == [], f'{node.process_label} {pk}'


@pytest.fixture(scope='session')
def daemon(profile):
    """A running daemon of that profile with one worker; its client. One that stops it starts it again."""
    import throwaway

    with throwaway.running_daemon(workers=1) as client:
        yield client


def _last_words(client: DaemonClient, length: int = 3000) -> str:
    """Return the ends of the logs of a daemon: of circus, which watches the workers, and of the workers."""
    logs = [Path(client.circus_log_file), Path(client.daemon_log_file)]
    return '\n'.join(f'{log.name}: ...{log.read_text(errors="replace")[-length:]}' for log in logs if log.exists())


@pytest.fixture(autouse=True)
def _reports_are_logged():
    """Undo what a `verdi` command that was called in this process did to AiiDA's logging: no report would be stored."""
    yield
    log = sys.modules.get('aiida.common.log')
    if log is not None and log.CLI_ACTIVE:
        log.CLI_ACTIVE = log.CLI_LOG_LEVEL = None
        log.configure_logging(with_orm=True)


# In continuous integration a test may not be skipped silently: what it needs must be there. `optional` marks exceptions.


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed and 'daemon' in getattr(item, 'funcargs', ()):
        report.sections.append(('the daemon', _last_words(item.funcargs['daemon'])))
    if IN_CI and report.skipped and not hasattr(report, 'wasxfail') and item.get_closest_marker('optional') is None:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = 'failed'
        report.longrepr = f'{item.nodeid} is not marked `optional`, so it may not be skipped here: {reason}'
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    report = yield
    if IN_CI and report.outcome == 'skipped':
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = 'failed'
        report.longrepr = f'{collector.nodeid} may not be skipped as a whole here: {reason}'
    return report
