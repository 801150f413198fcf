"""A machine's frame <-> its stored form.

A frame is stored in parts. What shares objects is one part, one snapshot, so identity and aliasing hold across all
variables: ``0:x_doe`` (variable ``x_doe`` of the workflow function's activation; ``3.0:x`` is one of task 3) and whatever
else reaches the same objects. The part called head holds the rest: the functions of the activations (``:0``), the tasks,
what is to happen next, pending children.

What a step did not touch is not looked at: see `FrameWriter`. Knows the runtime. Must not know AiiDA: nodes come in through
the codecs of the caller.
"""

from __future__ import annotations

import ast
import gc
import json
import re
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from ..compiler import Program, compile_called
from ..compiler.trees import iterate_own
from ..exceptions import CannotStoreError, FrameError
from ..runtime import Activation, Agenda, Host, Machine, Recipe, Task
from ..runtime.forgotten import REMEDY
from ..runtime.globals import PLACE as GLOBAL
from ..runtime.streams import live_streams
from .chunks import ChunkCodec
from .crowds import CrowdCodec, gathered, members, scattered
from .edits import Edits, placed
from .frame_codecs import FunctionCodec, KeptCodec, RecipeCodec, RecipeValueCodec, TracebackCodec, is_awaitable
from .generators import AsyncGeneratorCodec, GeneratorCodec
from .held import HeldCodec
from .logs import LogsCodec
from .parts import Files, Form, MemoryFiles, PartWriter, Place
from .records import VERSION
from .snapshot import Codec, decode, read_file

__all__ = ('FRAME_VERSION', 'FrameWriter', 'StoredFrame', 'cannot_return', 'load_frame', 'store_frame')

#: Version of the stored form.
FRAME_VERSION = 3

#: What the names of what the workflow has changed of its process begin with.
_CHANGED = 'process:'
_GLOBAL = _CHANGED + GLOBAL

#: In the text of a part that has something else than what is live: made again by a recipe, or the rest of a query.
_REMADE = ('"codec:made"', '"codec:query"')


@dataclass(frozen=True)
class StoredFrame:
    """The stored form of a frame.

    :ivar document: pure JSON.
    :ivar files: the sha256 of the files that it names.
    :ivar blobs: those files, if they are kept in memory.
    :ivar by_recipe: how what could not be stored will be made again.
    :ivar has_stand_ins: whether exceptions have lost parts that could not be stored: to go on without these is to load it.
    """

    document: dict[str, Any]
    files: frozenset[str]
    blobs: Mapping[str, bytes]
    by_recipe: tuple[Recipe, ...]
    has_stand_ins: bool = False


