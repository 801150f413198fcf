"""What goes wrong with a broker and passes: it is restarted, or does not answer for a while.

Relies on what kiwipy (0.8) lets through of ``aio_pika``, whose connection is made again by itself: its own exceptions, and
a ``RuntimeError`` that says that something is *closed*, or *not opened*.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import kiwipy
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError

__all__ = ('BrokerTroubleError', 'Undeterred', 'asking_broker')

_TROUBLE = (
    AMQPError,
    ChannelInvalidStateError,
    ConnectionError,
    asyncio.TimeoutError,
    kiwipy.CommunicatorClosed,
    kiwipy.DeliveryFailed,
    kiwipy.TimeoutError,
)


class BrokerTroubleError(Exception):
    """A broker cannot be reached, or cannot take a message."""


@contextmanager
def asking_broker() -> Iterator[None]:
    """Say of what is raised inside whether it is the broker's.

    :raises BrokerTroubleError: if it is.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, _TROUBLE) or (
            isinstance(error, RuntimeError) and str(error).endswith((' closed', ' not opened'))
        ):
            raise BrokerTroubleError(f'{type(error).__name__}: {error}') from error
        raise


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
        with suppress(BrokerTroubleError), asking_broker():
            return self._communicator.broadcast_send(*args, **kwargs)
        return False
