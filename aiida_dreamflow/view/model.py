"""What there is to know of a run: plain data, which `reading` fills and everything that shows a run draws from."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from .children import Children
from .shown import Shown
from .sources import Source

__all__ = ('Call', 'Failure', 'Loop', 'Moment', 'ReportLine', 'Run', 'Step', 'Task', 'Variable')


@dataclass
class Variable:
    """A variable that later code needs.

    :ivar name: its name.
    :ivar shown: its value, as it is shown; `Shown.load` gives the value.
    :ivar kept: how it is kept: ``node``, ``frame`` (in the record of the step only), ``recipe`` (made again at each await),
        ``handle`` (a child under way).
    """

    name: str
    shown: Shown
    kept: str

    @property
    def text(self) -> str:
        """Its value in a few words."""
        return self.shown.text


@dataclass
class Loop:
    """A loop that a call is in.

    :ivar line: its line.
    :ivar text: what stands there.
    :ivar position: how many items it has been given; ``None`` if that is not known.
    :ivar length: how many there are in all; ``None`` if that is not known.
    """

    line: int
    text: str
    position: int | None
    length: int | None

    def __str__(self) -> str:
        return f'{self.position:,} of {self.length:,}' if self.length is not None and self.position is not None else '?'


@dataclass
class Call:
    """A call in progress.

    :ivar function: the name of the function.
    :ivar filename: its file; the name of its module if its source is not kept with the run.
    :ivar line: the line at which it waits; ``None`` if the record is too old to say.
    :ivar text: what stands there, with the innermost loop around it.
    :ivar loops: the loops that it is in, from the outside in.
    :ivar variables: those that later code needs.
    """

    function: str
    filename: str
    line: int | None
    text: str
    loops: list[Loop]
    variables: list[Variable]


@dataclass
class Task:
    """A task that has not ended.

    :ivar number: its number; that of the workflow function is zero.
    :ivar name: its name.
    :ivar calls: its calls in progress, the outermost first.
    :ivar waits_for: what for, in a word: ``child``, ``gather``, ``sleep``, ``checkpoint``...; empty if it is to go on.
    :ivar labels: the labels of the children that this needs and that had not ended when the step did.
    :ivar tasks: the names of the tasks that this needs.
    :ivar ended: how many of what it waits for have ended,
    :ivar total: of how many.
    :ivar due: when the timer ends that it waits for.
    :ivar returned: what the tasks that it waits for have returned, or raised, as far as they have ended: ``relax_3``.
    """

    number: int
    name: str
    calls: list[Call]
    waits_for: str
    labels: list[str]
    tasks: list[str]
    ended: int
    total: int
    due: datetime.datetime | None
    returned: list[Variable] = field(default_factory=list)

    @property
    def line(self) -> int | None:
        """The line at which its outermost call waits."""
        return self.calls[0].line if self.calls else None


class _Values(Mapping[str, Any]):
    """The values of variables by name, each loaded when it is asked for."""

    def __init__(self, variables: list[Variable]) -> None:
        self._variables = {variable.name: variable for variable in variables}

    def __getitem__(self, name: str) -> Any:
        return self._variables[name].shown.load()

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)

    def __repr__(self) -> str:
        return f'{{{", ".join(f"{each.name}: {each.text}" for each in self._variables.values())}}}'


@dataclass
class Moment:
    """A run as it was after one of its steps.

    :ivar step: the number of the step; zero before the first.
    :ivar time: when it ended.
    :ivar tasks: the tasks that have not ended, that of the workflow function first.
    :ivar problem: why the record cannot be read; empty if it can.
    """

    step: int
    time: datetime.datetime | None
    tasks: list[Task]
    problem: str = ''

    @property
    def shown(self) -> list[Variable]:
        """The variables of the calls of the workflow function's task, the innermost last."""
        return [variable for task in self.tasks[:1] for call in task.calls for variable in call.variables]

    @property
    def variables(self) -> Mapping[str, Any]:
        """The values of the variables of the workflow function's task by name, each loaded when it is asked for."""
        return _Values(self.shown)

    @property
    def loops(self) -> list[Loop]:
        """The loops that the workflow function's task is in, from the outside in."""
        return [loop for task in self.tasks[:1] for call in task.calls for loop in call.loops]

    @property
    def line(self) -> int | None:
        """The line at which the workflow function waits."""
        return self.tasks[0].line if self.tasks else None


