"""Runs with very many children, written as rows: to run as many would take hours."""

from __future__ import annotations

import contextlib
import datetime
import uuid
from collections.abc import Iterator
from typing import Any

from aiida import orm
from aiida.common.links import LinkType
from aiida.orm.entities import EntityTypes

KINDS = {'job': orm.CalcJobNode, 'function': orm.CalcFunctionNode}


def add_children(node: orm.WorkChainNode, count: int, state: str = 'finished', kind: str = 'job') -> list[int]:
    """Give a run more children, each with an argument and a result; returns their pks."""
    backend = node.backend
    now = datetime.datetime.now(datetime.timezone.utc)
    computer = orm.load_computer('localhost').pk if kind == 'job' else None

    def row(cls: Any, attributes: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {
            'uuid': str(uuid.uuid4()),
            'node_type': cls.class_node_type,
            'process_type': None,
            'label': '',
            'description': '',
            'ctime': now,
            'mtime': now + datetime.timedelta(seconds=1),
            'attributes': attributes,
            'extras': {},
            'repository_metadata': {},
            'dbcomputer_id': None,
            'user_id': node.user.pk,
            **more,
        }

    children = [
        row(
            KINDS[kind],
            {
                'process_label': 'FunctionJob<square>',
                'process_state': state,
                **({'exit_status': 0, 'sealed': True} if state == 'finished' else {}),
                'job_id': str(number),
                'resources': {'num_machines': 1, 'num_mpiprocs_per_machine': 1},
                'retrieve_list': ['result.json', 'stdout', 'stderr'],
            },
            process_type='aiida.calculations:dreamflow.function',
            dbcomputer_id=computer,
            ctime=now + datetime.timedelta(milliseconds=number),
        )
        for number in range(count)
    ]
    given = [row(orm.Int, {'value': number}) for number in range(count)]
    gave = [row(orm.Int, {'value': number * number}) for number in range(count)]
    pks = backend.bulk_insert(EntityTypes.NODE, [*children, *given, *gave])
    links = []
    for number, (child, one, other) in enumerate(zip(pks[:count], pks[count : 2 * count], pks[2 * count :])):
        for source, target, link, label in (
            (node.pk, child, LinkType.CALL_CALC, f'square_{number + 100}'),
            (one, child, LinkType.INPUT_CALC, 'arguments__x'),
            (child, other, LinkType.CREATE, 'result'),
        ):
            links.append({'input_id': source, 'output_id': target, 'type': link.value, 'label': label})
    backend.bulk_insert(EntityTypes.LINK, links)
    return pks[:count]


@contextlib.contextmanager
def count_queries() -> Iterator[list[str]]:
    """Collect the questions that are asked of the database meanwhile."""
    import sqlalchemy

    asked: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip().upper().startswith('SELECT'):
            asked.append(statement)

    sqlalchemy.event.listen(sqlalchemy.Engine, 'before_cursor_execute', note)
    try:
        yield asked
    finally:
        sqlalchemy.event.remove(sqlalchemy.Engine, 'before_cursor_execute', note)
