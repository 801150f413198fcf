"""What is of a kind that cannot be stored, files, threads and programs, but has ended, or not begun: nothing of it runs any more.

`close it before the await` is what the refusals advise; who does so may still ask the closed file for its name, the
program for its exit code, or keep a thread in a list. Knows the standard library only.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import tempfile
import threading
import types
from collections.abc import Iterator
from typing import Any

__all__ = (
    'MAKERS',
    'closed_buffer',
    'closed_raw',
    'closed_text',
    'reduced_when_ended',
    'thread_at_rest',
    'without_its_init',
)

Reduced = tuple[Any, ...]

_BUFFERS = (io.BufferedReader, io.BufferedWriter, io.BufferedRandom)
#: What `threading` keeps of a thread that means the same in another process.
_OF_THREADS = ('_target', '_name', '_args', '_kwargs', '_daemonic', '_ident', '_native_id')
_FRESH = threading.Thread(name='fresh')
_OF_ALL_THREADS = frozenset(vars(_FRESH))


def reduced_when_ended(value: object) -> Reduced | None:
    """Return how an object is made again that has ended, as ``__reduce_ex__`` would; ``None`` for anything else.

    :param value: any object.
    """
    cls = type(value)  # a mock may say that it is of another class
    if not issubclass(cls, (io.IOBase, threading.Thread, subprocess.Popen)):
        return None
    if issubclass(cls, io.IOBase):
        return _of_file(value)
    if isinstance(value, threading.Thread) and not threading.Thread.is_alive(value):
        kept = {name: part for name, part in vars(value).items() if name in _OF_THREADS or name not in _OF_ALL_THREADS}
        return thread_at_rest, (cls, kept['_ident'] is not None), kept
    if cls is subprocess.Popen and value.returncode is not None:  # type: ignore[attr-defined]
        return without_its_init, (cls,), vars(value)
    return None


def _of_file(file: Any) -> Reduced | None:
    cls = type(file)
    if cls is tempfile.SpooledTemporaryFile and not file._rolled:
        return without_its_init, (cls,), vars(file)
    with contextlib.suppress(ValueError):  # its buffer was detached from it
        if isinstance(getattr(cls, '__getstate__', None), types.FunctionType) and file.closed:
            return without_its_init, (cls,), vars(file)  # it is in memory, and written in Python
        if cls not in (io.FileIO, io.TextIOWrapper, *_BUFFERS) or not file.closed:
            return None
        if cls is io.FileIO:
            return closed_raw, (file.mode,), vars(file)
        if cls in _BUFFERS and type(file.raw) is io.FileIO:
            return closed_buffer, (cls, file.raw), vars(file)
        if cls is io.TextIOWrapper and type(getattr(file.buffer, 'raw', None)) is io.FileIO:
            options = file.encoding, file.errors, file.line_buffering, file.write_through, file.newlines
            return closed_text, (file.buffer, *options), vars(file)
    return None


# -- what is called to make them again


def without_its_init(cls: Any) -> object:
    """Return an object of a class that only waits for its attributes.

    :param cls: the class.
    """
    made: object = cls.__new__(cls)
    return made


def closed_raw(mode: str) -> io.FileIO:
    """Return a file that is closed.

    :param mode: the mode in which it had been opened.
    """
    file = io.FileIO(os.devnull, mode, opener=lambda *_: _file_of(b''))
    file.close()
    return file


def closed_buffer(cls: type, raw: io.FileIO) -> object:
    """Return the buffer of a closed file.

    :param cls: its class.
    :param raw: the file.
    """
    with _open_again(raw):
        return cls(raw)


def closed_text(
    buffer: Any,
    encoding: str,
    errors: str,
    line_buffering: bool,
    write_through: bool,
    newlines: str | tuple[str, ...] | None,
) -> io.TextIOWrapper:
    """Return a closed text file.

    :param buffer: its buffer.
    :param encoding: and the rest: as it was opened with.
    :param newlines: those that it had met.
    """
    with _open_again(buffer.raw, ''.join(newlines or ()).encode(encoding)):
        file = io.TextIOWrapper(buffer, encoding, errors, None, line_buffering, write_through)
        if newlines:
            file.read()
    return file


@contextlib.contextmanager
def _open_again(raw: io.FileIO, content: bytes = b'') -> Iterator[None]:
    """Have a closed file open, on nothing or a few bytes, for as long as something is made that asks for an open one."""
    attributes = {**vars(raw)}
    raw.__init__(os.devnull, raw.mode, opener=lambda *_: _file_of(content))  # type: ignore[misc]
    try:
        yield
    finally:
        raw.close()
        vars(raw).update(attributes)


def _file_of(content: bytes) -> int:
    if not content:
        return os.open(os.devnull, os.O_RDWR)
    reading, writing = os.pipe()
    os.write(writing, content)
    os.close(writing)
    return reading


def thread_at_rest(cls: type[threading.Thread], has_ended: bool) -> threading.Thread:
    """Return a thread that does not run, without what it is to do.

    :param cls: its class.
    :param has_ended: whether it has run; otherwise it may be started.
    """
    thread = object.__new__(cls)
    threading.Thread.__init__(thread, name='at rest')
    if has_ended:
        vars(thread)['run'] = _nothing
        thread.start()
        threading.Thread.join(thread)
        del vars(thread)['run']
    for name in _OF_THREADS:
        vars(thread).pop(name, None)
    return thread


def _nothing() -> None:
    pass


#: What is called to make something again that has ended: the attributes that it then gets are all that it has.
MAKERS = (without_its_init, closed_raw, closed_buffer, closed_text, thread_at_rest)
