"""What a call does beside making a value: it opens a file, starts a thread, counts how often it was called.

A value that cannot be stored is made again at each await, which is right only if making it does nothing else. Two looks
at it tell. The first call is an ordinary line of the workflow: afterwards it is seen what the process has open that it had
not before (`Before`), whoever has opened it. Then the call is made once more, on trial (`effect_of`): an audit hook
raises before a file is opened for writing, a program or thread is started and the like; what a library has written past
Python, and what the call has changed of its module, is seen afterwards.

Python's audit hooks cannot be taken off. This one is put on by the first trial of a process, and looks at nothing but trials.
"""

from __future__ import annotations

import _thread
import collections
import itertools
import os
import stat
import sys
import threading
import time
import types
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

try:
    import resource
except ImportError:  # not a Unix
    resource = None  # type: ignore[assignment]

__all__ = ('Before', 'effect_of')

_FOLDER = next((folder for folder in ('/proc/self/fd', '/dev/fd') if Path(folder).is_dir()), '')
#: What a process keeps open for itself, when it first needs it.
_OWN = ('anon_inode:', '/dev/null', '/dev/urandom', '/dev/random', '/dev/nvidia')
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

#: What would happen, by the audit event that comes before it. Those of `socket` need no name of a file.
#: Source: the table of audit events in the documentation of Python.
_EFFECTS = {
    **dict.fromkeys(('os.remove', 'os.rmdir', 'shutil.rmtree'), 'delete'),
    **dict.fromkeys(('os.rename', 'shutil.move'), 'rename'),
    **dict.fromkeys(('os.mkdir', 'os.link', 'os.symlink', 'tempfile.mkdtemp', 'tempfile.mkstemp'), 'create'),
    **dict.fromkeys(('os.chmod', 'os.chown', 'os.utime', 'os.truncate', 'os.setxattr', 'os.removexattr'), 'change'),
    **dict.fromkeys(('os.chflags', 'os.lockf', 'fcntl.flock', 'fcntl.lockf', 'mmap.__new__'), 'lock or map the file'),
    **dict.fromkeys(('subprocess.Popen', 'os.system', 'os.exec', 'os.posix_spawn', 'os.spawn'), 'start the program'),
    **dict.fromkeys(('os.fork', 'os.forkpty', 'pty.spawn'), 'start a process'),
    **dict.fromkeys(('os.kill', 'os.killpg', 'signal.pthread_kill'), 'send a signal'),
    **dict.fromkeys(('_thread.start_new_thread', '_thread.start_joinable_thread'), 'start a thread'),
    **dict.fromkeys(('os.putenv', 'os.unsetenv'), 'change the environment variable'),
    **dict.fromkeys(('socket.__new__', 'socket.connect', 'socket.bind', 'socket.sendto', 'socket.sendmsg'), 'use the network'),
    'open': 'open',
    'os.chdir': 'change the working directory to',
    'sqlite3.connect': 'open the database',
    'syslog.syslog': 'write to the log of the system',
    'webbrowser.open': 'open a browser',
}  # fmt: skip
_NAMES_NOTHING = ('a ', 'the network', 'the log')


# -- what is open


@dataclass(frozen=True)
class Before:
    """What is noted before a call.

    :ivar numbers: the numbers of what the process has open.
    :ivar clock: the time, on the clock of the file systems.
    """

    numbers: frozenset[int] = field(default_factory=lambda: _open_now())
    clock: int = field(default_factory=lambda: _clock())

    def effect(self, paths: Iterable[str]) -> str:
        """Return what has been opened since and still is, or written since; empty if there is nothing.

        :param paths: the files to look at.
        """
        if name := _opened_since(self.numbers):
            return f'opens `{name}`'
        written = next((path for path in paths if _stamp(path)[0] > self.clock), '')
        return f'writes to `{written}`' if written else ''


def _clock() -> int:
    coarse = getattr(time, 'CLOCK_REALTIME_COARSE', None)  # of Linux
    return time.time_ns() if coarse is None else time.clock_gettime_ns(coarse)


