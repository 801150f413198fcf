"""Handlers and filters of the loggers of the process, and what these have as attributes: a stream, a queue.

What a logger had before the workflow began belongs to the process, which has it again after a restart: it is stored by its
place. What the workflow has given to a logger itself is refused, as the logger would not know the copy. Knows the standard
library, and what `runtime` says of loggers.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterable
from typing import Any

from ..exceptions import CannotStoreError, FrameError
from ..runtime.loggers import Place, in_use
from .snapshot import Codec

__all__ = ('LogsCodec',)

_KINDS = (logging.Handler, logging.Filter, io.StringIO)


class LogsCodec(Codec):
    """What loggers use.

    :param known: what they used before the workflow began, or was loaded.
    """

    name = 'logs'

    def __init__(self, known: Iterable[object] = ()) -> None:
        outside = set(map(id, known))
        self._places = {id(used): place for place, used in in_use() if id(used) in outside}

    def encode(self, value: object, ref: Callable[[object], Any]) -> Any | None:
        """Return the place of what is known.

        :raises CannotStoreError: if the workflow itself has given it to a logger.
        """
        if (place := self._places.get(id(value))) is not None:
            return [*place, type(value).__qualname__]
        if issubclass(type(value), _KINDS):
            place = next((place for place, used in in_use() if used is value), None)
            if place is not None:
                raise _refused(value, place)
        return None

    def decode(self, content: Any, get: Callable[[Any], Any]) -> object:
        """Return what is there now.

        :raises FrameError: if that is of another class.
        """
        *place, kind = content
        found = Place(*place).find()
        if type(found).__qualname__ != kind:
            where = f'`logging.getLogger({place[0]!r}).{place[1]}[{place[2]}]`'
            raise FrameError(
                f'{where} is not what it was when the workflow stopped, a `{kind}`: set logging up as it was'
            )
        return found


def _refused(value: object, place: Place) -> CannotStoreError:
    reason = (
        f'the logger `{place.logger}` of the process uses it, which would not know the copy that a restart makes; call '
        '`removeHandler` or `removeFilter` before the await, or set logging up at the top of the file'
    )
    return CannotStoreError(type(value).__name__, '', reason, is_outside=True)
