"""Asynchronous generators: what the call of an ``async def`` with ``yield`` gives.

The objects are Python's own, and so is what their `__anext__`, `asend`, `athrow` and `aclose` give to await. But when a workflow
awaits that, it is not Python that runs the generator: its call goes on as an `Activation` on top of the task that drives it,
until it yields. From then on the object is only the name of its `Stream`: Python's own frame of it is closed, and the object
says that it is running to whoever else would drive it.

Relies on CPython's ``gc.get_referents``, which tells what such an awaitable drives, and with what, and on the place of
``ag_running`` in memory, which is looked up where CPython keeps it. Source: ``Objects/genobject.c``.
"""

from __future__ import annotations

import contextlib
import ctypes
import dis
import gc
import sys
import types
import weakref
from typing import Any, TypeAlias

from ..compiler import compile_generator
from ..compiler.source import is_filled
from .activation import Activation, has_source
from .awaitables import Agenda, Awaitable, Kept
from .looking import call_of

__all__ = (
    'Drive',
    'Stream',
    'Thrown',
    'call_in',
    'drive_of',
    'driven_again',
    'held_drive',
    'known_stream',
    'live_streams',
    'restored',
    'stream_of',
)

Shell: TypeAlias = 'types.AsyncGeneratorType[Any, Any]'


class Drive(Kept):
    """One turn of an asynchronous generator: what somebody awaits who drives it.

    :ivar shell: the generator; it lives on while it runs.
    :ivar kind: ``anext``, which stands for `asend` too, ``athrow`` or ``aclose``.
    :ivar given: what is sent, or the arguments of `athrow`.
    :ivar default: what `anext` gives when the generator has ended, if it was told so.
    """

    empty = {'default': list}
    shell: Shell | None = None
    kind = 'anext'
    given: Any = None

    def __init__(self, shell: Shell | None, kind: str = 'anext', given: Any = None) -> None:
        self.shell, self.kind, self.given = shell, kind, given
        self.default: list[Any] = []

    @property
    def error(self) -> BaseException | None:
        """The exception that is to appear where the generator waits."""
        if self.kind == 'aclose':
            return GeneratorExit()
        return None if self.kind == 'anext' else _exception(*self.given)

    def after_end(self) -> Any:
        """Return what it gives when the generator has ended.

        :raises StopAsyncIteration: if it gives nothing.
        """
        if self.default:
            return self.default[0]
        if self.kind == 'anext':
            raise StopAsyncIteration
        return None


class Stream(Kept):
    """The course of an asynchronous generator.

    :ivar agenda: that of the machine which drives it.
    :ivar activation: its call, while it waits at a ``yield`` or has not begun; else it is in the stack of a task.
    :ivar drive: what drives it at the moment.
    """

    agenda: Agenda | None = None
    activation: Activation | None = None
    drive: Drive | None = None

    def enter(self, drive: Drive) -> Activation | None:
        """Begin a turn, and return the call that goes on; ``None`` if there is nothing to run.

        :raises BaseException: what awaiting `drive` raises at once.
        """
        if self.drive is not None:
            raise RuntimeError(f'{drive.kind}(): asynchronous generator is already running')
        activation = self.activation
        if activation is None:
            return None
        if activation.awaiting is None:
            if (error := drive.error) is not None:
                self.activation = None
                if drive.kind == 'aclose':
                    return None
                raise activation.raised_at(activation.program.source.node, error)
            if drive.given is not None:
                raise TypeError("can't send non-None value to a just-started async generator")
        self.activation, self.drive, activation.stream = None, drive, self
        return activation

    def leave(self, activation: Activation | None) -> Drive:
        """End a turn, and return what drove it.

        :param activation: the call that waits at a ``yield``; ``None`` if it has come to its end.
        """
        drive, self.drive, self.activation = self.drive, None, activation
        assert drive is not None
        return drive

    def lose(self) -> None:
        """Take notice that nobody holds the generator any more: what it has begun is to be closed."""
        if self.is_open and self.agenda is not None:
            self.agenda.lost.append(self)

    @property
    def is_open(self) -> bool:
        """Whether it waits at a ``yield``."""
        return self.activation is not None and self.activation.awaiting is not None