def _stamp(path: str) -> tuple[int, int, int]:
    """Return when a file was changed, its size and its number; zeros if it is none."""
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return 0, 0, 0
    return (found.st_mtime_ns, found.st_size, found.st_ino) if stat.S_ISREG(found.st_mode) else (0, 0, 0)


def _blocks_written() -> int:
    """Return how much this thread has written to disks; zero where the system does not tell."""
    who = getattr(resource, 'RUSAGE_THREAD', None)
    return 0 if who is None else resource.getrusage(who).ru_oublock


def _open_now() -> frozenset[int]:
    """Return the numbers of what this process has open; none where the system does not tell."""
    if not _FOLDER:
        return frozenset()
    folder = os.open(_FOLDER, os.O_RDONLY)
    try:
        return frozenset(int(name) for name in os.listdir(folder)) - {folder}  # noqa: PTH208  (a descriptor)
    finally:
        os.close(folder)


def _opened_since(before: frozenset[int]) -> str:
    """Return the name of something that is open now and was not before; empty if there is nothing.

    :param before: what `_open_now` returned.
    """
    for number in sorted(_open_now() - before):
        try:
            name = str(Path(f'{_FOLDER}/{number}').readlink())
        except OSError:
            continue
        if not name.startswith(_OWN):
            return name
    return ''


# -- a trial


class _Prevented(BaseException):
    """Raised in the place of an effect; no library takes it for an error of its own."""


class _Trial:
    """The trial that runs, if one does: its thread, and the effects that it was kept from."""

    thread = 0
    found: list[str] = []
    is_watched = False


def effect_of(
    make: Callable[[], Any], kinds: list[type], function: types.FunctionType, called: Any, paths: Iterable[str]
) -> str:
    """Make a value once more, drop it, and return what that would have done, or has done, beside; empty if nothing.

    :param make: makes it.
    :param kinds: the classes of the value, or of what it holds.
    :param function: the function that contains the call.
    :param called: what is called, if that is known.
    :param paths: the files to look at.
    """
    if not _Trial.is_watched:
        sys.addaudithook(_hook)
        _Trial.is_watched = True
    is_open, before, blocks = _open_now(), _state(kinds, function, called), _blocks_written()
    stamps = {path: _stamp(path) for path in paths}
    outer = _Trial.thread, _Trial.found
    _Trial.thread, _Trial.found = _thread.get_ident(), []
    said = ''
    value: Any = None
    try:
        with _no_threads():
            value = make()
    except _Prevented:
        pass
    except Exception as error:
        said = f'raises {type(error).__name__}: {error}'
    finally:
        found = _Trial.found
        _Trial.thread, _Trial.found = outer
    if found:
        return f'would {found[0]}'
    if said:
        return said
    if name := _opened_since(is_open):
        return f'opens `{name}`'
    if changed := next((path for path, stamp in stamps.items() if _stamp(path) != stamp), ''):
        return f'writes to `{changed}`'
    if _blocks_written() > blocks:
        return 'writes to a file'
    if kinds and type(value) is not kinds[0]:
        return f'gives an object of type `{type(value).__name__}` then'
    del value
    after = _state(kinds, function, called)
    changed = next((name for name in {**before, **after} if before.get(name) != after.get(name)), '')
    return f'changes {changed}' if changed else ''


@contextmanager
def _no_threads() -> Iterator[None]:
    """Let no thread be started on trial: before Python 3.12 there is no audit event for it."""
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if _Trial.thread == _thread.get_ident():
            _hook('_thread.start_new_thread', ())
        start(thread)

    threading.Thread.start = refuse  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        threading.Thread.start = start  # type: ignore[method-assign]


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if _Trial.thread and event in _EFFECTS and _Trial.thread == _thread.get_ident():
        thread, _Trial.thread = _Trial.thread, 0
        try:
            effect = _effect(event, args)
        finally:
            _Trial.thread = thread
        if effect:
            _Trial.found.append(effect)
            raise _Prevented(effect)


