"""What a worker does whose database is gone: it waits until it is there again, and lets another worker take its place.

AiiDA's session does not recover from a lost connection: from then on every process of the worker would end with an
error, for something that passes. A worker that ends loses nothing: its processes go on from their checkpoints.
"""

from __future__ import annotations

import os
import time
from typing import Any

from aiida.common.log import AIIDA_LOGGER

__all__ = ('survive_database',)

#: How often it looks, in seconds.
_INTERVAL = 1.0

_logger = AIIDA_LOGGER.getChild('dreamflow')
_watched: set[int] = set()


def survive_database(backend: Any) -> None:
    """Make this worker survive the loss of the connection to its database.

    :param backend: the storage backend of the profile; one without a server needs nothing.
    """
    from sqlalchemy import event

    engine = backend.get_session().get_bind()
    if engine.dialect.name != 'postgresql' or id(engine) in _watched:
        return
    _watched.add(id(engine))
    event.listen(engine, 'handle_error', _leave_if_disconnected)


def _leave_if_disconnected(context: Any) -> None:
    if not context.is_disconnect or context.is_pre_ping:
        return
    _logger.error('the connection to the database is lost: %s', context.original_exception)
    while not _is_reachable(context.engine.url):
        time.sleep(_INTERVAL)
    _logger.error('the database is there again; another worker takes the place of this one')
    os._exit(1)


def _is_reachable(url: Any) -> bool:
    from sqlalchemy import create_engine, exc, pool, text

    try:
        with create_engine(url, poolclass=pool.NullPool).connect() as connection:
            connection.execute(text('SELECT 1'))
    except exc.DBAPIError:
        return False
    return True
