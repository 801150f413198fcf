"""What a generator holds that waits.

A generator runs natively, as Python made it. Only when a frame is stored is it looked into: its variables, and what
CPython keeps on its stack (loop cursors, context managers, exceptions), become an `Activation` of its compiled function,
which waits at the ``yield``. A coroutine object that has not begun holds its function and its arguments in the same way.

Relies on CPython's ``gc.get_referents``, which visits the variables of a generator in the order of its code object and
then its stack, bottom first; every object is compared with what is expected there, so that a change is refused, not
misread. Source: ``Objects/genobject.c`` (``gen_traverse``) and ``Python/frame.c`` (``_PyFrame_Traverse``).
"""

from __future__ import annotations

import gc
import inspect
import os
import sys
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..compiler import compile_generator
from ..compiler.generators import waiting_at
from ..compiler.jumps import FALL_THROUGH, RAISED, RETURNED
from ..compiler.program import Await, Delegated, Held, is_hidden
from ..exceptions import CannotStoreError
from .activation import Activation
from .generators import Suspension, suspension_of

__all__ = ('call_of', 'look_into')

Generator: TypeAlias = 'types.GeneratorType[Any, Any, Any]'
Coroutine: TypeAlias = 'types.CoroutineType[Any, Any, Any] | types.AsyncGeneratorType[Any, Any]'
Cells: TypeAlias = 'dict[str, types.CellType]'


def look_into(generator: Generator) -> Suspension:
    """Return what a generator holds that has not come to its end.

    :raises CompileError: if its function cannot be compiled.
    :raises CannotStoreError: if it waits where that cannot be told.
    """
    if (suspension := suspension_of(generator)) is not None:
        return suspension
    function, referents = _function(generator, _referents(generator))
    if _code(generator) in _WITH_OPEN_FOLDERS:
        raise _refusal('it has folders open, which are not open any more after a restart; use `os.walk`')
    program = compile_generator(function)
    variables, cells, stack = _variables(generator, referents)
    activation = Activation(function, program, program.blocks[0], variables, cells)
    if inspect.getgeneratorstate(generator) == inspect.GEN_CREATED:
        return Suspension(activation)
    found = waiting_at(program, _frame(generator).f_lasti)
    if found is None:
        line, filename = _frame(generator).f_lineno, program.source.filename
        raise _refusal(f'it waits at one of several `yield` in line {line} of {filename}')
    activation.block, exit = found
    _unstack(activation, exit, stack, generator.gi_yieldfrom)
    activation.suspend(exit)
    return Suspension(activation, generator.gi_yieldfrom)


def call_of(coroutine: Coroutine) -> tuple[types.FunctionType, dict[str, Any], Cells]:
    """Return the function of a coroutine or an asynchronous generator that has not begun, its variables, and its cells."""
    function, referents = _function(coroutine, _referents(coroutine))
    variables, cells, _ = _variables(coroutine, referents)
    return function, variables, cells


def _refusal(reason: str) -> CannotStoreError:
    return CannotStoreError('generator', '', reason)


def _frame(generator: Generator | Coroutine) -> types.FrameType:
    frame: types.FrameType | None = getattr(generator, f'{_PREFIXES[type(generator)]}_frame')
    assert frame is not None
    return frame


def _code(generator: Generator | Coroutine) -> types.CodeType:
    code: types.CodeType = getattr(generator, f'{_PREFIXES[type(generator)]}_code')
    return code


#: `os.fwalk` and, from Python 3.12 on, what it calls.
_WITH_OPEN_FOLDERS = {getattr(os, name).__code__ for name in ('fwalk', '_fwalk') if hasattr(os, name)}

_PREFIXES: dict[type, str] = {types.GeneratorType: 'gi', types.CoroutineType: 'cr', types.AsyncGeneratorType: 'ag'}


def _referents(generator: Generator | Coroutine) -> list[Any]:
    """Return what a generator refers to: variables in the order of its code, then its stack, then what it handles."""
    if sys.version_info >= (3, 11):
        return gc.get_referents(generator)
    handled = [referent for referent in gc.get_referents(generator) if isinstance(referent, BaseException)]
    return gc.get_referents(_frame(generator)) + handled


def _function(generator: Generator | Coroutine, referents: list[Any]) -> tuple[types.FunctionType, list[Any]]:
    """Return the function of a generator, and the referents that follow."""
    code, frame = _code(generator), _frame(generator)
    start = 1 + max(number for number, referent in enumerate(referents) if referent is code)
    if sys.version_info >= (3, 11):
        function: types.FunctionType = referents[start - 2]
        return function, referents[start:]
    header = (frame.f_builtins, frame.f_globals, frame.f_locals)
    while any(part is referent for referent in referents[start : start + 1] for part in header):
        start += 1
    referents = referents[start:]
    return _named(generator) or _made_again(generator, referents), referents


def _named(generator: Generator | Coroutine) -> types.FunctionType | None:
    """Return the function of a generator if its name leads there."""
    found: Any = sys.modules.get(_frame(generator).f_globals.get('__name__', ''))
    for part in generator.__qualname__.split('.'):
        found = getattr(found, part, None)
    while found is not None and getattr(found, '__code__', None) is not _code(generator):
        found = getattr(found, '__wrapped__', None)
    return found  # type: ignore[no-any-return]


