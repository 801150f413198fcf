"""`FunctionWorkChain`: the process class that a workflow function becomes.

Overrides of ``WorkChain``, and what of aiida-core 2.9 they rely on:

- ``_action_awaitables`` and ``_on_awaitable_finished`` (not final): the workflow goes on when what it awaits is ready,
  which may be before all children have ended; results go to handles, not into ``ctx``.
- ``kill``: AiiDA messages every called node, finished ones too, and waits for answers that never come. Here only what
  still runs is killed, and a child that runs in this process is killed directly.
- ``report``, ``on_except``: the report shows the name of the workflow function, and the traceback of the user's lines.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import traceback
import types
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, cast

import plumpy
from aiida import orm
from aiida.common.log import LOG_LEVEL_REPORT
from aiida.engine import Process, ProcessState, WorkChain
from aiida.engine.processes.workchains.awaitable import Awaitable, construct_awaitable

from ..compiler import Bundle, compile_function
from ..exceptions import CannotStoreError, CompileError, FrameError, WorkflowUsageError
from ..jobs.leased import Leased
from ..jobs.names import port_name
from ..values.nodes import to_node
from .forked import FORK_INPUTS, prepare_fork
from .outline import ProgramInstruction, ProgramStepper
from .pinned import is_pinned, pin_source

#: How many seconds a killed workflow gives its children to end first, when they live in the same process.
_PATIENCE = 2.0

#: Modules whose frames stand before those of the user in a traceback.
_MACHINERY = ('aiida.', 'aiida_dreamflow.', 'plumpy.', 'greenback.', 'asyncio.')

__all__ = ('RESERVED_PARAMETERS', 'FunctionWorkChain', 'require_parameters')

#: Names that AiiDA's launchers keep for themselves, and ours.
RESERVED_PARAMETERS = frozenset({'metadata', 'inputs', 'wait', 'wait_interval', 'process', FORK_INPUTS})


class FunctionWorkChain(Leased, WorkChain):
    """Base of all workflows made by ``@workflow``.

    :cvar function: the workflow function.
    :cvar bundle: its source with what it uses from its own file; or the error that says why there is none.
    :cvar recipes: whether values that cannot be stored may be made again at each await.
    :cvar pickles: whether values may be pickled.
    """

    function: ClassVar[types.FunctionType | None] = None
    bundle: ClassVar[Bundle | Exception | None] = None
    recipes: ClassVar[bool] = True
    pickles: ClassVar[bool] = True

    _kills_children = False
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
        spec.exit_code(400, 'ERROR_CHILD_FAILED', message='A child failed and nothing caught it: {message}')
        spec.outputs.dynamic = True
        spec.outputs.valid_type = orm.Data
        spec.input_namespace(
            FORK_INPUTS, dynamic=True, required=False, valid_type=orm.Data, help='Of a fork: the nodes of its frame.'
        )
        spec.input(
            'metadata.fork', valid_type=dict, required=False, non_db=True, is_metadata=True, help='Of a fork: of what.'
        )
        if cls.function is None:
            return
        for parameter in inspect.signature(cls.function).parameters.values():
            spec.input(port_name(parameter.name), **_port(parameter))
        program = compile_function(cls.function)
        spec.outline(ProgramInstruction([exit.label for exit in program.awaits()]))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if isinstance(self.bundle, Exception):
            raise self.bundle
        self.require_function()
        super().__init__(*args, **kwargs)

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
        assert isinstance(self.bundle, Bundle)
        pin_source(self.node, type(self).__name__, self.bundle)
        if self._fork is not None:
            prepare_fork(self, self._fork)

    def _setup_metadata(self, metadata: dict[str, Any]) -> None:
        self._fork = metadata.pop('fork', None)
        super()._setup_metadata(metadata)

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

    def _do_step(self) -> Any:
        """Run steps, if the frame allows; otherwise wait for `verdi process play`."""
        return super()._do_step() if self._is_fit() else plumpy.Continue(self._do_step)

    # -- waiting

    def wait_for(self, pks: Iterable[int]) -> None:
        """Wait for children when the current step ends.

        :param pks: the children; the workflow is asked whether it can go on whenever one of them ends.
        """
        self._awaitables = []
        for pk in dict.fromkeys(pks):
            awaitable = construct_awaitable(cast(orm.ProcessNode, orm.load_node(pk)))
            awaitable.key = str(pk)
            self._awaitables.append(awaitable)
        self._update_process_status()

    def _action_awaitables(self) -> None:
        if not self._program.is_readable() or self._program.execution.unlaunched:
            self.call_soon(self.resume)  # the next step pauses, or launches
            return
        tasks = self._program.children.tasks
        for awaitable in self._awaitables:
            finished = functools.partial(self.call_soon, self._on_awaitable_finished, awaitable)
            if awaitable.pk in tasks:
                tasks[awaitable.pk][1].add_done_callback(functools.partial(_ignoring, finished))
            else:
                self.runner.call_on_process_finish(awaitable.pk, finished)

    def _on_awaitable_finished(self, awaitable: Awaitable) -> None:
        self._awaitables = [other for other in self._awaitables if other.pk != awaitable.pk]
        if self.has_terminated() or self._kills_children:
            return
        self._update_process_status()
        if self.state is ProcessState.WAITING and (
            not self._awaitables or self._program.execution.is_ready(awaitable.pk)
        ):
            self.resume()

    def _update_process_status(self) -> None:
        super()._update_process_status()
        if self._awaitables and not self.paused and self._stepper is not None:
            children = ', '.join(str(awaitable.pk) for awaitable in self._awaitables[:10])
            more = ', ...' if len(self._awaitables) > 10 else ''
            self.set_status(f'{self._stepper} (waiting for {children}{more})')

    # -- ending

    def kill(self, msg_text: str | None = None, force_kill: bool = False) -> bool | plumpy.futures.Future:
        """Kill the workflow and those of its children that still run."""
        if self.killed():
            return True
        if self.has_terminated():
            return False
        if self.runner.is_daemon_runner or self._stepper is None:
            return self._kill_with_children(msg_text, force_kill)
        # Under `engine.run` this is called by a signal handler, in the middle of whatever is going on, a transaction
        # perhaps: touch no node, wait for a turn.
        self._kills_children = True
        killed = self.loop.create_future()
        coroutine = self._kill_after_children(killed, msg_text, force_kill)
        self.loop.call_soon_threadsafe(self.loop.create_task, coroutine)
        return killed

    async def _kill_after_children(self, killed: asyncio.Future[bool], msg_text: str | None, force_kill: bool) -> None:
        """Kill first the children that live in this event loop: `engine.run` leaves it when the workflow has ended."""
        alive = [child for child, _ in self._program.children.tasks.values() if not child.has_terminated()]
        tasks = [self.loop.create_task(_kill_and_wait(child, self.node.pk, force_kill)) for child in alive]
        if tasks:
            await asyncio.wait(tasks, timeout=_PATIENCE)
        killed.set_result(super(Process, self).kill(msg_text, force_kill) is not False)

    def _kill_with_children(self, msg_text: str | None, force_kill: bool) -> bool | plumpy.futures.Future:
        own = super(Process, self).kill(msg_text, force_kill)
        controller = self.runner.controller
        if own is False or controller is None or self._stepper is None:
            return own
        message = f'Killed by parent<{self.node.pk}>'
        asked = [controller.kill_process(child.pk, msg_text=message) for child in self._program.children.running()]
        killing = [asyncio.wrap_future(future, loop=self.loop) for future in asked]
        if asyncio.isfuture(own):
            killing.append(own)
        return self.loop.create_task(_all_true(killing)) if killing else True

    def report(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Write to the report of the process, under the name of the workflow function."""
        self.logger.log(LOG_LEVEL_REPORT, f'[{self.node.pk}|{self._build_process_label()}]: {msg}', *args, **kwargs)

    def report_exception(self, error: BaseException) -> None:
        """Write an exception to the report, with the traceback of the user's lines."""
        lines = traceback.format_exception(type(error), error, user_part(error.__traceback__))
        self.report('%s', ''.join(lines).rstrip())

    def on_except(self, exc_info: tuple[Any, Exception, types.TracebackType]) -> None:
        """Report the exception, with the traceback of the user's lines."""
        kind, error, trace = exc_info
        super().on_except((kind, error, user_part(trace)))  # type: ignore[arg-type]


