"""What is asked of the database: each function is one question, however many children and steps there are.

``QueryBuilder`` takes milliseconds to build a question, and tens of microseconds for each cell that it gives back: ten thousand
children would take seconds. So these ask SQLAlchemy. Relies on this behaviour of aiida-core 2.9: what ``StorageBackend.query()`` gives
has the tables as ``Node``, ``Link``, ``Log`` and ``Computer``, and ``get_session`` gives the session, for every storage; a text from
within ``attributes`` may stand there as a number. ``tests/view`` breaks when that changes.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiida.common.exceptions import NotExistent
from aiida.common.links import LinkType
from aiida.repository import Repository
from sqlalchemy import Select, func, select
from sqlalchemy.orm import aliased

from ..engine.forked import FORK_ATTRIBUTE
from ..engine.node import DreamflowNode
from ..engine.steps import FRAME_FOLDER
from .shown import Shown, ValueRow, shown

__all__ = (
    'ENDED',
    'RUN_TYPE',
    'ChildRow',
    'FrameRow',
    'Rows',
    'RunRow',
    'StepRow',
)

#: The states in which a process does not change any more.
ENDED = ('finished', 'excepted', 'killed')
#: The type of the nodes of runs.
RUN_TYPE = DreamflowNode.class_node_type

_CALLS = [LinkType.CALL_CALC.value, LinkType.CALL_WORK.value]
_INPUTS = [LinkType.INPUT_CALC.value, LinkType.INPUT_WORK.value]
_OUTPUTS = [LinkType.CREATE.value, LinkType.RETURN.value]
#: Of more processes than this all are asked for.
_MANY = 500


@dataclass(frozen=True)
class ChildRow:
    """A process, as the database has it."""

    pk: int
    uuid: str
    node_type: str
    created: datetime.datetime
    changed: datetime.datetime
    computer: int | None
    name: str | None
    state: str | None
    exit_status: int | None
    exit_message: str | None
    exception: str | None
    job_state: str | None
    job_id: str | None
    paused: bool | None
    label: str
    link: int


@dataclass(frozen=True)
class StepRow:
    """The record of a step: its node, when it ended, what it is about, its lines, and label and pk of its link."""

    pk: int
    time: datetime.datetime
    text: str
    first: int | None
    count: int | None
    label: str
    link: int


@dataclass(frozen=True)
class RunRow:
    """The process of a run; of a fork what it was forked from, at which step, and the children taken over by label."""

    uuid: str
    created: datetime.datetime
    changed: datetime.datetime
    label: str
    description: str
    name: str | None
    state: str | None
    exit_status: int | None
    exit_message: str | None
    exception: str | None
    paused: bool | None
    forked_from: str | None
    forked_at: int | None
    taken_over: dict[str, str] | None


@dataclass(frozen=True)
class FrameRow:
    """A node that holds a frame: when it was made, what it says, and its files."""

    time: datetime.datetime
    content: dict[str, Any]
    files: Mapping[str, str | None]
    backend: Any

    def read_file(self, sha: str) -> bytes:
        """Return the content of a file of the frame."""
        content: bytes = self.backend.get_repository().get_object_content(self.files[FRAME_FOLDER + sha])
        return content


class Rows:
    """Asks a storage.

    :param backend: the storage.
    """

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self._session = backend.get_session()
        tables = backend.query()
        self._node, self._link, self._log, self._computer = tables.Node, tables.Link, tables.Log, tables.Computer

    def _all(self, query: Select[Any]) -> Sequence[Any]:
        return self._session.execute(query).all()  # type: ignore[no-any-return]

    # -- processes

    def run(self, pk: int) -> RunRow:
        """Return the process of a run.

        :raises NotExistent: if it is gone.
        """
        node, said = self._node, self._node.attributes
        query = select(
            *(node.uuid, node.ctime, node.mtime, node.label, node.description),
            *(
                said[name]
                for name in ('process_label', 'process_state', 'exit_status', 'exit_message', 'exception', 'paused')
            ),
            *(said[(FORK_ATTRIBUTE, name)] for name in ('of', 'step', 'children')),
        ).where(node.id == pk)
        row = self._session.execute(query).first()
        if row is None:
            raise NotExistent(f'there is no process {pk} any more')
        return RunRow(*row)

    def children(self, pk: int, after: int = 0) -> list[ChildRow]:
        """Return the children of a run, the oldest first.

        :param pk: the run.
        :param after: only those with a link that has a higher pk.
        """
        node, link = self._node, self._link
        query = select(*self._child_columns(node), link.label, link.id).join(link, link.output_id == node.id)
        query = query.where(self._called_by(pk, after), link.type.in_(_CALLS), node.process_type.is_not(None))
        return sorted((ChildRow(*row) for row in self._all(query)), key=lambda row: row.pk)

    def children_again(self, pk: int, pks: Sequence[int]) -> list[ChildRow]:
        """Return some children of a run."""
        node, link = self._node, self._link
        query = select(*self._child_columns(node), link.label, link.id).join(link, link.output_id == node.id)
        query = query.where(link.output_id.in_(pks), link.input_id == pk, link.type.in_(_CALLS))
        return [ChildRow(*row) for row in self._all(query)]

    def _called_by(self, pk: int, after: int) -> Any:
        """Return the condition for links of a run; of those after one, the many before are not walked through."""
        link = self._link
        # A sum has no index: what is new is found by the pk of the links alone.
        return (link.id > after) & (link.input_id + 0 == pk) if after else link.input_id == pk

    def processes(self, labels: Mapping[str, str]) -> list[ChildRow]:
        """Return processes, the oldest first.

        :param labels: what they are to be called, by uuid.
        """
        query = select(*self._child_columns(self._node)).where(self._node.uuid.in_(sorted(labels)))
        return sorted((ChildRow(*[*row, labels[row[1]], 0]) for row in self._all(query)), key=lambda row: row.pk)

    @staticmethod
    def _child_columns(node: Any) -> list[Any]:
        said = node.attributes
        names = (
            'process_label',
            'process_state',
            'exit_status',
            'exit_message',
            'exception',
            'scheduler_state',
            'job_id',
            'paused',
        )
        own = (node.id, node.uuid, node.node_type, node.ctime, node.mtime, node.dbcomputer_id)
        return [*own, *(said[name] for name in names)]

    def pk_of(self, uuid: str) -> int:
        """Return the pk of a process; zero if it was deleted."""
        return int(self._session.scalar(select(self._node.id).where(self._node.uuid == uuid)) or 0)

    def computers(self) -> dict[int, str]:
        """Return the names of the computers, by pk."""
        return {row[0]: row[1] for row in self._all(select(self._computer.id, self._computer.label))}

    # -- steps

    def steps(self, pk: int, after: int = 0) -> list[StepRow]:
        """Return the records of the steps of a run, the oldest first.

        :param after: only those with a link that has a higher pk.
        """
        node, link, said = self._node, self._link, self._node.attributes
        lines = (said['function_starting_line_number'], said['function_number_of_lines'])
        query = select(node.id, node.ctime, node.label, *lines, link.label, link.id).join(
            link, link.output_id == node.id
        )
        query = query.where(
            self._called_by(pk, after), link.type == LinkType.CALL_CALC.value, node.process_type.is_(None)
        )
        return sorted((StepRow(*row) for row in self._all(query)), key=lambda row: row.pk)

    def frame_of_step(self, pk: int, number: int) -> FrameRow | None:
        """Return the frame with which a step of a run has ended."""
        node, link = self._node, self._link
        query = select(node.ctime, node.attributes['dreamflow'], node.repository_metadata)
        query = query.join(link, link.output_id == node.id).where(link.input_id == pk)
        query = query.where(link.type == LinkType.CALL_CALC.value, link.label == f'step_{number}')
        return self._frame(query.where(node.process_type.is_(None)))

    def frame_of_fork(self, pk: int) -> FrameRow | None:
        """Return the frame with which a fork has begun; ``None`` if the run is no fork."""
        node = self._node
        query = select(node.ctime, node.attributes[FORK_ATTRIBUTE], node.repository_metadata)
        return self._frame(query.where(node.id == pk))

    def _frame(self, query: Select[Any]) -> FrameRow | None:
        row = self._session.execute(query).first()
        if row is None or row[1] is None:
            return None
        return FrameRow(row[0], row[1], Repository.flatten(row[2]), self._backend)

    # -- values

    def values_of_children(self, pk: int, children: Sequence[int] | None, inputs: bool) -> dict[int, dict[str, Shown]]:
        """Return the inputs or outputs of children of a run: by the child, by label.

        :param children: of which; of all if ``None``.
        """
        call = aliased(self._link)
        query, process = self._linked(inputs)
        query = query.join(call, call.output_id == process).where(call.input_id == pk, call.type.in_(_CALLS))
        if children is not None and len(children) <= _MANY:
            query = query.where(process.in_([*children]))
        else:
            caller = aliased(self._node)
            query = query.join(caller, caller.id == process).where(caller.process_type.is_not(None))
        return self._by_process(query)

    def values_of_run(self, pk: int, inputs: bool) -> dict[str, Shown]:
        """Return the inputs or outputs of a run, by label."""
        query, process = self._linked(inputs)
        return self._by_process(query.where(process == pk)).get(pk, {})

    def values(self, uuids: Iterable[str]) -> dict[str, Shown]:
        """Return nodes by uuid."""
        wanted = sorted(set(uuids))
        if not wanted:
            return {}
        attributes = _Attributes(self)
        query = select(*self._value_columns()).where(self._node.uuid.in_(wanted))
        return {row[1]: attributes.shown(ValueRow(*row)) for row in self._all(query)}

    def _linked(self, inputs: bool) -> tuple[Select[Any], Any]:
        """Return a query for data that are linked to processes, and the column with these."""
        link, node = self._link, self._node
        process, data = (link.output_id, link.input_id) if inputs else (link.input_id, link.output_id)
        query = select(process, link.label, *self._value_columns()).join(node, node.id == data)
        return query.where(link.type.in_(_INPUTS if inputs else _OUTPUTS)), process

    def _value_columns(self) -> list[Any]:
        node, said = self._node, self._node.attributes
        names = ('value', 'repr', 'python_type', 'list', 'array|default', 'name', 'filename')
        own = (node.id, node.uuid, node.node_type, node.label, node.repository_metadata)
        return [*own, *(said[name] for name in names)]

    def _by_process(self, query: Select[Any]) -> dict[int, dict[str, Shown]]:
        found: dict[int, dict[str, Shown]] = {}
        attributes = _Attributes(self)
        for process, label, *row in self._all(query):
            found.setdefault(process, {})[label] = attributes.shown(ValueRow(*row))
        return found

    def attributes_of(self, pks: Sequence[int]) -> dict[int, Mapping[str, Any]]:
        """Return all attributes of nodes, by pk."""
        node = self._node
        return {row[0]: row[1] for row in self._all(select(node.id, node.attributes).where(node.id.in_(pks)))}

    def open_file(self, key: str) -> Any:
        """Open a file of the storage, by its key."""
        return self._backend.get_repository().open(key)

    # -- many runs

    def runs(self, limit: int | None, active: bool) -> list[Any]:
        """Return of runs of workflow functions pk, name, status words, line, times, the newest first.

        :param limit: how many at most.
        :param active: only those that go on.
        """
        node, said = self._node, self._node.attributes
        names = (
            'process_label',
            'process_state',
            'exit_status',
            'paused',
            'stepper_state_info',
            'exception',
            'exit_message',
        )
        query = select(node.id, node.ctime, node.mtime, *(said[name] for name in names))
        query = query.where(node.node_type == RUN_TYPE).order_by(node.id.desc()).limit(limit)
        if active:
            query = query.where(
                said['process_state'].as_string().not_in(ENDED) | said['process_state'].as_string().is_(None)
            )
        return [*self._all(query)]

    def counts(self, pks: Sequence[int]) -> list[Any]:
        """Return of the children of runs the run, state, exit status, state of the job, whether it is paused, and how many there are."""
        node, link, said = self._node, self._link, self._node.attributes
        names = ('process_state', 'exit_status', 'scheduler_state', 'paused')
        children = select(link.input_id, *(said[name].as_string().label(name) for name in names))
        children = children.join(node, link.output_id == node.id)
        children = children.where(link.input_id.in_(pks), link.type.in_(_CALLS), node.process_type.is_not(None))
        # PostgreSQL groups by columns only: an expression with a parameter is another one each time.
        each = children.subquery().c
        return [*self._all(select(*each, func.count()).group_by(*each))]

    def last_reports(self, pks: Sequence[int]) -> dict[int, str]:
        """Return the last entry of the report of each run."""
        log = self._log
        newest = select(func.max(log.id)).where(log.dbnode_id.in_(pks)).group_by(log.dbnode_id)
        return {row[0]: row[1] for row in self._all(select(log.dbnode_id, log.message).where(log.id.in_(newest)))}

    def last_frames(self, pks: Sequence[int]) -> dict[int, FrameRow]:
        """Return the frame with which the last step of each run has ended."""
        node, link = self._node, self._link
        newest = select(func.max(link.id)).where(link.input_id.in_(pks), link.type == LinkType.CALL_CALC.value)
        newest = newest.where(link.label.startswith('step_', autoescape=True)).group_by(link.input_id)
        columns = (link.input_id, node.ctime, node.attributes['dreamflow'], node.repository_metadata)
        query = select(*columns).join(node, link.output_id == node.id).where(link.id.in_(newest))
        found = self._all(query)
        return {
            pk: FrameRow(time, content, Repository.flatten(files), self._backend)
            for pk, time, content, files in found
            if content is not None
        }

    # -- the report

    def report(self, pk: int, limit: int, after: int = 0) -> list[Any]:
        """Return pk, time, level and text of the last entries of a report, the oldest first.

        :param limit: how many at most.
        :param after: only those with a higher pk.
        """
        log = self._log
        query = select(log.id, log.time, log.levelname, log.message).where(log.dbnode_id == pk, log.id > after)
        return [*self._all(query.order_by(log.id.desc()).limit(limit))][::-1]

    def report_size(self, pk: int) -> int:
        """Return how many entries a report has."""
        return int(self._session.scalar(select(func.count()).where(self._log.dbnode_id == pk)) or 0)


class _Attributes:
    """Gives the attributes of ``Dict`` nodes, which are their content: of all of one answer with one more question, when first asked."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._wanted: list[int] = []
        self._known: dict[int, Mapping[str, Any]] = {}

    def shown(self, row: ValueRow) -> Shown:
        """Return how a node is shown."""
        if row.node_type.endswith('.Dict.'):
            self._wanted.append(row.pk)
        return shown(row, self._rows.open_file, self)

    def __call__(self, pk: int) -> Mapping[str, Any]:
        if self._wanted:
            self._known.update(self._rows.attributes_of(self._wanted))
            self._wanted = []
        return self._known.get(pk, {})
