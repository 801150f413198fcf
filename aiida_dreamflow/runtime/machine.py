"""The machine: runs a stack of activations from one await to the next.

The host (an AiiDA process, or a test) asks for a step, launches the children that the step asked for, tells their
handles how they ended, and asks for the next step when what is awaited is ready.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..compiler import passed_at
from ..compiler.program import Await, Block, Jump, Reraise
from ..exceptions import WorkflowUsageError
from .activation import Activation, Recipe, activate, nothing_to_reraise
from .awaitables import Awaitable, Handle
from .generators import hold, release
from .supplied import supply
from .tracebacks import without_runtime

__all__ = ('Failed', 'Host', 'Machine', 'Outcome', 'Returned', 'Suspended', 'current_machine')


@dataclass(frozen=True)
class Suspended:
    """A step ended at an await.

    :ivar awaiting: what is awaited.
    """

    awaiting: Awaitable


@dataclass(frozen=True)
class Returned:
    """The workflow function returned.

    :ivar value: what it returned.
    :ivar activation: its activation, as it was at the end.
    :ivar names: the variables that it returned as they were, by the name of the output.
    """

    value: Any
    activation: Activation
    names: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Failed:
    """The workflow function raised.

    :ivar exception: what it raised, with a traceback in the user's lines.
    """

    exception: BaseException


Outcome = Suspended | Returned | Failed


class Host(Protocol):
    """What a machine asks of its surroundings."""

    def prepare(self, label: str, target: Any, args: tuple[Any, ...], inputs: dict[str, Any]) -> dict[str, Any]:
        """Check the inputs of a child, on the line of `submit`, and return them by name.

        :raises Exception: what `submit` is to raise.
        """

    def pin(self, value: Any) -> Any:
        """Return a value in a form that later changes of it don't touch, for a recipe.

        :raises CannotStoreError: if it has none.
        """

    def needs_recipe(self, value: Any) -> bool:
        """Return whether a value, by its type, might have no stored form."""


@dataclass(eq=False)
class Machine:
    """Runs one workflow function.

    :ivar host: its surroundings.
    :ivar stack: its activations, the workflow function's first.
    :ivar awaiting: what it waits for.
    :ivar launched: how many children it has asked for so far.
    :ivar intents: the handles of the children that the current step has asked for.
    :ivar pending: the handles of the children that have not ended.
    :ivar ran: the blocks that the current step has run, with the level of their activation in the stack.
    """

    host: Host
    stack: list[Activation] = field(default_factory=list)
    awaiting: Awaitable | None = None
    launched: int = 0
    intents: list[Handle[Any]] = field(default_factory=list)
    pending: list[Handle[Any]] = field(default_factory=list)
    ran: set[tuple[int, Block]] = field(default_factory=set)
    _held: list[Any] = field(default_factory=list, repr=False)

    def start(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Begin the call of a workflow function.

        :raises TypeError: if the arguments don't fit.
        """
        self.stack = [activate(function, args, kwargs)]

    def hold(self, generators: list[Any]) -> None:
        """Keep generators from being closed should this machine be dropped before its next step."""
        for generator in generators:
            hold(generator)
        self._held.extend(generators)

    # -- steps

    def step(self) -> Outcome:
        """Run to the next await, or to the end.

        What was awaited must be ready.
        """
        self.intents, self.ran = [], set()
        while self._held:
            release(self._held.pop())
        with _as_current(self):
            if self.awaiting is not None:
                awaiting, self.awaiting = self.awaiting, None
                try:
                    value = awaiting.outcome()
                except BaseException as error:
                    outcome = self._throw(self._fresh(error))
                else:
                    self.stack[-1].resume(value)
                    outcome = None
            else:
                outcome = None
            while outcome is None:
                outcome = self._run_block()
        self.pending = [handle for handle in self.pending if not handle.done]
        return outcome

    def _run_block(self) -> Outcome | None:
        activation = self.stack[-1]
        self.ran.add((len(self.stack) - 1, activation.block))
        try:
            exit, value = activation.run_block(self._handled())
        except BaseException as error:
            raised: BaseException | None = error
        else:
            raised = None
        # Outside of the `except`, so that what runs next is not handling this exception.
        if raised is not None:
            raised.__traceback__ = without_runtime(raised.__traceback__)
            return self._raise(activation.in_own_words(raised))
        if isinstance(exit, Jump):
            activation.jump(exit, value)
            return None
        if isinstance(exit, Await):
            return self._await(activation, exit, value)
        if isinstance(exit, Reraise):
            return self._raise(self._handled() or nothing_to_reraise(activation, exit))
        self.stack.pop()
        if not self.stack:
            return Returned(value, activation, exit.names)
        self.stack[-1].resume(value)
        return None

    def _handled(self) -> BaseException | None:
        """Return the exception being handled: that of the innermost activation that handles one."""
        for activation in reversed(self.stack):
            for handled in reversed(activation.handled):
                if handled is not None:
                    return handled
        return None

    def _await(self, activation: Activation, exit: Await, value: Any) -> Outcome | None:
        activation.suspend(exit)
        if isinstance(value, Activation):
            self.stack.append(value)
            return None
        if not isinstance(value, Awaitable):
            return self._throw(self._fresh(_not_awaitable(value)))
        self.awaiting = value
        return Suspended(value)

    def _raise(self, error: BaseException) -> Outcome | None:
        """Let an exception go to the innermost handler, from activation to activation."""
        while not self.stack[-1].catch(error):
            error = self.stack.pop().converted(error)
            if not self.stack:
                return Failed(error)
            error = self.stack[-1].throw(error)
        return None

    def _throw(self, error: BaseException) -> Outcome | None:
        """Let an exception appear where the innermost activation waits."""
        return self._raise(self.stack[-1].throw(error))

    def _fresh(self, error: BaseException) -> BaseException:
        """Give the exception of a child the context and the traceback that raising it here gives it."""
        error.__traceback__ = None
        handled = self._handled()
        if error.__context__ is None and handled is not error:
            error.__context__ = handled
        return error

    # -- what compiled code calls

    def submit(
        self, target: Any, args: tuple[Any, ...], inputs: dict[str, Any], caller: types.FrameType
    ) -> Handle[Any]:
        """Ask for a child (see `submit` of this package).

        :param caller: the frame that calls; in a plain ``def`` it must be the workflow function's own.
        """
        self._require_compiled_call(caller.f_code)
        label = f'{_name_of(target)}_{self.launched + 1}'
        handle: Handle[Any] = Handle(label, target, self.host.prepare(label, target, args, inputs))
        activation = self.stack[-1]
        if activation.runs(caller.f_code):
            handle.level = len(self.stack) - 1
            handle.passed = passed_at(activation.block, caller.f_code, caller.f_lasti, caller.f_lineno)
        self.launched += 1
        self.intents.append(handle)
        self.pending.append(handle)
        return handle

    def _require_compiled_call(self, caller: types.CodeType) -> None:
        activation = self.stack[-1]
        if not activation.program.source.is_async and not activation.runs(caller):
            raise WorkflowUsageError(
                f'`submit` was called by `{caller.co_name}`, which is not compiled: in a plain `def`, call it directly '
                'in the workflow function; to call it in a helper, make both `async def` and `await` the helper'
            )

    def note_recipe(self, index: int, value: Any, inputs: tuple[Any, ...]) -> None:
        """Note that an assignment with a recipe was carried out."""
        activation = self.stack[-1]
        site = activation.program.recipes[index]
        activation.recipes.pop(site.variable, None)
        if not self.host.needs_recipe(value):
            return
        pinned: dict[str, Any] = {}
        for name, given in zip(site.inputs, inputs, strict=True):
            own = next((recipe for recipe in activation.recipes.values() if recipe.value is given), None)
            try:
                pinned[name] = own or self.host.pin(given)
            except TypeError:
                return  # no recipe: should the value have no stored form, the error at the await says why
        activation.recipes[site.variable] = Recipe(activation.function, site, pinned, value)


