"""What is stored has been shown to load: for whom that is to be shown, and a place to show it where it can do no harm.

To load an object may run code of its class: a `__setstate__`, what its `__reduce__` names. Whether that works is known only
by doing it. It is done when objects of such a class are first written in a process, and again when they look another way than
before, or come with others, up to a number of times. It is done in a forked process, which then ends at once: what the code
registers, opens or counts, and what it does when its objects die, is not seen in this one. What it would do outside of its
process is refused there; then nothing is known, and the objects pass, as they do if the process dies.

Knows the standard library only.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import sys
import warnings
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from .records import REF, Record

__all__ = ('Shape', 'in_child', 'note_proven', 'unproven')

#: How an object of a class looks: the kind of its record, the names in it, and the kinds of what it refers to.
Shape = tuple[Any, ...]

#: After so many shapes the objects of a class are taken for proven.
_SHAPES = 16
#: The same for the orders in which classes have come.
_ORDERS = 256
#: Seconds for a trial.
_LIMIT = 60
#: What a trial must not do, as `sys.audit` calls it.
_OUTSIDE = (
    *('os.remove', 'os.rename', 'os.mkdir', 'os.rmdir', 'os.truncate', 'os.link', 'os.symlink', 'os.chmod', 'os.chown'),
    *(
        'os.utime',
        'os.system',
        'os.exec',
        'os.fork',
        'os.forkpty',
        'os.posix_spawn',
        'os.spawn',
        'os.kill',
        'os.killpg',
    ),
    *(
        'os.startfile',
        'pty.spawn',
        'subprocess.Popen',
        'socket.connect',
        'socket.bind',
        'socket.sendto',
        'socket.sendmsg',
    ),
    *('sqlite3.connect', 'shutil.', 'tempfile.', 'signal.pthread_kill'),
)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_ORDER = object()

_known: dict[int, tuple[weakref.ref[type], set[Shape]]] = {}
_orders: set[tuple[int, ...]] = set()
_is_child = False


def unproven(code: Sequence[tuple[int, type]], records: Sequence[Record]) -> list[tuple[type, Shape]]:
    """Return the classes for whose objects it is to be shown that they load, with how these look.

    :param code: the numbers of the records whose loading runs code, with the class whose code that is.
    :param records: all records.
    """
    if _is_child or not code:
        return []
    found: dict[tuple[int, Shape], tuple[type, Shape]] = {}
    for index, cls in code:
        shapes = _shapes_of(cls)
        if len(shapes) < _SHAPES and (shape := _shape(records[index], records)) not in shapes:
            found[id(cls), shape] = cls, shape
    order = tuple(dict.fromkeys(id(cls) for _, cls in code))
    if order not in _orders and (found or len(_orders) < _ORDERS):
        found[0, order] = code[0][1], (_ORDER, *order)
    return [*found.values()]


def note_proven(found: Sequence[tuple[type, Shape]]) -> None:
    """Take notice that what `unproven` has returned loads."""
    for cls, shape in found:
        if shape[0] is _ORDER:
            _orders.add(shape[1:])
        else:
            _shapes_of(cls).add(shape)


def _shapes_of(cls: type) -> set[Shape]:
    known = _known.get(id(cls))
    if known is None or known[0]() is not cls:
        known = _known[id(cls)] = weakref.ref(cls), set()
    return known[1]


def _shape(record: Record, records: Sequence[Record]) -> Shape:
    kind, first, *filled = record
    rest = filled[0] if filled else {}
    named: list[Any] = []
    if not isinstance(rest, dict):
        rest = {'': rest}
    for name, content in rest.items():
        named += [name, *_names(content, records)]
    return kind, *_kinds_in(first, records), *named


def _names(content: Any, records: Sequence[Record]) -> list[Any]:
    """Return the names of the attributes in a state, and the kinds of their values."""
    if isinstance(content, list):
        return [*dict.fromkeys(_kinds_in(content, records))]
    target: Record = records[content[REF]] if isinstance(content, dict) and REF in content else [None]
    if target[0] == 'dict':
        return [*(key if type(key) is str else '' for key in target[2][::2]), *_kinds_in(target[2][1::2], records)]
    return [target[0], *_kinds_in(target[1], records)] if target[0] == 'tuple' else [target[0]]


def _kinds_in(content: Any, records: Sequence[Record]) -> list[str]:
    if not isinstance(content, list):
        return []
    refs = (item[REF] if type(item) is dict and REF in item else None for item in content)
    return [type(item).__name__ if ref is None else records[ref][0] for item, ref in zip(content, refs, strict=True)]


# -- the place


class _OutsideError(BaseException):
    """A trial would do something outside of its process."""


def in_child(trial: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
    """Call a function in a forked process.

    :param trial: the function; returns pure JSON.
    :returns: what it returns; ``None`` if it wants to do something outside of the process, dies, or takes too long.
    """
    reading, writing = os.pipe()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', DeprecationWarning)  # of threads, which the child does not have
            child = os.fork()
    except OSError:
        os.close(reading)
        os.close(writing)
        return None
    if child == 0:
        _answer(trial, writing)
    os.close(writing)
    with os.fdopen(reading, 'rb') as pipe:
        said = pipe.read()
    with contextlib.suppress(ChildProcessError):
        os.waitpid(child, 0)
    answer: dict[str, Any] | None = json.loads(said) if said else None
    return answer


def _answer(trial: Callable[[], dict[str, Any]], writing: int) -> None:
    """Call the function, write what it returns, and end the process without a word to anything else in it."""
    global _is_child
    _is_child = True
    outside: list[str] = []
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(_LIMIT)
        gc.disable()
        sys.dont_write_bytecode = True
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nowhere, descriptor)
        sys.addaudithook(lambda event, args: _watch(event, args, outside))
        answer = trial()
        if not outside:
            os.write(writing, json.dumps(answer).encode())
    finally:
        os._exit(0)


def _watch(event: str, args: tuple[Any, ...], outside: list[str]) -> None:
    if event == 'open':
        flags = args[2]
        if not isinstance(flags, int) or not flags & _WRITES or args[0] == os.devnull:
            return
    elif not event.startswith(_OUTSIDE):
        return
    outside.append(event)
    raise _OutsideError(event)