class FrameWriter:
    """Stores the frames of one run, one after the other.

    :param codecs: further codecs, asked first.
    :param files: where to keep the files; in memory if not given.
    :param recipes: whether recipes may make values again; a machine that keeps none has none to offer.
    """

    def __init__(self, codecs: Sequence[Codec] = (), files: Files | None = None, *, recipes: bool = True) -> None:
        self.recipes = recipes
        self.codecs = list(codecs)
        self.chunks = ChunkCodec()
        self._memory = MemoryFiles()
        self._writer = PartWriter(self.chunks, self._memory if files is None else files)
        self._methods: dict[str, Any] = {}

    def store(self, machine: Machine) -> StoredFrame:
        """Turn the frame of a machine that waits into its stored form.

        :raises CannotStoreError: if a variable has no stored form.
        """
        self.survey(machine)
        return self.write(machine)

    def survey(self, machine: Machine) -> dict[str, Form]:
        """Find the stored forms of the variables, each by itself: whether one has changed.

        :param machine: a machine that has made a step since the last frame.
        :returns: the forms by the names in the frame; handles have none, and what has to be made by a recipe.
        """
        forms = self._surveyed(machine)
        if self._writer.has_unheld():
            # Objects that hold each other live until the collector comes, at any time: let it be before the frame is written.
            del forms
            self._writer.let_go()
            self._take_codecs(machine)
            gc.collect()
            forms = self._surveyed(machine, is_known=False)
        return forms

    def _surveyed(self, machine: Machine, is_known: bool = True) -> dict[str, Form]:
        """Survey the variables; all of them count as used if it is not known what has happened to them."""
        every = self._take_codecs(machine)
        self._places = _places(machine)
        used, appended = self._uses(machine) if is_known else ({*self._places}, set())
        forms = self._writer.survey(self._places, every, used, appended)
        for name in [*self._places]:
            if name.startswith(_CHANGED) and not name.startswith(_GLOBAL) and name not in forms:
                del self._places[name]  # what cannot be stored is lost at a restart, unless a variable holds it, too
        return {name: form for name, form in forms.items() if not name.startswith(_CHANGED)}

    def _take_codecs(self, machine: Machine) -> list[Codec]:
        """Begin with new codecs, which hold nothing yet; return all."""
        recipes = [recipe for act in machine.activations().values() for recipe in act.recipes.values()]
        values = RecipeValueCodec(recipes, machine.host)
        self._tracebacks, self._values, self._generators = TracebackCodec(), values, GeneratorCodec()
        self._streams, self._crowds = AsyncGeneratorCodec(), CrowdCodec()
        activations, self._kept = machine.activations().values(), KeptCodec()
        every = [self._tracebacks, *self.codecs, FunctionCodec(activations), self._generators, self._streams]
        every += [HeldCodec(activation.function for activation in activations), self._crowds, self._kept]
        return [*every, LogsCodec(machine.surroundings.logs), RecipeCodec(), values]

    def _uses(self, machine: Machine) -> tuple[set[str], set[str]]:
        """Return the variables that the step used, and those with which it did nothing but append."""
        appended: set[str] = set()
        otherwise: set[str] = set()
        for place in machine.entered & machine.activations().keys():
            activation = machine.activations()[place]
            otherwise.update(f'{place}:{name}' for name in (*activation.variables, *activation.cells))
        for place, block in machine.ran:
            for name in block.used:
                root = f'{place}:{name}'
                method = self._methods.get(root) if name in block.only_called else None
                (appended if name in block.only_appended or method is not None else otherwise).add(root)
        # A bound method that was not in the last frame may come from any list.
        if any(':.value' in root and root not in self._methods for root in otherwise):
            return appended | otherwise, set()
        return appended | otherwise, appended - otherwise

    def write(self, machine: Machine) -> StoredFrame:
        """Turn the frame into its stored form, after `survey`.

        :raises CannotStoreError: if a variable has none; names it, where it was made and where it would cross.
        """
        pending = gathered(machine.pending)
        self._crowds.know(pending)
        head: dict[str, Any] = {'': _rest(machine, pending)}
        # The functions are roots of their own, so that none is first met inside of a recipe.
        head.update({f':{place}': act.function for place, act in machine.activations().items()})
        for place, activation in machine.activations().items():
            head.update({f'{place}:{n}': v for n, v in activation.variables.items() if is_awaitable(v)})
        raised = self._tracebacks.raised
        try:
            while True:
                # Only now it is known which exceptions the frame holds; there are rarely any.
                known = len(raised)
                if raised:
                    head['']['tracebacks'] = [(error, error.__traceback__) for error in raised.values()]
                plain, parts = self._writer.write(self._places, head, members)
                lost = [] if 'lost' in head[''] else self._lost(machine)
                if lost:
                    head['']['lost'] = lost
                elif len(raised) == known:
                    break
        except CannotStoreError as error:
            raise _explained(machine, error, self.recipes) from None
        entries = [part.entry(self._writer.files) for part in parts]
        files = frozenset().union(*(part.files for part in parts))
        document = {'version': FRAME_VERSION, 'plain': plain, 'parts': entries}
        del head
        by_recipe = tuple(self._values.used)
        raised.clear()
        stood_for = self._writer.stood_for()
        mortal = self._writer.mortal()
        self._writer.settle(self._places)
        self._remade = (
            frozenset(name for part in parts if any(mark in part.text for mark in _REMADE) for name in part.names)
            | stood_for
        )
        self._methods = {
            root: variables[name] for root, (variables, name) in self._places.items() if _appends(variables[name])
        }
        waiting = (*self._kept.waiting.values(), *self._streams.waiting.values())
        machine.hold([*self._generators.unfinished.values(), *waiting, *mortal])
        return StoredFrame(document, files, self._memory, by_recipe, bool(stood_for))

    def _lost(self, machine: Machine) -> list[Any]:
        """Return the courses of asynchronous generators that are alive, but that no variable leads to: they are to be closed."""
        streams = (*machine.agenda.lost, *live_streams(machine.agenda))
        return [stream for stream in streams if id(stream) not in self._streams.met]

    def unmade(self, machine: Machine) -> dict[str, Any]:
        """Return the variables, of a frame just written, that share no object with a recipe or with the head."""
        left = self._remade | self._writer.head
        return {root: variables[name] for root, (variables, name) in _places(machine).items() if root not in left}


