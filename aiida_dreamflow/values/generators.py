"""The codec for generators that an await crosses.

What a generator holds, and how it goes on, is the runtime's; this module only writes it down.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

from ..compiler import compile_generator
from ..exceptions import CannotStoreError, CompileError
from ..runtime import Activation
from ..runtime.generators import Suspension, finished, prime, resumable
from ..runtime.looking import look_into
from .edits import Edits, placed
from .snapshot import Codec, Staged

__all__ = ('GeneratorCodec',)

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
        try:
            suspension = look_into(value)
        except CompileError as error:
            raise CannotStoreError('generator', '', f'its function cannot be compiled: {error}') from error
        self.unfinished[id(value)] = value
        return Staged([*names, 'unfinished'], _state(suspension, ref))

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


def _state(suspension: Suspension, ref: Callable[[object], Any]) -> dict[str, Any]:
    activation = suspension.activation
    assert activation is not None
    exits, awaiting = activation.block.exits, activation.awaiting
    return {
        'function': ref(activation.function),
        'fingerprint': activation.program.source.fingerprint,
        'block': activation.block.index,
        'exit': None if awaiting is None else exits.index(awaiting),
        'variables': {name: ref(value) for name, value in activation.variables.items()},
        'cells': {name: ref(cell) for name, cell in activation.cells.items()},
        'handled': [ref(error) for error in activation.handled],
        'inner': ref(suspension.inner),
    }


def _activation(content: dict[str, Any], get: Callable[[Any], Any], edits: Edits | None) -> Activation:
    variables = {name: get(value) for name, value in content['variables'].items()}
    cells = {name: get(cell) for name, cell in content['cells'].items()}
    handled = [get(error) for error in content['handled']]
    return placed(compile_generator, get(content['function']), content, variables, cells, handled, edits)
