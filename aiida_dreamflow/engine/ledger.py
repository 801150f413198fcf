"""Which node holds which variable: the provenance of a workflow's values.

A variable that did not change keeps its node, a value that came from a child keeps the child's output. Whether a value
changed is decided on its exact stored bytes (`digest_of`).
"""

from __future__ import annotations

import contextlib
from typing import Any, cast

from aiida import orm

from ..compiler import Block
from ..compiler.program import is_hidden
from ..exceptions import CannotStoreError
from ..jobs.names import port_name
from ..runtime import Activation, Awaitable, Machine
from ..values.data import DreamData
from ..values.nodes import digest_of, to_node
from .transaction import detach

__all__ = ('Ledger',)


class Ledger:
    """The nodes of the live variables of a workflow, and those that the current step makes.

    Variables are named as the frame names them: ``0:x_doe``.

    :param nodes: uuid and digest of the node of each variable at the last await.
    """

    def __init__(self, nodes: dict[str, list[str]]) -> None:
        self.nodes = {root: (uuid, digest) for root, (uuid, digest) in nodes.items()}
        self.created: dict[str, orm.Data] = {}
        self._pks = _find_pks([uuid for uuid, _ in nodes.values()])
        self._arrived: dict[str, tuple[orm.Data, str]] = {}
        self._brought: dict[str, int] = {}
        self._values: list[tuple[Any, str, str]] = []

    def end_step(self, pks: dict[str, int]) -> None:
        """Begin anew after a step was stored.

        :param pks: the pks of the nodes that it made, by uuid.
        """
        self._pks.update(pks)
        self._pks = {uuid: self._pks[uuid] for uuid, _ in self.nodes.values() if uuid in self._pks}
        self.created, self._arrived, self._brought, self._values = {}, {}, {}, []

    def arrive(self, root: str, node: orm.Data, value: Any) -> None:
        """Note that a variable receives the value of a node unchanged.

        :param root: the variable.
        :param node: the output of a child, or an input of the workflow.
        """
        self._arrived[root] = (node, digest_of(value))
        self._pks[node.uuid] = cast(int, node.pk)

    def bring(self, name: str, node: orm.Data) -> None:
        """Note that the step reads a node that no variable receives as it is, such as one of the outputs of a job.

        :param name: what to call it.
        :param node: the node.
        """
        self._brought[name] = cast(int, node.pk)

    def read(self, ran: set[tuple[int, Block]]) -> dict[str, int]:
        """Return the pks of the nodes of the variables that a step has read, by link label.

        :param ran: the blocks that the step ran, with the levels of their activations.
        """
        roots = {f'{level}:{name}' for level, block in ran for name in block.used}
        nodes = {root: uuid for root, (uuid, _) in self.nodes.items() if root in roots}
        nodes.update({root: node.uuid for root, (node, _) in self._arrived.items()})
        found: dict[str, int] = {}
        for root, uuid in nodes.items():
            found[_free_label(root.partition(':')[2], found)] = self._pks[uuid]
        for name, pk in self._brought.items():
            if pk not in found.values():
                found[_free_label(name, found)] = pk
        return found

    def update(self, machine: Machine) -> None:
        """At the end of a step: give each live variable its node."""
        nodes: dict[str, tuple[str, str]] = {}
        for level, activation in enumerate(machine.stack):
            for name, value in _variables(activation).items():
                entry = self._entry(f'{level}:{name}', name, value)
                if entry is not None:
                    nodes[f'{level}:{name}'] = entry
        self.nodes = nodes

    def look_back(self, activation: Activation) -> None:
        """At the end of the workflow: see which variables still have their nodes, as it may have returned their values."""
        for name, value in _variables(activation).items():
            root = f'0:{name}'
            if root in self.nodes or root in self._arrived:
                with contextlib.suppress(CannotStoreError):
                    digest = digest_of(value)
                    if (uuid := self._known(root, digest)) is not None:
                        self._values.append((value, digest, uuid))

    def _entry(self, root: str, name: str, value: Any) -> tuple[str, str] | None:
        if is_hidden(name) or isinstance(value, Awaitable):
            return None
        try:
            digest = digest_of(value)
            uuid = self._known(root, digest) or self._create(name, value)
        except CannotStoreError:
            return None  # the frame keeps it, or a recipe
        self._values.append((value, digest, uuid))
        return uuid, digest

    def _known(self, root: str, digest: str) -> str | None:
        if root in self.nodes and self.nodes[root][1] == digest:
            return self.nodes[root][0]
        if root in self._arrived and self._arrived[root][1] == digest:
            return self._arrived[root][0].uuid
        return None

    def _create(self, name: str, value: Any) -> str:
        node: orm.Data = detach(to_node(value))
        if not node.is_stored:
            self._add(name, node)
        return node.uuid

    def _add(self, name: str, node: orm.Data) -> None:
        if any(made.uuid == node.uuid for made in self.created.values()):
            return
        for inside in node.unstored_inside if isinstance(node, DreamData) else ():
            self._add(f'{name}_{type(inside).__name__}', detach(inside))
        self.created[_free_label(name, self.created)] = node

    def node_for(self, name: str, node: orm.Data, value: Any = None) -> orm.Data:
        """Return the node for a value that leaves the workflow: a child's input, or an output.

        The node of a variable serves if the value is that variable's object and did not change. (Small immutables are
        shared between unrelated variables, so they get a node of their own.)

        :param name: what to call a new one.
        :param node: the node to store if no other serves.
        :param value: its value.
        """
        if node.is_stored or any(made.uuid == node.uuid for made in self.created.values()):
            return node
        if not isinstance(value, bool | int | float | complex | str | bytes | None):
            digest = digest_of(value)
            for known, known_digest, uuid in self._values:
                if known is value and known_digest == digest:
                    return self._node(uuid)
        self._add(name, node)
        return node

    def _node(self, uuid: str) -> orm.Data:
        made = (node for node in self.created.values() if node.uuid == uuid)
        return next(made, None) or cast(orm.Data, orm.load_node(uuid=uuid))


def _find_pks(uuids: list[str]) -> dict[str, int]:
    if not uuids:
        return {}
    builder = orm.QueryBuilder().append(orm.Node, filters={'uuid': {'in': uuids}}, project=['uuid', 'id'])
    return dict(builder.all())


def _variables(activation: Activation) -> dict[str, Any]:
    found = dict(activation.variables)
    for name, cell in activation.cells.items():
        try:
            found[name] = cell.cell_contents
        except ValueError:
            continue
    return found


def _free_label(name: str, taken: dict[str, Any]) -> str:
    """Return the link label for a variable; variables of the same name in several activations are numbered."""
    label, number = port_name(name), 1
    while label in taken:
        number += 1
        label = f'{port_name(name)}_{number}'
    return label