def _appends(value: Any) -> bool:
    """Return whether a value is the method `append` of a list."""
    return type(value) is types.BuiltinMethodType and value.__name__ == 'append' and type(value.__self__) is list


def _places(machine: Machine) -> dict[str, Place]:
    """Return where the variables are, but for handles."""
    changed = machine.surroundings.changed
    places: dict[str, Place] = {f'{_CHANGED}{name}': (changed, name) for name in changed}
    for place, act in machine.activations().items():
        names = (name for name, value in act.variables.items() if not is_awaitable(value))
        places.update({f'{place}:{name}': (act.variables, name) for name in names})
        places.update({f'{place}:{name}': (act.cells, name) for name in act.cells})
    return places


def store_frame(machine: Machine, codecs: Sequence[Codec] = (), *, recipes: bool = True) -> StoredFrame:
    """Turn the frame of a machine that waits into its stored form.

    :param machine: a machine between two steps.
    :param codecs: further codecs, asked first.
    :param recipes: whether recipes may make values again; a machine that keeps none has none to offer.
    :raises CannotStoreError: if a variable has no stored form; names it, where it was made and where it would cross.
    """
    return FrameWriter(codecs, recipes=recipes).store(machine)


def _rest(machine: Machine, pending: list[Any]) -> dict[str, Any]:
    """Return what the head says of the tasks, and of what is to happen next.

    :param pending: the children under way (see `gathered`).
    """
    agenda = machine.agenda
    rest = {
        'tasks': [(task, [_state(activation) for activation in task.stack]) for task in machine.tasks],
        # When all have ended, its value is among the outputs.
        'main': machine.main if machine.tasks and machine.main.ended else None,
        'begun': machine.begun,
        'launched': machine.launched,
        'pending': pending,
        'failures': machine.failures,
        'soon': list(agenda.soon),
        'later': agenda.later,
        'timers': agenda.timers,
        'killing': agenda.killing,
        'released': agenda.released,
    }
    return {name: content for name, content in rest.items() if isinstance(content, Task) or content}


def _state(activation: Activation) -> dict[str, Any]:
    awaiting = activation.awaiting
    state = {
        'function': activation.function,
        'fingerprint': activation.program.source.fingerprint,
        'block': activation.block.index,
        'exit': None if awaiting is None else activation.block.exits.index(awaiting),
        # For who looks without compiling, and without running anything of the user's:
        'line': activation.program.source.node.lineno if awaiting is None else awaiting.node.lineno,
        'loops': _loops(activation),
        'cells': list(activation.cells),
        'variables': list(activation.variables),
        'handled': activation.handled,
        'stream': activation.stream,
    }
    left_out: dict[str, Any] = {'loops': {}, 'stream': None, 'cells': [], 'variables': [], 'handled': []}
    return {name: content for name, content in state.items() if name not in left_out or content != left_out[name]}


def _loops(activation: Activation) -> dict[str, int]:
    """Return the lines of the loops that a call is in, from the outside in, by the variables that have their cursors."""
    lines = activation.program.loop_lines
    held = () if activation.awaiting is None else activation.awaiting.held
    cursors = [name for each in held if each.kind == 'iterator' for name in each.names]
    return {name: lines[name] for name in cursors if name in lines and name in activation.variables}


