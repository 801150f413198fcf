"""Trouble that passes: a full disk, a repository that cannot be written, a database or a broker that does not answer.

What a step has done is then not recorded, and nothing of it is there: the workflow waits, and runs the step again. Or it
is recorded, and a child has not been handed over: the workflow waits, and looks for its children as after a restart.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from ..jobs.broker import BrokerTroubleError, asking_broker

__all__ = ('PassingTroubleError', 'handing_over', 'storing')

_PASSING = frozenset(
    (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE, errno.EMFILE)
)


class PassingTroubleError(Exception):
    """Something could not be done, for a reason that passes."""


@contextmanager
def storing() -> Iterator[None]:
    """Say of what is raised inside whether it passes.

    :raises PassingTroubleError: if it does.
    """
    try:
        yield
    except Exception as error:
        if not _passes(error):
            raise
        raise PassingTroubleError(f'this step could not be stored ({type(error).__name__}: {error})') from error


@contextmanager
def handing_over(label: str) -> Iterator[None]:
    """Say that a child could not be handed to the broker.

    :param label: of the child.
    :raises PassingTroubleError: if so.
    """
    try:
        with asking_broker():
            yield
    except BrokerTroubleError as error:
        raise PassingTroubleError(f'{label} could not be handed to the broker ({error})') from error


def _passes(error: Exception) -> bool:
    from sqlalchemy.exc import InterfaceError, OperationalError

    return isinstance(error, InterfaceError | OperationalError) or (
        isinstance(error, OSError) and error.errno in _PASSING
    )
