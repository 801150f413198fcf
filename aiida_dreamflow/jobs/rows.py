"""Rows of nodes and links, written below AiiDA's ORM: what steps, and jobs with many results, share.

It relies on this behaviour of aiida-core 2.9:

- the tables of NODE and LINK have exactly the columns listed here (``StorageBackend._get_mapper_from_entity`` knows them),
  and ``StorageBackend.transaction`` gives their session. ``StorageBackend.bulk_insert`` reads each row back, in no certain
  order;
- a data node with attributes and nothing else is stored as `_scalar_row` says (`Scalar`);
- ``NodeRepository._store`` moves the files of an unstored node into the permanent repository (content-addressed: what a
  crash leaves behind there is found again or removed by maintenance), and leaves alone those that are there already;
- the database model behind a node is ``backend_entity.bare_model``;
- an unstored node computes its hash for caching with ``NodeCaching._compute_hash``.

``tests/engine/test_transaction.py`` breaks when that changes. Nothing that opens a transaction of its own may be called
between two inserts: an inner transaction commits the outer one (``aiida.storage.psql_dos.backend``).
"""

from __future__ import annotations

import contextlib
import functools
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from aiida import orm
from aiida.common import timezone
from aiida.common.hashing import make_hash
from aiida.common.links import LinkType, validate_link_label
from aiida.orm.entities import EntityTypes
from aiida.orm.implementation.utils import clean_value
from aiida.repository import Repository
from sqlalchemy import insert, update

_Node = TypeVar('_Node', bound=orm.Node)

__all__ = ('Scalar', 'detach', 'insert_rows', 'link_row', 'node_row', 'store_outputs', 'writing')


@dataclass
class Scalar:
    """A data node that has attributes and nothing else, and is not stored: AiiDA takes longer to make one than to store it.

    :param node_class: its class.
    :param attributes: its attributes.
    :param label: its label.
    :ivar uuid: its uuid.
    """

    node_class: type[orm.Data]
    attributes: dict[str, Any]
    label: str = ''
    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))
    is_stored = False

    def node(self) -> orm.Data:
        """Return the node, for those who need a real one."""
        node = detach(self.node_class())
        node.base.attributes.set_many(self.attributes)
        node.label = self.label
        node.backend_entity.bare_model.uuid = self.uuid  # type: ignore[attr-defined]
        return node


def store_outputs(process: orm.ProcessNode, outputs: Mapping[str, orm.Data | Scalar]) -> None:
    """Store what a calculation has made, all or nothing. Those with labels that it has already are left out.

    :param outputs: the nodes, not stored, by link label.
    :raises ValueError: if a label is not one that AiiDA accepts; nothing is stored then.
    """
    for label in outputs:
        validate_link_label(label)
    known = set(process.base.links.get_outgoing(link_type=LinkType.CREATE).all_link_labels())
    new = {label: node for label, node in outputs.items() if label not in known}
    backend: Any = process.backend
    user, pk = cast(int, process.user.pk), cast(int, process.pk)
    rows = [node_row(node, user) for node in new.values()]
    if not rows:
        return
    with backend.transaction() as session:
        keys = insert_rows(session, backend, EntityTypes.NODE, rows)
        links = [link_row(pk, key, LinkType.CREATE, label) for label, key in zip(new, keys, strict=True)]
        insert_rows(session, backend, EntityTypes.LINK, links)


def insert_rows(session: Any, backend: Any, kind: EntityTypes, rows: list[dict[str, Any]]) -> list[int]:
    """Insert rows into the table of an entity; returns their keys."""
    statement = _statement(backend._get_mapper_from_entity(kind, False)[0].local_table)
    keys: list[int] = session.connection().execute(statement, rows).scalars().all()
    return keys


@contextlib.contextmanager
def writing(backend: Any) -> Iterator[None]:
    """Open a transaction of the backend in which something is read before anything is written.

    SQLite lets only one write, and makes others wait; but who has read something before is refused at once, as what it knows
    may be out of date. So this begins with a write, of no row.
    """
    with backend.transaction() as session:
        table = backend._get_mapper_from_entity(EntityTypes.NODE, False)[0].local_table
        session.execute(update(table).where(table.c.id == -1).values(label=table.c.label))
        yield


@functools.cache
def _statement(table: Any) -> Any:
    return insert(table).returning(table.c.id, sort_by_parameter_order=True)


def detach(node: _Node) -> _Node:
    """Cut an unstored node's ties to the database session, which would warn about it at every query until it is stored.

    Its user is set again, as the caller's, when it is stored.
    """
    if not node.is_stored:
        node.backend_entity.bare_model.user = None  # type: ignore[attr-defined]
    return node


def node_row(node: orm.Data | Scalar, user: int) -> dict[str, Any]:
    """Return the row of a data node that is not stored; its files are stored."""
    if isinstance(node, Scalar):
        return _scalar_row(node, user)
    node._validate()
    node.base.repository._store()
    entity = node.backend_entity
    entity.clean_values()
    now = timezone.now()
    return {
        'uuid': entity.uuid,
        'node_type': entity.node_type,
        'process_type': entity.process_type,
        'label': entity.label,
        'description': entity.description,
        'ctime': now,
        'mtime': now,
        'attributes': entity.attributes,
        'extras': {**entity.extras, '_aiida_hash': node.base.caching._compute_hash()},
        'repository_metadata': node.base.repository.serialize(),
        'dbcomputer_id': None,
        'user_id': user,
    }


def _scalar_row(node: Scalar, user: int) -> dict[str, Any]:
    attributes = clean_value(node.attributes)
    now = timezone.now()
    return {
        'uuid': node.uuid,
        'node_type': node.node_class.class_node_type,
        'process_type': None,
        'label': node.label,
        'description': '',
        'ctime': now,
        'mtime': now,
        'attributes': attributes,
        'extras': {'_aiida_hash': make_hash(_hashed(node.node_class, attributes))},
        'repository_metadata': {},
        'dbcomputer_id': None,
        'user_id': user,
    }


def _hashed(node_class: type[orm.Data], attributes: dict[str, Any]) -> dict[str, Any]:
    """Return what AiiDA's hash for caching is made of."""
    return {
        'class': str(node_class),
        'attributes': attributes,
        'repository_hash': _hash_of_no_files(),
        'computer_uuid': None,
    }


@functools.cache
def _hash_of_no_files() -> str:
    return Repository().hash()


def link_row(source: int, target: int, link_type: LinkType, label: str) -> dict[str, Any]:
    """Return the row of a link."""
    return {'input_id': source, 'output_id': target, 'label': label, 'type': link_type.value}