def load_frame(
    document: Mapping[str, Any],
    read_blob: Callable[[str], bytes],
    host: Host,
    codecs: Sequence[Codec] = (),
    writer: FrameWriter | None = None,
    live: Mapping[str, Any] | None = None,
    edits: Edits | None = None,
) -> Machine:
    """Rebuild a machine from the stored form of its frame.

    :param document: the document of the frame.
    :param read_blob: gives the bytes of a file.
    :param host: the machine's surroundings.
    :param codecs: the codecs that it was stored with.
    :param writer: what will store the next frames.
    :param live: values that are there and need not be rebuilt, by their names in the frame: all of a part, or none.
    :param edits: finds the places in functions that were edited since; without, these are refused.
    :raises FrameError: if the frame does not fit the source of a function in it.
    """
    if document.get('version') != FRAME_VERSION:
        raise FrameError(
            f'the stored frame has format {document.get("version")}, this version of aiida-dreamflow reads {FRAME_VERSION}'
        )
    chunks = ChunkCodec() if writer is None else writer.chunks
    chunks.read_blob = read_blob
    recipes = RecipeCodec(edits)
    agenda = Agenda()
    own = [
        TracebackCodec(),
        FunctionCodec((), edits),
        GeneratorCodec(edits),
        AsyncGeneratorCodec(edits),
        CrowdCodec(agenda),
        KeptCodec(agenda, edits),
    ]
    every = [*codecs, *own, HeldCodec(), LogsCodec(), recipes]
    every += [RecipeValueCodec([]), *chunks.codecs]
    numbers: dict[Any, Any] = {}
    plain = decode({'version': VERSION, 'roots': document['plain'], 'objects': []}, read_blob, numbers=numbers)
    roots: dict[str, Any] = {**plain, **(live or {})}
    for names, content in document['parts']:
        if not roots.keys() >= names.keys():
            roots.update(_load_part(names, content, read_blob, every, numbers))
    rest = roots['']
    for task, states in rest.get('tasks', ()):
        task.stack = []
        for level, state in enumerate(states):
            place = task.place(level)
            variables = {name: roots[f'{place}:{name}'] for name in state.get('variables', ())}
            cells = {name: roots[f'{place}:{name}'] for name in state.get('cells', ())}
            handled = state.get('handled', [])
            activation = placed(compile_called, state['function'], state, variables, cells, handled, edits)
            activation.adopt(recipes.decoded)
            activation.stream = state.get('stream')
            task.stack.append(activation)
    for error, traceback in rest.get('tracebacks', ()):
        error.__traceback__ = traceback
    agenda.soon.extend(rest.get('soon', ()))
    for name in ('later', 'timers', 'killing', 'released', 'lost'):
        setattr(agenda, name, rest.get(name, []))
    tasks = [task for task, _ in rest.get('tasks', ())]
    main = cast('Any', rest['main'] if rest.get('main') is not None else tasks[0] if tasks else None)
    begun, launched, pending = rest.get('begun', 0), rest.get('launched', 0), scattered(rest.get('pending', []))
    machine = Machine(host, agenda, tasks, main, begun, launched, pending, rest.get('failures', []))
    changed = {name.removeprefix(_CHANGED): value for name, value in roots.items() if name.startswith(_CHANGED)}
    machine.surroundings.changed = changed
    return machine


def _load_part(
    names: Mapping[str, str],
    content: Any,
    read_blob: Callable[[str], bytes],
    codecs: Sequence[Codec],
    numbers: dict[Any, Any],
) -> dict[str, Any]:
    """Return the values of a part by their names in the frame."""
    if isinstance(content, dict):
        data = read_file(next(iter(content.values())), read_blob)
        if 'array' in content:
            from .arrays import from_npy

            return {name: from_npy(data) for name in names}
        content = data
    found = decode(json.loads(content), read_blob, codecs, numbers)
    return {name: found[own] for name, own in names.items()}


