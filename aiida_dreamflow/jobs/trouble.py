"""Trouble that passes: a full disk, a repository that cannot be written, a database or a broker that does not answer.

What a step has done is then not recorded, and nothing of it is there: the workflow waits, and runs the step again. Or it
is recorded, and a child has not been handed over: the workflow waits, and looks for its children as after a restart.

Relies, for RabbitMQ, on what kiwipy (0.8) lets through of ``aio_pika``, whose connection is made again by itself: its own
exceptions, and a ``RuntimeError`` that says that something is *closed*, or *not opened*.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import kiwipy
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError

__all__ = ('PassingTroubleError', 'Undeterred', 'asking_broker', 'storing')

_OF_STORAGE = frozenset(
    (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE, errno.EMFILE)
)
_OF_BROKER = (
    AMQPError,
    ChannelInvalidStateError,
    ConnectionError,
    asyncio.TimeoutError,
    kiwipy.CommunicatorClosed,
    kiwipy.DeliveryFailed,
    kiwipy.TimeoutError,
)


class PassingTroubleError(Exception):
    """Something could not be done, for a reason that passes."""


@contextmanager
def _passing(passes: Callable[[Exception], bool], what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if not passes(error):
            raise
        raise PassingTroubleError(f'{what} ({type(error).__name__}: {error})') from error


def storing() -> Any:
    """Return a context that says of what is raised inside whether it is the trouble of database or repository.

    :raises PassingTroubleError: in the context, if it is.
    """
    return _passing(_is_of_storage, 'this step could not be stored')


def asking_broker(what: str = 'the broker does not answer') -> Any:
    """Return a context that says of what is raised inside whether it is the broker's.

    :param what: could not be done, if it is.
    :raises PassingTroubleError: in the context, if it is.
    """
    return _passing(_is_of_broker, what)


def _is_of_storage(error: Exception) -> bool:
    from sqlalchemy.exc import InterfaceError, OperationalError

    return isinstance(error, InterfaceError | OperationalError) or (
        isinstance(error, OSError) and error.errno in _OF_STORAGE
    )


def _is_of_broker(error: Exception) -> bool:
    is_closed = isinstance(error, RuntimeError) and str(error).endswith((' closed', ' not opened'))
    return is_closed or isinstance(error, _OF_BROKER)


class Undeterred:
    """A communicator that lets news go untold when it has no broker: plumpy would end the process for it.

    Who waits for the end of a process looks into the database from time to time.

    :param communicator: what does all else.
    """

    def __init__(self, communicator: Any) -> None:
        self._communicator = communicator

    def __getattr__(self, name: str) -> Any:
        return getattr(self._communicator, name)

    def broadcast_send(self, *args: Any, **kwargs: Any) -> Any:
        """Tell the news, if somebody can be told."""
        with suppress(PassingTroubleError), asking_broker():
            return self._communicator.broadcast_send(*args, **kwargs)
        return False
