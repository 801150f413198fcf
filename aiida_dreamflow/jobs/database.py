"""What a worker does whose database is gone: it waits until it is there again, and lets another worker take its place.

AiiDA's session does not recover from a lost connection: from then on every process of the worker would end with an
error, for something that passes. A worker that ends loses nothing: its processes go on from their checkpoints. SQLite has
no server, but a disk that may be full or become read-only; AiiDA cannot note then that a process has changed its state,
nor that it has ended for that reason. So the worker does the same.

SQLite is locked while another worker writes, and for long if that one is frozen meanwhile or the disk is slow. AiiDA gives
up after five seconds, and the process that waited ends with an error.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

from aiida.common.log import AIIDA_LOGGER

__all__ = ('survive_database',)

#: How often it looks, in seconds.
_INTERVAL = 1.0
#: For how many seconds it waits for a database that another worker has locked.
_PATIENCE = 300.0

#: What SQLite says when it cannot write.
_UNWRITABLE = ('disk is full', 'disk I/O error', 'readonly database', 'unable to open database file')
#: How many bytes there must be room for.
_ROOM = 1 << 20

_logger = AIIDA_LOGGER.getChild('dreamflow')
_watched: set[int] = set()


def survive_database(backend: Any) -> None:
    """Make this worker survive that its database is gone, or locked by others, for a while.

    :param backend: the storage backend of the profile.
    """
    from sqlalchemy import event

    engine = backend.get_session().get_bind()
    if id(engine) in _watched:
        return
    _watched.add(id(engine))
    if engine.dialect.name == 'postgresql':
        event.listen(engine, 'handle_error', _leave_if_disconnected)
    else:
        event.listen(engine, 'checkout', _be_patient)
        event.listen(engine, 'handle_error', _leave_if_unwritable)


def _be_patient(connection: Any, *_: Any) -> None:
    connection.execute(f'PRAGMA busy_timeout = {int(1000 * _PATIENCE)}')


def _leave_if_disconnected(context: Any) -> None:
    if not context.is_disconnect or context.is_pre_ping:
        return
    _logger.error('the connection to the database is lost: %s', context.original_exception)
    while not _is_reachable(context.engine.url):
        time.sleep(_INTERVAL)
    _logger.error('the database is there again; another worker takes the place of this one')
    os._exit(1)


def _leave_if_unwritable(context: Any) -> None:
    if not any(words in str(context.original_exception) for words in _UNWRITABLE):
        return
    path = Path(context.engine.url.database)
    _logger.error('nothing can be written to the database %s: %s', path, context.original_exception)
    while not _is_writable(path):
        time.sleep(_INTERVAL)
    _logger.error('the database can be written again; another worker takes the place of this one')
    os._exit(1)


def _is_writable(path: Path) -> bool:
    """Return whether there is some room beside a file that can be written."""
    try:
        with path.open('r+b'), tempfile.TemporaryFile(dir=path.parent) as file:
            file.write(bytes(_ROOM))
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        return False
    return True


def _is_reachable(url: Any) -> bool:
    from sqlalchemy import create_engine, exc, pool, text

    try:
        with create_engine(url, poolclass=pool.NullPool).connect() as connection:
            connection.execute(text('SELECT 1'))
    except exc.DBAPIError:
        return False
    return True
