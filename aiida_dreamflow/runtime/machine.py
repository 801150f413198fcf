"""The machine: runs tasks from one step to the next.

The host (an AiiDA process, or a test) asks for a step, launches the children that the step asked for, tells their
handles how they ended, and asks for the next step when something can go on. In a step each task that can go on does so
until it waits, in the order in which asyncio's event loop would call them; so does a task that an end within the step wakes.
What awaits a `checkpoint`, a child or a timer goes on with a step to come.
"""

from __future__ import annotations

import itertools
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from ..compiler import Passed, passed_at
from ..compiler.program import Await, Block, Jump, Reraise, Yielded
from ..exceptions import StepInterrupted, WorkflowUsageError
from .activation import Activation, activate, nothing_to_reraise
from .awaitables import Agenda, Awaitable, CancelledError, Checkpoint, Future, Handle, Now, Timer
from .copies import Copies, received, unreceived
from .coroutines import awaited, begun, discard, is_compiled
from .generators import hold, release
from .host import Failed, Host, Outcome, Returned, Suspended
from .streams import KINDS, Drive, Stream, Thrown, drive_of, live_streams, stream_of
from .surroundings import Surroundings
from .tasks import Task
from .tracebacks import without_runtime

__all__ = ('Machine', 'current_machine', 'is_stepping')


