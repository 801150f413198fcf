"""A machine's frame <-> its stored form.

One snapshot holds the whole frame: every activation's variables are roots of it (``0:x_doe``: variable ``x_doe`` of the
outermost activation), the function of each is one (``:0``), and the root without a name is the rest. Identity and aliasing hold across all of them.

Knows the runtime. Must not know AiiDA: nodes come in through the codecs of the caller.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..compiler import Program, compile_function
from ..exceptions import CannotStoreError, FrameError
from ..runtime import Activation, Host, Machine, Recipe
from .frame_codecs import AwaitableCodec, FunctionCodec, RecipeCodec, RecipeValueCodec, TracebackCodec
from .generators import GeneratorCodec
from .snapshot import Codec, Snapshot, decode, encode

__all__ = ('FRAME_VERSION', 'StoredFrame', 'load_frame', 'store_frame')

#: Version of what the nameless root contains.
FRAME_VERSION = 1


@dataclass(frozen=True)
class StoredFrame:
    """The stored form of a frame.

    :ivar snapshot: the document and its blobs.
    :ivar by_recipe: how what could not be stored will be made again.
    """

    snapshot: Snapshot
    by_recipe: tuple[Recipe, ...]


def store_frame(machine: Machine, codecs: Sequence[Codec] = (), *, recipes: bool = True) -> StoredFrame:
    """Turn the frame of a machine that waits into its stored form.

    :param machine: a machine between two steps.
    :param codecs: further codecs, asked first.
    :param recipes: whether recipes may make values again; a machine that keeps none has none to offer.
    :raises CannotStoreError: if a variable has no stored form; names it, where it was made and where it would cross.
    """
    values = RecipeValueCodec([recipe for act in machine.stack for recipe in act.recipes.values()])
    tracebacks = TracebackCodec()
    generators = GeneratorCodec()
    functions = FunctionCodec(machine.stack)
    every = [tracebacks, *codecs, functions, generators, AwaitableCodec(), RecipeCodec(), values]
    # The functions are roots of their own, so that none is first met inside of a recipe.
    roots: dict[str, Any] = {'': _rest(machine), **{f':{n}': act.function for n, act in enumerate(machine.stack)}}
    for level, activation in enumerate(machine.stack):
        roots.update({f'{level}:{name}': value for name, value in activation.variables.items()})
        roots.update({f'{level}:{name}': cell for name, cell in activation.cells.items()})
    try:
        snapshot = encode(roots, every)
        if tracebacks.raised:
            # Only now it is known which exceptions the frame holds; there are rarely any.
            roots['']['tracebacks'] = [(error, error.__traceback__) for error in tracebacks.raised.values()]
            snapshot = encode(roots, every)
    except CannotStoreError as error:
        raise _explained(machine, error, recipes) from None
    machine.hold(list(generators.unfinished.values()))
    return StoredFrame(snapshot, tuple(values.used))


def _rest(machine: Machine) -> dict[str, Any]:
    stack = []
    for activation in machine.stack:
        assert activation.awaiting is not None
        stack.append(
            {
                'function': activation.function,
                'fingerprint': activation.program.source.fingerprint,
                'block': activation.block.index,
                'exit': activation.block.exits.index(activation.awaiting),
                'cells': list(activation.cells),
                'variables': list(activation.variables),
                'handled': activation.handled,
            }
        )
    return {
        'version': FRAME_VERSION,
        'stack': stack,
        'awaiting': machine.awaiting,
        'launched': machine.launched,
        'pending': machine.pending,
    }


def load_frame(
    document: Mapping[str, Any], read_blob: Callable[[str], bytes], host: Host, codecs: Sequence[Codec] = ()
) -> Machine:
    """Rebuild a machine from the stored form of its frame.

    :param document: the document of the snapshot.
    :param read_blob: gives the bytes of a blob.
    :param host: the machine's surroundings.
    :param codecs: the codecs that it was stored with.
    :raises FrameError: if the frame does not fit the source of a function in it.
    """
    recipes = RecipeCodec()
    every = [*codecs, TracebackCodec(), FunctionCodec(()), GeneratorCodec(), AwaitableCodec(), recipes]
    every.append(RecipeValueCodec([]))
    roots = decode(document, read_blob, every)
    rest = roots['']
    if rest['version'] != FRAME_VERSION:
        raise FrameError(
            f'the stored frame has format {rest["version"]}, this version of aiida-dreamflow reads {FRAME_VERSION}'
        )
    stack = [_load_activation(level, state, roots) for level, state in enumerate(rest['stack'])]
    for activation in stack:
        activation.adopt(recipes.decoded)
    for error, traceback in rest.get('tracebacks', ()):
        error.__traceback__ = traceback
    return Machine(host, stack, rest['awaiting'], rest['launched'], [], rest['pending'])


def _load_activation(level: int, state: dict[str, Any], roots: Mapping[str, Any]) -> Activation:
    function = state['function']
    program = compile_function(function)
    if program.source.fingerprint != state['fingerprint']:
        raise FrameError(
            f'the source of `{function.__qualname__}` in {program.source.filename} is not the one that the frame was '
            'stored with: restore the file as it was when the workflow was launched'
        )
    block = program.blocks[state['block']]
    awaiting = block.exits[state['exit']]
    return Activation(
        function,
        program,
        block,
        {name: roots[f'{level}:{name}'] for name in state['variables']},
        {name: roots[f'{level}:{name}'] for name in state['cells']},
        state['handled'],
        awaiting,
    )


def _explained(machine: Machine, error: CannotStoreError, recipes: bool) -> CannotStoreError:
    """Say which variable it is that cannot be stored, where it was made and where it would cross."""
    match = re.match(r'(\d+):(\.?[^.\[(]*)(.*)', error.path, re.DOTALL)
    if match is None:
        return error
    level, name, path = match.groups()
    return _message(machine.stack[int(level)], name, path, error, recipes)


def _message(activation: Activation, name: str, path: str, error: CannotStoreError, recipes: bool) -> CannotStoreError:
    program, awaiting = activation.program, activation.awaiting
    assert awaiting is not None
    line = awaiting.node.lineno
    lines = _lines_that_assign(program, name)
    made = f', made at line {", ".join(map(str, lines))},' if lines else ''
    what = 'a value of the expression' if name.startswith('.') else f'variable `{name}{path}`'
    recipe = (
        f'make it by one assignment from a call (`{name if lines else "x"} = ...(...)`) whose arguments can be stored'
        if recipes
        else 'allow it to be made again at each await: recipes are turned off for this workflow (`@workflow(recipes=False)`)'
    )
    reason = (
        f'{program.source.filename}, line {line}, in `{program.name}`: {what} of type `{error.value_type}`{made} is '
        f'needed after the await at line {line} and cannot be stored: {error.reason}. Make it after the await, '
        f'delete it before (`del`) if it is not needed, or {recipe}'
    )
    explained = CannotStoreError(error.value_type, name + path, error.reason)
    explained.args = (reason,)
    return explained


def _lines_that_assign(program: Program, name: str) -> list[int]:
    nodes = (node for node in ast.walk(program.source.node) if isinstance(node, ast.Name))
    return sorted({node.lineno for node in nodes if node.id == name and not isinstance(node.ctx, ast.Load)})
