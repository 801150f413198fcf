"""An activation: one call of a function in progress, its next block and its variables.

Runs single blocks. Which one comes next after an exit or an exception is here too; what is awaited, and the activation
above and below, is the machine's business.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import inspect
import linecache
import sys
import types
import weakref
from collections.abc import Callable, Iterable
from dataclasses import InitVar, dataclass, field
from typing import Any

from ..compiler import Await, Block, Program, compile_function
from ..compiler.codegen import block_code, raising_code, recipe_code
from ..compiler.program import Exit, Jump, RecipeSite, Reraise
from ..compiler.source import read_source
from ..exceptions import WorkflowUsageError
from .effects import Before
from .supplied import SUPPLIED, supply
from .tracebacks import find_frame, restore_handled, without_runtime

__all__ = ('Activation', 'Recipe', 'activate', 'has_source', 'nothing_to_reraise', 'refuse_asyncio')


@dataclass(eq=False)
class Recipe:
    """How to make a value again that has no stored form.

    :ivar function: the function whose assignment made it.
    :ivar site: the assignment.
    :ivar inputs: what the assignment read, in the form in which the host keeps it.
    :param made: what it made, which it doesn't keep alive.
    :ivar effect: what making it does beside, for which it must not be made again; empty if nothing, ``None`` if that is not
        known yet.
    :ivar is_new: whether the current step has carried out the assignment.
    """

    function: types.FunctionType
    site: RecipeSite
    inputs: dict[str, Any]
    made: InitVar[Any] = None
    effect: str | None = ''
    is_new: bool = False

    def __post_init__(self, made: Any) -> None:
        self._look_at(made)

    @property
    def value(self) -> Any:
        """What it made; ``None`` when nothing else holds that any more, as far as Python can tell."""
        return self._value()

    def _look_at(self, value: Any) -> None:
        try:
            self._value: Callable[[], Any] = weakref.ref(value)
        except TypeError:
            self._value = lambda: value

    @property
    def key(self) -> tuple[str, int]:
        """Which assignment it is; the same after a restart."""
        return self.function.__qualname__, self.site.index

    def make(self, inputs: dict[str, Any]) -> Any:
        """Evaluate the expression of the assignment again; from now on, its value is that.

        :param inputs: the values of its local variables.
        """
        value = self.evaluate(inputs)
        self._look_at(value)
        return value

    def evaluate(self, inputs: dict[str, Any]) -> Any:
        """Evaluate the expression of the assignment.

        :param inputs: the values of its local variables.
        """
        code = recipe_code(compile_function(self.function), self.site)
        making = types.FunctionType(code, self.function.__globals__, closure=_closure(code, {}, self.function))
        return making(**inputs)


@dataclass(eq=False)
class Activation:
    """One call of a function in progress.

    :ivar function: the function called.
    :ivar program: what it is compiled to.
    :ivar block: the block to run next; while something is awaited, the block that awaits it.
    :ivar variables: its variables but for the cells; an unbound one is missing.
    :ivar cells: the variables shared with nested functions.
    :ivar handled: the exceptions being handled, outermost first; ``None`` where a ``finally`` runs without one.
    :ivar awaiting: the exit through which it waits.
    :ivar recipes: how values of its variables can be made again.
    :ivar before: which assignment with a recipe is being carried out, and what was noted before.
    :ivar stream: the asynchronous generator whose call it is, while it runs.
    :ivar caller: until it has begun: where it was called, as code, instruction and line.
    """

    function: types.FunctionType
    program: Program
    block: Block
    variables: dict[str, Any]
    cells: dict[str, types.CellType]
    handled: list[BaseException | None] = field(default_factory=list)
    awaiting: Await | None = None
    recipes: dict[str, Recipe] = field(default_factory=dict)
    before: tuple[int, Before] | None = field(default=None, repr=False)
    stream: Any = field(default=None, repr=False)
    caller: tuple[types.CodeType, int, int] | None = field(default=None, repr=False)
    _running: types.CodeType | None = field(default=None, repr=False)
    _functions: dict[Block, types.FunctionType] = field(default_factory=dict, repr=False)

    @property
    def is_new(self) -> bool:
        """Whether none of it has run."""
        return self._running is None and self.awaiting is None and self.block is self.program.blocks[0]

    @classmethod
    def new(
        cls, function: types.FunctionType, variables: dict[str, Any], cells: dict[str, types.CellType]
    ) -> Activation:
        """Return a call that has not begun.

        :param variables: its arguments.
        :param cells: those of its arguments that nested functions share, among others.
        :raises CompileError: if the function cannot be compiled.
        """
        program = compile_function(function)
        own = {name: cells.get(name) or types.CellType() for name in program.scope.cells}
        return cls(function, program, program.blocks[0], variables, own)

    # -- running

    def run_block(self, handled: BaseException | None) -> tuple[Exit, Any]:
        """Run the current block.

        :param handled: the exception that is being handled around it, if any.
        :returns: the exit it took and the value that goes with it.
        :raises BaseException: what the user's code raises; the variables are then as that left them.
        """
        block = self.block
        variables = self.variables
        missing = frozenset(block.params).difference(variables)
        if missing:
            function = self._make_function(block_code(self.program, block, missing))
        else:
            function = self._functions.get(block) or self._function(block)
        arguments = [variables[name] for name in block.params if name not in block.taken and name not in missing]
        taken: list[tuple[Any, ...]] = []
        if block.taken:
            names = [name for name in block.taken if name not in missing]
            taken.append(tuple([variables.pop(name) for name in names]))
            arguments.insert(0, taken)
        self._running = function.__code__
        try:
            if handled is None:
                number, value, after = function(*arguments)
            else:
                number, value, after = _run_handling(handled, function, arguments)
        except BaseException as error:
            frame = find_frame(error.__traceback__, function.__code__)
            for values in taken:  # it has not even begun
                variables.update(zip(names, values, strict=True))
            if frame is not None:
                self._take_over(frame.f_locals)
            # The frame leads back to this one. All that it has would live until the garbage is collected, if something here led
            # to it: the variables do, when the exception has become one of them.
            del frame, variables
            raise
        self._take_over(after)
        return self.program.exits[number], value

    def runs(self, code: types.CodeType) -> bool:
        """Return whether code is that of the current block."""
        return code is self._running

    def _take_over(self, after: Any) -> None:
        """Take over the variables of a block that has run."""
        variables = self.variables
        for name in self.block.mentioned:
            if name in after:
                variables[name] = after[name]
            else:
                variables.pop(name, None)

    def _function(self, block: Block) -> types.FunctionType:
        assert block.code is not None
        function = self._functions[block] = self._make_function(block.code)
        return function

    def _make_function(self, code: types.CodeType) -> types.FunctionType:
        closure = _closure(code, self.cells, self.function)
        function = types.FunctionType(code, self.function.__globals__, closure=closure)
        function.__qualname__ = self.function.__qualname__
        return function

    def adopt(self, recipes: list[Recipe]) -> None:
        """Take over, after a restart, the recipes that an assignment of this function began.

        A value may have outlived the variable that it was assigned to.
        """
        for number, recipe in enumerate(recipes):
            if recipe.function is self.function:
                name = recipe.site.variable
                own = self._value(name) is recipe.value
                self.recipes[name if own else f'{name}.{number}'] = recipe

    def _value(self, name: str) -> Any:
        if name in self.cells:
            try:
                return self.cells[name].cell_contents
            except ValueError:
                return None
        return self.variables.get(name)

    def values(self) -> dict[str, Any]:
        """Return the values of all its variables, cells included."""
        found = dict(self.variables)
        for name, cell in self.cells.items():
            with contextlib.suppress(ValueError):
                found[name] = cell.cell_contents
        return found

    def innermost(self) -> BaseException | None:
        """Return the exception that it is handling, the innermost of several."""
        return next((error for error in reversed(self.handled) if error is not None), None)

    # -- going on

    def jump(self, exit: Jump, value: Any) -> None:
        """Go on with the target of a jump.

        :param value: what it takes along.
        """
        depth = exit.target.depth
        kept = self.handled[: depth if exit.keep is None else exit.keep]
        self.handled = kept + [None] * (depth - len(kept))
        if exit.handling:
            self.handled[-1] = value
        self._renew(exit.renewed)
        self.block = exit.target

    def suspend(self, exit: Await) -> None:
        """Wait, and forget the variables that no later code reads."""
        self.awaiting = exit
        self.variables = {name: value for name, value in self.variables.items() if name in exit.live}
        self._renew(self.cells.keys() - exit.live)

    def _renew(self, names: Iterable[str]) -> None:
        """Give variables new cells, empty ones."""
        for name in names:
            self.cells[name] = types.CellType()
            self._functions.clear()

    def resume(self, value: Any) -> None:
        """Go on with the value that was awaited."""
        assert self.awaiting is not None
        self.variables[self.awaiting.result] = value
        self.block, self.awaiting = self.awaiting.target, None

    def throw(self, error: BaseException) -> BaseException:
        """Let an exception appear where the activation waits.

        :returns: the exception, with that place at the head of its traceback.
        """
        assert self.awaiting is not None
        place, self.awaiting = self.awaiting.node, None
        try:
            return self.raised_at(place, error)
        finally:
            del error  # see `raised_at`

    def raised_at(self, place: ast.AST, error: BaseException) -> BaseException:
        """Return an exception as if it were raised at a place of the function.

        The frame in its traceback leads back to this one, and to its callers: while they refer to the exception, all variables in
        its frames live until the garbage is collected.
        """
        function = self._make_function(raising_code(self.program, place))
        context = error.__context__
        try:
            function([error])
        except BaseException as raised:
            raised.__traceback__ = without_runtime(raised.__traceback__)
            raised.__context__ = context
        try:
            return error
        finally:
            del error

    def catch(self, error: BaseException) -> bool:
        """Go on with the handler of the current block, if it has one."""
        handler = self.block.handler
        if handler is None:
            return False
        outer = self.handled[: handler.depth - 1]
        self.handled = outer + [None] * (handler.depth - 1 - len(outer)) + [error]
        self.block = handler
        return True

    def in_own_words(self, error: BaseException) -> BaseException:
        """Return what CPython raises for what the current block has raised.

        A variable shared with a nested function is a free variable of the block, but the function's own.
        """
        if type(error) is not NameError or error.name not in self.cells or not self._is_innermost(error.__traceback__):
            return error
        local = UnboundLocalError(_UNBOUND.replace('variable_', error.name))
        local.__traceback__, local.__context__ = error.__traceback__, error.__context__
        return local

    def _is_innermost(self, traceback: types.TracebackType | None) -> bool:
        while traceback is not None and traceback.tb_next is not None:
            traceback = traceback.tb_next
        return traceback is not None and self.runs(traceback.tb_frame.f_code)

    def converted(self, error: BaseException) -> BaseException:
        """Return what leaves the function for an exception that nothing in it handles (PEP 479)."""
        stops = (StopIteration,) if self.stream is None else (StopIteration, StopAsyncIteration)
        if isinstance(error, stops) and self.program.source.is_async:
            kind = 'coroutine' if self.stream is None else 'async generator'
            name = 'StopIteration' if isinstance(error, StopIteration) else 'StopAsyncIteration'
            converted = RuntimeError(f'{kind} raised {name}')
            converted.__cause__ = converted.__context__ = error
            return converted
        return error


def activate(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Activation:
    """Begin a call.

    :param function: the function, or a method.
    :raises TypeError: if the arguments don't fit, in CPython's words.
    :raises CompileError: if the function cannot be compiled.
    """
    if isinstance(function, functools.partial):
        return activate(function.func, (*function.args, *args), {**function.keywords, **kwargs})
    if isinstance(function, types.MethodType):
        return activate(function.__func__, (function.__self__, *args), kwargs)
    if inspect.isasyncgenfunction(function):
        read_source(function)  # which says why that is none
    program = compile_function(function)
    assert isinstance(function, types.FunctionType)
    assert program.binder is not None
    closure = _closure(program.binder, {name: types.CellType() for name in program.scope.cells}, function)
    binder = types.FunctionType(program.binder, function.__globals__, function.__name__, function.__defaults__, closure)
    binder.__kwdefaults__ = function.__kwdefaults__
    binder.__qualname__ = function.__qualname__
    try:
        variables = binder(*args, **kwargs)
    except TypeError as error:
        error.__traceback__ = without_runtime(error.__traceback__)
        raise
    activation = Activation.new(function, variables, {})
    for name in activation.cells.keys() & variables.keys():
        activation.cells[name].cell_contents = variables.pop(name)
    return activation


def nothing_to_reraise(activation: Activation, exit: Reraise) -> BaseException:
    """Return what a bare ``raise`` raises when no exception is being handled."""
    error = RuntimeError('No active exception to reraise')
    return error if exit.place is None else activation.raised_at(exit.place, error)


def _closure(
    code: types.CodeType, cells: dict[str, types.CellType], function: types.FunctionType
) -> tuple[types.CellType, ...]:
    outer = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    return tuple(cells.get(name) or outer.get(name) or SUPPLIED[name] for name in code.co_freevars)


def _run_handling(handled: BaseException, function: Callable[..., Any], arguments: list[Any]) -> Any:
    """Call a function while an exception is being handled, without a trace of this in the exception."""
    traceback, context = handled.__traceback__, handled.__context__
    try:
        raise handled
    except BaseException:
        handled.__traceback__, handled.__context__ = traceback, context
        restore_handled(handled)
        return function(*arguments)


def _unbound_message() -> str:
    """Return what this Python says of a local variable ``variable_`` without a value."""
    variable_ = ''
    del variable_
    try:
        return variable_  # noqa: F821
    except UnboundLocalError as error:
        return str(error)


_UNBOUND = _unbound_message()


def _callee(function: Any) -> Callable[..., Any]:
    """Return what to call so that a helper's call becomes an activation; other things are called as they are."""
    inner = function.func if isinstance(function, functools.partial) else function
    plain = inner.__func__ if isinstance(inner, types.MethodType) else inner
    if not (isinstance(plain, types.FunctionType) and inspect.iscoroutinefunction(plain)):
        return function  # type: ignore[no-any-return]
    refuse_asyncio(plain)
    return functools.partial(_begin, function) if has_source(plain.__code__) else function


