"""A workflow process at work: steps of the machine, records of them, children, results.

What a stepper is to AiiDA. The order of things at the end of a step is what makes a restart safe: first the record is
stored, with the frame and the intents in it, then the intents are carried out.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from aiida import orm
from aiida.engine import ExitCode

from ..compiler import compile_function
from ..compiler.home import OwnModules
from ..compiler.program import is_hidden
from ..exceptions import CannotStoreError, DreamflowError, FrameError, StepInterrupted
from ..jobs import failpoints
from ..jobs.arguments import with_classes
from ..jobs.codes import found_once
from ..jobs.failures import chain_of, child_of
from ..jobs.names import port_name, python_name
from ..jobs.trouble import PassingTroubleError, storing
from ..jobs.watchdog import WATCHDOG
from ..runtime import Failed, Future, Handle, Machine, Recipe, Returned, Suspended, Task
from ..values.data import type_name
from ..values.entities import EntityCodec
from ..values.frame import FrameWriter, StoredFrame, cannot_return, load_frame
from ..values.homes import at_home
from ..values.nodes import to_node
from ..values.parameters import parameters_of
from ..values.parts import digest_of
from ..values.pickling import without_pickles
from ..values.pinning import needs_recipe
from ..values.queries import QueryCodec, close_transactions, forget_failure, is_open, require_closed
from ..values.snapshot import decode, encode
from .adopting import stored_meanwhile, without_creator
from .children import Children, ChildTasks
from .codecs import BuilderCodec, OwnFileCodec
from .exposing import exposed_by, nodes_in, plain_inputs
from .files import RepositoryFiles
from .forked import FORK_INPUTS, forked_children, forked_step, launch_again
from .handed import HandedNodes
from .hidden import Origins
from .kinds import find_target, kind_of
from .ledger import SHARED, Ledger, name_of
from .lookup import given_by_called, stored_nodes
from .outputs import Outputs, are_outputs, taking
from .pinned import as_launched, note_reported, source_key, watch
from .printing import captured, only_stored, shown
from .refusing import explain
from .returning import nested, odd_names, outputs_in, require_declared, shape_of
from .steps import Step, is_step_label, latest_step, write_step
from .targets import Sources, prepare_child
from .transaction import Caller, detach
from .wording import line_of_step, lines_of_helpers

if TYPE_CHECKING:
    from .workchain import FunctionWorkChain

__all__ = ('Execution',)

#: What the status of a workflow says when its function is done.
_RETURNED = 'returned'

#: After this many seconds of steps and launches, others have a turn: to pause, to kill, to run other processes.
_TURN = 0.1

#: After this many seconds a step has held up the other processes of its worker for too long.
_LONG = 5.0


class Execution:
    """The run of one workflow process, from wherever its records say it is.

    :param process: the process.
    :param tasks: the children that run in this process already.
    """

    #: Other workflows go on in this process.
    keeps_changes = False

    def __init__(self, process: FunctionWorkChain, tasks: ChildTasks) -> None:
        self.process = process
        # What was launched here sees the modules as they are; what was loaded, as they were then.
        process_class = type(process) if process.launched is not None else as_launched(process)
        self.children = Children(process, tasks)
        self.function = process_class.require_function()
        self.entities, self.queries = EntityCodec(), QueryCodec()
        self.codecs = [self.entities, self.queries, BuilderCodec(), OwnFileCodec(self.function, process_class.bundle)]
        self.modules = OwnModules(process_class.bundle, self.function)
        self.label = ''
        self.caller = Caller(process.node)
        self.session = self.caller.backend.get_session()
        self.filename = compile_function(self.function).source.filename
        self.source_key = source_key(process.node)
        self.watch = watch(process.node, process_class.bundle)
        self.inputs = {port: node for port, node in process.inputs.items() if isinstance(node, orm.Data)}
        #: Those in namespaces, by the labels of their links; the function gets a dict of each namespace.
        self.exposed = {
            name: process.inputs[port_name(name)]
            for name, parameter in parameters_of(self.function).items()
            if exposed_by(parameter) is not None and process.inputs.get(port_name(name)) is not None
        }
        self.inputs_inside = dict(nodes_in(self.exposed))
        self.given = {**self.inputs, **self.inputs_inside} or dict(process.inputs.get(FORK_INPUTS, {}))
        self.handed = HandedNodes()
        self.known_recipes: set[tuple[str, int]] = set()
        self.recipes = process.recipes
        self.plain_values: dict[Any, int] = {}
        self.known_long: set[tuple[int, int]] = set()
        self.received: set[Task[Any]] = set()
        with without_pickles(not process.pickles), at_home(self.modules):
            step = latest_step(process.node) or forked_step(process)
            self.files = RepositoryFiles(self.caller.backend.get_repository(), {} if step is None else step.keys)
            self.writer = FrameWriter(self.codecs, self.files, recipes=self.recipes is not False)
            if step is None:
                self._start()
            else:
                try:
                    with storing():
                        self._resume(step)
                except PassingTroubleError:
                    raise
                except DreamflowError as error:
                    raise FrameError(str(error)) from error
                except Exception as error:  # whatever has changed since, the run itself is not at fault
                    reason = f'its step {step.number} cannot be gone on from here ({type(error).__name__}: {error})'
                    raise FrameError(f'{reason}: restore what has changed since it was launched') from error

    def _start(self) -> None:
        self.number, self.sources = 0, Sources({})
        self.failure: BaseException | None = None
        self.returned: Step | None = None
        given = {python_name(port): node for port, node in self.inputs.items()}
        parameters = parameters_of(self.function)
        names = self.function.__globals__
        values = {name: with_classes(parameters[name].argument(node), names) for name, node in given.items()}
        values |= {name: plain_inputs(inputs) for name, inputs in self.exposed.items()}
        self.machine = Machine(self)
        self.machine.start(self.function, (), values)
        self.ledger = Ledger(Origins(), self.machine, self.given, self.files, self.writer)
        for port, node in self.inputs.items():
            name = python_name(port)
            self.ledger.arrive([f'0:{name}'], name, node, digest_of(values[name], self.codecs))
        self.label = f'L{compile_function(self.function).source.node.lineno} {self.function.__name__}'

    def _resume(self, step: Step) -> None:
        self.number, self.sources = step.number, Sources(step.sources)
        self.failure = None
        self.last_line = step.lines[1]
        self.returned = step if step.state == 'returned' else None
        self.machine = load_frame(step.document, step.read_file, self, self.codecs, self.writer)
        self.known_recipes.update(
            recipe.key for act in self.machine.activations().values() for recipe in act.recipes.values()
        )
        self.ledger = Ledger(step.origins, self.machine, self.given, self.files, self.writer)
        if self.returned is None:
            self._set_label()
        else:
            self.label = _RETURNED
        launch_again(self.process, self.machine.pending)
        self.children.resume(self.machine, forked_children(self.process.node))

    def _set_label(self) -> None:
        """Say where the workflow function waits, and the first of the tasks beside it."""
        places = [task.stack[-1].awaiting for task in self.machine.tasks if task.stack]
        first, *others = [place.label for place in places if place is not None] or [self.label]
        more = f' (and in {len(others)} more tasks: {others[0]}{", ..." if len(others) > 1 else ""})' if others else ''
        self.label = first + more

    # -- running

    def advance(self) -> tuple[bool, Any]:
        """Run steps, with what the workflow allows; see :meth:`_advance`."""
        with without_pickles(not self.process.pickles), at_home(self.modules):
            return self._advance()

    def _advance(self) -> tuple[bool, Any]:
        """Run steps until something has to be waited for, or for one turn.

        :returns: whether the workflow has ended; if so, its exit code.
        :raises BaseException: what the workflow function raised.
        """
        forget_failure(self.session)  # of another process of this worker
        end = time.monotonic() + _TURN
        while self._launch(end):
            if self._has_ended():
                return self._finish()
            if not self.is_ready():
                break
            outcome = self._run_step()
            if isinstance(outcome, Suspended) and time.monotonic() > end and self.is_ready():
                break
        return False, None

    def _launch(self, end: float) -> bool:
        """Launch children until the time is over; returns whether none is left to be launched."""
        with storing():
            return self.children.launch_some(end)

    def is_ready(self) -> bool:
        """Return whether the workflow can go on; children that were held back until now are launched."""
        is_ready = self.machine.is_ready()
        self.children.launch_released(self.machine)
        if self.children.unlaunched:
            return True
        return is_ready or (self._has_ended() and not self.children.awaited(self.machine, self.returned is not None))

    def _has_ended(self) -> bool:
        return self.returned is not None or self.failure is not None

    def note_end(self, pk: int) -> bool:
        """Take notice of the end of a child; returns whether the workflow can go on now."""
        with without_pickles(not self.process.pickles), at_home(self.modules):
            self.children.note_end(self.machine, pk)
        return self.is_ready()

    def _run_step(self) -> Any:
        """Run one step, record it and carry out its intents."""
        machine, first = self.machine, self._line()
        self._report_edits()
        self.handed.clear()
        failpoints.reach('step.begins')
        begin = time.monotonic()
        with (
            captured() as printed,
            stored_meanwhile(self.caller.backend) as stored,
            found_once(),
            taking(self.ledger.bring),
        ):
            outcome = self._interruptible(printed)
        seconds = time.monotonic() - begin
        failpoints.reach('step.ends')
        if isinstance(outcome, Failed):
            self.failure, self.label = outcome.exception, f'raised {type(outcome.exception).__name__}'
            close_transactions(self.session)
        else:
            try:
                self.handed.require_unchanged()
                self._store(outcome, stored, first)
            except BaseException:
                close_transactions(self.session)
                raise
        self.children.kill_cancelled(self.machine)
        if text := shown(printed):
            with only_stored(printed, is_seen=not self.process.runner.is_daemon_runner):
                self.process.report('%s', text)
        if seconds > _LONG:
            self._report_long(first, machine, seconds)
        return outcome

    def _interruptible(self, printed: list[str]) -> Any:
        """Run one step; if it is interrupted, what it has printed is all that stays of it.

        :raises StepInterrupted: if it is, and the workflow has not gone on nevertheless.
        """
        try:
            outcome = self.machine.step()
            if isinstance(outcome, Failed) and WATCHDOG.has_interrupted:
                raise StepInterrupted from outcome.exception
        except StepInterrupted:
            close_transactions(self.session)
            if text := shown(printed):
                self.process.report('%s', text)
            raise
        return outcome

    def _store(self, outcome: Suspended | Returned, stored: Sequence[int], first: int) -> None:
        """Record a step, and note its intents.

        :param stored: the pks of the nodes that it has stored itself.
        :param first: the line at which it began.
        """
        forget_failure(self.session)
        with storing():
            self.ledger.adopt(without_creator(stored))
            self._record(outcome, self.ledger.read(self.machine), first)
            self.children.take_intents(self.machine)

    def _report_long(self, line: int, machine: Machine, seconds: float) -> None:
        """Say once of each step that takes long what it does to others."""
        blocks = [block for place, block in machine.ran if place == '0']
        first = min((statement.lineno for block in blocks for statement in block.body), default=line)
        last = max((block.last_line for block in blocks), default=line)
        if (first, last) not in self.known_long:
            self.known_long.add((first, last))
            lines = f'L{first}' if first == last else f'L{first} to L{last}'
            self.process.report(
                f'{lines}: this step took {seconds:.0f} s, in which the worker could do nothing else, not even answer '
                '`verdi process kill`. Put what computes for long into a function `f` and write `await run(f, x=x)`'
            )

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

    def _line(self) -> int:
        """Return the line at which the workflow function is; where it ended, if it has."""
        for activation in self.machine.main.stack[:1]:
            source = activation.program.source
            self.last_line = activation.awaiting.node.lineno if activation.awaiting else source.node.lineno
        return self.last_line

    # -- recording

    def _record(self, outcome: Suspended | Returned, read: dict[str, int], first: int) -> None:
        """Store what a step leaves behind; afterwards its intents may be carried out."""
        self.number += 1
        ledger, machine = self.ledger, self.machine
        step = Step(self.number, (first, first), 'waiting', label=line_of_step(machine, outcome))
        self.entities.unstored = {}
        if is_open(self.session):
            self.queries.read_inner_first(machine)
        ledger.update(machine, self.writer.survey(machine))
        for task in machine.finished:
            if task is not machine.main:
                self._settle_task(task)
        self.received.clear()
        for handle in machine.intents:
            if not handle.ended:
                self._settle_inputs(handle)
        if isinstance(outcome, Suspended):
            last = self._line()
            step.lines = lines_of_helpers(machine, self.filename) or (min(first, last), max(first, last))
            self._set_label()
        else:
            step.state, self.label = 'returned', _RETURNED
            last = self.last_line if outcome.activation is None else outcome.activation.block.last_line
            step.lines = (first, max(first, last))
            self._settle_result(outcome, step)
            self.returned = step
        frame = self.writer.write(machine)
        require_closed(self.session, f'{self.filename}, line {self.last_line}')
        for node in self.entities.unstored.values():
            ledger.node_for(type(node).__name__, detach(node))
        ledger.adopt_others()
        caller = self.caller
        read |= ledger.read_inside(
            lambda pks: given_by_called(caller.backend, caller.pk, pks, lambda label: not is_step_label(label))
        )
        step.origins = ledger.content()
        step.sources = self.sources.known(ledger.created.values())
        step.keys.update({sha: self.files.keys[sha] for sha in frame.files})
        step.document = frame.document
        pks = write_step(self.caller, step, self.function.__name__, self.source_key, read, ledger.created)
        ledger.end_step(pks)
        self.files.forget_others(frame.files)
        self.sources = Sources(step.sources)
        self._report_recipes(frame.by_recipe)
        stored = stored_nodes(self.caller.backend, pks)
        if frame.by_recipe or frame.has_stand_ins or self.entities.unstored or self.queries.read:
            with self.entities.at_hand(stored):
                self._remake(frame)
        for handle in self.machine.intents:
            if not handle.ended:
                handle.inputs['inputs'] = _reloaded(handle.inputs['inputs'], stored)

    def _remake(self, frame: StoredFrame) -> None:
        """Go on from the stored frame, as a restart would: what has a recipe is made again, nodes are those stored."""
        intents = {handle.label for handle in self.machine.intents}
        live = {} if self.entities.unstored else self.writer.unmade(self.machine)
        read = self.files.read
        self.machine = load_frame(frame.document, read, self, self.codecs, self.writer, live)
        self.machine.intents = [handle for handle in self.machine.pending if handle.label in intents]
        self.queries.read.clear()
        self.ledger.follow(self.machine)

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
        roots = {port: f'{handle.place}:{name}' for port, name in names(handle.passed).items()}
        handle.forget_arguments()
        kind = kind_of(handle.target)
        within = kind.arguments
        arguments = inputs[within] if within else inputs
        for port, node in arguments.items():
            is_exact = kind.takes_nodes(handle.target, port)
            root, digest = roots.get(port, ''), digests.get(port, '')
            arguments[port] = self._settled(handle.label, python_name(port), node, root, digest, is_exact)
        if within:
            source = inputs['function']
            inputs['function'] = self.ledger.node_for(f'source_of_{source.label.rpartition(".")[2]}', source)
            if 'items' in inputs:
                inputs['items'] = self._settled(handle.label, 'items', inputs['items'])

    def _settled(
        self, child: str, name: str, value: Any, root: str = '', digest: str = '', is_exact: bool = False
    ) -> Any:
        """Return an input of a child, however nested, with its nodes among those that the step makes.

        :param child: the label of the child.
        :param name: the name of the input: of a node that the step makes, too, unless another is called so.
        """
        if isinstance(value, dict):
            return {port: self._settled(child, f'{name}_{python_name(port)}', inner) for port, inner in value.items()}
        if not isinstance(value, orm.Data):
            return value
        return self.ledger.node_for(name, value, root, digest, is_exact, otherwise=f'{child}_{name}')

    # -- ending

    def _settle_result(self, outcome: Returned, step: Step) -> None:
        """Find the nodes of what the workflow function returned."""
        value = outcome.value
        variables = {} if outcome.activation is None else outcome.activation.values()
        if isinstance(value, ExitCode):
            step.exit_code = [value.status, value.message]
            return
        if (shape := shape_of(value, self.codecs)) is not None:
            step.shape = shape.content
            for sha, data in shape.files.items():
                self.files.add(sha, data)
                step.keys[sha] = self.files.keys[sha]
        if names := odd_names(value):
            self.process.report(
                f'L{step.lines[1]}: all that is returned is the output `result`, as {", ".join(map(repr, names[:3]))} '
                f'{"is no name of an output" if len(names) == 1 else "are no names of outputs"}'
            )
        outputs = outputs_in(value)
        require_declared(self.function, outputs, outcome.activation)
        for output in outputs:
            item, name = output.value, '_'.join(output.path)
            variable = (outcome.names.get(name) if len(output.path) == 1 else None) or _variable_of(item, variables)
            root, digest = f'0:{variable}', ''
            try:
                node = detach(output.node(self.process.figures))
            except CannotStoreError as error:
                at = error.path.removeprefix('value')
                at = at if item is value else ''.join(f'[{key!r}]' for key in output.path) + at
                raise cannot_return(error, at, outcome.activation) from error.__cause__
            if variable is not None and output.is_exact:
                digest = digest_of(item, self.codecs)
            step.outputs[output.port] = self.ledger.node_for(name, node, root, digest).uuid

    def _finish(self) -> tuple[bool, Any]:
        """End the workflow, when the children have ended that it waits for; after a failure, those that it has killed."""
        if not self.is_ready():
            return False, None
        for label, error in self._unasked():
            self.process.report(f'{label}, which was not awaited, failed: {type(error).__name__}: {error}')
        if self.failure is not None:
            return True, self._fail(self.failure)
        step = self.returned
        assert step is not None
        for name, output in nested(step.outputs, orm.load_node).items():
            self.process.out(name, output)
            failpoints.reach('output.given')
        return True, ExitCode(*step.exit_code) if step.exit_code is not None else None

    def _unasked(self) -> list[tuple[str, BaseException]]:
        """Return the failures that nobody has asked for. Who cancels something has asked for its end."""
        futures: list[tuple[str, Future[Any]]] = [(handle.label, handle) for handle in self.machine.pending]
        futures += [(f'task `{task.get_name()}`', task) for task in self.machine.failures]
        return [
            (label, future.error)
            for label, future in futures
            if future.error is not None and not future.asked and not isinstance(future.error, asyncio.CancelledError)
        ]

    def _fail(self, error: BaseException) -> ExitCode:
        """End the workflow for an exception that nothing in it caught."""
        running = [f'{node.process_label} {node.pk}' for node in self.children.running()]
        if running:
            self.process.report(f'still running, as the workflow did not wait for them: {", ".join(running)}')
        child = child_of(error)
        if child is None:
            if not isinstance(error, asyncio.CancelledError):
                self.process.node.set_stepper_state_info(self.label)
                raise error
            # AiiDA would take it for an order to itself.
            self.process.report_exception(error)
            return self.process.exit_codes.ERROR_CANCELLED  # type: ignore[no-any-return]
        self.process.report_exception(error)
        message = chain_of(child, error)
        return self.process.exit_codes.ERROR_CHILD_FAILED.format(message=message)  # type: ignore[no-any-return]

    # -- what the machine asks (see `runtime.Host`)

    def find(self, target: Any) -> Any:
        """Return what an entry point name stands for."""
        return find_target(target)

    def prepare(self, label: str, target: Any, args: tuple[Any, ...], inputs: dict[str, Any]) -> dict[str, Any]:
        """Check and convert the inputs of a child, on the line of `submit`."""
        self.handed.require_unchanged()
        self.handed.note(label, inputs)
        prepared = prepare_child(target, args, inputs, self.sources, self.codecs)
        wanted = prepared['inputs'].get('metadata', {}).get('call_link_label')
        if wanted:
            prepared['label'] = self.children.free_label(self.machine, wanted)
        return prepared

    def explain(self, error: BaseException) -> None:
        """Have an error of AiiDA's say what it means in a workflow."""
        explain(error)

    def receive(self, source: Future[Any], variables: Sequence[str]) -> None:
        """Note the nodes that the step reads because of what it is given, and the variables that receive one."""
        if isinstance(source, Task):
            self._receive_task(source, variables)
            return
        if not isinstance(source, Handle):
            return
        outputs = self.children.take_outputs(source)
        name = name_of(variables[0]) if variables else '.'
        if variables and outputs.keys() == {'result'} and kind_of(source.target).is_result(source.value):
            label = f'{source.label}_result' if is_hidden(name) else name
            self.ledger.arrive(variables, label, outputs['result'], digest_of(source.value, self.codecs))
            return
        if type(source.value) is Outputs:
            return  # the step reads what it takes out of them
        for port, node in outputs.items():
            self.ledger.bring(f'{source.label}_{python_name(port)}', node)

    def _settle_task(self, task: Task[Any]) -> None:
        """Note where what a task has ended with comes from: its node, which a variable has or the step makes."""
        ledger, name = self.ledger, f'{task.called}_{task.number}'
        if task in self.received:
            task.origins = ledger.has_read  # who waited for it went on in the same step
            return
        if are_outputs(task.value):
            return
        with contextlib.suppress(CannotStoreError):
            if task.error is None and task.value is not None:
                digest = digest_of(task.value, self.codecs)
                uuid = ledger.node_of(task.returned, digest) if task.returned else None
                task.node = [uuid or ledger.node_for(name, detach(to_node(task.value))).uuid, digest]
                return
        if task.value is not None or task.error is not None:
            task.origins = ledger.has_read if len(ledger.has_read) == 1 else [ledger.note(name, task)]

    def _receive_task(self, task: Task[Any], variables: Sequence[str]) -> None:
        """Do what `receive` does for the result of a task."""
        self.received.add(task)
        if not task.node:
            self.ledger.bring_origins(f'task_{task.number}', task.origins)
            return
        uuid, digest = task.node
        node = cast(orm.Data, orm.load_node(uuid=uuid))
        name = name_of(variables[0]) if variables else '.'
        label = node.label or f'task_{task.number}' if is_hidden(name) else name
        with contextlib.suppress(CannotStoreError):
            if variables and digest_of(task.value, self.codecs) == digest:
                self.ledger.arrive(variables, label, node, digest)
                return
        self.ledger.bring(label, node)

    def now(self) -> float:
        """Return the time."""
        return time.time()

    def pin(self, value: Any) -> Any:
        """Return a copy of the input of a recipe."""
        snapshot = encode({'': value}, self.codecs)
        return decode(snapshot.document, snapshot.blobs.__getitem__, self.codecs)['']

    def needs_recipe(self, value: Any) -> bool:
        """Return whether a value might have no stored form."""
        return self.recipes is not False and needs_recipe(value)


def _variable_of(value: Any, variables: Mapping[str, Any]) -> str | None:
    """Return the variable that is an object; none is for an object that unrelated variables may share."""
    if isinstance(value, SHARED):
        return None
    return next((name for name, other in variables.items() if other is value), None)


def _reloaded(inputs: Any, stored: Callable[[str], Any]) -> Any:
    """Return the inputs of a child with the nodes that the step has stored as the database has them."""
    if isinstance(inputs, dict):
        return {name: _reloaded(value, stored) for name, value in inputs.items()}
    return (stored(inputs.uuid) or inputs) if isinstance(inputs, orm.Data) else inputs
