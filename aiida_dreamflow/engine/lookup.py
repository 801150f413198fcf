"""Nodes found by their keys and by the index of the links.

``QueryBuilder`` takes 2 to 4 ms to build a question and sorts what it finds; these are asked for each child and at each
restart, and take a tenth of that. Relies on this behaviour of aiida-core 2.9: the tables of NODE and LINK
(``StorageBackend._get_mapper_from_entity``) have the columns named here, ``get_session`` gives the session of the profile,
and ``get_backend_entity`` and ``get_orm_entity`` make a node of a row. ``tests/engine/test_lookup.py`` breaks when that
changes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from aiida import orm
from aiida.common.exceptions import NotExistent
from aiida.common.links import LinkType
from aiida.orm.convert import get_orm_entity
from aiida.orm.entities import EntityTypes
from aiida.orm.utils.links import LinkTriple
from sqlalchemy import select

__all__ = ('current_node', 'given_by_called', 'last_called', 'newest_called', 'outputs_of', 'stored_nodes')

_CALLS = [LinkType.CALL_CALC.value, LinkType.CALL_WORK.value]
_OUTPUTS = [LinkType.CREATE.value, LinkType.RETURN.value]


def current_node(backend: Any, pk: int) -> Any:
    """Return a node with what the database says of it now, whatever this process has read before.

    :raises NotExistent: if there is none.
    """
    model = backend._get_mapper_from_entity(EntityTypes.NODE, False)[0].class_
    row = backend.get_session().get(model, pk, populate_existing=True)
    if row is None:
        raise NotExistent(f'there is no node {pk}')
    return get_orm_entity(backend.get_backend_entity(row))


def stored_nodes(backend: Any, pks: Mapping[str, int]) -> Callable[[str], Any]:
    """Return a function that gives nodes by uuid as the database has them, each loaded when it is first asked for.

    :param pks: of the nodes, by uuid; for others the function gives ``None``.
    """

    @functools.cache
    def stored(uuid: str) -> Any:
        return current_node(backend, pks[uuid]) if uuid in pks else None

    return stored


def outputs_of(process: orm.ProcessNode) -> dict[str, orm.Data]:
    """Return the data nodes that a process has made or returned, by link label."""
    backend: Any = process.backend
    link = _links(backend)
    query = select(link.label, link.output_id).where((link.input_id == process.pk) & link.type.in_(_OUTPUTS))
    return {label: current_node(backend, pk) for label, pk in backend.get_session().execute(query).all()}


def given_by_called(backend: Any, caller: int, pks: Collection[int], label: Callable[[str], bool]) -> set[int]:
    """Return those of some nodes that a process has made or returned which another one has called.

    :param caller: the pk of that one.
    :param pks: of the nodes.
    :param label: says of the label of a call whether it counts.
    """
    link, session = _links(backend), backend.get_session()
    given = select(link.input_id, link.output_id).where(link.output_id.in_(pks) & link.type.in_(_OUTPUTS))
    makers = [(maker, pk) for maker, pk in session.execute(given).all()]
    called = select(link.output_id, link.label).where(
        link.output_id.in_({maker for maker, _ in makers}) & (link.input_id == caller) & link.type.in_(_CALLS)
    )
    children = {pk for pk, name in session.execute(called).all() if label(name)}
    return {pk for maker, pk in makers if maker in children}


def newest_called(caller: orm.WorkChainNode, prefix: str) -> Iterator[int]:
    """Yield the pks of the calculations that a workflow has called, the last one first.

    By the index of the links, and not one more than is asked for: ``QueryBuilder`` reads and sorts all their nodes.

    :param caller: the workflow.
    :param prefix: what the labels of their call links begin with.
    """
    backend: Any = caller.backend
    link = _links(backend)
    calls = (link.input_id == caller.pk) & (link.type == LinkType.CALL_CALC.value)
    query = (
        select(link.output_id).where(calls & link.label.startswith(prefix, autoescape=True)).order_by(link.id.desc())
    )
    offset = 0
    while (pk := backend.get_session().scalar(query.limit(1).offset(offset))) is not None:
        yield pk
        offset += 1


def last_called(caller: orm.ProcessNode, count: int) -> list[LinkTriple]:
    """Return the last links from a workflow to what it has called, by the index of the links.

    :param count: how many at most.
    """
    backend: Any = caller.backend
    link = _links(backend)
    calls = (link.input_id == caller.pk) & link.type.in_(_CALLS)
    query = select(link.output_id, link.type, link.label).where(calls).order_by(link.id.desc()).limit(count)
    rows = backend.get_session().execute(query).all()[::-1]
    return [LinkTriple(current_node(backend, pk), LinkType(kind), label) for pk, kind, label in rows]


def _links(backend: Any) -> Any:
    return backend._get_mapper_from_entity(EntityTypes.LINK, False)[0].local_table.c