def _effect(event: str, args: tuple[Any, ...]) -> str:
    """Return what an event would do; empty if it changes nothing outside."""
    verb, subject = _EFFECTS[event], args[0] if args else ''
    path = os.fsdecode(subject) if isinstance(subject, str | bytes | os.PathLike) else ''
    if event == 'open':
        mode, flags = args[1] or '', args[2] or 0
        is_written = flags & _WRITES or any(letter in mode for letter in 'wxa+')
        return f'open `{path}` for writing' if path and is_written and not _is_cache(path) else ''
    if event == 'mmap.__new__' or (event == 'sqlite3.connect' and path == ':memory:'):
        return ''
    if path and (_is_cache(path) or _fails(event, path)):
        return ''
    if event in ('socket.connect', 'socket.bind', 'socket.sendto'):
        return f'connect to {args[1]!r}' if event == 'socket.connect' else verb
    return f'{verb} `{path}`' if path and not verb.endswith(_NAMES_NOTHING) else verb


def _is_cache(path: str) -> bool:
    """Whether a file is one that Python keeps of a module that it imports, or none at all."""
    return path == os.devnull or '__pycache__' in path or path.endswith('.pyc')


def _fails(event: str, path: str) -> bool:
    """Whether nothing comes of an event, because what it is to create exists, or what it is to delete does not."""
    if event == 'os.mkdir':
        return Path(path).is_dir()
    return event in ('os.remove', 'os.rmdir') and not os.path.lexists(path)


# -- what a call changes of its module


def _state(kinds: list[type], function: types.FunctionType, called: Any) -> dict[str, Any]:
    """Return what can be compared of what a call may change in this process, by what it is called."""
    state: dict[str, Any] = {}
    spaces = [function.__globals__]
    bases = [base for kind in (*kinds, *([called] if isinstance(called, type) else [])) for base in kind.__mro__]
    spaces += [vars(sys.modules[base.__module__]) for base in bases if base.__module__ in sys.modules]
    makers = [called, *(vars(base).get(name) for base in bases for name in ('__new__', '__init__'))]
    for maker in makers:
        if isinstance(maker, types.FunctionType):
            spaces.append(maker.__globals__)
            cells = zip(maker.__code__.co_freevars, maker.__closure__ or (), strict=True)
            state.update({f'`{name}` around `{maker.__name__}`': _mark(name, _content(cell)) for name, cell in cells})
    for space in {id(space): space for space in spaces}.values():
        module = str(space.get('__name__', ''))
        if module.partition('.')[0] not in sys.stdlib_module_names or module == '__main__':
            for name, value in [*space.items()]:
                state[f'`{name}` of the module `{module}`'] = _mark(name, value)
                if isinstance(value, type) and value.__module__ == module:
                    state.update({f'`{name}.{at}`': _mark(at, part) for at, part in [*vars(value).items()]})
    for base in bases:
        if base.__module__ not in sys.stdlib_module_names or base.__module__ == '__main__':
            state.update({f'`{base.__name__}.{at}`': _mark(at, part) for at, part in [*vars(base).items()]})
    for place, numbers in _random_numbers():
        state[place] = numbers
    logging = sys.modules.get('logging')
    if logging is not None:
        loggers = [logging.root, *logging.root.manager.loggerDict.values()]
        state['the handlers of a logger'] = sum(len(getattr(each, 'handlers', ())) for each in loggers)
    return state


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return None


_CONTAINERS = (list, dict, set, bytearray, collections.deque)


def _mark(name: str, value: Any) -> Any:
    """Return what tells that another value has taken the place of one, or that a container has grown."""
    if name.startswith('__') and name.endswith('__'):
        return None
    if type(value) is itertools.count:
        return repr(value)
    kind = type(value)
    if kind in (int, float, str, bool):
        return value
    return id(value), len(value) if issubclass(kind, _CONTAINERS) else 0


def _random_numbers() -> Iterator[tuple[str, Any]]:
    """Yield how far the random numbers of the process are: a call that draws some makes another value each time."""
    for name in ('random', 'numpy.random'):
        module: Any = sys.modules.get(name)
        if module is not None:
            state = module.getstate() if name == 'random' else module.get_state()
            numbers = hash(state) if name == 'random' else (state[1].tobytes(), state[2:])
            yield f'the random numbers of `{name}` (give it a seed)', numbers
