"""`run`: a plain function here, off the event loop."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec, TypeVar, overload

from ..compiler.desugar import AWAIT_MARK
from .awaitables import Handle
from .machine import current_machine
from .submitting import submit_child

__all__ = ('Local', 'run')

P = ParamSpec('P')
T = TypeVar('T')


@dataclass(frozen=True)
class Local(Generic[P, T]):
    """A function that is to be run here.

    :ivar function: the function.
    :ivar in_thread: whether in a thread of the worker, not in a process of its own.
    :ivar cwd: the working directory; ``None`` for one of its own.
    """

    function: Callable[P, T]
    in_thread: bool = False
    cwd: str | None = None

    @property
    def __wrapped__(self) -> Callable[P, T]:
        # Signatures and sources are looked for behind this name.
        return self.function

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call the function itself."""
        return self.function(*args, **kwargs)


class _Run:
    """Runs a plain function on this machine, and lets the other processes of the worker go on meanwhile.

    In an ``async def`` the call gives a handle to await; in a plain ``def`` it *is* the result. The function has a record
    of its own in the provenance; once that says that it has finished, it is not run again.
    """

    @overload
    def __call__(
        self, function: Callable[..., T], /, *args: Any, cwd: str | os.PathLike[str], **inputs: Any
    ) -> Handle[T]: ...
    @overload
    def __call__(self, function: Callable[P, T], /, *args: P.args, **inputs: P.kwargs) -> Handle[T]: ...

    def __call__(self, function: Callable[..., Any], /, *args: Any, **inputs: Any) -> Handle[Any]:
        """Run a function in a process of its own.

        :param function: the function; it gets copies of the values, and data nodes as the values that they stand for.
        :param args: arguments given by position.
        :param inputs: arguments given by name. ``cwd``, if the function has no parameter of that name, is the working directory:
            one that exists on the machine of the worker. Without, it gets an empty one of its own, which is removed afterwards.
        :returns: the handle.
        :raises TypeError: if the arguments do not fit the function.
        :raises LaunchError: if it cannot be run.
        :raises WorkflowUsageError: outside of a workflow function.
        """
        cwd = os.fspath(inputs.pop('cwd')) if 'cwd' in inputs and not _takes_cwd(function) else None
        return submit_child(current_machine('run'), Local(function, cwd=cwd), args, inputs, sys._getframe(1))

    def in_thread(self, function: Callable[P, T], /, *args: P.args, **inputs: P.kwargs) -> Handle[T]:
        """Run a function in a thread of the worker: it starts at once, but nobody can stop it.

        Takes, returns and raises what `run` does.
        """
        return submit_child(current_machine('run.in_thread'), Local(function, True), args, inputs, sys._getframe(1))


def _takes_cwd(function: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return True  # it is refused, with better words
    return any(each.name == 'cwd' or each.kind is each.VAR_KEYWORD for each in parameters)


for _function in (_Run, _Run.in_thread):
    setattr(_function, AWAIT_MARK, True)

run = _Run()
