"""A workflow process at work: steps of the machine, records of them, children, results.

What a stepper is to AiiDA. The order of things at the end of a step is what makes a restart safe: first the record is
stored, with the frame and the intents in it, then the intents are carried out.
"""

from __future__ import annotations

import ast
import dataclasses
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from aiida import orm
from aiida.engine import ExitCode

from ..compiler import Passed
from ..exceptions import DreamflowError, FrameError
from ..jobs.names import port_name, python_name
from ..runtime import Failed, Handle, Machine, Recipe, Returned, Suspended
from ..values.data import type_name
from ..values.entities import EntityCodec
from ..values.frame import FrameWriter, StoredFrame, load_frame
from ..values.nodes import from_node, to_node
from ..values.parts import digest_of
from ..values.pickling import without_pickles
from ..values.pinning import needs_recipe
from ..values.snapshot import decode, encode
from .children import Children
from .codecs import BuilderCodec, OwnFileCodec
from .files import RepositoryFiles
from .forked import FORK_INPUTS, forked_children, forked_step, launch_again
from .ledger import SHARED, Ledger, Origins
from .pinned import note_reported, source_key, watch
from .printing import captured
from .steps import Step, latest_step, write_step
from .targets import Sources, child_of, is_process, outputs_of, prepare_child
from .transaction import Caller, detach

if TYPE_CHECKING:
    from .workchain import FunctionWorkChain

__all__ = ('Execution',)

#: What the status of a workflow says when its function is done.
_RETURNED = 'returned'

#: After this many seconds of steps that need not wait, AiiDA has a turn: to pause, to kill, to run other processes.
_TURN = 0.5


