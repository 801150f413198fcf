"""What the loggers of the process use: handlers, filters, and what these have. Knows the standard library only."""

from __future__ import annotations

import enum
import logging
import os
import sys
import threading
import types
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ('Place', 'in_use')

#: What is the same wherever it is, or has a name: an empty tuple of a handler is that of everybody.
_NOBODYS = (
    str, bytes, int, float, complex, tuple, frozenset, type(None), type(threading.RLock()), enum.Enum, os.PathLike,
    type, types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.ModuleType,
)  # fmt: skip


class Place(NamedTuple):
    """Where a logger has something.

    :ivar logger: its name.
    :ivar kind: ``'handlers'`` or ``'filters'``.
    :ivar number: the number among these.
    :ivar attribute: that of the handler or filter, such as ``'stream'``; empty for itself.
    """

    logger: str
    kind: str
    number: int
    attribute: str = ''

    def find(self) -> object:
        """Return what is there now; ``None`` if there is nothing."""
        users = [*getattr(logging.getLogger(None if self.logger == 'root' else self.logger), self.kind)]
        found = users[self.number] if self.number < len(users) else None
        return getattr(found, self.attribute, None) if self.attribute else found


def in_use() -> Iterator[tuple[Place, object]]:
    """Yield what loggers use, with its place."""
    for name, logger in (('root', logging.root), *list(logging.root.manager.loggerDict.items())):
        for kind in ('handlers', 'filters'):
            for number, user in enumerate([*getattr(logger, kind, ())]):
                yield Place(name, kind, number), user
                for attribute, part in [*getattr(user, '__dict__', {}).items()]:
                    if not issubclass(type(part), _NOBODYS) and all(part is not stream for stream in _streams()):
                        yield Place(name, kind, number, attribute), part


def _streams() -> tuple[object, ...]:
    return sys.stdin, sys.stdout, sys.stderr, sys.__stdin__, sys.__stdout__, sys.__stderr__
