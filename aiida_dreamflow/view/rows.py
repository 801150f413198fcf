"""What is asked of the database: each function is one query, however many children and steps there are."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiida import orm
from aiida.common.exceptions import NotExistent
from aiida.common.links import LinkType
from aiida.repository import Repository

from ..engine.forked import FORK_ATTRIBUTE
from ..engine.node import CHILD_FILTERS
from ..engine.steps import FRAME_FOLDER
from .shown import COLUMNS, Shown, shown

__all__ = (
    'CHILD_COLUMNS',
    'FrameRow',
    'RUN_COLUMNS',
    'STEP_COLUMNS',
    'child_rows',
    'computer_names',
    'data_of',
    'frame_of_fork',
    'frame_of_step',
    'linked_data',
    'own_data',
    'pk_of',
    'process_rows',
    'report_rows',
    'report_size',
    'run_row',
    'step_rows',
)

_CALLS = [LinkType.CALL_CALC.value, LinkType.CALL_WORK.value]
_INPUTS = [LinkType.INPUT_CALC.value, LinkType.INPUT_WORK.value]
_OUTPUTS = [LinkType.CREATE.value, LinkType.RETURN.value]
#: More values than this in one question are asked for by their workflow.
_MANY = 500

RUN_COLUMNS = (
    'uuid',
    'ctime',
    'mtime',
    'label',
    'description',
    'attributes.process_label',
    'attributes.process_state',
    'attributes.exit_status',
    'attributes.exit_message',
    'attributes.exception',
    'attributes.paused',
    f'attributes.{FORK_ATTRIBUTE}.of',
    f'attributes.{FORK_ATTRIBUTE}.step',
    f'attributes.{FORK_ATTRIBUTE}.children',
)
CHILD_COLUMNS = (
    'id',
    'uuid',
    'node_type',
    'process_type',
    'ctime',
    'mtime',
    'dbcomputer_id',
    'attributes.process_label',
    'attributes.process_state',
    'attributes.exit_status',
    'attributes.exit_message',
    'attributes.exception',
    'attributes.scheduler_state',
    'attributes.job_id',
    'attributes.paused',
)
STEP_COLUMNS = (
    'id',
    'ctime',
    'label',
    'attributes.function_starting_line_number',
    'attributes.function_number_of_lines',
)


def _children(backend: Any, pk: int, filters: Mapping[str, Any], columns: Sequence[str]) -> orm.QueryBuilder:
    builder = orm.QueryBuilder(backend=backend)
    builder.append(orm.WorkChainNode, filters={'id': pk}, tag='run')
    return builder.append(
        orm.ProcessNode,
        with_incoming='run',
        edge_filters={'type': {'in': _CALLS}},
        edge_project='label' if columns else None,
        filters={**CHILD_FILTERS, **filters},
        project=list(columns) or None,
        tag='child',
    )


def child_rows(backend: Any, pk: int, after: int = 0, again: Iterable[int] = ()) -> list[list[Any]]:
    """Return the children of a run: `CHILD_COLUMNS` and the label, the oldest first.

    :param pk: the run.
    :param after: only those with a higher pk,
    :param again: and these.
    """
    builder = _children(backend, pk, _newer(after, again), CHILD_COLUMNS)
    return sorted(builder.all(), key=lambda row: row[0])


def _newer(after: int, again: Iterable[int]) -> dict[str, Any]:
    if not after:
        return {}
    known = sorted(again)
    return {'id': {'or': [{'>': after}, {'in': known}]}} if known else {'id': {'>': after}}


def process_rows(backend: Any, uuids: Iterable[str]) -> list[list[Any]]:
    """Return processes: `CHILD_COLUMNS`, the oldest first."""
    builder = orm.QueryBuilder(backend=backend)
    builder.append(orm.ProcessNode, filters={'uuid': {'in': sorted(uuids)}}, project=list(CHILD_COLUMNS))
    return sorted(builder.all(), key=lambda row: row[0])


def step_rows(backend: Any, pk: int, after: int = 0) -> list[list[Any]]:
    """Return the records of the steps of a run: `STEP_COLUMNS` and the label of the link, the oldest first.

    :param after: only those with a higher pk.
    """
    builder = orm.QueryBuilder(backend=backend)
    builder.append(orm.WorkChainNode, filters={'id': pk}, tag='run')
    builder.append(
        orm.CalcFunctionNode,
        with_incoming='run',
        edge_filters={'type': LinkType.CALL_CALC.value},
        edge_project='label',
        filters={'process_type': None, **_newer(after, ())},
        project=list(STEP_COLUMNS),
    )
    return sorted(builder.all(), key=lambda row: row[0])


@dataclass
class FrameRow:
    """What a node has of a frame.

    :ivar time: when the node was made.
    :ivar content: what the record says.
    :ivar state: ``waiting`` or ``returned``.
    """

    time: datetime.datetime
    content: dict[str, Any]
    _files: Mapping[str, str | None]
    _backend: Any

    def read_file(self, sha: str) -> bytes:
        """Return the content of a file of the frame."""
        content: bytes = self._backend.get_repository().get_object_content(self._files[FRAME_FOLDER + sha])
        return content


def frame_of_step(backend: Any, pk: int, number: int) -> FrameRow | None:
    """Return the frame with which a step of a run has ended."""
    builder = orm.QueryBuilder(backend=backend)
    builder.append(orm.WorkChainNode, filters={'id': pk}, tag='run')
    builder.append(
        orm.CalcFunctionNode,
        with_incoming='run',
        edge_filters={'type': LinkType.CALL_CALC.value, 'label': f'step_{number}'},
        filters={'process_type': None},
        project=['ctime', 'attributes.dreamflow', 'repository_metadata'],
    )
    return _frame(backend, builder.first())


def frame_of_fork(backend: Any, pk: int) -> FrameRow | None:
    """Return the frame with which a fork has begun; ``None`` if the run is no fork."""
    builder = orm.QueryBuilder(backend=backend)
    columns = ['ctime', f'attributes.{FORK_ATTRIBUTE}', 'repository_metadata']
    return _frame(backend, builder.append(orm.WorkChainNode, filters={'id': pk}, project=columns).first())


def _frame(backend: Any, row: Sequence[Any] | None) -> FrameRow | None:
    if row is None or row[1] is None:
        return None
    return FrameRow(row[0], row[1], Repository.flatten(row[2]), backend)


def pk_of(backend: Any, uuid: str) -> int:
    """Return the pk of a process; zero if it was deleted."""
    builder = orm.QueryBuilder(backend=backend).append(orm.ProcessNode, filters={'uuid': uuid}, project='id')
    return int(builder.first(flat=True) or 0)


def run_row(backend: Any, pk: int) -> dict[str, Any]:
    """Return `RUN_COLUMNS` of a run, by name."""
    builder = orm.QueryBuilder(backend=backend).append(orm.ProcessNode, filters={'id': pk}, project=[*RUN_COLUMNS])
    row = builder.first()
    if row is None:
        raise NotExistent(f'there is no process {pk} any more')
    return dict(zip((name.rpartition('.')[2] for name in RUN_COLUMNS), row, strict=True))


def linked_data(backend: Any, pk: int, children: Sequence[int] | None, inputs: bool) -> dict[int, dict[str, Shown]]:
    """Return the inputs or outputs of children of a run: by the child, by label.

    :param children: those of which; all if ``None``.
    """
    is_few = children is not None and len(children) <= _MANY
    builder = _children(backend, pk, {'id': {'in': [*(children or ())]}} if is_few else {}, ())
    builder.add_projection('child', 'id')
    links: dict[str, Any] = {'with_outgoing' if inputs else 'with_incoming': 'child'}
    edges = {'type': {'in': _INPUTS if inputs else _OUTPUTS}}
    builder.append(orm.Data, **links, edge_filters=edges, edge_project='label', project=list(COLUMNS), tag='data')
    return _by_process(backend, builder)


def own_data(backend: Any, pk: int, inputs: bool) -> dict[str, Shown]:
    """Return the inputs or outputs of a run, by label."""
    builder = orm.QueryBuilder(backend=backend).append(orm.ProcessNode, filters={'id': pk}, project='id', tag='child')
    links: dict[str, Any] = {'with_outgoing' if inputs else 'with_incoming': 'child'}
    edges = {'type': {'in': _INPUTS if inputs else _OUTPUTS}}
    builder.append(orm.Data, **links, edge_filters=edges, edge_project='label', project=list(COLUMNS), tag='data')
    return _by_process(backend, builder).get(pk, {})


def _by_process(backend: Any, builder: orm.QueryBuilder) -> dict[int, dict[str, Shown]]:
    found: dict[int, dict[str, Shown]] = {}
    attributes = Attributes(backend)
    for process, *row, label in builder.all():
        found.setdefault(process, {})[label] = attributes.shown(row)
    return found


class Attributes:
    """Gives the attributes of ``Dict`` nodes, which are their content: of all of one query with one more, when first asked.

    :param backend: the storage.
    """

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self._wanted: list[int] = []
        self._known: dict[int, Mapping[str, Any]] = {}

    def shown(self, row: Sequence[Any]) -> Shown:
        """Return how a node is shown."""
        if row[2].endswith('.Dict.'):
            self._wanted.append(row[0])
        return shown(row, self._backend, self)

    def __call__(self, pk: int) -> Mapping[str, Any]:
        if self._wanted:
            builder = orm.QueryBuilder(backend=self._backend)
            builder.append(orm.Dict, filters={'id': {'in': self._wanted}}, project=['id', 'attributes'])
            self._known.update(dict(builder.all()))
            self._wanted = []
        return self._known.get(pk, {})


def data_of(backend: Any, uuids: Iterable[str]) -> dict[str, Shown]:
    """Return nodes by uuid."""
    wanted = sorted(set(uuids))
    if not wanted:
        return {}
    builder = orm.QueryBuilder(backend=backend)
    builder.append(orm.Data, filters={'uuid': {'in': wanted}}, project=list(COLUMNS))
    attributes = Attributes(backend)
    return {row[1]: attributes.shown(row) for row in builder.all()}


def report_rows(backend: Any, pk: int, limit: int, after: int = 0) -> list[list[Any]]:
    """Return pk, time, level and text of the last lines of a report, the oldest first.

    :param limit: how many at most.
    :param after: only those with a higher pk.
    """
    builder = orm.QueryBuilder(backend=backend)
    filters = {'dbnode_id': pk, **({'id': {'>': after}} if after else {})}
    builder.append(orm.Log, filters=filters, project=['id', 'time', 'levelname', 'message'], tag='log')
    found: list[list[Any]] = builder.order_by({'log': {'id': 'desc'}}).limit(limit).all()
    return found[::-1]


def report_size(backend: Any, pk: int) -> int:
    """Return how many entries a report has."""
    builder = orm.QueryBuilder(backend=backend)
    return int(builder.append(orm.Log, filters={'dbnode_id': pk}).count())


def computer_names(backend: Any) -> dict[int, str]:
    """Return the names of the computers, by pk."""
    return dict(orm.QueryBuilder(backend=backend).append(orm.Computer, project=['id', 'label']).all())