class Execution:
    """The run of one workflow process, from wherever its records say it is.

    :param process: the process.
    """

    def __init__(self, process: FunctionWorkChain) -> None:
        self.process = process
        self.children = Children(process)
        self.function = type(process).require_function()
        self.entities = EntityCodec()
        self.codecs = [self.entities, BuilderCodec(), OwnFileCodec(self.function, process.bundle)]
        self.label = ''
        self.caller = Caller(process.node)
        self.source_key = source_key(process.node)
        self.watch = watch(process.node, process.bundle)
        self.inputs = {port: node for port, node in process.inputs.items() if isinstance(node, orm.Data)}
        self.given = self.inputs or dict(process.inputs.get(FORK_INPUTS, {}))
        #: The children that a crash, or the old run of a fork, has left to be launched, once the process runs.
        self.unlaunched: list[Handle[Any]] = []
        self.known_recipes: set[tuple[str, int]] = set()
        with without_pickles(not process.pickles):
            step = latest_step(process.node) or forked_step(process)
            self.files = RepositoryFiles(self.caller.backend.get_repository(), {} if step is None else step.keys)
            self.writer = FrameWriter(self.codecs, self.files, recipes=process.recipes)
            if step is None:
                self._start()
            else:
                try:
                    self._resume(step)
                except DreamflowError as error:
                    raise FrameError(str(error)) from error
                except Exception as error:  # whatever has changed since, the run itself is not at fault
                    reason = f'its step {step.number} cannot be gone on from here ({type(error).__name__}: {error})'
                    raise FrameError(f'{reason}: restore what has changed since it was launched') from error

    def _start(self) -> None:
        self.number, self.sources = 0, Sources({})
        self.returned: Step | None = None
        values = {python_name(port): from_node(node) for port, node in self.inputs.items()}
        self.machine = Machine(self)
        self.machine.start(self.function, (), values)
        self.ledger = Ledger(Origins(), self.machine, self.inputs, self.files)
        for port, node in self.inputs.items():
            name = python_name(port)
            self.ledger.arrive(f'0:{name}', node, digest_of(values[name], self.codecs))
        self.label = f'L{self.machine.stack[0].program.source.node.lineno} {self.function.__name__}'

    def _resume(self, step: Step) -> None:
        self.number, self.sources = step.number, Sources(step.sources)
        self.returned = step if step.state == 'returned' else None
        self.machine = load_frame(step.document, step.read_file, self, self.codecs, self.writer)
        self.known_recipes.update(recipe.key for act in self.machine.stack for recipe in act.recipes.values())
        self.ledger = Ledger(step.origins, self.machine, self.given, self.files)
        if self.returned is None:
            self._set_label()
        else:
            self.label = _RETURNED
        launch_again(self.process, self.machine.pending)
        self.unlaunched = self.children.adopt(self.machine.pending, forked_children(self.process.node))

    def _set_label(self) -> None:
        awaiting = self.machine.stack[-1].awaiting
        assert awaiting is not None
        self.label = awaiting.label

    # -- running

    def advance(self) -> tuple[bool, Any]:
        """Run steps, with what the workflow allows; see :meth:`_advance`."""
        with without_pickles(not self.process.pickles):
            return self._advance()

    def _advance(self) -> tuple[bool, Any]:
        """Run steps until something has to be waited for, or for one turn.

        :returns: whether the workflow has ended, and its exit code.
        :raises BaseException: what the workflow function raised.
        """
        while self.unlaunched:
            self.children.launch(self.unlaunched.pop(0))
        end = time.monotonic() + _TURN
        while self.returned is None:
            if self._waits():
                return False, None
            outcome = self._run_step()
            if isinstance(outcome, Failed):
                return True, self._fail(outcome.exception)
            if isinstance(outcome, Suspended) and time.monotonic() > end and not self._waits():
                return False, None
        return self._finish(self.returned)

    def _waits(self) -> bool:
        """Return whether what is awaited is not ready; the process then waits for its children."""
        awaiting = self.machine.awaiting
        if awaiting is None:
            return False
        self.children.collect(list(awaiting.handles()))
        if awaiting.is_ready():
            return False
        self.process.wait_for(self.children.pk_of(handle) for handle in awaiting.handles() if not handle.done)
        return True

    def is_ready(self, pk: int) -> bool:
        """Return whether the workflow can go on now that a child has ended."""
        awaiting = self.machine.awaiting
        handles = list(awaiting.handles()) if awaiting is not None else self._left()
        self.children.collect([h for h in handles if not h.done and self.children.pk_of(h) == pk])
        return awaiting.is_ready() if awaiting is not None else not self._left()

    def _left(self) -> list[Handle[Any]]:
        return [handle for handle in self.machine.pending if not handle.done]

    def _run_step(self) -> Any:
        """Run one step, record it and carry out its intents."""
        machine, first = self.machine, self._line()
        self._report_edits()
        self._note_arrival()
        with captured() as printed:
            outcome = machine.step()
        if not isinstance(outcome, Failed):
            self._record(outcome, self.ledger.read(machine.ran), first)
            for handle in self.machine.intents:
                self.children.launch(handle)
        if text := ''.join(printed).rstrip('\n'):
            self.process.report('%s', text)
        return outcome

    def _report_edits(self) -> None:
        """Say once that the files of the workflow differ from what it runs."""
        if self.watch is not None and (changes := self.watch.changes()):
            self.watch = None
            names = ', '.join(f'{name} {how}' for name, how in changes.items())
            self.process.report(
                f'{names}; this run goes on with the source that it was launched with. To go on with the edited one: `verdi '
                f'process kill {self.process.node.pk}`, then `dreamflow fork {self.process.node.pk} --edited`'
            )
            note_reported(self.process.node)

    def _note_arrival(self) -> None:
        """Note the nodes that the step reads because of what it has waited for, and the variable that receives one."""
        awaiting, level = self.machine.awaiting, len(self.machine.stack) - 1
        for handle in awaiting.handles() if awaiting is not None else ():
            outputs = outputs_of(self.children.pk_of(handle)) if handle.done and self.children.has(handle) else {}
            exit = self.machine.stack[level].awaiting
            if handle is awaiting and exit is not None and exit.assigned is not None and outputs.keys() == {'result'}:
                digest = digest_of(handle.value, self.codecs)
                self.ledger.arrive(f'{level}:{exit.assigned}', outputs['result'], digest)
            else:
                for port, node in outputs.items():
                    self.ledger.bring(f'{handle.label}_{python_name(port)}', node)

    def _line(self) -> int:
        activation = self.machine.stack[0]
        return activation.awaiting.node.lineno if activation.awaiting else activation.program.source.node.lineno

    # -- recording

    def _record(self, outcome: Suspended | Returned, read: dict[str, int], first: int) -> None:
        """Store what a step leaves behind; afterwards its intents may be carried out."""
        self.number += 1
        ledger, machine = self.ledger, self.machine
        step = Step(self.number, (first, first), 'waiting')
        self.entities.unstored = {}
        ledger.update(machine, self.writer.survey(machine))
        for handle in machine.intents:
            self._settle_inputs(handle)
        if isinstance(outcome, Suspended):
            last = self._line()
            step.lines = (min(first, last), max(first, last))
            self._set_label()
        else:
            step.state, self.label = 'returned', _RETURNED
            step.lines = (first, max(first, outcome.activation.block.last_line))
            self._settle_result(outcome, step)
            self.returned = step
        frame = self.writer.write(machine)
        for node in self.entities.unstored.values():
            ledger.node_for(type(node).__name__, detach(node))
        step.origins = ledger.content
        step.sources = self.sources.known(ledger.created.values())
        step.keys = {sha: self.files.keys[sha] for sha in frame.files}
        step.document = frame.document
        pks = write_step(self.caller, step, self.function.__name__, self.source_key, read, ledger.created)
        ledger.end_step(pks)
        self.files.forget_others(frame.files)
        self.sources = Sources(step.sources)
        self._report_recipes(frame.by_recipe)
        if frame.by_recipe or self.entities.unstored:
            self._remake(frame)
        for handle in self.machine.intents:
            handle.inputs['inputs'] = _reloaded(handle.inputs['inputs'], pks)

    def _remake(self, frame: StoredFrame) -> None:
        """Go on from the stored frame, as a restart would: what has a recipe is made again, nodes are those stored."""
        intents = {handle.label for handle in self.machine.intents}
        live = {} if self.entities.unstored else self.writer.unmade(self.machine)
        read = self.files.read
        self.machine = load_frame(frame.document, read, self, self.codecs, self.writer, live)
        self.machine.intents = [handle for handle in self.machine.pending if handle.label in intents]

    def _report_recipes(self, recipes: Iterable[Recipe]) -> None:
        """Say once of each recipe what it means."""
        for recipe in recipes:
            if recipe.key not in self.known_recipes:
                self.known_recipes.add(recipe.key)
                self.process.report(
                    f'L{recipe.site.call.lineno}: `{recipe.site.variable}`, a {type_name(recipe.value)}, cannot be stored. At '
                    f'each await it is made again by `{ast.unparse(recipe.site.call)}`; what was changed in it by then is lost'
                )

    def _settle_inputs(self, handle: Handle[Any]) -> None:
        """Give the inputs of a child the nodes of the variables that they are; the step makes the others."""
        inputs, digests, names = handle.inputs['inputs'], handle.inputs.pop('digests'), handle.inputs.pop('names')
        roots = {port: f'{handle.level}:{name}' for port, name in names(handle.passed).items()}
        handle.passed = Passed()
        arguments = inputs if is_process(handle.target) else inputs['arguments']
        for port, node in arguments.items():
            name = f'{handle.label}_{python_name(port)}'
            arguments[port] = self._settled(name, node, roots.get(port, ''), digests.get(port, ''))
        if not is_process(handle.target):
            source = inputs['function']
            inputs['function'] = self.ledger.node_for(f'source_of_{source.label.rpartition(".")[2]}', source)

    def _settled(self, name: str, value: Any, root: str = '', digest: str = '') -> Any:
        """Return an input of a process, however nested, with its nodes among those that the step makes."""
        if isinstance(value, dict):
            return {port: self._settled(f'{name}_{python_name(port)}', inner) for port, inner in value.items()}
        return self.ledger.node_for(name, value, root, digest) if isinstance(value, orm.Data) else value

    # -- ending

    def _settle_result(self, outcome: Returned, step: Step) -> None:
        """Find the nodes of what the workflow function returned."""
        value, variables = outcome.value, outcome.activation.values()
        if isinstance(value, ExitCode):
            step.exit_code = [value.status, value.message]
            return
        for name, item in _named_outputs(value).items():
            variable = outcome.names.get(name) or _variable_of(item, variables)
            root, digest = f'0:{variable}', ''
            if variable is not None:
                digest = digest_of(item, self.codecs)
            step.outputs[port_name(name)] = self.ledger.node_for(name, detach(to_node(item)), root, digest).uuid

    def _finish(self, step: Step) -> tuple[bool, Any]:
        left = self._left()
        self.children.collect(left)
        if left := self._left():
            self.process.wait_for(self.children.pk_of(handle) for handle in left)
            return False, None
        for handle in self.machine.pending:
            if handle.exception is not None:
                self.process.report(f'{handle.label}, which was not awaited, failed: {handle.exception}')
        for label, uuid in step.outputs.items():
            self.process.out(label, orm.load_node(uuid=uuid))
        return True, ExitCode(*step.exit_code) if step.exit_code is not None else None

    def _fail(self, error: BaseException) -> ExitCode:
        """End the workflow for an exception that nothing in it caught."""
        running = [f'{node.process_label} {node.pk}' for node in self.children.running()]
        if running:
            self.process.report(f'still running, as the workflow did not wait for them: {", ".join(running)}')
        child = child_of(error)
        if child is None:
            raise error
        self.process.report_exception(error)
        message = f'{child}: {type(error).__name__}: {error}'.partition('\n')[0]
        return self.process.exit_codes.ERROR_CHILD_FAILED.format(message=message)  # type: ignore[no-any-return]

    # -- what the machine asks (see `runtime.Host`)

    def prepare(self, label: str, target: Any, args: tuple[Any, ...], inputs: dict[str, Any]) -> dict[str, Any]:
        """Check and convert the inputs of a child, on the line of `submit`."""
        return prepare_child(target, args, inputs, self.sources, self.codecs)

    def pin(self, value: Any) -> Any:
        """Return a copy of the input of a recipe."""
        snapshot = encode({'': value}, self.codecs)
        return decode(snapshot.document, snapshot.blobs.__getitem__, self.codecs)['']

    def needs_recipe(self, value: Any) -> bool:
        """Return whether a value might have no stored form."""
        return self.process.recipes and needs_recipe(value)


def _named_outputs(value: Any) -> dict[str, Any]:
    """Return the outputs that a returned value stands for, by name."""
    if value is None:
        return {}
    if type(value) is dict and all(isinstance(name, str) for name in value):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, tuple) and hasattr(value, '_asdict'):
        return dict(value._asdict())
    return {'result': value}


def _variable_of(value: Any, variables: Mapping[str, Any]) -> str | None:
    """Return the variable that is an object; none is for an object that unrelated variables may share."""
    if isinstance(value, SHARED):
        return None
    return next((name for name, other in variables.items() if other is value), None)


def _reloaded(inputs: Any, pks: dict[str, int]) -> Any:
    """Return the inputs of a child with the nodes that the step has stored as the database has them."""
    if isinstance(inputs, dict):
        return {name: _reloaded(value, pks) for name, value in inputs.items()}
    if isinstance(inputs, orm.Data) and inputs.uuid in pks:
        return orm.load_node(pks[inputs.uuid])
    return inputs
