"""Runs a workflow function natively, in memory, and in memory with a restart at every await, and says what was seen.

"Natively" is CPython: the coroutine is driven to its end, `submit` and `gather` are replaced by shims that call the
child at once. Nothing here knows how a function is compiled.
"""

from __future__ import annotations

import contextlib
import io
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from aiida_dreamflow.exceptions import RemoteTraceback
from aiida_dreamflow.testing import run_in_memory

HERE = str(Path(__file__).parent)
_RUNNERS = (__file__, *(str(Path(HERE, name)) for name in ('elsewhere.py', 'asyncio_shims.py')))
#: Files whose lines are compared in tracebacks, besides those of the corpus.
PROGRAM_FILE = '<fuzz'


@dataclass(frozen=True)
class Seen:
    """All that one run of a function shows."""

    result: str
    exception: Any
    printed: str


def observe(run: Callable[[], Any]) -> Seen:
    """Call something and write down what it shows."""
    printed = io.StringIO()
    result, exception = '', None
    with contextlib.redirect_stdout(printed):
        try:
            result = describe_value(run())
        except BaseException as error:
            exception = describe_exception(error)
    return Seen(result, exception, printed.getvalue())


def describe_value(value: Any) -> str:
    if isinstance(value, BaseException):
        return repr(describe_exception(value))
    if isinstance(value, list | tuple) and type(value) in (list, tuple):
        return f'{type(value).__name__}({", ".join(map(describe_value, value))})'
    return f'{type(value).__name__}:{value!r}'


def describe_exception(error: BaseException | None, seen: tuple[BaseException, ...] = ()) -> Any:
    """Type, message, notes, lines of the traceback, cause and context, all the way down."""
    if error is None:
        return None
    if any(error is other for other in seen):
        return 'again'
    seen = (*seen, error)
    # What a child raised says so: CPython's shims do not.
    is_remote = isinstance(error.__cause__, RemoteTraceback)
    notes = [note for note in getattr(error, '__notes__', []) if not note.startswith('This was raised in ')]
    return {
        'type': type(error).__qualname__,
        'message': str(error),
        'notes': notes,
        'lines': lines_of(error.__traceback__),
        'cause': None if is_remote else describe_exception(error.__cause__, seen),
        'context': describe_exception(error.__context__, seen),
        'suppress': error.__suppress_context__ and not is_remote,
    }


def lines_of(traceback: types.TracebackType | None) -> list[str]:
    """Return function and line of each entry that is in a file of the corpus or in a generated function."""
    found = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        ours = code.co_filename.startswith(HERE) and code.co_filename not in _RUNNERS
        # Whether a comprehension has an entry of its own depends on the version of Python.
        if (ours or code.co_filename.startswith(PROGRAM_FILE)) and not code.co_name.endswith('comp>'):
            found.append(f'{code.co_name}:{traceback.tb_lineno}')
        traceback = traceback.tb_next
    return found


def natively(function: Any, *args: Any) -> Any:
    """Run a function as CPython does."""
    shims = {'submit': _submit, 'gather': _gather}
    used = {name: shim for name, shim in shims.items() if name in function.__globals__}
    with mock.patch.dict(function.__globals__, used):
        return drive(function(*args))


def drive(coroutine: Any) -> Any:
    """Run a coroutine that waits for nothing from outside."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError('it waits for something')


class _Child:
    def __init__(self, run: Callable[[], Any]) -> None:
        self.value = self.error = None
        try:
            self.value = run()
        except Exception as error:
            self.error = error

    def __await__(self):
        if self.error is not None:
            raise self.error.with_traceback(None)
        return self.value
        yield


def _submit(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> _Child:
    return _Child(lambda: function(*args, **kwargs))


def _gather(*children: _Child, return_exceptions: bool = False) -> _Child:
    def run():
        if not return_exceptions:
            for child in children:
                if child.error is not None:
                    raise child.error
        return [child.error or child.value for child in children]

    return _Child(run)


def seen_natively(function: Any, *args: Any) -> Seen:
    return observe(lambda: natively(function, *args))


def seen_in_memory(function: Any, *args: Any, restart: bool) -> Seen:
    return observe(lambda: run_in_memory(function, *args, restart=restart))
