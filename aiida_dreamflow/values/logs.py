"""Handlers and filters of the loggers of the process, and what these have as attributes: a stream, a queue.

What a logger had before the workflow began belongs to the process, which has it again after a restart: it is stored by its
place. What the workflow has given to a logger itself is refused (:func:`~aiida_dreamflow.values.standard.attached_to`). Knows the standard
library, and what `runtime` says of loggers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from ..exceptions import FrameError
from ..runtime.loggers import Place, in_use
from .snapshot import Codec

__all__ = ('LogsCodec',)


class LogsCodec(Codec):
    """What loggers use.

    :param known: what they used before the workflow began, or was loaded, by its `id`.
    """

    name = 'logs'

    def __init__(self, known: Mapping[int, object] = MappingProxyType({})) -> None:
        self._known = known

    def encode(self, value: object, ref: Callable[[object], Any]) -> Any | None:
        """Return the place of what is known, if it is there still."""
        if id(value) not in self._known:
            return None
        place = next((place for place, used in in_use() if used is value), None)
        return None if place is None else [*place, type(value).__qualname__]

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
