"""Tracebacks without the frames of the machinery: what a user sees is what the user wrote."""

from __future__ import annotations

import os
import types

__all__ = ('find_frame', 'without_runtime')

_HERE = os.path.dirname(__file__)
#: The modules that run user code. Those that user code calls stay visible: the line of a wrong call should be seen.
_MACHINERY = frozenset(
    os.path.join(_HERE, name) for name in ('activation.py', 'machine.py', 'supplied.py', 'tracebacks.py')
)


def find_frame(traceback: types.TracebackType | None, code: types.CodeType) -> types.FrameType | None:
    """Return the first frame of a traceback that runs this code."""
    while traceback is not None:
        if traceback.tb_frame.f_code is code:
            return traceback.tb_frame
        traceback = traceback.tb_next
    return None


def without_runtime(traceback: types.TracebackType | None) -> types.TracebackType | None:
    """Return a traceback without the frames of the machinery."""
    entries = []
    hidden = False
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename in _MACHINERY:
            hidden = True
        else:
            entries.append(traceback)
        traceback = traceback.tb_next
    if not hidden:
        return entries[0] if entries else None
    following = None
    for entry in reversed(entries):
        following = types.TracebackType(following, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return following
