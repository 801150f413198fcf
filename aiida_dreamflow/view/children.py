"""The children of a run, with what they were given and what they gave."""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

from ..jobs.names import python_name
from .rows import ENDED, ChildRow, Rows
from .shown import Shown

__all__ = ('Child', 'Children', 'child_of', 'status_of', 'told', 'users_values', 'values_of')

_ARGUMENTS = 'arguments__'
#: Inputs and outputs that are nothing of the user's.
_OURS = frozenset({'code', 'function', 'remote_folder', 'retrieved', 'exception'})
_OUR_NAMESPACES = ('forked_frame__', 'nodes_inside__')
#: Function jobs are called `FunctionJob<sq>`.
_LABEL = re.compile(r'\w+<(.*)>')


@dataclass
class Child:
    """A process that a run has launched.

    :ivar label: its name in the run, unique there.
    :ivar name: what was launched: the name of the function, or of the class of the process.
    :ivar line: the line that launched it.
    :ivar kind: ``job``, ``workflow`` or ``function``.
    :ivar state: AiiDA's word for its state, such as ``running`` or ``finished``.
    :ivar status: a word for a person: ``done``, ``failed``, ``killed``, ``running``, ``queued``, ``waiting``, ``paused``, ``created``.
    :ivar error: why it failed, in a line; empty if it did not.
    :ivar ended: when it ended, ``None`` if it runs.
    :ivar taken_over: whether it is the child of the run that this one was forked from.
    """

    pk: int
    uuid: str
    label: str
    name: str
    line: int | None
    kind: str
    state: str
    status: str
    exit_status: int | None
    error: str
    started: datetime.datetime
    ended: datetime.datetime | None
    computer: str
    job_id: str
    taken_over: bool = False
    _values: _Values = field(repr=False, compare=False, kw_only=True)

    @property
    def failed(self) -> bool:
        """Whether it has ended without success."""
        return self.status in ('failed', 'killed')

    @property
    def duration(self) -> float:
        """Seconds from its creation to its end, or until now."""
        return ((self.ended or datetime.datetime.now(datetime.timezone.utc)) - self.started).total_seconds()

    @property
    def arguments(self) -> dict[str, Shown]:
        """What it was given, by name."""
        return self._values.arguments(self)

    @property
    def results(self) -> dict[str, Shown]:
        """What it has given, by name."""
        return self._values.results(self)


class _Values:
    """Arguments and results of the children of a run: one query each for as many as are wanted.

    :param rows: asks the storage.
    :param run: the pk of the run.
    """

    def __init__(self, rows: Rows, run: int) -> None:
        self._rows, self._run = rows, run
        self._known: tuple[dict[int, dict[str, Shown]], dict[int, dict[str, Shown]]] = ({}, {})

    def arguments(self, child: Child) -> dict[str, Shown]:
        """Return what a child was given."""
        if child.pk not in self._known[0]:
            self.fetch([child], inputs=True)
        given = self._known[0].get(child.pk, {})
        own = {label: value for label, value in given.items() if label.startswith(_ARGUMENTS) or label == 'items'}
        if own or 'function' in given:
            return {python_name(label.removeprefix(_ARGUMENTS)): value for label, value in own.items()}
        return users_values(given)

    def results(self, child: Child) -> dict[str, Shown]:
        """Return what a child has given."""
        if child.pk not in self._known[1]:
            self.fetch([child], inputs=False)
        return users_values(self._known[1].get(child.pk, {}))

    def fetch(self, children: Sequence[Child], inputs: bool, is_all: bool = False) -> None:
        """Ask for what some children were given, or have given, unless that is known and stays as it is."""
        known = self._known[not inputs]
        wanted = [child.pk for child in children if child.pk not in known or (not inputs and child.ended is None)]
        if wanted:
            every = is_all and len(wanted) == len(children)
            known.update({pk: {} for pk in wanted})
            known.update(self._rows.values_of_children(self._run, None if every else wanted, inputs))


def users_values(values: Mapping[str, Shown]) -> dict[str, Shown]:
    """Return the inputs or outputs that the user has to do with, by their Python names."""
    return {
        python_name(label): value
        for label, value in values.items()
        if label not in _OURS and not label.startswith(_OUR_NAMESPACES) and 'Code' not in value.node_type
    }


