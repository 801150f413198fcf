"""What a user sees of a traceback: the lines of the user, and of the libraries that these call.

Inside of a workflow that is done where an exception is raised. At ``engine.run`` it is not enough: AiiDA's launchers stand
between the user's line and ours, and each adds its frame after we have raised. So these frames are marked with
``__tracebackhide__``, which IPython and pytest heed. Python itself has no such mark, but raises the audit event
``sys.excepthook`` before it shows an exception that nobody has caught: then the marked frames are taken out. The hook for
this is there only when there was such an exception; ``sys.excepthook`` is left alone.

``DREAMFLOW_TRACEBACK=full`` in the environment shows everything.
"""

from __future__ import annotations

import contextlib
import functools
import linecache
import os
import re
import sys
import types
from typing import Any, cast

from aiida.engine import Process

from ..compiler.modules import is_installed, known_as
from ..jobs.watchdog import Work
from .pinned import is_pinned

__all__ = ('in_users_words', 'is_machinery', 'only_users', 'place_of', 'shortened', 'shows_all', 'work_of')

#: Modules whose frames stand before those of the user in a traceback.
_MACHINERY = ('aiida.', 'aiida_dreamflow.', 'plumpy.', 'greenback.', 'asyncio.')

_MARK = '__tracebackhide__'
_PINNED_NAME = re.compile(r'\baiida_dreamflow\.engine\.pinned_[0-9a-f]{32,64}(?:\.\w+)*')


def shows_all() -> bool:
    """Return whether the user wants to see all frames."""
    return os.environ.get('DREAMFLOW_TRACEBACK') == 'full'


def _user_part(trace: types.TracebackType | None) -> types.TracebackType | None:
    """Return the part of a traceback that begins with the first line of user code, ``None`` if there is none."""
    while trace is not None and not shows_all() and is_machinery(trace.tb_frame):
        trace = trace.tb_next
    return trace


def only_users(error: BaseException) -> BaseException:
    """Return an exception whose traceback begins with the user's lines, and ends with them if it is one of AiiDA's."""
    error.__traceback__ = _user_part(error.__traceback__)
    if type(error).__module__.startswith('aiida.') and not shows_all():
        last, trace = error.__traceback__, error.__traceback__
        while trace is not None:
            last = last if is_machinery(trace.tb_frame) else trace
            trace = trace.tb_next
        if last is not None:
            last.tb_next = None
        if error.__context__ is not None and _user_part(error.__context__.__traceback__) is None:
            error.__suppress_context__ = True
    return error


def shortened(error: BaseException) -> BaseException:
    """Return an exception that is about to leave the caller, to be shown without the machinery, further out too."""
    only_users(error)
    if not shows_all():
        _hide(sys._getframe(1))
    return error


def in_users_words(text: str) -> str:
    """Return a text in which the names of classes are as Python would show them in the user's own session."""

    def shown(found: re.Match[str]) -> str:
        parts = found[0].split('.')
        count = next(
            count for count in range(len(parts), 0, -1) if count == 3 or '.'.join(parts[:count]) in sys.modules
        )
        here = '.'.join(parts[:count])
        module = known_as(here)
        if count == len(parts):
            return module
        return '.'.join(parts[count:] if module in ('__main__', here) else [module, *parts[count:]])

    return _PINNED_NAME.sub(shown, text)


def work_of(process: Process, user_code: types.CodeType) -> Work:
    """Return what is told of a process that computes in the event loop, should it hold up its worker.

    :param user_code: what calls the user's code.
    """
    place = functools.partial(_place_in, outermost=user_code)
    name = process._build_process_label()  # its node would ask the database
    return Work(cast(int, process.pid), name, place, is_machinery, user_code)


def _place_in(frame: types.FrameType | None, outermost: types.CodeType) -> str:
    """Return the innermost line of the user's in a stack of calls: file, line and text; empty if there is none.

    :param frame: the innermost call.
    :param outermost: of what has called the user's code; calls further out are not looked at.
    """
    place = ''
    while frame is not None and frame.f_code is not outermost:
        filename = frame.f_code.co_filename
        if not is_machinery(frame) and not filename.startswith(('<frozen', '<sqlalchemy')):
            place = _place(frame.f_code, frame.f_lineno, frame.f_globals)
            if not is_installed(filename):
                return place
        frame = frame.f_back
    return place


def place_of(error: BaseException) -> str:
    """Return the innermost line of the user's that an exception came from; empty if there is none."""
    trace, last = _user_part(error.__traceback__), None
    while trace is not None:
        if not is_machinery(trace.tb_frame) and not is_installed(trace.tb_frame.f_code.co_filename):
            last = trace
        trace = trace.tb_next
    return '' if last is None else _place(last.tb_frame.f_code, last.tb_lineno, last.tb_frame.f_globals)


def _place(code: types.CodeType, line: int, names: dict[str, Any]) -> str:
    text = linecache.getline(code.co_filename, line, names).strip()
    return f'{code.co_filename}, line {line}, in `{code.co_name}`' + (f': `{text}`' if text else '')


def is_machinery(frame: types.FrameType) -> bool:
    """Return whether what is called is AiiDA's or of this package, and not the user's."""
    # The module of a pinned source is named after this package, but its lines are the user's.
    module = frame.f_globals.get('__name__', '')
    return module.startswith(_MACHINERY) and not is_pinned(module)


def _hide(frame: types.FrameType | None) -> None:
    """Mark the frames from this one outward to the user's."""
    global _is_watching
    while frame is not None and is_machinery(frame):
        frame.f_locals[_MARK] = True  # the frame keeps what is no variable of its code
        frame = frame.f_back
    if not _is_watching:
        _is_watching = True
        sys.addaudithook(_watch)


_is_watching = False


def _watch(event: str, args: tuple[Any, ...]) -> None:
    if event == 'sys.excepthook':
        with contextlib.suppress(Exception):  # whatever it is, the exception must be shown
            _, error, trace, *_ = args[1:]
            _take_out(trace)
            while (error := error.__cause__ or (None if error.__suppress_context__ else error.__context__)) is not None:
                _take_out(error.__traceback__)


def _take_out(trace: types.TracebackType | None) -> None:
    """Take the marked frames out of a traceback, but for the first."""
    while trace is not None:
        following = trace.tb_next
        while following is not None and _MARK in following.tb_frame.f_locals:
            following = following.tb_next
        trace.tb_next = following
        trace = following
