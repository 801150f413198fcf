"""The database in memory: what a workflow that runs so leaves open there, if a profile is loaded at all."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

from ..runtime import Machine

__all__ = ('is_in_transaction', 'no_transaction_left', 'place_of', 'session_here')


def place_of(machine: Machine) -> str:
    """Return file and line of the await at which the workflow function waits."""
    for activation in machine.main.stack[:1]:
        if activation.awaiting is not None:
            return f'{activation.program.source.filename}, line {activation.awaiting.node.lineno}'
    return 'an await'


def session_here() -> Any:
    """Return the session of the storage backend, if there is a profile whose storage is used."""
    manage = sys.modules.get('aiida.manage')
    manager = None if manage is None else manage.get_manager()
    return manager.get_profile_storage().get_session() if manager and manager.profile_storage_loaded else None


def is_in_transaction() -> bool:
    """Return whether a transaction of the database is open."""
    if (session := session_here()) is None:
        return False
    from ..values.queries import is_open

    return is_open(session)


@contextlib.contextmanager
def no_transaction_left(function: Any) -> Iterator[None]:
    """Undo what is left open in the database; an exception would keep it so for as long as it lives."""
    before = is_in_transaction()
    try:
        yield
        if not before and (session := session_here()) is not None:
            from ..values.queries import require_closed

            code = function.__code__
            require_closed(session, f'{code.co_filename}, line {code.co_firstlineno}')
    except BaseException:
        if not before and (session := session_here()) is not None:
            from ..values.queries import close_transactions

            close_transactions(session)
        raise