class Thrown(Awaitable):
    """An exception, for a task that is to begin with it."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def begin(self, task: Any, agenda: Agenda) -> bool:
        """Return that there is nothing to wait for."""
        return True

    def outcome(self) -> Any:
        """Raise the exception."""
        raise self.error


class _Shell(weakref.ref[Any]):
    """Leads from a generator object to its stream."""

    __slots__ = ('key', 'stream')
    key: int
    stream: Stream


def _gone(reference: Any) -> None:
    del _shells[reference.key]
    reference.stream.lose()


_shells: dict[int, _Shell] = {}


def known_stream(shell: Shell) -> Stream | None:
    """Return the stream of a generator that a workflow has begun."""
    known = _shells.get(id(shell))
    return None if known is None else known.stream


def call_in(shell: Shell) -> tuple[types.FunctionType, dict[str, Any]] | None:
    """Return the function of a generator of which nothing has run, and its parameters; ``None`` for another."""
    if not _is_new(shell):
        return None
    function, variables, cells = call_of(shell)
    variables.update((name, cell.cell_contents) for name, cell in cells.items() if is_filled(cell))
    return function, variables


def stream_of(shell: Shell) -> Stream | None:
    """Return the stream of a generator; ``None`` if it has none, and cannot have one: Python runs it.

    :raises CompileError: if its function cannot be compiled.
    """
    known = known_stream(shell)
    if known is not None:
        return known
    if not (_is_new(shell) and has_source(shell.ag_code)):
        return None
    function, variables, cells = call_of(shell)
    program = compile_generator(function)
    stream = Stream()
    stream.activation = Activation(function, program, program.blocks[0], variables, cells)
    _take(shell, stream)
    return stream


def restored(name: str, qualname: str, stream: Stream) -> Shell:
    """Return a generator object for a stream."""
    shell: Any = _nothing()
    shell.__name__, shell.__qualname__ = name, qualname
    _take(shell, stream)
    return shell  # type: ignore[no-any-return]


async def _nothing() -> Any:
    for _ in ():
        yield


def live_streams(agenda: Agenda) -> list[Stream]:
    """Return the streams that a machine has driven, and that wait at a ``yield``."""
    streams = [known.stream for known in [*_shells.values()]]
    return [stream for stream in streams if stream.agenda is agenda and stream.is_open]


def drive_of(awaitable: Any) -> Drive | None:
    """Return what an awaitable does to an asynchronous generator; ``None`` if Python is to do it. It is used up by this.

    :raises RuntimeError: if it was awaited before.
    :raises CompileError: if the function of the generator cannot be compiled.
    """
    drive = _read(awaitable)
    if drive is None or drive.shell is None or stream_of(drive.shell) is None:
        return None
    _use_up(awaitable, drive.shell)
    return drive


def held_drive(awaitable: Any) -> tuple[Drive, bool] | None:
    """Return what an awaitable does to an asynchronous generator, and whether it was awaited; ``None`` if that cannot be told."""
    drive = _read(awaitable)
    if drive is None or drive.shell is None or not _STATES_ARE_KNOWN:
        return None
    if known_stream(drive.shell) is None and not _is_new(drive.shell):
        return None
    inner = gc.get_referents(awaitable)[0] if type(awaitable) is _ANEXT else awaitable
    return drive, _state_of(inner) != 0


def driven_again(drive: Drive, used: bool) -> Any:
    """Return something to await that drives a generator so.

    :param used: whether it was awaited before.
    """
    shell: Any = drive.shell
    if drive.kind == 'aclose':
        made = shell.aclose()
    elif drive.kind == 'athrow':
        made = shell.athrow(*drive.given)
    else:
        made = anext(shell, *drive.default) if drive.default else shell.asend(drive.given)
    if used:
        _use_up(made, shell)
    return made


def _use_up(awaitable: Any, shell: Shell) -> None:
    """Await something as if its generator had ended, as Python's own frame of it has."""
    _set_running(shell, False)
    try:
        with contextlib.suppress(StopIteration, StopAsyncIteration):
            awaitable.send(None)
    finally:
        _set_running(shell, True)


