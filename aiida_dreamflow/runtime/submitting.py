"""What a call of `submit`, `run` or a workflow does: the machine is asked for a child, whose inputs are checked at once."""

from __future__ import annotations

import types
from typing import Any

from ..compiler import Passed
from ..exceptions import DreamflowError, WorkflowUsageError
from .awaitables import Awaitable, Handle
from .coroutines import discard
from .forgotten import NotAValue, forgotten_in, refusal_of
from .machine import Machine

__all__ = ('submit_call', 'submit_child')


def submit_child(
    machine: Machine,
    target: Any,
    args: tuple[Any, ...],
    inputs: dict[str, Any],
    caller: types.FrameType,
    first: int = 1,
) -> Handle[Any]:
    """Ask for a child (see `submit` of this package).

    :param caller: the frame that calls; in a plain ``def`` it must be the workflow function's own.
    :param first: how many positional arguments of that call come before those of the child.
    """
    _require_compiled_call(machine, caller.f_code)
    if isinstance(target, Awaitable):
        raise WorkflowUsageError(
            f'`submit` was given {target!r}: a call of a workflow submits it already, so await that, `await child(n=1)`, or '
            'give the workflow itself, `await submit(child, n=1)`'
        )
    target = machine.host.find(target)
    label = f'{_name_of(target)}_{machine.launched + 1}'
    _require_results(machine, label, args, inputs, caller, first)
    try:
        prepared = machine.host.prepare(label, target, args, inputs)
    except (DreamflowError, TypeError, ValueError) as error:
        _require_results(machine, label, args, inputs, caller, first, depth=4)
        raise error.with_traceback(None)  # noqa: B904  (the user's line says where, the message what is wrong)
    handle: Handle[Any] = Handle(machine.agenda, prepared.pop('label', label), target, prepared)
    handle.place, passed = machine.passed_in(caller)
    handle.passed = Passed(passed.args[first:], passed.kwargs)
    machine.launched += 1
    machine.agenda.unended.clear()
    machine.intents.append(handle)
    machine.pending.append(handle)
    return handle


def submit_call(
    machine: Machine, workflow: Any, args: tuple[Any, ...], inputs: dict[str, Any], caller: types.FrameType
) -> Handle[Any]:
    """Ask for the child that a direct call of a workflow means, which the compiler could not know for one.

    :raises WorkflowUsageError: in a plain ``def``, where the call would have to wait.
    """
    name = _name_of(workflow)
    if not machine.running().stack[-1].program.source.is_async:
        raise WorkflowUsageError(
            f'the call `{name}(...)` cannot wait here: `{name}` had no value yet when the function was decorated, or is '
            f'called under another name. Define it above, or write `submit({name}, ...)`'
        )
    return submit_child(machine, workflow, args, inputs, caller, first=0)


def _require_results(
    machine: Machine,
    label: str,
    args: tuple[Any, ...],
    inputs: dict[str, Any],
    caller: types.FrameType,
    first: int,
    depth: int = 0,
) -> None:
    """Refuse arguments whose ``await`` was forgotten.

    :param depth: how deep to look into them.
    :raises WorkflowUsageError: if there is one.
    """
    given: list[tuple[int | str, Any]] = [*enumerate(args), *inputs.items()]
    if not depth and not any(isinstance(value, NotAValue | types.CoroutineType) for _, value in given):
        return
    passed = machine.passed_in(caller)[1]
    variables: dict[Any, str | None] = {**dict(enumerate(passed.args[first:])), **passed.kwargs}
    where = f'{caller.f_code.co_filename}, line {caller.f_lineno}, in `{caller.f_code.co_name}`'
    for name, value in given:
        variable = variables.get(name)
        argument = f'argument {name + 1}' if isinstance(name, int) else name
        for place, found in forgotten_in(value, variable or argument, depth):
            what = f'variable `{place}`' if variable else f'`{place}`'
            reason = refusal_of(found, variable or '')
            discard((*args, *inputs.values()))
            raise WorkflowUsageError(f'{where}: {what} cannot be given to the child `{label}`: {reason}') from None


def _require_compiled_call(machine: Machine, caller: types.CodeType) -> None:
    activation = machine.running().stack[-1]
    if not activation.program.source.is_async and not activation.runs(caller):
        raise WorkflowUsageError(
            f'`submit` was called by `{caller.co_name}`, which is not compiled: in a plain `def`, call it directly '
            'in the workflow function; to call it in a helper, make both `async def` and `await` the helper'
        )


def _name_of(target: Any) -> str:
    """Return what a child is called after: the function behind it, or the class that a builder builds."""
    if not isinstance(target, type):  # a class may have a property of that name
        target = getattr(target, 'process_class', target)
    target = getattr(target, '__wrapped__', target)
    name: str = getattr(target, '__name__', type(target).__name__)
    return name
