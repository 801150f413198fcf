"""Tracebacks: without the frames of the machinery, and made again after a restart.

What a user sees is what the user wrote.
"""

from __future__ import annotations

import ctypes
import sys
import types
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

__all__ = ('find_frame', 'lines_of', 'module_of', 'rebuilt', 'restore_handled', 'span_of', 'without_runtime')

#: The modules that run user code, and those whose functions it calls: of a wrong call its own line should be seen last.
_MACHINERY = frozenset(
    str(Path(__file__).with_name(name))
    for name in (
        'activation.py',
        'calls.py',
        'coroutines.py',
        'forgotten.py',
        'generators.py',
        'groups.py',
        'local.py',
        'machine.py',
        'mapping.py',
        'recipes.py',
        'submitting.py',
        'supplied.py',
        'tracebacks.py',
    )
)


def find_frame(traceback: types.TracebackType | None, code: types.CodeType) -> types.FrameType | None:
    """Return the first frame of a traceback that runs this code."""
    while traceback is not None:
        if traceback.tb_frame.f_code is code:
            return traceback.tb_frame
        traceback = traceback.tb_next
    return None


def without_runtime(traceback: types.TracebackType | None) -> types.TracebackType | None:
    """Return a traceback without the frames of the machinery; what comes after the last of these stays the same object."""
    outer: list[types.TracebackType] = []
    since: list[types.TracebackType] = []
    following = traceback
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename in _MACHINERY:
            outer += since
            since = []
            following = traceback.tb_next
        else:
            since.append(traceback)
        traceback = traceback.tb_next
    for entry in reversed(outer):
        following = types.TracebackType(following, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return following


def restore_handled(handled: BaseException) -> None:
    """Let the exception that is being handled have its traceback as it is now also in ``sys.exc_info()``.

    Until Python 3.10 that, and a bare ``raise``, have the traceback that was caught. Source: ``PyErr_SetExcInfo`` of CPython's
    C interface, which takes over a reference to each of its arguments.
    """
    if sys.version_info < (3, 11):
        info = [ctypes.py_object(each) for each in (type(handled), handled, handled.__traceback__)]
        for each in info:
            ctypes.pythonapi.Py_IncRef(each)
        ctypes.pythonapi.PyErr_SetExcInfo(*info)


def lines_of(traceback: types.TracebackType | None) -> list[tuple[str, str, int]]:
    """Return what a traceback says: file, name of the function, and line of each entry."""
    found = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        found.append((code.co_filename, code.co_name, traceback.tb_lineno))
        traceback = traceback.tb_next
    return found


#: Where the expression stands that an entry underlines: last line, first and last column.
Span = tuple[int, int, int]
_HAS_SPANS = hasattr(types.CodeType, 'co_positions')


def span_of(traceback: types.TracebackType) -> Span | None:
    """Return what an entry of a traceback underlines; nothing before Python 3.11."""
    code, place = traceback.tb_frame.f_code, traceback.tb_lasti // 2
    if not _HAS_SPANS or place < 0:
        return None
    positions: Any = code.co_positions()  # type: ignore[attr-defined]
    _, last, first_column, last_column = next(islice(positions, place, None), (None,) * 4)
    if last is None or first_column is None or last_column is None:
        return None
    return last, first_column, last_column


def module_of(traceback: types.TracebackType) -> str | None:
    """Return the name of the module that an entry runs in, if it is one that can be asked for."""
    namespace = traceback.tb_frame.f_globals
    name = namespace.get('__name__')
    found = sys.modules.get(name) if isinstance(name, str) else None
    return name if getattr(found, '__dict__', None) is namespace else None


def rebuilt(
    filename: str,
    name: str,
    line: int,
    following: types.TracebackType | None,
    span: Span | None = None,
    module: str | None = None,
) -> types.TracebackType:
    """Return the entry of a traceback that says this. Its frame has the names of the module, if that is there, and no variables."""
    if span is None or not _HAS_SPANS:
        return types.TracebackType(
            following, _frame(module, filename, name), -1, line
        )  # -1: no instruction, hence no columns
    return types.TracebackType(following, _frame(module, filename, name, line, span), 0, line)


def _waiting() -> Iterator[None]:
    yield


def _frame(module: str | None, filename: str, name: str, line: int = 1, span: Span | None = None) -> types.FrameType:
    """Return a frame of a function with this name in this file.

    It is that of a generator that has not begun: nobody called it, so it keeps nobody's variables alive.
    """
    namespace = getattr(sys.modules.get(module or ''), '__dict__', None) or {'__name__': '', '__file__': filename}
    generator = types.FunctionType(_code(filename, name, line, span), namespace)()
    frame: types.FrameType = generator.gi_frame
    return frame


@lru_cache(maxsize=256)
def _code(filename: str, name: str, line: int, span: Span | None) -> types.CodeType:
    code = _waiting.__code__.replace(co_filename=filename, co_name=name)
    if span is not None:
        code = code.replace(co_firstlineno=line, co_linetable=_line_table(len(code.co_code) // 2, line, span))
    return code


def _line_table(length: int, line: int, span: Span) -> bytes:
    """Return the table of a code object all of whose instructions stand at one place.

    Source: ``Objects/locations.md`` of CPython, the long form of an entry.
    """
    last, first_column, last_column = span
    place = b'\0' + b''.join(map(_varint, (last - line, first_column + 1, last_column + 1)))
    table = b''
    while length > 0:
        table += bytes([0x80 | 14 << 3 | min(length, 8) - 1]) + place
        length -= 8
    return table


def _varint(number: int) -> bytes:
    found = []
    while number > 63:
        found.append(64 | number & 63)
        number >>= 6
    return bytes([*found, number])
