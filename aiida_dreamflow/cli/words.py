"""Times and numbers as the commands write them."""

from __future__ import annotations

import datetime

__all__ = ('clock', 'counted', 'cut')


def clock(time: datetime.datetime) -> str:
    """Return a time, here."""
    return f'{time.astimezone():%Y-%m-%d %H:%M:%S}'


def counted(seconds: float) -> str:
    """Return a duration: ``0.35 s``, ``12 s``, ``3 min 05 s``, ``2 h 07 min``, ``3 d 04 h``."""
    if seconds < 10:
        return f'{seconds:.2g} s' if seconds >= 0.001 else '0 s'
    whole = round(seconds)
    if whole < 120:
        return f'{whole} s'
    if whole < 7200:
        return f'{whole // 60} min {whole % 60:02} s'
    if whole < 48 * 3600:
        return f'{whole // 3600} h {whole % 3600 // 60:02} min'
    return f'{whole // 86400} d {whole % 86400 // 3600:02} h'


def cut(text: str, width: int) -> str:
    """Return a text in one line, cut to a width."""
    line = ' '.join(text.split())
    return line if len(line) <= width else f'{line[: max(width - 1, 0)]}…'
