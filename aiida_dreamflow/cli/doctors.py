"""``dreamflow doctor``: what workflows need of this machine, each with what to do about it."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, NamedTuple

import click

__all__ = ('Finding', 'findings', 'report')


class Finding(NamedTuple):
    """What was found.

    :ivar state: whether it is in order; ``warn`` is what stops something only.
    :ivar what: what was looked at.
    :ivar text: how it is.
    :ivar advice: what to do about it.
    """

    state: Literal['ok', 'warn', 'bad']
    what: str
    text: str
    advice: str = ''


_MARKS = {'ok': ('ok  ', 'green'), 'warn': ('note', 'yellow'), 'bad': ('BAD ', 'red')}


def report() -> bool:
    """Print what was found; returns whether nothing is wrong."""
    every = []
    for finding in findings():
        mark, colour = _MARKS[finding.state]
        click.echo(f'{click.style(mark, fg=colour)} {finding.what:10} {finding.text}')
        if finding.advice:
            click.echo(f'                {finding.advice}')
        every.append(finding)
    return all(finding.state != 'bad' for finding in every)


def findings() -> Iterator[Finding]:
    """Yield what is found: a check that raises is a finding, too."""
    checks: list[tuple[str, Callable[[], Iterator[Finding]]]] = [
        ('versions', _versions),
        ('storage', _storage),
        ('broker', _broker),
        ('daemon', _daemon),
        ('leases', _leases),
        ('computers', _computers),
    ]
    for what, check in checks:
        try:
            yield from check()
        except Exception as error:
            yield Finding(
                'bad', what, f'{type(error).__name__}: {error}', 'DREAMFLOW_TRACEBACK=full verdi status tells more'
            )


def _versions() -> Iterator[Finding]:
    own = ', '.join(f'{name} {version(name)}' for name in ('aiida-dreamflow', 'aiida-core', 'numpy'))
    yield Finding('ok', 'versions', f'{own}, Python {platform.python_version()}')
    verdi = shutil.which('verdi')
    here = Path(sys.executable).parent
    if verdi is None or Path(verdi).parent.resolve() != here.resolve():
        yield Finding(
            'warn',
            'verdi',
            f'`verdi` on your PATH is {verdi or "not there"}, this is {here}',
            f'the daemon starts the `verdi` on the PATH: `export PATH={here}:$PATH` before `verdi daemon start`',
        )


def _storage() -> Iterator[Finding]:
    from aiida.manage import get_manager

    manager = get_manager()
    profile, storage = manager.get_profile(), manager.get_profile_storage()
    name = '' if profile is None else profile.name
    yield Finding('ok', 'profile', f'{name}, {storage}')


def _broker() -> Iterator[Finding]:
    from aiida.manage import get_manager

    broker = get_manager().get_broker()
    if broker is None:
        yield Finding(
            'warn',
            'broker',
            'the profile has none: `engine.run` works, `engine.submit` does not',
            '`verdi presto --use-zeromq` creates a profile with one, `verdi profile configure-rabbitmq` adds RabbitMQ',
        )
    else:
        yield Finding('ok', 'broker', str(broker))


def _daemon() -> Iterator[Finding]:
    from aiida.engine.daemon.client import get_daemon_client

    from aiida_dreamflow.view import runs

    active = len(runs(None, active=True))
    what = f'{active:,} run{"s" * (active != 1)} of workflow functions go{"es" * (active == 1)} on'
    client = get_daemon_client()
    if not client.is_daemon_running:
        yield Finding('warn', 'daemon', f'it does not run: what was submitted waits; {what}', '`verdi daemon start`')
        return
    workers: Any = client.get_worker_info()
    count = len(workers.get('info', {})) if isinstance(workers, dict) else 0
    yield Finding(
        'ok' if count else 'bad',
        'daemon',
        f'it runs, with {count} worker{"s" * (count != 1)}; {what}',
        '' if count else '`verdi daemon incr`',
    )


def _leases() -> Iterator[Finding]:
    from aiida_dreamflow.jobs.lease import is_held, lease_folder

    folder = lease_folder()
    probe = folder / 'doctor'
    probe.touch()
    probe.unlink()
    held = sum(is_held(path) for path in folder.glob('*.lock'))
    yield Finding(
        'ok', 'leases', f'{held} process{"es" * (held != 1)} of ours run{"s" * (held == 1)} in a worker ({folder})'
    )


def _computers() -> Iterator[Finding]:
    from aiida import orm

    computers = orm.QueryBuilder().append(orm.Computer).all(flat=True)
    if not any(computer.label == 'localhost' for computer in computers):
        yield Finding(
            'warn', 'computer', 'there is no `localhost`, where jobs run by default', '`verdi presto` creates it'
        )
    for computer in computers:
        yield _computer(computer)


def _computer(computer: Any) -> Finding:
    from aiida import orm

    name = f'{computer.label} ({computer.transport_type}, {computer.scheduler_type})'
    if not computer.is_configured:
        advice = f'`verdi computer configure {computer.transport_type} {computer.label}`'
        return Finding('warn', 'computer', f'{name} is not configured for you', advice)
    if not computer.is_user_enabled(orm.User.collection.get_default()):
        return Finding('warn', 'computer', f'{name} is disabled', f'`verdi computer enable {computer.label}`')
    try:
        with computer.get_transport() as transport:
            code, output, errors = transport.exec_command_wait('python3 --version')
    except Exception as error:
        advice = f'`verdi computer test {computer.label}` tells more'
        return Finding('bad', 'computer', f'{name} cannot be reached: {type(error).__name__}: {error}', advice)
    said = (output or errors).strip()
    numbers = said.removeprefix('Python ').split('.')
    is_new = code == 0 and len(numbers) > 1 and numbers[0] == '3' and numbers[1].isdecimal() and int(numbers[1]) >= 8
    if not is_new:
        advice = 'function jobs need Python 3.8 or newer there: `job(f, code=...)` with the path of one'
        return Finding('warn', 'computer', f'{name}: `python3 --version` says {said or "nothing"}', advice)
    return Finding('ok', 'computer', f'{name}, {said}')