def _ignoring(finished: Callable[[], Any], _: asyncio.Task[Any]) -> None:
    finished()


async def _kill_and_wait(child: Process, parent: int | None, force_kill: bool) -> None:
    """Kill a child that lives in this event loop, and wait for its end."""
    await plumpy.ensure_portal()  # killing a job asks its scheduler, and waits for the answer within this task
    message = f'Killed by parent<{parent}>'
    try:
        child.kill(message, force_kill)
    except asyncio.InvalidStateError:
        # The job ended while its scheduler was asked, and AiiDA interrupts a task that is done: now it can be killed.
        await asyncio.sleep(0)
        with contextlib.suppress(asyncio.InvalidStateError):
            child.kill(message, force_kill=True)
    with contextlib.suppress(plumpy.KilledError):
        await child.future()


async def _all_true(futures: list[Any]) -> bool:
    results = await asyncio.gather(*futures, return_exceptions=True)
    return all(result is True for result in results)


def user_part(trace: types.TracebackType | None) -> types.TracebackType | None:
    """Return the part of a traceback that begins with the first line of user code, ``None`` if there is none."""
    while trace is not None and _is_machinery(trace.tb_frame.f_globals.get('__name__', '')):
        trace = trace.tb_next
    return trace


def _is_machinery(module: str) -> bool:
    # The module of a pinned source is named after this package, but its lines are the user's.
    return module.startswith(_MACHINERY) and not is_pinned(module)


def require_parameters(function: types.FunctionType) -> None:
    """Refuse parameters that cannot be inputs of a process.

    :raises CompileError: naming the parameter.
    """
    for name, parameter in inspect.signature(function).parameters.items():
        where = f'workflow function `{function.__qualname__}`'
        if name in RESERVED_PARAMETERS:
            raise CompileError(
                f"{where}: parameter `{name}` has a name that AiiDA's launchers keep for themselves: rename it"
            )
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            what = {'*args': parameter.VAR_POSITIONAL, '**kwargs': parameter.VAR_KEYWORD}
            kind = next((text for text, value in what.items() if value is parameter.kind), 'positional-only')
            raise CompileError(
                f'{where}: parameter `{name}` is {kind}, but the inputs of a process are given by name: '
                'name each input, or pass a list or a dict'
            )


def _port(parameter: inspect.Parameter) -> dict[str, Any]:
    options: dict[str, Any] = {'valid_type': orm.Data, 'serializer': to_node}
    if parameter.annotation is not parameter.empty:
        options['help'] = inspect.formatannotation(parameter.annotation)
    if parameter.default is not parameter.empty:
        options['required'] = False
        try:
            to_node(parameter.default)
        except CannotStoreError:
            pass  # the function's own default serves
        else:
            options['default'] = functools.partial(to_node, parameter.default)
    return options