def _begin(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Activation:
    activation, caller = activate(function, args, kwargs), sys._getframe(1)
    if isinstance(function, types.FunctionType):
        activation.caller = caller.f_code, caller.f_lasti, caller.f_lineno
    return activation


def has_source(code: types.CodeType) -> bool:
    """Return whether the source of a function can be had; else Python runs it, which it can if it waits for nothing."""
    return bool(linecache.getlines(code.co_filename))


_OURS = ('Event', 'Lock', 'Semaphore', 'TaskGroup', 'sleep', 'wait', 'wait_for')
_INSTEAD = {
    **{name: f'use that of this package, `from aiida_dreamflow import {name}`' for name in _OURS},
    'Timeout': 'use that of this package, `from aiida_dreamflow import timeout`',
    '_ContextManagerMixin': 'use those of this package, `from aiida_dreamflow import Lock, Semaphore`',
    'Condition': 'use a list and an `Event` of this package',
    'Queue': 'use a list and a `Semaphore` of this package that counts its items, or `as_completed`',
    'Barrier': 'use `gather`',
    'to_thread': '`await run(function, ...)` of this package calls it beside the worker',
}


def refuse_asyncio(function: types.FunctionType) -> None:
    """Refuse a coroutine function of asyncio's.

    :raises WorkflowUsageError: if it is one.
    """
    if (function.__module__ or '').partition('.')[0] == 'asyncio':
        name = function.__qualname__
        advice = _INSTEAD.get(
            name.partition('.')[0], 'await children, helpers and what `aiida_dreamflow` has of that name'
        )
        raise WorkflowUsageError(
            f'`asyncio.{name}` cannot be awaited in a workflow: an event loop does not survive a restart; {advice}'
        )


supply('.callee', _callee)
