"""Which Python runs a function job: the code that was asked for, or one for the computer, made once.

Knows AiiDA's computers and codes; must not know functions.
"""

from __future__ import annotations

import fcntl
import hashlib
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from aiida import orm
from aiida.common.exceptions import MultipleObjectsError, NotExistent
from aiida.manage.configuration import get_config

from ..exceptions import LaunchError

__all__ = ('by_label', 'check_code', 'find_code', 'found_once')

DEFAULT_COMPUTER = 'localhost'

#: What was found for a code and a computer, within :func:`found_once`.
_known: dict[object, tuple[orm.AbstractCode, orm.Computer]] | None = None


def find_code(
    code: orm.AbstractCode | str | None, computer: orm.Computer | str | None
) -> tuple[orm.AbstractCode, orm.Computer]:
    """Find the code that runs a function job, and its computer.

    :param code: the code or its label, with or without ``@computer``; ``None`` for the Python of the computer: the one
        that runs now for a local computer, ``python3`` for any other.
    :param computer: the computer or its label; ``None`` for that of the code, or ``localhost``.
    :returns: code and computer; within :func:`found_once` the same ones for the same labels.
    :raises LaunchError: if one of them does not exist, is not configured, or they do not belong together.
    """
    if _known is None:
        return _find_code(code, computer)
    key = _identity(code), _identity(computer)
    if key not in _known:
        _known[key] = _find_code(code, computer)
    return _known[key]


@contextmanager
def found_once() -> Iterator[None]:
    """Look no code up twice: of what it takes to prepare the jobs of a step, that was three quarters."""
    global _known
    outer, _known = _known, {}
    try:
        yield
    finally:
        _known = outer


def _identity(entity: orm.AbstractCode | orm.Computer | str | None) -> object:
    return entity if entity is None or isinstance(entity, str) else (type(entity), entity.uuid)


def _find_code(
    code: orm.AbstractCode | str | None, computer: orm.Computer | str | None
) -> tuple[orm.AbstractCode, orm.Computer]:
    code, computer = check_code(code, computer)
    return _default_code(computer) if code is None else code, computer


def check_code(
    code: orm.AbstractCode | str | None, computer: orm.Computer | str | None
) -> tuple[orm.AbstractCode | None, orm.Computer]:
    """Find code and computer as :func:`find_code` does, but make no code: without one there is none.

    :raises LaunchError: if one of them does not exist, is not configured, or they do not belong together.
    """
    if code is None:
        return None, _load_computer(computer or DEFAULT_COMPUTER)
    given = _load_computer(computer) if computer is not None else None
    if isinstance(code, str):
        code = _load_code(code if given is None or '@' in code else f'{code}@{given.label}')
    own = code.computer
    if given is None:
        if own is None:
            raise LaunchError(
                f'the code `{code.label}` belongs to no computer: say which, with `job(..., computer=...)`'
            )
        return code, _load_computer(own)
    if own is not None and own.pk != given.pk:
        raise LaunchError(f'the code `{code.full_label}` is not one of the computer `{given.label}`')
    return code, given


def by_label(value: object, kinds: Iterable[object]) -> object:
    """Return the code or computer that a text is the label of, where one is wanted; all else is itself.

    :param kinds: the classes that are wanted: a text is a label if none of them is made of text.
    :raises LaunchError: if there is no such code or computer.
    """
    classes = [kind for kind in kinds if isinstance(kind, type)]
    if not isinstance(value, str) or any(issubclass(kind, (str, orm.Str)) for kind in classes):
        return value
    if any(issubclass(kind, orm.AbstractCode) for kind in classes):
        return _load_code(value)
    return _load_computer(value) if orm.Computer in classes else value


def _load_computer(computer: orm.Computer | str) -> orm.Computer:
    """Return a computer that can be used."""
    if isinstance(computer, str):
        try:
            computer = orm.load_computer(label=computer)
        except NotExistent:
            how = '`verdi presto` makes it' if computer == DEFAULT_COMPUTER else '`verdi computer setup` makes one'
            raise LaunchError(f'there is no computer `{computer}`: `verdi computer list` shows them, {how}') from None
    if not computer.is_configured:
        raise LaunchError(
            f'the computer `{computer.label}` is not configured for you: '
            f'type `verdi computer configure {computer.transport_type} {computer.label}`'
        )
    return computer


def _load_code(label: str) -> orm.AbstractCode:
    try:
        return orm.load_code(label)
    except NotExistent:
        raise LaunchError(
            f'there is no code `{label}`: `verdi code list` shows them, `verdi code create core.code.installed` makes one'
        ) from None
    except MultipleObjectsError:
        raise LaunchError(f'there are several codes `{label}`: say `label@computer`, or give the code itself') from None


def _default_code(computer: orm.Computer) -> orm.AbstractCode:
    """Return the code for the Python of a computer; make it if this is the first time."""
    executable, label = 'python3', 'dreamflow-python3'
    if computer.transport_type == 'core.local':
        if not sys.executable:
            raise LaunchError('it is unknown which Python runs this: give the job a code, with `job(..., code=...)`')
        # Another environment is another code: its path is what the job will run.
        executable = sys.executable
        label = f'dreamflow-python-{hashlib.sha256(executable.encode()).hexdigest()[:8]}'
    found = _query_code(computer, label)
    if found is None:
        with _lock():
            found = (
                _query_code(computer, label)
                or orm.InstalledCode(
                    computer=computer,
                    filepath_executable=executable,
                    label=label,
                    description='Python for function jobs, made by aiida-dreamflow',
                    default_calc_job_plugin='dreamflow.function',
                ).store()
            )
    return found


def _query_code(computer: orm.Computer, label: str) -> orm.AbstractCode | None:
    query = orm.QueryBuilder().append(orm.Computer, filters={'id': computer.pk}, tag='computer')
    query.append(orm.InstalledCode, with_computer='computer', filters={'label': label})
    query.order_by({orm.InstalledCode: 'id'})
    found = query.first(flat=True)
    return found if found is None or isinstance(found, orm.AbstractCode) else None


@contextmanager
def _lock() -> Iterator[None]:
    """Keep other processes that use the same configuration out: two codes of one label would be ambiguous."""
    with (Path(get_config().dirpath) / 'dreamflow.lock').open('w') as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