def _read(awaitable: Any) -> Drive | None:
    kind = type(awaitable)
    if kind not in KINDS:
        return None
    shell, *given = gc.get_referents(awaitable)
    if kind is _ANEXT:
        drive = _read(shell)
        if drive is not None:
            drive.default = given
        return drive
    if kind is _ASEND:
        return Drive(shell, 'anext', *given)
    return Drive(shell, 'athrow' if given else 'aclose', *given)


def _exception(kind: Any, value: Any = None, trace: Any = None) -> BaseException:
    """Return what `athrow` throws."""
    if isinstance(kind, BaseException):
        error = kind
    elif isinstance(value, kind):
        error = value
    else:
        error = kind() if value is None else kind(*value) if isinstance(value, tuple) else kind(value)
    return error if trace is None else error.with_traceback(trace)


# -- what belongs to CPython


def _kinds() -> tuple[type, type, type]:
    shell: Any = _nothing()
    made = [shell.asend(None), shell.aclose(), anext(shell, None)]
    for awaitable in made:
        with contextlib.suppress(StopIteration, StopAsyncIteration):
            awaitable.send(None)
    return type(made[0]), type(made[1]), type(made[2])


def _state_of(awaitable: Any) -> int:
    """Return the field that follows two objects: zero before it is awaited."""
    return ctypes.c_int.from_address(id(awaitable) + 32).value


def _are_states_known() -> bool:
    shell: Any = _nothing()
    made = shell.asend(None), shell.aclose()
    if object.__basicsize__ != 16 or any(type(each).__basicsize__ < 36 for each in made):
        return False
    before = [*map(_state_of, made)]
    for awaitable in made:
        with contextlib.suppress(StopIteration, StopAsyncIteration):
            awaitable.send(None)
    return before == [0, 0] and all(map(_state_of, made))


_STATES_ARE_KNOWN = _are_states_known()
_ASEND, _ATHROW, _ANEXT = _kinds()
#: The types of what the methods of an asynchronous generator give, and `anext` with a default.
KINDS = frozenset({_ASEND, _ATHROW, _ANEXT})


def _is_new(shell: Shell) -> bool:
    """Return whether nothing of a generator has run."""
    frame: Any = shell.ag_frame
    if frame is None or shell.ag_running:
        return False
    if sys.version_info >= (3, 12):
        return not shell.ag_suspended
    if sys.version_info >= (3, 11):
        return shell.ag_code.co_code[frame.f_lasti] == dis.opmap['RETURN_GENERATOR']
    return bool(frame.f_lasti == -1)


def _take(shell: Shell, stream: Stream) -> None:
    """Let a generator object stand for a stream, and for nothing else."""
    closing: Any = shell.aclose()
    with contextlib.suppress(StopIteration):
        closing.send(None)
    _set_running(shell, True)
    reference = _shells[id(shell)] = _Shell(shell, _gone)
    reference.key, reference.stream = id(shell), stream


def _place_of_running() -> int | None:
    """Return where a generator object says whether it runs; ``None`` if it is not where CPython has it."""
    described: Any = vars(types.AsyncGeneratorType)['ag_running']
    if type(described) is not types.MemberDescriptorType or object.__basicsize__ != 16:
        return None
    member: int = ctypes.c_void_p.from_address(id(described) + 40).value or 0  # `d_member` of a PyMemberDescrObject
    place = ctypes.c_ssize_t.from_address(member + 16).value  # `offset` of a PyMemberDef
    return place if object.__basicsize__ < place < types.AsyncGeneratorType.__basicsize__ else None


_RUNNING = _place_of_running()


def _set_running(shell: Shell, running: bool) -> None:
    if _RUNNING is not None:
        ctypes.c_bool.from_address(id(shell) + _RUNNING).value = running
