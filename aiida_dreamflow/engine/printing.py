"""What a workflow prints and logs: to the terminal as always, and line by line into the report of its process.

``sys.stdout`` and the root logger are one for all, and the steps of several workflows take turns in one worker. So both
get a stand-in that looks whose step is running (a ``ContextVar``); a step runs in one piece, without turns.

Python shows no ``INFO`` before logging is configured, and what a script does for that at its top may not run in a worker.
So while a step runs, records of level ``INFO`` reach the report whatever the level of the root logger; its other handlers
get what they would have got. Loggers that do not propagate, as AiiDA's do, are none of our business.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

__all__ = ('captured', 'only_stored', 'shown')

#: How many lines at the beginning and at the end of what a step prints the report has, and how many characters.
_LINES, _CHARACTERS = 500, 100_000

_buffer: ContextVar[list[str] | None] = ContextVar('dreamflow_print', default=None)


def shown(printed: list[str]) -> str:
    """Return what the report has of what a step has printed: if that is very long, how it begins and ends."""
    text = ''.join(printed).rstrip('\n')
    lines = text.splitlines()
    if len(lines) <= 2 * _LINES and len(text) <= 2 * _CHARACTERS:
        return text
    first, last = '\n'.join(lines[:_LINES])[:_CHARACTERS], '\n'.join(lines[-_LINES:])[-_CHARACTERS:]
    return (
        f'{first}\n[... left out here: this step printed {len(lines)} lines, {len(text)} characters. What is to be kept is better '
        f'written to a file, or returned ...]\n{last}'
    )


class _Logged(str):
    """A line that was logged: the terminal may not have shown it."""


class _Silent(logging.Filter):
    """Lets nothing pass."""

    def filter(self, record: logging.LogRecord) -> bool:
        return False


@contextmanager
def only_stored(printed: list[str], is_seen: bool) -> Iterator[None]:
    """Keep what is reported inside of the context from the terminal, which has shown it when it was printed.

    :param printed: what the step has printed; if something was logged, it is shown again.
    :param is_seen: whether somebody sees what this process prints.
    """
    own = (
        logging.getLogger('aiida').handlers
        if is_seen and not any(isinstance(each, _Logged) for each in printed)
        else []
    )
    streams = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    handlers = [each for each in own if type(each).__name__ == 'CliHandler' or getattr(each, 'stream', None) in streams]
    silent = _Silent()
    for handler in handlers:
        handler.addFilter(silent)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(silent)


class _Stdout:
    """Stands before the real ``sys.stdout``."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        buffer = _buffer.get()
        if buffer is not None:
            buffer.append(text)
        try:
            return self._stream.write(text)  # type: ignore[no-any-return]
        except UnicodeEncodeError:  # a terminal may be stricter than the log of a worker
            encoding = getattr(self._stream, 'encoding', None) or 'utf-8'
            return self._stream.write(text.encode(encoding, 'backslashreplace').decode(encoding))  # type: ignore[no-any-return]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Collector(logging.Handler):
    """Collects what is logged in the step that runs."""

    def emit(self, record: logging.LogRecord) -> None:
        """Add the record to the text of the step, on a line of its own."""
        buffer = _buffer.get()
        if buffer is None:
            return
        if buffer and not buffer[-1].endswith('\n'):
            buffer.append('\n')
        try:
            buffer.append(_Logged(f'{self.format(record)}\n'))
        except Exception:
            self.handleError(record)


class _AsBefore(logging.Filter):
    """Keeps from other handlers what a step logs only because it runs.

    :param level: that of the root logger.
    """

    def __init__(self, level: int) -> None:
        super().__init__()
        self._level = level

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= self._level or _level_of(logging.getLogger(record.name)) is not None


_collector = _Collector()
_collector.setFormatter(logging.Formatter('%(levelname)s %(name)s: %(message)s'))


def _level_of(logger: logging.Logger | None) -> int | None:
    """Return the level that a logger, or one above it but the root, was given."""
    while logger is not None and logger.parent is not None:
        if logger.level:
            return logger.level
        logger = logger.parent
    return None


@contextmanager
def captured() -> Iterator[list[str]]:
    """Collect what is printed and logged inside of the context, and let it through.

    :returns: the list that receives the text.
    """
    stream = sys.stdout
    if not isinstance(stream, _Stdout):
        sys.stdout = _Stdout(stream)
    buffer: list[str] = []
    token = _buffer.set(buffer)
    try:
        with _collecting():
            yield buffer
    finally:
        _buffer.reset(token)
        # Others replace `sys.stdout` too (pytest, notebooks): leave it as it was found.
        if not isinstance(stream, _Stdout):
            sys.stdout = stream


@contextmanager
def _collecting() -> Iterator[None]:
    """Have the root logger tell the collector."""
    root = logging.getLogger()
    if _collector in root.handlers:
        yield
        return
    level, handlers = root.level, list(root.handlers)
    before = _AsBefore(level)
    root.addHandler(_collector)
    if level > logging.INFO:
        root.setLevel(logging.INFO)
        for handler in handlers:
            handler.addFilter(before)
    try:
        yield
    finally:
        root.removeHandler(_collector)
        for handler in handlers:
            handler.removeFilter(before)
        # Unless the step has configured logging itself.
        if level > logging.INFO and root.level == logging.INFO:
            root.setLevel(level)
