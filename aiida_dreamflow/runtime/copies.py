"""Which variables of a step have received the value of another, or of a child, as it was.

The host records where values come from by this: by variable and data flow, never by looking at the values. A variable is called
by the place of its activation and its name, as in the frame.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..compiler import Passed, copies_in, passed_at
from ..compiler.program import Block
from .awaitables import Awaitable, Future
from .combining import Gather
from .tasks import Task

__all__ = ('Copies', 'received', 'unreceived')


@dataclass
class Copies:
    """The copies of a step.

    :ivar roots: for each variable that has received the value of another, which one had it when the step began, or when it was made.
    """

    roots: dict[str, str] = field(default_factory=dict)

    def root_of(self, variable: str) -> str:
        """Return the variable that had the value of another first; itself, if it is no copy."""
        return self.roots.get(variable, variable)

    def note(self, received: Mapping[str, str]) -> None:
        """Note that variables receive the values of others, all at once."""
        self.roots.update({variable: self.root_of(other) for variable, other in received.items()})

    def made_by(self, block: Block, place: str) -> None:
        """Note the assignments of a block that has run, ``a = b``.

        :param place: the place of its activation.
        """
        if copies := copies_in(block):
            self.note({f'{place}:{name}': f'{place}:{other}' for name, other in copies.items()})

    def handed_over(self, task: Task[Any]) -> None:
        """Note which variables of its caller the arguments of a call are that begins."""
        caller, called = task.stack[-2:]
        assert called.caller is not None
        (code, instruction, line), called.caller = called.caller, None
        passed = passed_at(caller.block, code, instruction, line)
        self._note_arguments(task, task.place(len(task.stack) - 2), passed)

    def handed_to(self, task: Task[Any], outside: str, passed: Passed | None, caller: types.FrameType) -> None:
        """Do the same for a coroutine object, if its function was called by a name of its own; it may be that of a method.

        :param outside: the place of the activation that calls.
        """
        if passed is not None and passed.called:
            names = caller.f_locals if passed.called in caller.f_locals else caller.f_globals
            if names.get(passed.called) is task.stack[-1].function:
                self._note_arguments(task, outside, passed)

    def _note_arguments(self, task: Task[Any], outside: str, passed: Passed | None) -> None:
        code = task.stack[-1].function.__code__
        if passed is not None:
            inside = task.place(len(task.stack) - 1)
            given = {**dict(zip(code.co_varnames[: code.co_argcount], passed.args, strict=False)), **passed.kwargs}
            self.note({f'{inside}:{name}': f'{outside}:{other}' for name, other in given.items() if other is not None})

    def handed_back(self, task: Task[Any], variable: str) -> None:
        """Note which variable of a call its caller is given."""
        exit = task.stack[-1].awaiting
        if variable and exit is not None:
            self.note({f'{task.place(len(task.stack) - 1)}:{exit.result}': variable})


def received(task: Task[Any], awaiting: Awaitable) -> Iterator[tuple[Future[Any], Sequence[str]]]:
    """Yield what a task is given by what it has waited for, with the variables that receive it as it is."""
    exit = task.stack[-1].awaiting
    if exit is None:
        yield from unreceived(awaiting)
        return
    place = task.place(len(task.stack) - 1)
    if isinstance(awaiting, Gather):
        for number, part in enumerate(awaiting.parts):
            items = [f'{place}:{exit.result}[{index}]' for index in (number, number - len(awaiting.parts))]
            for source in part.sources():
                yield source, () if hasattr(part, 'parts') or part.error is not None else items
    else:
        # The value of a single child, not of a set of them, is what the variable receives.
        names = () if hasattr(awaiting, 'parts') else tuple(filter(None, (exit.assigned, exit.result)))
        for source in awaiting.sources():
            yield source, [f'{place}:{name}' for name in names]


def unreceived(awaiting: Awaitable) -> Iterator[tuple[Future[Any], Sequence[str]]]:
    """Yield what a task has waited for, if no variable receives it."""
    yield from ((source, ()) for source in awaiting.sources())
