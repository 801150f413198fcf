"""The functions that a workflow function calls: `submit`, `gather`, `checkpoint`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from ..compiler.desugar import AWAIT_MARK
from ..exceptions import WorkflowUsageError
from .awaitables import Awaitable, Checkpoint, Gather, Handle
from .machine import current_machine

__all__ = ('checkpoint', 'gather', 'submit')

P = ParamSpec('P')
T = TypeVar('T')


def submit(target: Callable[P, T], /, *args: P.args, **inputs: P.kwargs) -> Handle[T]:
    """Run a child and, in an ``async def``, return a handle to await; in a plain ``def`` the call *is* the result.

    The inputs are checked on this line. The child is launched at the end of the step.

    :param target: a Python function, which runs as a CalcJob; its parameters are the inputs.
    :param args: inputs given by position.
    :param inputs: inputs given by name.
    :returns: the handle of the child.
    :raises TypeError: if the inputs do not fit the target.
    :raises LaunchError: if the target cannot be run.
    :raises WorkflowUsageError: outside of a workflow function.
    """
    return current_machine('submit').submit(target, args, inputs, sys._getframe(1))


def gather(*awaitables: Awaitable, return_exceptions: bool = False) -> Gather:
    """Wait for several handles side by side.

    ``a, b = await gather(submit(f, x=1), submit(f, x=2))``

    :param awaitables: handles, or other gathers.
    :param return_exceptions: whether a child's exception is returned in its place instead of raised.
    :returns: something to await, whose value is the list of results in the order given.
    :raises TypeError: if something else is given.
    """
    given: tuple[Any, ...] = awaitables
    others = [each for each in given if not isinstance(each, Awaitable)]
    coroutines = [other for other in others if isinstance(other, Coroutine)]
    for coroutine in coroutines:
        coroutine.close()  # one that nobody awaits would warn
    if coroutines:
        raise WorkflowUsageError(
            'gather() takes handles; running helper coroutines side by side is not supported yet: '
            'submit all children first, then gather their handles'
        )
    if others:
        raise TypeError(f'gather() takes handles, not an object of type {type(others[0]).__name__}')
    return Gather(awaitables, return_exceptions)


def checkpoint() -> Checkpoint:
    """Give the workflow a place to restart from.

    ``await checkpoint()`` stores the state and goes on.
    """
    return Checkpoint()


for _function in (submit, gather, checkpoint):
    setattr(_function, AWAIT_MARK, True)
