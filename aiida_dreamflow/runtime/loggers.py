"""What the loggers of the process use: handlers, filters, and what these have. Knows the standard library only."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ('Place', 'in_use')

_PLAIN = (str, int, float, type(None), type(threading.RLock()))


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
                    if not isinstance(part, _PLAIN):
                        yield Place(name, kind, number, attribute), part