@dataclass
class Step:
    """The record of a step.

    :ivar number: its number, from one.
    :ivar pk: its node.
    :ivar time: when it ended.
    :ivar began: the line of the workflow function at which it began,
    :ivar line: and at which it ended.
    :ivar text: the line that it is about, with its number.
    """

    number: int
    pk: int
    time: datetime.datetime
    began: int
    line: int
    text: str


@dataclass
class ReportLine:
    """An entry of the report.

    :ivar text: what it says; it may have several lines.
    """

    pk: int
    time: datetime.datetime
    level: str
    text: str


@dataclass
class Failure:
    """How a run has failed.

    :ivar message: in a line.
    :ivar exit_status: AiiDA's number, ``None`` if an exception ended it.
    :ivar line: the line of the workflow function, ``None`` if that is not known.
    :ivar traceback: that of the user's lines; empty if there is none.
    """

    message: str
    exit_status: int | None
    line: int | None
    traceback: str


class Reading(Protocol):
    """What a run asks for later."""

    def own(self, inputs: bool) -> dict[str, Shown]:
        """Return the inputs or outputs of the run."""

    def moment(self, number: int) -> Moment:
        """Return where the run was after a step."""

    def read(self) -> Run:
        """Return the run as it is now."""


@dataclass
class Run:
    """A run of a workflow function.

    :ivar name: the name of the workflow function.
    :ivar state: AiiDA's word for its state.
    :ivar status: a word for a person: ``done``, ``failed``, ``killed``, ``running``, ``waiting``, ``paused``, ``created``.
    :ivar created: when it was launched.
    :ivar ended: when it ended, ``None`` if it goes on.
    :ivar source: its source, with how often it waited at each line.
    :ivar now: where it is; where it was last, if it has ended.
    :ivar children: its children.
    :ivar steps: the records of its steps.
    :ivar report: the last entries of its report.
    :ivar report_size: how many entries that has.
    :ivar failure: how it has failed, ``None`` if it has not.
    :ivar inputs: its inputs.
    :ivar outputs: its outputs.
    :ivar forked_from: the pk of the run and the number of the step that it was forked from.
    """

    pk: int
    uuid: str
    name: str
    label: str
    description: str
    state: str
    status: str
    created: datetime.datetime
    ended: datetime.datetime | None
    source: Source
    now: Moment
    children: Children
    steps: list[Step]
    report: list[ReportLine]
    report_size: int
    failure: Failure | None
    forked_from: tuple[int, int] | None
    _reader: Reading = field(repr=False, compare=False)

    @property
    def duration(self) -> float:
        """Seconds from its launch to its end, or until now."""
        return ((self.ended or datetime.datetime.now(datetime.timezone.utc)) - self.created).total_seconds()

    @property
    def tasks(self) -> list[Task]:
        """The tasks that have not ended, that of the workflow function first."""
        return self.now.tasks

    @property
    def variables(self) -> Mapping[str, Any]:
        """The values of the variables by name, each loaded when it is asked for."""
        return self.now.variables

    @property
    def loops(self) -> list[Loop]:
        """The loops that the workflow function is in, from the outside in."""
        return self.now.loops

    @property
    def line(self) -> int | None:
        """The line at which the workflow function is, or has failed; ``None`` if it has ended well."""
        return self.failure.line if self.failure is not None and self.failure.line else self.now.line

    @cached_property
    def inputs(self) -> dict[str, Shown]:
        """Its inputs by name."""
        return self._reader.own(inputs=True)

    @cached_property
    def outputs(self) -> dict[str, Shown]:
        """Its outputs by name."""
        return self._reader.own(inputs=False)

    def at(self, step: int) -> Moment:
        """Return where the run was after a step.

        :raises ForkError: if there is no such step.
        """
        return self._reader.moment(step)

    def again(self) -> Run:
        """Return the run as it is now; what has not changed since is not asked for again."""
        return self._reader.read()

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        from .html import html_of

        return html_of(self)
