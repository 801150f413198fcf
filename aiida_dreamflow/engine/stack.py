"""Where a run is: the calls in progress of each of its tasks, with their variables.

Reads what a restart would read, the record of the last step: no worker is asked, and it makes no difference whether one
runs. Nothing is run, so a value that has a recipe is shown by its call.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from aiida import orm

from ..compiler.program import is_hidden
from ..runtime import Activation, Handle, Task
from ..runtime.awaitables import Awaitable
from ..values.data import short_repr
from . import pinned
from .forked import load_step, require_step
from .hidden import Origins

#: The largest number of characters shown of a value.
_LIMIT = 200

__all__ = ('Call', 'RunStack', 'TaskStack', 'Variable', 'stack_of')


@dataclass(frozen=True)
class Variable:
    """A variable that is needed after the await.

    :ivar name: its name.
    :ivar text: its value, shortened.
    :ivar node: the node that holds it, ``None`` if it has none.
    """

    name: str
    text: str
    node: orm.Node | None


@dataclass(frozen=True)
class Call:
    """A call in progress.

    :ivar function: the name of the function.
    :ivar filename: its file.
    :ivar line: the line at which it waits.
    :ivar text: what stands there, with the loop around it.
    :ivar variables: those that later code needs.
    """

    function: str
    filename: str
    line: int
    text: str
    variables: tuple[Variable, ...]


@dataclass(frozen=True)
class TaskStack:
    """A task, with its calls.

    :ivar name: its name.
    :ivar calls: its calls in progress, the outermost first.
    :ivar waits_for: what the innermost of them awaits.
    """

    name: str
    calls: tuple[Call, ...]
    waits_for: str


@dataclass(frozen=True)
class RunStack:
    """Where a run is.

    :ivar step: the number of the last recorded step.
    :ivar time: when it ended, ``None`` for the step that a fork began with.
    :ivar tasks: the tasks that have not ended, that of the workflow function first.
    """

    step: int
    time: datetime.datetime | None
    tasks: tuple[TaskStack, ...]


def stack_of(node: orm.WorkChainNode, step: int | None = None) -> RunStack:
    """Return where a run is, or where it was after one of its steps.

    :param node: the process of the run.
    :param step: the number of the step, from one; by default the last one that waits for something.
    :raises ForkError: if there is no such step.
    :raises FrameError: if its frame does not fit what is installed here.
    :raises UntrustedValueError: if another profile has written it.
    """
    process_class = pinned.class_of(node)
    found = require_step(node, step)
    machine = load_step(found, process_class, process_class, make=False)
    tasks = tuple(_task(task, found.origins) for task in machine.tasks)
    record = cast(orm.ProcessNode, found.record)
    return RunStack(found.number, None if record.pk == node.pk else record.ctime, tasks)


def _task(task: Task[object], origins: Origins) -> TaskStack:
    calls = tuple(_call(activation, task.place(level), origins) for level, activation in enumerate(task.stack))
    return TaskStack(task.get_name(), calls, _waits_for(task.awaiting))


def _waits_for(awaiting: Awaitable | None) -> str:
    if awaiting is None:
        return 'its turn'
    names = [each.label if isinstance(each, Handle) else repr(each) for each in awaiting.sources() if not each.ended]
    return ', '.join(names) or type(awaiting).__name__.lower()


def _call(activation: Activation, place: str, origins: Origins) -> Call:
    source, awaiting = activation.program.source, activation.awaiting
    line = source.node.lineno if awaiting is None else awaiting.node.lineno
    text = source.code_of_line(line) if awaiting is None else awaiting.label.partition(' ')[2]
    return Call(
        source.function.__qualname__, source.filename, line, text, tuple(_variables(activation, place, origins))
    )


def _variables(activation: Activation, place: str, origins: Origins) -> Iterator[Variable]:
    for name, value in activation.values().items():
        if not is_hidden(name):
            uuid, _ = origins.nodes.get(f'{place}:{name}', (None, ''))
            yield Variable(name, short_repr(value, _LIMIT), None if uuid is None else orm.load_node(uuid=uuid))