def _not_awaitable(value: Any) -> BaseException:
    kind = type(value).__name__
    if hasattr(value, 'cr_frame'):
        value.close()
        return WorkflowUsageError(
            'a coroutine object cannot be kept and awaited later, as it cannot be stored: '
            'write the call where it is awaited, `await helper(...)`'
        )
    if hasattr(value, '__await__'):
        return WorkflowUsageError(f'a workflow cannot wait for an object of type `{kind}`: it cannot be stored')
    try:
        _awaited(value).send(None)  # says it best itself
    except TypeError as error:
        return error.with_traceback(None)
    raise AssertionError('unreachable')


async def _awaited(value: Any) -> None:
    await value


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


@contextmanager
def _as_current(machine: Machine) -> Iterator[None]:
    token = _current.set(machine)
    try:
        yield
    finally:
        _current.reset(token)


def _made(index: int, value: Any, inputs: tuple[Any, ...]) -> None:
    """Note that an assignment with a recipe was carried out."""
    current_machine().note_recipe(index, value, inputs)


supply('.made', _made)


def _name_of(target: Any) -> str:
    """Return what a child is called after: the function behind it, or the class that a builder builds."""
    for behind in ('process_class', '__wrapped__'):
        target = getattr(target, behind, target)
    name: str = getattr(target, '__name__', type(target).__name__)
    return name
