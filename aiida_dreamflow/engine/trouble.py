"""Trouble with the storage that passes: a full disk, a repository that cannot be written, a database that does not answer.

What a step has done is then not recorded, and nothing of it is there: the workflow waits, and runs the step again.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ('StorageTroubleError', 'storing')

_PASSING = frozenset(
    (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE, errno.EMFILE)
)


class StorageTroubleError(Exception):
    """Nothing could be stored, for a reason that passes."""


@contextmanager
def storing() -> Iterator[None]:
    """Say of what is raised inside whether it passes.

    :raises StorageTroubleError: if it does.
    """
    try:
        yield
    except Exception as error:
        if not _passes(error):
            raise
        raise StorageTroubleError(f'{type(error).__name__}: {error}') from error


def _passes(error: Exception) -> bool:
    from sqlalchemy.exc import InterfaceError, OperationalError

    return isinstance(error, InterfaceError | OperationalError) or (
        isinstance(error, OSError) and error.errno in _PASSING
    )
