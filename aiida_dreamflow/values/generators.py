"""The codec for generators that an await crosses.

What a generator holds, and how it goes on, is the runtime's; this module only writes it down.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from typing import Any

from ..compiler import compile_generator
from ..exceptions import CannotStoreError, CompileError
from ..runtime import Activation
from ..runtime.generators import Suspension, finished, prime, resumable
from ..runtime.looking import look_into
from ..runtime.streams import KINDS, Drive, Stream, driven_again, held_drive, restored, stream_of
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
        if value.gi_code.co_flags & inspect.CO_ITERABLE_COROUTINE:
            raise CannotStoreError(
                'generator', '', '`types.coroutine` has made it something to await; write an `async def`'
            )
        try:
            suspension = look_into(value)
        except CompileError as error:
            raise CannotStoreError('generator', '', f'its function cannot be compiled: {error}') from error
        self.unfinished[id(value)] = value
        assert suspension.activation is not None
        return Staged([*names, 'unfinished'], _state(suspension.activation, ref, suspension.inner))

    def decode(self, content: Any, get: Callable[[Any], Any]) -> object:
        """Return the generator, which does not know yet where it waits."""
        name, qualname, state = content
        return finished(name, qualname) if state == 'finished' else resumable(name, qualname, Suspension())

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

    def __init__(self, edits: Edits | None = None) -> None:
        self._edits = edits
        self.met: dict[int, Stream] = {}
        self.waiting: dict[int, Any] = {}

    def encode(self, value: Any, ref: Callable[[object], Any]) -> Any | None:
        """Return the content for one of them."""
        kind = type(value)
        if kind is types.AsyncGeneratorType:
            stream = _stream_of(value)
            self.met[id(stream)] = stream
            return [value.__name__, value.__qualname__, ref(stream)]
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
        name, qualname, stream = content
        return restored(name, qualname, get(stream))

    def fill(self, obj: Any, content: Any, get: Callable[[Any], Any]) -> None:
        """Tell a call where it waits."""
        vars(obj).update(vars(_activation(content, get, self._edits)))


def _stream_of(shell: Any) -> Stream:
    try:
        stream = stream_of(shell)
    except CompileError as error:
        raise CannotStoreError('async_generator', '', f'its function cannot be compiled: {error}') from error
    if stream is None and shell.ag_frame is not None:
        reason = 'it was begun by other code than the workflow, or there is no source of it'
        raise CannotStoreError('async_generator', '', reason)
    return stream or Stream()


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