@dataclass(eq=False)
class Machine:
    """Runs one workflow function.

    :ivar host: its surroundings.
    :ivar agenda: what is to happen next.
    :ivar tasks: its tasks that have not ended, in the order of their creation.
    :ivar main: the task of the workflow function.
    :ivar begun: how many tasks there were so far.
    :ivar launched: how many children it has asked for so far.
    :ivar pending: the handles of the children that have not ended, or whose failure nobody has asked for.
    :ivar failures: the tasks whose failure nobody has asked for.
    :ivar intents: the handles of the children that the current step has asked for.
    :ivar finished: the tasks that the current step has brought to their end.
    :ivar ran: the blocks that the current step has run, with the places of their activations, in the order of their last runs.
    :ivar entered: the places at which the current step has let asynchronous generators go on.
    :ivar copies: the variables that have received the value of another in the current step as it was.
    :ivar surroundings: what it has changed of the process.
    """

    host: Host
    agenda: Agenda = field(default_factory=Agenda)
    tasks: list[Task[Any]] = field(default_factory=list)
    main: Task[Any] = None  # type: ignore[assignment]
    begun: int = 0
    launched: int = 0
    pending: list[Handle[Any]] = field(default_factory=list)
    failures: list[Task[Any]] = field(default_factory=list)
    intents: list[Handle[Any]] = field(default_factory=list)
    finished: list[Task[Any]] = field(default_factory=list)
    ran: dict[tuple[str, Block], None] = field(default_factory=dict)
    entered: set[str] = field(default_factory=set)
    copies: Copies = field(default_factory=Copies)
    surroundings: Surroundings = field(default_factory=Surroundings)
    _current: Task[Any] | None = field(default=None, repr=False)
    _returned: Returned | None = field(default=None, repr=False)
    _fatal: BaseException | None = field(default=None, repr=False)
    _held: list[Any] = field(default_factory=list, repr=False)

    def start(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Begin the call of a workflow function.

        :raises TypeError: if the arguments don't fit.
        """
        self.main = self._begin(activate(function, args, kwargs))
        self.main.start()

    def hold(self, generators: list[Any]) -> None:
        """Keep generators from being closed should this machine be dropped before its next step."""
        for generator in generators:
            hold(generator)
        self._held.extend(generators)

    def activations(self) -> dict[str, Activation]:
        """Return all activations, by their places: ``0`` is that of the workflow function."""
        return {task.place(level): activation for task in self.tasks for level, activation in enumerate(task.stack)}

    # -- steps

    def is_ready(self) -> bool:
        """Return whether a task can go on: whether there is a step to make.

        Timers whose time has come end by this.
        """
        now = self.host.now()
        for timer in sorted(self.agenda.timers, key=lambda timer: timer.due):
            if timer.due <= now:
                timer.set_result(timer.gives)
        soon = self.agenda.soon
        while soon and not isinstance(soon[0][0], Task):
            watcher, future = soon.popleft()
            watcher.notice(future)
        return bool(soon or self.agenda.later or self.agenda.lost)

    def next_due(self) -> float | None:
        """Return when the next timer ends."""
        return min((timer.due for timer in self.agenda.timers), default=None)

    def step(self) -> Outcome:
        """Run each task that can go on until it waits, or ends."""
        for task in self.finished:
            task.returned = ''
        self.intents, self.finished, self.ran, self.entered, self.copies = [], [], {}, set(), Copies()
        self._returned = None
        while self._held:
            release(self._held.pop())
        soon, later = self.agenda.soon, self.agenda.later
        soon.extendleft((task, None) for task in reversed(later))
        later.clear()
        self.surroundings.enter()
        hooks = sys.get_asyncgen_hooks()  # an event loop's, which would close the generators of workflows itself
        sys.set_asyncgen_hooks(None, None)
        try:
            with _as_current(self):
                self._close_lost()
                while soon and self._fatal is None:
                    watcher, future = soon.popleft()
                    if isinstance(watcher, Task):
                        self._run(watcher, future)
                    else:
                        watcher.notice(future)
                    if self.agenda.lost or not self.tasks:
                        self._close_lost()
        finally:
            sys.set_asyncgen_hooks(*hooks)
            values = (value for activation in self.activations().values() for value in activation.variables.values())
            has_ended = not self.tasks or self._fatal is not None
            self.surroundings.leave(values, stays=has_ended and self.host.keeps_changes)
        for source in self.agenda.asked:
            self.host.receive(source, ())
        self.agenda.asked.clear()
        self.pending = [
            handle for handle in self.pending if not handle.ended or (handle.error is not None and not handle.asked)
        ]
        self.failures = [task for task in self.failures if not task.asked]
        return self._outcome()

    def _outcome(self) -> Outcome:
        if self._fatal is not None:
            return Failed(self._fatal)
        if self.tasks:
            if not (self.agenda.later or self.agenda.timers or any(not handle.ended for handle in self.pending)):
                return Failed(WorkflowUsageError('each task waits for another: nothing can go on'))
            return Suspended(self.main.awaiting)
        if self.main.error is not None:
            return Failed(self.main.error.with_traceback(self.main.trace))
        return self._returned or Returned(self.main.value)

    def _run(self, task: Task[Any], future: Future[Any] | None) -> None:
        """Let a task go on until it waits or ends."""
        if task.ended or (future is not None and future is not task.awaiting):
            return
        self._current = task
        self.agenda.unended.clear()
        self._resume(task)
        while not task.ended:
            if task.awaiting is None:
                self._run_block(task)
            elif task.must_cancel and task.awaiting.cancel(task.cancelled_with):
                task.must_cancel = False
                break
            elif task.awaiting.begin(task, self.agenda):
                self._resume(task)
            else:
                break
        self._current = None

    def _resume(self, task: Task[Any]) -> None:
        """Give a task what it has waited for."""
        awaiting, task.awaiting = task.awaiting, None
        error = task.take_cancellation()
        if awaiting is None:
            if error is not None:
                task.stack.clear()
                self._end(task, error)  # before it began
            return
        if error is None:
            try:
                value = awaiting.outcome()
            except BaseException as raised:
                error = raised.with_traceback(awaiting.trace)
        else:
            awaiting.declined()
        for source, variables in received(task, awaiting) if error is None else unreceived(awaiting):
            if isinstance(source, Task) and source.returned:
                self.copies.note(dict.fromkeys(variables, source.returned))
            self.host.receive(source, variables)
        if error is not None:
            self._throw(task, self._in_context(task, error))
            error = None
        else:
            task.stack[-1].resume(value)

    def _run_block(self, task: Task[Any]) -> None:
        activation = task.stack[-1]
        place, block = task.place(len(task.stack) - 1), activation.block
        self.ran.pop((place, block), None)
        self.ran[place, block] = None
        if block.sets_globals:
            self.surroundings.about_to_set(activation.function, block.sets_globals)
        try:
            exit, value = activation.run_block(_handled(task))
        except StepInterrupted:
            raise  # nothing of this step stays, so nothing of the workflow handles it
        except BaseException as error:
            raised: BaseException | None = error
        else:
            raised = None
        # Outside of the `except`, so that what runs next is not handling this exception.
        if raised is not None:
            raised.__traceback__ = without_runtime(raised.__traceback__)
            self.host.explain(raised)
            self._raise(task, activation.in_own_words(raised))
            raised = None  # see `Activation.raised_at`
            return
        self.copies.made_by(block, place)
        if isinstance(exit, Jump):
            activation.jump(exit, value)
        elif isinstance(exit, Await):
            self._await(task, exit, value)
        elif isinstance(exit, Reraise):
            handled = _handled(task)
            self._raise(task, nothing_to_reraise(activation, exit) if handled is None else handled)
        else:
            task.stack.pop()
            if activation.stream is not None:
                self._at_end(task, activation.stream.leave(None))
                return
            returned = f'{place}:{exit.names["result"]}' if 'result' in exit.names else ''
            if task.stack:
                self.copies.handed_back(task, returned)
                task.stack[-1].resume(value)
                return
            task.returned, task.called = self.copies.root_of(returned), activation.function.__name__
            if task is self.main:
                self._returned = Returned(value, activation, exit.names)
            self._end(task, None, value)

    def _await(self, task: Task[Any], exit: Await, value: Any) -> None:
        activation = task.stack[-1]
        activation.suspend(exit)
        if activation.stream is not None and isinstance(exit.node, Yielded):
            self._give(task, value)
            return
        raised: BaseException | None = None
        if isinstance(value, Activation):
            task.stack.append(value)
            if value.caller is not None:
                self.copies.handed_over(task)
        elif value is task:
            raised = RuntimeError(f'Task cannot await on itself: {task!r}')
        elif isinstance(value, Awaitable):
            task.awaiting = value
        else:
            try:
                if isinstance(value, types.CoroutineType) and is_compiled(value):
                    task.stack.append(begun(value))
                elif type(value) in KINDS and (drive := drive_of(value)) is not None:
                    self._drive(task, drive)
                else:
                    task.awaiting = Now(awaited(value))
            except BaseException as error:
                raised = error.with_traceback(without_runtime(error.__traceback__))
        if raised is not None:
            self._throw(task, self._in_context(task, raised))
            raised = None

    def _raise(self, task: Task[Any], error: BaseException) -> None:
        """Let an exception go to the innermost handler, from activation to activation."""
        stack = task.stack
        try:
            while not stack[-1].catch(error):
                activation = stack.pop()
                error = activation.converted(error)
                if activation.stream is not None:
                    drive = activation.stream.leave(None)
                    if drive.kind == 'aclose' and isinstance(error, GeneratorExit | StopAsyncIteration):
                        self._hand_on(task, None)
                        return
                if not stack:
                    task.called = activation.function.__name__
                    self._end(task, error)
                    return
                error = stack[-1].throw(error)
        finally:
            del error  # see `Activation.raised_at`

    def _throw(self, task: Task[Any], error: BaseException) -> None:
        """Let an exception appear where the innermost activation of a task waits."""
        try:
            self._raise(task, task.stack[-1].throw(error))
        finally:
            del error

    # -- asynchronous generators

    def _drive(self, task: Task[Any], drive: Drive) -> None:
        """Let an asynchronous generator go on, on top of a task.

        :raises BaseException: what awaiting `drive` raises at once.
        """
        assert drive.shell is not None
        stream = stream_of(drive.shell)
        assert stream is not None
        activation = stream.enter(drive)
        if activation is None:
            task.awaiting = Now(drive.after_end())
            return
        stream.agenda = self.agenda
        self.entered.add(task.place(len(task.stack)))
        task.stack.append(activation)
        if (error := drive.error) is not None:
            if error.__context__ is None:
                error.__context__ = activation.innermost()  # and not what is handled around it
            self._throw(task, error)
        elif activation.awaiting is not None:
            activation.resume(drive.given)

    def _give(self, task: Task[Any], value: Any) -> None:
        """Hand a value that an asynchronous generator yields to who drives it."""
        activation = task.stack.pop()
        drive = activation.stream.leave(activation)
        if drive.kind == 'aclose':
            self._fail(task, RuntimeError('async generator ignored GeneratorExit'))
        else:
            self._hand_on(task, value)

    def _at_end(self, task: Task[Any], drive: Drive) -> None:
        """Tell who drives an asynchronous generator that it has come to its end."""
        if drive.kind == 'aclose':
            self._hand_on(task, None)
        elif drive.default:
            self._hand_on(task, drive.default[0])
        else:
            self._fail(task, StopAsyncIteration())

    def _hand_on(self, task: Task[Any], value: Any) -> None:
        if task.stack:
            task.stack[-1].resume(value)
        else:
            self._end(task, None, value)

    def _fail(self, task: Task[Any], error: BaseException) -> None:
        if task.stack:
            self._throw(task, self._in_context(task, error))
        else:
            self._end(task, error)

    def _close_lost(self) -> None:
        """Close the asynchronous generators that nobody holds any more; those too that are left when all has ended."""
        # The end of `asyncio.run` cancels what it finds closing, and closes what is left.
        while self.agenda.lost:
            self._close(self.agenda.lost.pop(0), CancelledError() if self.main.ended else GeneratorExit())
        if not self.tasks:
            for stream in live_streams(self.agenda):
                self._close(stream, GeneratorExit())

    def _close(self, stream: Stream, error: BaseException) -> None:
        activation = stream.enter(Drive(None, 'aclose'))
        assert activation is not None
        task = self._begin(activation)
        self.entered.add(task.place(0))
        task.awaiting = Thrown(error)
        task.start()
        stream.agenda = None  # this is done once

    def _in_context(self, task: Task[Any], error: BaseException) -> BaseException:
        """Give the exception of a child the context that raising it here gives it."""
        handled = _handled(task)
        if error.__context__ is None and handled is not error:
            error.__context__ = handled
        return error

    def _end(self, task: Task[Any], error: BaseException | None, value: Any = None) -> None:
        """Bring a task to its end."""
        self.tasks.remove(task)
        self.finished.append(task)
        if error is None:
            task.set_result(value)
        else:
            task.set_exception(error, error.__traceback__)
            if task is not self.main and not task.cancelled():
                self.failures.append(task)
            if not isinstance(error, Exception | CancelledError):
                self._fatal = error
        if task is self.main:
            self.agenda.soon.append((self, task))

    def notice(self, future: Future[Any]) -> None:
        """Cancel the tasks that are left when the workflow function has ended, as `asyncio.run` does.

        But what they wait for is not: children go on.
        """
        for task in self.tasks:
            task.cancel_alone()

    # -- what the functions of this package ask

    def running(self) -> Task[Any]:
        """Return the task that runs."""
        assert self._current is not None
        return self._current

    def create_task(self, awaitable: Any, name: str | None, caller: types.FrameType) -> Task[Any]:
        """Make a task of the call of a helper, and start it.

        :param caller: the frame that asks for it.
        :raises TypeError: if it is something else.
        """
        if not isinstance(awaitable, types.CoroutineType):
            raise TypeError(f'a coroutine was expected, got {awaitable!r}')
        task = self._begin(begun(awaitable), name)
        place, passed = self.passed_in(caller)
        self.copies.handed_to(task, place, next(iter(passed.calls), None), caller)
        task.start()
        return task

    def passed_in(self, caller: types.FrameType) -> tuple[str, Passed]:
        """Return which arguments are variables in the call that is being carried out, and the place of their activation.

        :param caller: the frame that calls.
        """
        task = self.running()
        activation = task.stack[-1]
        if not activation.runs(caller.f_code):
            return '', Passed()
        found = passed_at(activation.block, caller.f_code, caller.f_lasti, caller.f_lineno)
        return task.place(len(task.stack) - 1), found

    def _begin(self, activation: Activation, name: str | None = None) -> Task[Any]:
        task: Task[Any] = Task(self.agenda, self.begun, activation, name)
        self.begun += 1
        self.tasks.append(task)
        return task

    def futures(
        self, awaitables: tuple[Any, ...], caller: types.FrameType | None = None, *, start: bool = True
    ) -> tuple[list[Future[Any]], list[Any]]:
        """Return awaitables as futures: the calls of helpers become tasks.

        :param caller: the frame that gives them, as arguments of a call or as the list that is the first one, if there may be
            calls among them.
        :param start: whether new tasks start.
        :returns: the futures, and those among them that are still to be started: tasks, and children of this step.
        :raises TypeError: if something cannot be awaited.
        """
        wrong = next((each for each in awaitables if not isinstance(each, Awaitable | types.CoroutineType)), None)
        if wrong is not None:
            discard(awaitables)
            kind = type(wrong).__name__
            raise TypeError(
                f'handles, tasks and calls of `async def` functions are expected, not an object of type {kind}'
                + (
                    f'; a {kind} of them is given with a star: `gather(*handles)`'
                    if isinstance(wrong, list | tuple)
                    else ''
                )
            )
        known: dict[int, Future[Any]] = {}
        held: list[Any] = []
        place, passed = ('', Passed()) if caller is None else self.passed_in(caller)
        for each, arguments in itertools.zip_longest(awaitables, passed.calls[: len(awaitables)]):
            if id(each) in known:
                continue
            known[id(each)] = future = self._future(each)
            if isinstance(each, types.CoroutineType):
                assert isinstance(future, Task)
                if caller is not None:
                    self.copies.handed_to(future, place, arguments, caller)
                if start:
                    future.start()
            fresh = isinstance(future, Handle) and any(future is intent for intent in self.intents) and not future.ended
            if not start and (isinstance(each, types.CoroutineType) or fresh):
                held.append(future)
        return [known[id(each)] for each in awaitables], held

    def _future(self, awaitable: Any) -> Future[Any]:
        if isinstance(awaitable, types.CoroutineType):
            return self._begin(begun(awaitable))
        if isinstance(awaitable, Checkpoint):
            return self.timer(0, awaitable.gives)
        if not isinstance(awaitable, Future):
            raise TypeError(f'an object of type {type(awaitable).__name__} can only be awaited directly')
        return awaitable

    def timer(self, delay: float, gives: Any = None) -> Timer:
        """Return a timer that ends after some seconds."""
        return Timer(self.agenda, self.host.now() + delay, gives)


def _handled(task: Task[Any]) -> BaseException | None:
    """Return the exception being handled in a task: that of the innermost activation that handles one."""
    return next((handled for each in reversed(task.stack) if (handled := each.innermost()) is not None), None)


_current: ContextVar[Machine | None] = ContextVar('dreamflow_machine', default=None)


def current_machine(caller: str = '') -> Machine:
    """Return the machine whose step is running.

    :param caller: the function that needs it, for the message.
    :raises WorkflowUsageError: if there is none.
    """
    machine = _current.get()
    if machine is None:
        raise WorkflowUsageError(
            f'`{caller}` can only be called while a workflow function runs: decorate the function with `@workflow` and '
            'launch it with `aiida.engine.run` or `aiida.engine.submit`, or try it with '
            '`aiida_dreamflow.testing.run_in_memory`'
        )
    return machine


def is_stepping() -> bool:
    """Return whether a step is running just now."""
    return _current.get() is not None


@contextmanager
def _as_current(machine: Machine) -> Iterator[None]:
    token = _current.set(machine)
    try:
        yield
    finally:
        _current.reset(token)
