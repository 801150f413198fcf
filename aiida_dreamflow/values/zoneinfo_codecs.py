"""Time zones by their key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

__all__ = ('CODECS',)


class _ZoneCodec:
    runs_code = False

    def encode(self, value: Any, ref: Callable[[object], Any]) -> Any | None:
        """Return the key of a zone; another one, made from a file or on purpose twice, is left to Python."""
        return value.key if value.key is not None and ZoneInfo(value.key) is value else None

    def decode(self, content: str, get: Callable[[Any], Any]) -> object:
        """Return the zone."""
        return ZoneInfo(content)


CODECS = {'ZoneInfo': _ZoneCodec()}
