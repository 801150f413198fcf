"""`run`: a plain function here, off the event loop."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, ParamSpec, TypeVar

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
    """

    function: Callable[P, T]
    in_thread: bool = False

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

    def __call__(self, function: Callable[P, T], /, *args: P.args, **inputs: P.kwargs) -> Handle[T]:
        """Run a function in a process of its own.

        :param function: the function; it gets copies of the values, and data nodes as the values that they stand for.
        :param args: arguments given by position.
        :param inputs: arguments given by name.
        :returns: the handle.
        :raises TypeError: if the arguments do not fit the function.
        :raises LaunchError: if it cannot be run.
        :raises WorkflowUsageError: outside of a workflow function.
        """
        return submit_child(current_machine('run'), Local(function), args, inputs, sys._getframe(1))

    def in_thread(self, function: Callable[P, T], /, *args: P.args, **inputs: P.kwargs) -> Handle[T]:
        """Run a function in a thread of the worker: it starts at once, but nobody can stop it.

        Takes, returns and raises what `run` does.
        """
        return submit_child(current_machine('run.in_thread'), Local(function, True), args, inputs, sys._getframe(1))


for _function in (_Run, _Run.in_thread):
    setattr(_function, AWAIT_MARK, True)

run = _Run()