class Children(Sequence[Child]):
    """The children of a run, the oldest first.

    :param children: they.
    """

    def __init__(self, children: Sequence[Child], values: _Values, is_all: bool = False) -> None:
        self._children, self._values, self._is_all = list(children), values, is_all

    def __len__(self) -> int:
        return len(self._children)

    @overload
    def __getitem__(self, index: int) -> Child: ...

    @overload
    def __getitem__(self, index: slice) -> Children: ...

    def __getitem__(self, index: int | slice) -> Child | Children:
        if isinstance(index, slice):
            return Children(self._children[index], self._values)
        return self._children[index]

    def __iter__(self) -> Iterator[Child]:
        return iter(self._children)

    def __repr__(self) -> str:
        return f'<Children {self.told() or "none"}>'

    def fetch(self) -> Children:
        """Ask the database for the arguments and results of all of these at once, in two queries."""
        self._values.fetch(self._children, inputs=True, is_all=self._is_all)
        self._values.fetch(self._children, inputs=False, is_all=self._is_all)
        return self

    def where(self, condition: Callable[[Child], bool]) -> Children:
        """Return those of which a condition holds."""
        return Children([child for child in self._children if condition(child)], self._values)

    @property
    def failed(self) -> Children:
        """Those that have ended without success."""
        return self.where(lambda child: child.failed)

    def counts(self) -> Counter[str]:
        """Return how many there are of each status."""
        return Counter(child.status for child in self._children)

    def told(self) -> str:
        """Return how many there are, in words: ``1,000 children: 997 done, 3 running``."""
        if not self._children:
            return ''
        return f'{len(self):,} child{"ren" * (len(self) != 1)}: {told(self.counts())}'

    def rows(self) -> list[dict[str, Any]]:
        """Return plain data, one row a child: numbers and texts as they are, other values as they are shown."""
        self.fetch()
        return [_row(child) for child in self._children]

    def to_frame(self) -> Any:
        """Return a pandas data frame, one row a child, with a column for each argument and each result."""
        import pandas as pd

        rows = []
        for row in self.rows():
            values = {f'{group}.{name}': value for group in _GROUPS for name, value in row.pop(group).items()}
            rows.append({**row, **values})
        return pd.DataFrame(rows)


_GROUPS = ('arguments', 'results')
_ORDER = ('done', 'failed', 'killed', 'running', 'waiting', 'queued', 'paused', 'created')


def told(counts: Mapping[str, int]) -> str:
    """Return how many there are of each status, in words: ``997 done, 3 running``."""
    return ', '.join(f'{count:,} {status}' for status, count in sorted(counts.items(), key=_by_status))


def _by_status(item: tuple[str, int]) -> int:
    return _ORDER.index(item[0]) if item[0] in _ORDER else len(_ORDER)


def _row(child: Child) -> dict[str, Any]:
    return {
        'pk': child.pk,
        'label': child.label,
        'name': child.name,
        'line': child.line,
        'arguments': {name: _plain(value) for name, value in child.arguments.items()},
        'results': {name: _plain(value) for name, value in child.results.items()},
        'status': child.status,
        'exit_status': child.exit_status,
        'error': child.error,
        'started': child.started,
        'duration': round(child.duration, 3),
        'computer': child.computer,
        'job_id': child.job_id,
    }


def _plain(value: Shown) -> Any:
    return value.plain if value.plain is not None else value.text


def child_of(
    row: ChildRow,
    computers: Mapping[int, str],
    line_of: Callable[[str, int], int | None],
    values: _Values,
    taken_over: bool = False,
) -> Child:
    """Return a child.

    :param row: what the database has.
    :param line_of: gives the line that launched a child, from its name and its pk.
    """
    name = row.name or ''
    match = _LABEL.fullmatch(name)
    name = match[1] if match else name
    state = row.state or 'created'
    return Child(
        row.pk,
        row.uuid,
        row.label,
        name,
        line_of(name, row.pk),
        'workflow' if '.workflow.' in row.node_type else 'job' if 'CalcJob' in row.node_type else 'function',
        state,
        status_of(state, row.exit_status, row.job_state, bool(row.paused)),
        row.exit_status,
        _error(state, row.exit_status, row.exit_message, row.exception),
        row.created,
        row.changed if state in ENDED else None,
        computers.get(row.computer or 0, ''),
        str(row.job_id or ''),
        taken_over,
        _values=values,
    )


def status_of(state: str, exit_status: Any, job: str | None = None, is_paused: bool = False) -> str:
    """Return a person's word for the state of a process.

    :param state: AiiDA's word.
    :param job: the state of its job in the scheduler, if it has one.
    """
    if state == 'finished':
        return 'failed' if exit_status else 'done'
    if state == 'excepted':
        return 'failed'
    if is_paused and state not in ENDED:
        return 'paused'
    if state == 'waiting' and job:
        return {'running': 'running', 'queued': 'queued', 'queued_held': 'queued'}.get(job, 'running')
    return state


def _error(state: str, exit_status: int | None, message: str | None, exception: str | None) -> str:
    if exception:
        return _one_line(exception)
    if state == 'killed':
        return 'was killed'
    if state == 'finished' and exit_status:
        return f'[{exit_status}] {_one_line(message or "")}'.rstrip()
    return ''


def _one_line(text: str) -> str:
    return ' '.join(text.split())


def values_of(rows: Rows, run: int) -> _Values:
    """Return what gives the arguments and results of the children of a run."""
    return _Values(rows, run)
