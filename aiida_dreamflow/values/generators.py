"""The codec for generators that an await crosses.

What a generator holds, and how it goes on, is the runtime's; this module only writes it down.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from typing import Any

from ..compiler import compile_generator
from ..exceptions import CannotStoreError, CompileError, FrameError
from ..runtime import Activation
from ..runtime.coroutines import arguments_of
from ..runtime.generators import Suspension, finished, prime, resumable
from ..runtime.looking import look_into
from ..runtime.streams import KINDS, Drive, Stream, call_in, driven_again, held_drive, known_stream, restored
from .edits import Edits, placed
from .snapshot import Codec, Staged

__all__ = ('AsyncGeneratorCodec', 'GeneratorCodec')

Generator = types.GeneratorType


class GeneratorCodec(Codec):
    """Generators: the function, where it waits, and its variables.

    :param edits: finds the places in functions that were edited since.
    :ivar unfinished: the generators met that have not come to their end.
    """

    name = 'generator'
    kinds = (Generator,)

    def __init__(self, edits: Edits | None = None) -> None:
        self._edits = edits
        self.unfinished: dict[int, Any] = {}

    def encode(self, value: object, ref: Callable[[object], Any]) -> Any | None:
        """Return the content for a generator."""
        if type(value) is not Generator:
            return None
        names = [value.__name__, value.__qualname__]
        if value.gi_frame is None:
            return [*names, 'finished']
        if value.gi_running:
            raise CannotStoreError('generator', '', 'it is running: the await happens inside of it')
        try:
            suspension = look_into(value)
        except CompileError as error:
            raise CannotStoreError('generator', '', f'its function cannot be compiled: {error}') from error
        self.unfinished[id(value)] = value
        assert suspension.activation is not None
        is_awaitable = bool(value.gi_code.co_flags & inspect.CO_ITERABLE_COROUTINE)
        return Staged(
            [*names, 'awaitable' if is_awaitable else 'unfinished'],
            _state(suspension.activation, ref, suspension.inner),
        )

    def decode(self, content: Any, get: Callable[[Any], Any]) -> object:
        """Return the generator, which does not know yet where it waits."""
        name, qualname, state = content
        if state == 'finished':
            return finished(name, qualname)
        return resumable(name, qualname, Suspension(), is_awaitable=state == 'awaitable')

    def fill(self, obj: Any, content: Any, get: Callable[[Any], Any]) -> None:
        """Tell a generator where it waits."""
        suspension: Suspension = obj.gi_frame.f_locals['suspension']
        suspension.activation = _activation(content, get, self._edits)
        suspension.inner = get(content['inner'])
        prime(obj, suspension)


class AsyncGeneratorCodec(Codec):
    """Asynchronous generators, and the calls of theirs that wait at a ``yield``; what drives one, and is not awaited yet.

    :param edits: finds the places in functions that were edited since.
    :ivar met: the streams of the generators met.
    :ivar waiting: what was met that drives one, and that nobody has awaited.
    """

    name = 'asynchronous generator'
    kinds = (types.AsyncGeneratorType, Activation, *KINDS)

    def __init__(self, edits: Edits | None = None) -> None:
        self._edits = edits
        self.met: dict[int, Stream] = {}
        self.waiting: dict[int, Any] = {}

    def encode(self, value: Any, ref: Callable[[object], Any]) -> Any | None:
        """Return the content for one of them."""
        kind = type(value)
        if kind is types.AsyncGeneratorType:
            names = [value.__name__, value.__qualname__]
            if (stream := known_stream(value)) is None:
                return [*names, _new_call(value, ref)]
            self.met[id(stream)] = stream
            return [*names, {'stream': ref(stream)}]
        if kind is Activation:
            return Staged(None, _state(value, ref))
        if kind in KINDS:
            content = _drive(value, ref)
            if not content['used']:
                self.waiting[id(value)] = value
            return content
        return None

    def decode(self, content: Any, get: Callable[[Any], Any]) -> object:
        """Return the object; of a call, an empty one."""
        if content is None:
            return Activation.__new__(Activation)
        if isinstance(content, dict):
            given = tuple(map(get, content['given'])) if content['drive'] == 'athrow' else get(content['given'])
            drive = Drive(get(content['shell']), content['drive'], given)
            drive.default = [*map(get, content['default'])]
            return driven_again(drive, content['used'])
        name, qualname, state = content
        if 'stream' in state:
            return restored(name, qualname, get(state['stream']))
        if state:
            return _called_again(name, qualname, state, get)
        return restored(name, qualname, Stream())

    def fill(self, obj: Any, content: Any, get: Callable[[Any], Any]) -> None:
        """Tell a call where it waits."""
        vars(obj).update(vars(_activation(content, get, self._edits)))


def _new_call(shell: Any, ref: Callable[[object], Any]) -> dict[str, Any]:
    """Return the content for a generator that no workflow has begun: nothing if it has ended."""
    if shell.ag_frame is None and not shell.ag_running:
        return {}
    found = call_in(shell)
    if found is None:
        raise CannotStoreError('async_generator', '', 'it was begun by other code than the workflow')
    function, values = found
    args, kwargs = arguments_of(function, values)
    return {
        'function': ref(function),
        'args': [*map(ref, args)],
        'kwargs': [part for name, value in kwargs.items() for part in (name, ref(value))],
    }


def _called_again(name: str, qualname: str, state: dict[str, Any], get: Callable[[Any], Any]) -> object:
    """Return a generator of which nothing has run."""
    parts = iter(state['kwargs'])
    kwargs = {key: get(next(parts)) for key in parts}
    function = get(state['function'])
    try:
        shell = function(*map(get, state['args']), **kwargs)
    except TypeError as error:
        raise FrameError(
            f'`{qualname}` was edited since, and does not take the arguments of a call any more ({error})'
        ) from error
    shell.__name__, shell.__qualname__ = name, qualname
    return shell


def _drive(awaitable: Any, ref: Callable[[object], Any]) -> dict[str, Any]:
    found = held_drive(awaitable)
    if found is None:
        raise CannotStoreError(type(awaitable).__name__, '', 'it drives an asynchronous generator that Python runs')
    drive, used = found
    given = [*map(ref, drive.given)] if drive.kind == 'athrow' else ref(drive.given)
    default = [*map(ref, drive.default)]
    return {'drive': drive.kind, 'shell': ref(drive.shell), 'given': given, 'default': default, 'used': used}


def _state(activation: Activation, ref: Callable[[object], Any], inner: Any = None) -> dict[str, Any]:
    exits, awaiting = activation.block.exits, activation.awaiting
    return {
        'function': ref(activation.function),
        'fingerprint': activation.program.source.fingerprint,
        'block': activation.block.index,
        'exit': None if awaiting is None else exits.index(awaiting),
        'variables': {name: ref(value) for name, value in activation.variables.items()},
        'cells': {name: ref(cell) for name, cell in activation.cells.items()},
        'handled': [ref(error) for error in activation.handled],
        'inner': ref(inner),
    }


def _activation(content: dict[str, Any], get: Callable[[Any], Any], edits: Edits | None) -> Activation:
    variables = {name: get(value) for name, value in content['variables'].items()}
    cells = {name: get(cell) for name, cell in content['cells'].items()}
    handled = [get(error) for error in content['handled']]
    return placed(compile_generator, get(content['function']), content, variables, cells, handled, edits)
