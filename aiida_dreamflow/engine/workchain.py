"""`FunctionWorkChain`: the process class that a workflow function becomes.

Overrides of ``WorkChain``, and what of aiida-core 2.9 they rely on:

- ``_action_awaitables`` and ``_on_awaitable_finished`` (not final): the workflow goes on when what it awaits is ready,
  which may be before all children have ended; results go to handles, not into ``ctx``.
- ``kill``: AiiDA messages every called node, finished ones too, and waits for answers that never come. Here only what
  still runs is killed, and a child that runs in this process is killed directly.
- ``_interrupt_action`` (plumpy): what a running process was asked to do when it stops.
- ``_flat_outputs``: AiiDA goes by the ports, here an output may be a namespace whatever its port says.
- ``on_except``: the report shows the traceback of the user's lines.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import functools
import sys
import time
import traceback
import types
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

import plumpy
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import Process, ProcessState, WorkChain
from aiida.engine.processes.ports import PORT_NAMESPACE_SEPARATOR
from aiida.engine.processes.workchains.awaitable import construct_awaitable
from aiida.engine.processes.workchains.workchain import Protect
from aiida.manage import get_manager

from ..compiler import Bundle, compile_function
from ..exceptions import DreamflowError, FrameError, StepInterrupted, WorkflowUsageError
from ..jobs.leased import Leased, by_parent
from ..jobs.names import port_name
from ..jobs.reports import WORKFLOW_EXIT_CODES, plain_text
from ..jobs.trouble import PassingTroubleError, asking_broker
from ..jobs.watchdog import WATCHDOG
from ..runtime import current_machine, is_stepping, submit_call
from ..values.data import DreamData
from ..values.parameters import parameters_of
from ..values.queries import is_open
from .checking import outputs_in
from .exposing import exposed_by, nodes_in
from .forked import FORK_INPUTS, prepare_fork
from .killing import kill_and_wait, kill_children
from .node import DreamflowNode
from .outline import ProgramInstruction, ProgramStepper, outline_of
from .parameters import NODES_INSIDE, by_port, port_of
from .pinned import launched, pin_source
from .refusing import refusal, told_of_kill
from .returning import ports_of
from .tracebacks import in_users_words, only_users, place_of, shortened, shows_all
from .validators import add_validators
from .wording import status_line

#: After how many seconds a timer looks at the clock again, at the latest.
_LONGEST_NAP = 600.0

#: How many seconds after a child could not be killed, which happens before a worker has it, it is tried again.
_KILL_AGAIN = 2.0

#: How many seconds pass until children that still run are asked again to end.
_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 60.0

#: How many seconds the workflow waits before AiiDA is told that it does, and how often it looks then whether it must stop.
_LINGER, _GLANCE = 1.0, 0.1

#: After how many seconds the status is told anew when any child ends, and not only one of those that it names.
_STATUS_AGE = 5.0

#: How many seconds a step that could not be stored waits before it runs again.
_PAUSES = (1.0, 2.0, 5.0, 10.0, 20.0, 40.0)
_MOMENT = 0.5

__all__ = ('FunctionWorkChain',)


class _Callable(Protect):
    """The class of workflows: inside of another one, calling a workflow submits it."""

    function: types.FunctionType

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:  # noqa: N805  (it is a class)
        """Make a process, as AiiDA's launchers do; with inputs given as to a function, submit one and return its handle.

        :raises WorkflowUsageError: if it is called like a function outside of a workflow.
        """
        if (
            'inputs' in kwargs or cls.__dict__.get('function') is None
        ):  # AiiDA names the inputs, of which none is named so
            return cls._made(*args, **kwargs)
        name = cls.function.__name__
        if not is_stepping():
            raise WorkflowUsageError(
                f'`{name}(...)` works in another workflow function only, where it is awaited; here, launch it with '
                f'`aiida.engine.run({name}, ...)` or `aiida.engine.submit({name}, ...)`'
            )
        return submit_call(current_machine(), cls, args, kwargs, sys._getframe(1))

    def _made(cls, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        """Make a process; what is wrong with its inputs is told in the words of the function."""
        try:
            return super().__call__(*args, **kwargs)
        except (ValueError, DreamflowError) as error:
            found = refusal(cls, kwargs.get('inputs'), error)
            raise shortened(found) from (error if shows_all() and found is not error else found.__cause__)


class FunctionWorkChain(Leased, WorkChain, metaclass=_Callable):
    """Base of all workflows made by ``@workflow``.

    :cvar function: the workflow function.
    :cvar bundle: its source with what it uses from its own file; or the error that says why there is none.
    :cvar recipes: whether values that cannot be stored may be made again at each await; or the classes and functions of which the
        user has said so.
    :cvar pickles: whether values may be pickled.
    :cvar figures: the format of figures that are returned.
    :cvar validators: functions that say what is wrong with the inputs that they are named after.
    :cvar declared_exit_codes: status and message of the exit codes that the function may return, by label.
    """

    function: ClassVar[types.FunctionType | None] = None
    bundle: ClassVar[Bundle | Exception | None] = None
    recipes: ClassVar[bool | tuple[Any, ...]] = True
    pickles: ClassVar[bool] = True
    figures: ClassVar[str] = 'png'
    validators: ClassVar[tuple[types.FunctionType, ...]] = ()
    declared_exit_codes: ClassVar[Mapping[str, tuple[int, str]]] = {}

    #: The source with the values that its modules had when the process was made; only where that was.
    launched: Bundle | None = None

    _node_class = DreamflowNode
    _kills_children: asyncio.Event | None = None
    _shown: Sequence[int] = ()
    _told = 0.0
    _alarm: asyncio.TimerHandle | None = None
    _go_ahead: asyncio.Future[None] | None = None
    _fork: dict[str, Any] | None = None

    @classmethod
    def require_function(cls) -> types.FunctionType:
        """Return the workflow function.

        :raises WorkflowUsageError: for the base class, which has none.
        """
        if cls.function is None:
            raise WorkflowUsageError(
                '`FunctionWorkChain` itself has no function to run: decorate a function with `@workflow`'
            )
        return cls.function

    @classmethod
    def define(cls, spec: Any) -> None:
        """Make inputs from the parameters of the function; any output may come."""
        super().define(spec)
        for status, label, message in WORKFLOW_EXIT_CODES:
            spec.exit_code(status, label, message=message)
        for label, (status, message) in cls.declared_exit_codes.items():
            spec.exit_code(status, label, message=message)
        spec.outputs.dynamic = True
        spec.outputs.valid_type = orm.Data
        spec.input_namespace(
            FORK_INPUTS, dynamic=True, required=False, valid_type=orm.Data, help='Of a fork: the nodes of its frame.'
        )
        what = 'The nodes inside of the inputs: the structures of a list of structures.'
        spec.input_namespace(NODES_INSIDE, dynamic=True, required=False, valid_type=orm.Data, help=what)
        spec.input(
            'metadata.fork', valid_type=dict, required=False, non_db=True, is_metadata=True, help='Of a fork: of what.'
        )
        if cls.function is None:
            return
        for name, parameter in parameters_of(cls.function).items():
            if (exposed := exposed_by(parameter)) is not None:
                exposed.add_to(spec, parameter)
            else:
                spec.inputs[port_name(name)] = port_of(parameter)
        add_validators(spec.inputs, cls.function, cls.validators)
        program = compile_function(cls.function)
        for name, port in ports_of(cls.function, outputs_in(program)).items():
            spec.outputs[name] = port
        spec.outline(ProgramInstruction(outline_of(program)))

    def __init__(self, inputs: dict[str, Any] | None = None, *args: Any, **kwargs: Any) -> None:
        if isinstance(self.bundle, Exception):
            raise self.bundle
        name = self.require_function().__name__
        if is_open(get_manager().get_profile_storage().get_session()):  # type: ignore[attr-defined]
            raise WorkflowUsageError(
                f'`{name}` cannot be launched while a transaction of the database is open: nobody else would see it, and nothing of '
                'it would stay if the transaction were undone. A loop over `iterall()` or `iterdict()` has one open: loop over '
                '`all()` or `dict()`. Launch it after the end of one of your own'
            )
        self.launched = launched(type(self))
        super().__init__(by_port(self.spec().inputs, inputs or {}), *args, **kwargs)

    @property
    def _heeded(self) -> set[int]:
        """The children whose end this object is told of."""
        return self.__dict__.setdefault('_heeded_children', set())  # type: ignore[no-any-return]

    @property
    def _being_killed(self) -> set[int]:
        """The children that are being killed because they were cancelled."""
        return self.__dict__.setdefault('_killed_children', set())  # type: ignore[no-any-return]

    @property
    def _execution(self) -> Any:
        return self._program.execution

    @property
    def _program(self) -> ProgramStepper:
        assert isinstance(self._stepper, ProgramStepper)
        return self._stepper

    # -- how it appears

    @classmethod
    def build_process_type(cls) -> str:
        """Return the entry point of the workflow, or where its source can be found again."""
        from aiida.plugins.entry_point import get_entry_point_string_from_class

        if cls.function is not None:
            entry_point = get_entry_point_string_from_class(cls.function.__module__, cls.function.__qualname__)
            if entry_point is not None:
                return entry_point
        return super().build_process_type()

    def _build_process_label(self) -> str:
        return self.require_function().__name__

    def _setup_db_record(self) -> None:
        super()._setup_db_record()
        assert self.launched is not None
        pin_source(self.node, type(self).__name__, self.launched)
        if self._fork is not None:
            prepare_fork(self, self._fork)

    def _setup_metadata(self, metadata: dict[str, Any]) -> None:
        self._fork = metadata.pop('fork', None)
        for name in ('label', 'description', 'call_link_label'):
            if isinstance(text := metadata.get(name), str) and plain_text(text) != text:
                raise WorkflowUsageError(
                    f'`metadata.{name}` is {text!a}, which no database takes: it has characters that are no text, as the name of a '
                    "file may have; write `text.encode('utf-8', 'replace').decode()`"
                )
        if not metadata.get('store_provenance', True):
            raise WorkflowUsageError(
                f'`{self.require_function().__name__}` cannot run with `store_provenance=False`: where it is, is stored with its '
                'steps. To run it without a trace, use `aiida_dreamflow.testing.run_in_memory`'
            )
        super()._setup_metadata(metadata)

    def _setup_inputs(self) -> None:
        """Link the inputs; the many of a fork in a transaction, though nothing is written.

        AiiDA compares each with all others by their values, which it reads from the database each time outside of one.
        """
        with self.node.backend.transaction() if self._fork is not None else contextlib.nullcontext():
            super()._setup_inputs()
        self._link_nodes_inside()

    def _link_nodes_inside(self) -> None:
        """Link the nodes inside of the inputs too: by its links AiiDA knows what to export and to delete with a workflow."""
        links = self.node.base.links
        known = {entry.link_label for entry in links.get_incoming(link_type=LinkType.INPUT_WORK).all()}
        for port, given in nodes_in(self.inputs or {}):
            nodes = given.load_inside() if isinstance(given, DreamData) else []
            for number, node in enumerate(nodes, 1):
                label = f'{NODES_INSIDE}{PORT_NAMESPACE_SEPARATOR}{port}_{number}'
                if label not in known:
                    links.add_incoming(node, LinkType.INPUT_WORK, label)

    def on_create(self) -> None:
        """Make the stepper now, so that the status shows a line from the beginning."""
        super().on_create()
        self._stepper = self.spec().get_outline().create_stepper(self)  # type: ignore[arg-type]

    # -- a frame that cannot be gone on from

    def _is_fit(self) -> bool:
        """Return whether the workflow can go on from its frame; if not, say what to do, and pause.

        Something around it has changed: Python, a package, a file, a key. What is stored is whole.
        """
        try:
            self._program.execution  # noqa: B018  (reads the frame)
        except FrameError as error:
            self.report('paused, as its frame does not fit what is installed here: %s', error)
            self.pause(f'{error}. Then: `verdi daemon restart` and `verdi process play {self.node.pk}`')
            return False
        return True

    # -- running

    def execute(self) -> dict[str, Any] | None:
        """Run the process in this session, as ``engine.run`` does."""
        try:
            return super().execute()  # type: ignore[no-any-return]
        except plumpy.KilledError as error:
            killed = plumpy.KilledError(told_of_kill(self.node, str(error)))
            raise shortened(killed) from (error if shows_all() else None)
        except Exception as error:
            shortened(error)
            raise

    def _do_step(self) -> Any:
        if self._kills_children is not None:  # its own end is near: no step begins
            self._sleep(_MOMENT)
            return plumpy.Continue(self._do_step)
        for pause in (*_PAUSES, None):
            try:
                return super()._do_step() if self._is_fit() else plumpy.Continue(self._do_step)
            except StepInterrupted as error:
                self._end_interrupted(error)
                break
            except PassingTroubleError as trouble:
                said = f'{trouble}; it is tried again'
                self._stepper.begin_again()  # type: ignore[union-attr]
                if pause is None:
                    raise plumpy.PauseInterruption(
                        f'{said} when you have seen to it: `verdi process play`'
                    ) from trouble
                self.logger.warning('%s in %s s', said, pause)
                self._sleep(pause)
                if self.is_killing:
                    break
        return plumpy.Continue(self._do_step)

    def _end_interrupted(self, error: StepInterrupted) -> None:
        """Be killed, after the step was interrupted: it is as if it had not begun."""
        self._program.begin_again()
        place = place_of(error)
        self.report('killed in the middle of a step, of which nothing stays%s', f': {place}' if place else '')
        if self._kills_children is None:
            self.kill(WATCHDOG.text_of(cast(int, self.pid)) or by_parent(self._parent_pid))

    def _sleep(self, seconds: float) -> None:
        """Let others have the loop for so long, or until this process is to be killed."""
        end = time.monotonic() + seconds
        while not self.is_killing and (left := end - time.monotonic()) > 0:
            plumpy.sync_await(asyncio.sleep(min(left, _MOMENT)))

    # -- waiting

    def wait(self) -> None:
        """Wait, when the current turn ends, until a child's end or a timer lets the workflow go on.

        AiiDA stores what a process waits for each time that its state changes: here it is the process itself, however many
        children run. Which these are, the frame says.
        """
        self._awaitables = [construct_awaitable(self.node)]
        self._update_process_status()

    def must_stop(self) -> bool:
        """Return whether AiiDA has to have its turn: the process was asked to pause or to be killed."""
        return self._interrupt_action is not None or self.has_terminated() or self._kills_children is not None

    async def linger(self) -> None:
        """Let others have a turn, and wait for a moment if the workflow cannot go on.

        To wait longer is to change AiiDA's state, twice: that costs as much as a child that does nothing.
        """
        if self._execution.is_ready():
            await asyncio.sleep(0)
        else:
            await self._wait_for_a_moment()
        await self.place.turn()  # plumpy's portal leads past `in_turns`

    async def _wait_for_a_moment(self) -> None:
        self._go_ahead = self.loop.create_future()
        end = time.monotonic() + _LINGER
        try:
            self._heed_children()
            while not self._go_ahead.done() and not self.must_stop() and (left := end - time.monotonic()) > 0:
                await asyncio.wait([self._go_ahead], timeout=min(left, _GLANCE))
        finally:
            self._go_ahead = None

    @property
    def _is_attentive(self) -> bool:
        """Whether the workflow waits for something."""
        return (self.state is ProcessState.WAITING or self._go_ahead is not None) and self._kills_children is None

    def _go_on(self) -> None:
        """Stop to wait."""
        if self._go_ahead is None:
            self.resume()
        elif not self._go_ahead.done():
            self._go_ahead.set_result(None)

    def _action_awaitables(self) -> None:
        # AiiDA calls this while it loads a process, too. What is launched then must know its parent, so let it be later.
        self.call_soon(self._heed_children)

    def _heed_children(self) -> None:
        """See to it that the workflow is told of the end of its children, and of its next timer."""
        if not self._is_attentive:
            return
        # A frame that cannot be read: the next step pauses. Children that were left: it launches them.
        if not self._program.is_readable() or self._program.children.unlaunched or self._is_ready():
            self._go_on()
            return
        execution = self._execution
        for pk in execution.children.awaited(execution.machine):
            if pk in self._heeded:
                continue
            self._heeded.add(pk)
            finished = functools.partial(self.call_soon, self._on_child_ended, pk)
            if pk in execution.children.tasks:
                execution.children.tasks[pk][1].add_done_callback(lambda _, finished=finished: finished())
                continue
            try:
                with asking_broker():
                    self.runner.call_on_process_finish(pk, finished)
            except PassingTroubleError as error:
                self.logger.warning('the broker cannot tell of the end of %d now: %s', pk, error)
                self._heeded.remove(pk)
                self.loop.call_later(_MOMENT, self.call_soon, self._heed_children)
                break
        self._set_alarm()

    def _on_child_ended(self, pk: int) -> None:
        if self.has_terminated() or self._kills_children is not None:
            return
        is_ready = self._is_ready(pk)
        is_old = time.monotonic() - self._told > _STATUS_AGE
        if self._awaitables and not is_ready and (pk in self._shown or is_old):
            self._update_process_status()
        if self._is_attentive:
            if is_ready:
                self._go_on()
            else:
                self._heed_children()  # others may have been launched, timers set

    def _is_ready(self, ended: int | None = None) -> bool:
        """Return whether the workflow can go on, or has to look anew at where it is.

        :param ended: a child that has ended.
        """
        try:
            is_ready: bool = self._execution.is_ready() if ended is None else self._execution.note_end(ended)
        except PassingTroubleError as trouble:
            self.logger.warning('%s; it is tried again', trouble)
            self._program.begin_again()
            return True
        return is_ready

    def _set_alarm(self) -> None:
        """Wake up when the next timer ends."""
        if self._alarm is not None:
            self._alarm.cancel()
        due = self._execution.machine.next_due()
        if due is not None:
            # The clock of the computer may be set meanwhile, or the computer sleep: look again now and then.
            delay = min(max(0.0, due - time.time()), _LONGEST_NAP)
            self._alarm = self.loop.call_later(delay, self.call_soon, self._on_alarm)

    def _on_alarm(self) -> None:
        self._alarm = None
        if self._is_attentive:
            if self._is_ready():
                self._go_on()
            else:
                self._set_alarm()

    def _update_process_status(self) -> None:
        if not self._awaitables or self._stepper is None or not self._program.is_readable():
            super()._update_process_status()
        elif not self.paused:
            children, machine = self._execution.children, self._execution.machine
            self._shown, self._told = children.awaited(machine)[:10], time.monotonic()
            self.set_status(status_line(machine, children.known_pk))

    # -- ending

    def _flat_outputs(self) -> dict[str, Any]:
        return dict(self._flatten_outputs(None, self.outputs))

    def kill(self, msg_text: str | None = None, force_kill: bool = False) -> bool | plumpy.futures.Future:
        """Kill the workflow and those of its children that still run."""
        if self.killed():
            return True
        if self.has_terminated():
            return False
        if self.runner.is_daemon_runner or self._stepper is None:
            self.speed_up(msg_text)
            return self._kill_with_children(msg_text, force_kill)
        # Under `engine.run` this is called by a signal handler, in the middle of whatever is going on, a transaction
        # perhaps: touch no node, wait for a turn.
        WATCHDOG.start(self.node.backend, ends_worker=False)
        WATCHDOG.hear(cast(int, self.pid), msg_text or '', at_once=self._kills_children is not None)
        if self._kills_children is not None:
            self.loop.call_soon_threadsafe(self._kills_children.set)  # who asks twice does not want to wait
            return True
        self._kills_children = asyncio.Event()
        killed = self.loop.create_future()
        coroutine = self._kill_after_children(killed, self._kills_children, msg_text, force_kill)
        self.loop.call_soon_threadsafe(self.loop.create_task, coroutine)
        return killed

    async def _kill_after_children(
        self, killed: asyncio.Future[bool], enough: asyncio.Event, msg_text: str | None, force_kill: bool
    ) -> None:
        """Kill first the children that live in this event loop."""
        children = [child for child, _ in self._program.children.tasks.values()]
        await kill_children(children, self.node.pk, force_kill, enough, self.report)
        killed.set_result(super(Process, self).kill(msg_text, force_kill) is not False)

    def _kill_with_children(self, msg_text: str | None, force_kill: bool) -> bool | plumpy.futures.Future:
        """Kill the workflow, and then its children: who asked gets an answer when the workflow itself has ended."""
        own = super(Process, self).kill(msg_text, force_kill)
        controller = self.runner.controller
        if own is not False and controller is not None and self._stepper is not None:
            self.loop.create_task(self._kill_children(own, controller))
        return own

    async def _kill_children(self, own: bool | plumpy.futures.Future, controller: Any) -> None:
        """Ask the children that run to end, until none does: one that no worker has taken yet cannot be asked."""
        if asyncio.isfuture(own):
            await asyncio.wait([own])
        pause = _FIRST_PAUSE
        while children := self._program.children.running():
            for child in children:
                if self._program.children.end_if_lost(child):
                    continue
                with contextlib.suppress(PassingTroubleError), asking_broker():
                    controller.kill_process(child.pk, msg_text=by_parent(self.node.pk))
                await asyncio.sleep(0)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def kill_child(self, pk: int) -> None:
        """Kill a child that was cancelled, and see to it that it ends."""
        if pk in self._being_killed:
            return
        self._being_killed.add(pk)
        self.loop.create_task(self._kill_until_ended(pk))

    async def _kill_until_ended(self, pk: int) -> None:
        tasks, controller = self._execution.children.tasks, self.runner.controller
        if pk in tasks:
            await kill_and_wait(tasks[pk][0], self.node.pk, False)
            return
        message = by_parent(self.node.pk, is_cancelled=True)
        while controller is not None and not orm.load_node(pk).is_terminated:
            with contextlib.suppress(Exception):  # nobody has it yet, or no longer
                answer = await asyncio.wrap_future(controller.kill_process(pk, msg_text=message), loop=self.loop)
                if asyncio.isfuture(answer) or isinstance(answer, concurrent.futures.Future):
                    await asyncio.wrap_future(answer, loop=self.loop)
            await asyncio.sleep(_KILL_AGAIN)

    def report_exception(self, error: BaseException) -> None:
        """Write an exception to the report, with the traceback of the user's lines."""
        only_users(error)
        lines = traceback.format_exception(type(error), error, error.__traceback__)
        self.report('%s', self.in_words(''.join(lines).rstrip()))

    def in_words(self, text: str) -> str:
        """Return the text of a traceback with modules under the names by which the user knows them."""
        return in_users_words(text)

    def on_finish(self, result: Any, successful: bool) -> None:
        """Wait for nothing any more."""
        super().on_finish(result, successful)
        self._clear_status()

    def _clear_status(self) -> None:
        if self.status is not None:
            self.set_status(None)

    def on_except(self, exc_info: tuple[Any, Exception, types.TracebackType]) -> None:
        """Report the exception, with the traceback of the user's lines."""
        self._clear_status()
        kind, error, trace = exc_info
        only_users(error.with_traceback(trace))
        super().on_except((kind, error, error.__traceback__))
