"""A step in the database: its node, the nodes of the data it made and all links, all or nothing.

What it writes is written below the ORM: see `jobs.rows`. Beside what that relies on, it relies on this behaviour of
aiida-core 2.9:

- ``NodeRepository._store`` leaves alone the files that are in the permanent repository already
  (``Repository.from_serialized``, ``_repository_instance``);
- ``StorageBackend.delete_nodes_and_connections`` removes a node with its links and nothing else;
- the session forgets what it has loaded at every commit (``expire_on_commit``), so the pks of the caller and its user
  are read once (`Caller`): a step begins with no query.

``tests/engine/test_transaction.py`` breaks when that changes. Nothing that opens a transaction of its own may be called
between the two inserts: an inner transaction commits the outer one (``aiida.storage.psql_dos.backend``).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from aiida import orm
from aiida.common import timezone
from aiida.common.hashing import make_hash
from aiida.common.links import LinkType, validate_link_label
from aiida.orm.entities import EntityTypes
from aiida.repository import Repository

from ..jobs import failpoints
from ..jobs.rows import Scalar, detach, insert_rows, link_row, node_row, writing

__all__ = ('Caller', 'Scalar', 'StepRows', 'delete_lost', 'detach', 'store_step', 'use_files')


class Caller:
    """The workflow that steps belong to, as the rows of its steps need it.

    :param node: its node.
    """

    def __init__(self, node: orm.WorkChainNode) -> None:
        self.backend: Any = node.backend
        self.pk = cast(int, node.pk)
        self.user = cast(int, node.user.pk)


@dataclass
class StepRows:
    """What a step leaves behind.

    :ivar caller: the workflow.
    :ivar call_label: the label of the link from it.
    :ivar label: the label of the step's node.
    :ivar attributes: the attributes of the step's node, pure JSON.
    :ivar files: the keys of the files of its repository, by path.
    :ivar inputs: the pks of the nodes that it read, by link label.
    :ivar outputs: the nodes that it made, by link label; one that is stored already gets its link only.
    """

    caller: Caller
    call_label: str
    label: str
    attributes: dict[str, Any]
    files: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, int] = field(default_factory=dict)
    outputs: Mapping[str, orm.Data | Scalar] = field(default_factory=dict)


def store_step(rows: StepRows) -> dict[str, int]:
    """Store a step in one transaction.

    The nodes of the outputs stay unstored objects in memory; load them anew.

    :returns: the pks of the outputs, by uuid.
    :raises ValueError: if a label is not one that AiiDA accepts; nothing is stored then.
    """
    for label in (rows.call_label, *rows.inputs, *rows.outputs):
        validate_link_label(label)
    backend, user = rows.caller.backend, rows.caller.user
    new = {label: node for label, node in rows.outputs.items() if not node.is_stored}
    pks = {
        label: cast(int, node.pk)
        for label, node in rows.outputs.items()
        if isinstance(node, orm.Data) and node.is_stored
    }
    nodes = [_step_row(rows), *(node_row(node, user) for node in new.values())]
    failpoints.reach('step.files_stored')
    with backend.transaction() as session:
        step_pk, *output_pks = insert_rows(session, backend, EntityTypes.NODE, nodes)
        failpoints.reach('step.nodes_written')
        links = [link_row(rows.caller.pk, step_pk, LinkType.CALL_CALC, rows.call_label)]
        links += [link_row(pk, step_pk, LinkType.INPUT_CALC, label) for label, pk in rows.inputs.items()]
        pks.update(zip(new, output_pks, strict=True))
        links += [link_row(step_pk, pk, LinkType.CREATE, label) for label, pk in pks.items()]
        insert_rows(session, backend, EntityTypes.LINK, links)
        failpoints.reach('step.links_written')
    failpoints.reach('step.stored')
    return {node.uuid: pks[label] for label, node in rows.outputs.items()}


def delete_lost(node: orm.ProcessNode) -> None:
    """Remove a process that was lost before its end and that nobody can continue, with the data that it has made.

    :param node: its node, whose end nobody has taken notice of.
    """
    backend = node.backend
    made = [cast(int, entry.node.pk) for entry in node.base.links.get_outgoing(link_type=LinkType.CREATE).all()]
    with writing(backend):
        backend.delete_nodes_and_connections([cast(int, node.pk), *made])


class _KeptFiles(Repository):
    """The files of a node that are in the permanent repository; AiiDA would look there for each to know its hash.

    :ivar shas: their sha256, by path.
    """

    shas: Mapping[str, str]

    def hash(self) -> str:
        """Return what AiiDA returns."""
        return make_hash({'__dirnames__': [], **self.shas})


def use_files(node: orm.Data, shas: Mapping[str, str], keys: Mapping[str, str]) -> None:
    """Give an unstored node files that the permanent repository has already.

    :param shas: their sha256, by name.
    :param keys: the keys in the repository, by sha256.
    """
    serialized = _serialized((name, keys[sha]) for name, sha in shas.items())
    repository = cast(_KeptFiles, _KeptFiles.from_serialized(node.backend.get_repository(), serialized))
    repository.shas = shas
    node.base.repository._repository_instance = repository


def _serialized(files: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return what AiiDA keeps of a repository for files with these paths and keys."""
    root: dict[str, Any] = {}
    for path, key in files:
        folder = root
        for part in path.split('/'):
            folder = folder.setdefault('o', {}).setdefault(part, {})
        folder['k'] = key
    return root


def _step_row(rows: StepRows) -> dict[str, Any]:
    now = timezone.now()
    return {
        'uuid': str(uuid.uuid4()),
        'node_type': orm.CalcFunctionNode.class_node_type,
        'process_type': None,
        'label': rows.label,
        'description': '',
        'ctime': now,
        'mtime': now,
        'attributes': rows.attributes,
        'extras': {},
        'repository_metadata': _serialized(rows.files.items()),
        'dbcomputer_id': None,
        'user_id': rows.caller.user,
    }