def _explained(machine: Machine, error: CannotStoreError, recipes: bool) -> CannotStoreError:
    """Say which variable it is that cannot be stored, where it was made and where it would cross."""
    match = re.match(r'([\d.]+):(\.?[^.\[(]*)(.*)', error.path, re.DOTALL)
    if match is None:
        return _about_global(machine, error) if error.path.startswith(_GLOBAL) else error
    place, name, path = match.groups()
    return _message(machine.activations()[place], name, path, error, recipes)


def _about_global(machine: Machine, error: CannotStoreError) -> CannotStoreError:
    changed = machine.surroundings.changed
    place = next(place for place in changed if re.match(rf'{re.escape(_CHANGED + place)}(?!\w)', error.path))
    function, name, _ = changed[place]
    path = error.path.removeprefix(_CHANGED + place).partition('[2][0]')[2]
    lines = _lines_that_assign(compile_called(function), name)
    made = f', set at line {", ".join(map(str, lines))},' if lines else ''
    explained = CannotStoreError(error.value_type, name + path, error.reason)
    reason = (
        f'{function.__code__.co_filename}, in `{function.__name__}`: global variable `{name}{path}` of type `{error.value_type}`{made} '
        f"is the workflow's, and cannot be stored: {error.reason}. Set it after the await, delete it before (`del {name}`), or set it "
        'at the top of the file'
    )
    explained.args = (reason,)
    return explained


def _message(activation: Activation, name: str, path: str, error: CannotStoreError, recipes: bool) -> CannotStoreError:
    program, awaiting = activation.program, activation.awaiting
    line = program.source.node.lineno if awaiting is None else awaiting.node.lineno
    lines = _lines_that_assign(program, name)
    made = f', made at line {", ".join(map(str, lines))},' if lines else ''
    what = 'a value of the expression' if name.startswith('.') else f'variable `{name}{path}`'
    recipe = (
        ''
        if error.is_outside or error.by_choice
        else ', or make this part by one assignment of its own (`part = ...(...)`), or give the class that holds it `__getstate__` '
        'or a codec'
        if '.' in path
        else f', or make it by one assignment from a call (`{name if lines else "x"} = ...(...)`) whose arguments can be stored'
        if recipes
        else ', or allow it to be made again at each await: recipes are turned off for this workflow (`@workflow(recipes=False)`)'
    )
    reason = (
        f'{program.source.filename}, line {line}, in `{program.name}`: {what} of type `{error.value_type}`{made} is '
        f'needed after the await at line {line} and cannot be stored: {error.reason}. Make it after the await, '
        f'{"" if recipe else "or "}delete it before (`del`) if it is not needed{recipe}'
    )
    explained = CannotStoreError(error.value_type, name + path, error.reason, is_outside=error.is_outside)
    explained.args = (reason,)
    return explained


_RETURNABLE = 'Return what of it can be: numbers, text, arrays, lists and dicts of these, dataclasses, AiiDA nodes'


def cannot_return(error: CannotStoreError, at: str, activation: Activation | None) -> CannotStoreError:
    """Return the error for what a workflow function returns and that cannot be stored.

    :param error: why not.
    :param at: where it is in what is returned, such as ``['a']``.
    :param activation: the call that returned, as it was at its end.
    """
    where = ''
    if activation is not None:
        source, line = activation.program.source, activation.block.last_line
        where = f'{source.filename}, line {line}, in `{activation.program.name}`: '
    what = f'what is returned at `{at}`' if at else 'what is returned'
    explained = CannotStoreError(error.value_type, at, error.reason, error.by_choice, error.is_outside)
    if error.reason.endswith(REMEDY):
        explained.args = (f'{where}{what} is no value: {error.reason}',)
        return explained
    explained.args = (f'{where}{what}, of type `{error.value_type}`, cannot be stored: {error.reason}. {_RETURNABLE}',)
    return explained


def _lines_that_assign(program: Program, name: str) -> list[int]:
    nodes = (node for statement in program.source.node.body for node in iterate_own(statement))
    names = (node for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load))
    return sorted({node.lineno for node in names if node.id == name})
