"""What a workflow prints: to the terminal as always, and line by line into the report of its process.

``sys.stdout`` is one for all, and the steps of several workflows take turns in one worker. So it is replaced, once, by
a proxy that looks whose step is running (a ``ContextVar``).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

__all__ = ('captured',)

_buffer: ContextVar[list[str] | None] = ContextVar('dreamflow_print', default=None)


class _Stdout:
    """Stands before the real ``sys.stdout``."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        buffer = _buffer.get()
        if buffer is not None:
            buffer.append(text)
        return self._stream.write(text)  # type: ignore[no-any-return]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def captured() -> Iterator[list[str]]:
    """Collect what is printed inside of the context, and let it through.

    :returns: the list that receives the text.
    """
    stream = sys.stdout
    if not isinstance(stream, _Stdout):
        sys.stdout = _Stdout(stream)
    buffer: list[str] = []
    token = _buffer.set(buffer)
    try:
        yield buffer
    finally:
        _buffer.reset(token)
        # Others replace `sys.stdout` too (pytest, notebooks): leave it as it was found.
        if not isinstance(stream, _Stdout):
            sys.stdout = stream