def _made_again(generator: Generator | Coroutine, referents: list[Any]) -> types.FunctionType:
    code = _code(generator)
    number = len(code.co_freevars)
    cells = [referent for referent in referents if isinstance(referent, types.CellType)][len(code.co_cellvars) :][
        :number
    ]
    function = types.FunctionType(code, _frame(generator).f_globals, generator.__name__, None, tuple(cells))
    function.__qualname__ = generator.__qualname__
    return function


def _variables(generator: Generator | Coroutine, referents: list[Any]) -> tuple[dict[str, Any], Cells, list[Any]]:
    """Return a generator's variables, its cells, and its stack."""
    code, local = _code(generator), _frame(generator).f_locals
    own = code.co_varnames
    if sys.version_info < (3, 11):
        own = tuple(name for name in own if name not in code.co_cellvars)
    shared = {*code.co_cellvars, *code.co_freevars}
    variables: dict[str, Any] = {}
    cells: Cells = {}
    following = iter(referents)
    for name in (*own, *(name for name in code.co_cellvars if name not in own), *code.co_freevars):
        if name in shared:
            cells[name] = next(following)
        elif name in local:
            variables[name] = next(following)
    right = all(isinstance(cell, types.CellType) for cell in cells.values())
    if not right or any(variables[name] is not local[name] for name in variables):
        raise _refusal('this Python keeps the variables of a generator in an unknown order')
    return variables, {name: cells[name] for name in code.co_cellvars}, list(following)


def _unstack(activation: Activation, exit: Await, stack: list[Any], inner: Any) -> None:
    """Give an activation what CPython holds on the stack of a generator."""
    readings = list(_readings(exit.held, stack, [], []))
    if isinstance(exit.node, Delegated):
        readings = [reading for reading in readings if reading.rest[:1] == [inner]]
        for reading in readings:
            del reading.rest[0]
    readings = [reading for reading in readings if reading.is_complete()]
    if len(readings) == 1:
        activation.variables.update(readings[0].variables)
        activation.handled = readings[0].all_handled()
    # What is returned lies nowhere yet: where a `return` may be on its way, the stack cannot be read.
    needed = {name for name in exit.live if is_hidden(name) and name != RETURNED}
    if len(readings) != 1 or not needed <= activation.variables.keys():
        raise _refusal(
            f'it waits at the `yield` in line {exit.node.lineno} of {activation.program.source.filename}, which stands '
            'inside of a larger expression, or in a `finally` that is also reached by a jump: give the `yield` a '
            'statement of its own'
        )


@dataclass
class _Reading:
    """One way to read the stack of a generator.

    :ivar variables: the variables that the program keeps in place of what lies there.
    :ivar before: for each depth of handling, what was handled before; nothing where a ``finally`` runs without one.
    :ivar rest: what is left above.
    """

    variables: dict[str, Any]
    before: list[list[Any]]
    rest: list[Any]

    def is_complete(self) -> bool:
        """Return whether all is read: what is left is what is being handled."""
        if any(self.before):
            return len(self.rest) == 1 and isinstance(self.rest[0], BaseException)
        return self.rest in ([], [None])

    def all_handled(self) -> list[BaseException | None]:
        """Return the exceptions being handled, outermost first."""
        found: list[BaseException | None] = []
        current = self.rest[0] if self.rest else None
        for before in reversed(self.before):
            found.append(current if before else None)
            current = before[0] if before else current
        return found[::-1]


def _readings(
    held: Sequence[Held], stack: list[Any], bound: list[tuple[str, Any]], before: list[list[Any]]
) -> Iterator[_Reading]:
    """Yield the ways in which a stack can be what CPython holds for some statements."""
    if not held:
        yield _Reading(dict(bound), before, stack)
        return
    first, *others = held
    if first.kind == 'finally' and first.certain:
        yield from _readings(others, stack, [*bound, (first.names[0], FALL_THROUGH)], [*before, []])
    if first.kind == 'iterator' and stack:
        yield from _readings(others, stack[1:], [*bound, (first.names[0], stack[0])], before)
    if first.kind == 'manager' and stack:
        manager, left = first.names
        size, found = (1, stack[0].__self__) if hasattr(stack[0], '__self__') else (2, [*stack, None][1])
        if hasattr(type(found), '__exit__'):
            yield from _readings(others, stack[size:], [*bound, (manager, found), (left, False)], before)
    if first.kind in ('except', 'finally') and stack:
        handled, stack = _exception(stack)
        if first.kind == 'except':
            yield from _readings(others, stack, bound, [*before, [handled]])
        elif stack and isinstance(_exception(stack)[0], BaseException):
            yield from _readings(others, _exception(stack)[1], [*bound, (first.names[0], RAISED)], [*before, [handled]])


def _exception(stack: list[Any]) -> tuple[Any, list[Any]]:
    """Return the exception that lies next on a stack, and what lies above it."""
    if sys.version_info >= (3, 11) or stack[0] is None:
        return stack[0], stack[1:]
    return stack[1] if len(stack) > 1 else None, stack[3:]
