"""Which node holds which variable: the provenance of a workflow's values.

A variable that did not change keeps its node, a value that came from a child keeps the child's output, and so does what
is copied, passed on or returned as it is. All this is known by variable and place in the source, never by the identity of
a value: two children that return 1 return one and the same object. Whether a value is the same is decided on its exact
stored bytes.

What has no node of its own (the cursor of a loop, a part of an expression that waits for another, a value that has a
recipe) has *origins* instead: the nodes that were read by the step that made it. A step that uses it reads those.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from aiida import orm

from ..compiler import Block
from ..compiler.program import is_hidden
from ..exceptions import CannotStoreError
from ..jobs.names import port_name
from ..runtime import Machine
from ..values.chunks import ChunkCodec, files_of, needs_other_codecs
from ..values.data import DreamData, file_name
from ..values.nodes import lone_array, scalar_node, to_node
from ..values.parts import Form
from ..values.snapshot import Snapshot
from .files import RepositoryFiles
from .transaction import Scalar, detach, use_files

__all__ = ('SHARED', 'Ledger', 'Origins', 'name_of')


@dataclass
class Origins:
    """What the record of a step says of the variables that it leaves.

    :ivar nodes: uuid of the node and digest of the value of each variable, by its name in the frame (``0:x_doe``).
    :ivar others: the uuids of the nodes that a variable without a node was made from.
    """

    nodes: dict[str, list[str]] = field(default_factory=dict)
    others: dict[str, list[str]] = field(default_factory=dict)


class Ledger:
    """The nodes of the live variables of a workflow, and those that the current step makes.

    :param origins: what the record of the last step says.
    :param machine: the machine as that step left it.
    :param inputs: the inputs of the workflow, by port.
    :param files: the files of the frame.
    :param chunks: knows the long lists of the frame.
    """

    def __init__(
        self,
        origins: Origins,
        machine: Machine,
        inputs: Mapping[str, orm.Data],
        files: RepositoryFiles,
        chunks: ChunkCodec,
    ) -> None:
        self._chunks = chunks
        self.nodes = {root: (uuid, digest) for root, (uuid, digest) in origins.nodes.items()}
        self.origins = dict(origins.others)
        self.created: dict[str, orm.Data | Scalar] = {}
        self._before = self.nodes
        self._arrived: dict[str, tuple[str, str]] = {}
        self._copies: dict[str, str] = {}
        self._adopted: dict[str, orm.Data] = {}
        self._read: list[str] = []
        self._brought: dict[str, str] = {}
        self._inputs = {port: node.uuid for port, node in inputs.items()}
        self._input_pks = {node.uuid: cast(int, node.pk) for node in inputs.values()}
        self._files = files
        self._cursors = _cursors(machine)
        known = {uuid for uuid, _ in self.nodes.values()} | {uuid for uuids in self.origins.values() for uuid in uuids}
        self._pks = {**_find_pks(list(known)), **self._input_pks}

    @property
    def content(self) -> Origins:
        """What the record of the current step is to say."""
        return Origins({root: list(entry) for root, entry in self.nodes.items()}, self.origins)

    # -- a step begins

    def arrive(self, roots: Iterable[str], name: str, node: orm.Data, digest: str) -> None:
        """Note that variables receive the value of a node unchanged: an input, or the result of a child.

        :param roots: the variables.
        :param name: what to call the node.
        :param digest: that of the value.
        """
        self._arrived.update(dict.fromkeys(roots, (node.uuid, digest)))
        self.bring(name, node)

    def bring(self, name: str, node: orm.Data) -> None:
        """Note that the step reads a node, whatever it does with it, such as one of the outputs of a job.

        :param name: what to call it.
        """
        if node.uuid not in self._brought.values():
            self._brought[_free_label(name, self._brought)] = node.uuid
        self._pks[node.uuid] = cast(int, node.pk)

    def bring_origins(self, name: str, uuids: Iterable[str]) -> None:
        """Note that the step reads something that an earlier step made of these nodes."""
        new = [uuid for uuid in uuids if uuid not in self._brought.values()]
        self._pks.update(_find_pks([uuid for uuid in new if uuid not in self._pks]))
        for uuid in new:
            self._brought[_free_label(name, self._brought)] = uuid

    # -- a step ends

    @property
    def has_read(self) -> list[str]:
        """The uuids of what the step has read, after :meth:`read`."""
        return self._read

    def read(self, ran: Iterable[tuple[str, Block]]) -> dict[str, int]:
        """Return the pks of the nodes of the variables that a step has read, by link label.

        :param ran: the blocks that the step ran, with the places of their activations.
        """
        found = dict(self._brought)
        seen = set(found.values())
        # In order, so that a restart gives the same labels.
        for place, name in sorted({(place, name) for place, block in ran for name in block.used}):
            root = f'{place}:{name}'
            uuids = [self.nodes[root][0]] if root in self.nodes else self.origins.get(root, [])
            for uuid in uuids:
                if uuid not in seen:
                    seen.add(uuid)
                    found[_free_label('origin' if is_hidden(name) else name, found)] = uuid
        if not found:
            found = dict(self._inputs)  # a step that reads nothing runs because of the inputs of the workflow
        self._read = list(found.values())
        return {label: self._pks[uuid] for label, uuid in found.items()}

    def update(self, machine: Machine, forms: Mapping[str, Form]) -> None:
        """Give each live variable its node, or its origins.

        :param forms: the stored forms of those that have one.
        """
        self._before, before = self.nodes, self.origins
        self.nodes, self.origins = {}, {}
        used = {f'{place}:{name}' for place, block in machine.ran for name in block.used}
        cursors = _cursors(machine)
        same = {root for root, cursor in cursors.items() if self._cursors.get(root) is cursor} | (before.keys() - used)
        self._copies = machine.copies.roots
        objects: dict[int, str] = {}
        for place, name, value in _variables(machine):
            root = f'{place}:{name}'
            form = forms.get(root)
            if form is not None:
                uuid = self.node_of(root, form.digest)
                if uuid is None and not is_hidden(name):
                    uuid = objects.get(id(value)) or self._make(root, name, value, form)
                if uuid is not None:
                    self.nodes[root] = (uuid, form.digest)
                    if type(value) not in SHARED:
                        objects[id(value)] = uuid
                    continue
            self.origins[root] = before[root] if root in same and root in before else self._read
        self._cursors = cursors

    def adopt(self, nodes: Iterable[orm.Data]) -> None:
        """Note that the step itself has stored nodes: it has made them, and they are called after their variables."""
        self._adopted = {node.uuid: node for node in nodes}

    def adopt_others(self) -> None:
        """Give those of them that are in no variable a name too."""
        for node in self._adopted.values():
            self._add(type(node).__name__, node)
        self._adopted = {}

    def follow(self, machine: Machine) -> None:
        """Go on with another machine that is in the same state: its cursors are not made by the step that comes next."""
        self._cursors = _cursors(machine)

    def node_of(self, root: str, digest: str) -> str | None:
        """Return the uuid of the node that a variable has, if its value is still the same.

        What a child has given in this step comes first, then what the variable is a copy of: another may have that value.
        """
        for name in (self._copies.get(root, ''), root):
            for table in (self._arrived, self._before, self.nodes):
                if name in table and table[name][1] == digest:
                    return table[name][0]
        return None

    def _make(self, root: str, name: str, value: Any, form: Form) -> str | None:
        """Make the node of a variable; ``None`` if it can have none."""
        try:
            node = self._node(root, value, form)
        except CannotStoreError:
            return None  # the frame keeps it, or a recipe
        if isinstance(node, Scalar) or not node.is_stored or node.uuid in self._adopted:
            self._adopted.pop(node.uuid, None)
            self._add(name, node)
        elif node.uuid not in self._pks:
            self._pks[node.uuid] = cast(int, node.pk)
        return node.uuid

    def _add(self, name: str, node: orm.Data | Scalar) -> None:
        if any(made.uuid == node.uuid for made in self.created.values()):
            return
        for inside in node.unstored_inside if isinstance(node, DreamData) else ():
            self._add(f'{name}_{type(inside).__name__}', detach(inside))
        self.created[_free_label(name, self.created)] = node

    def _node(self, root: str, value: Any, form: Form) -> orm.Data | Scalar:
        scalar = scalar_node(value)
        if scalar is not None:
            return Scalar(*scalar)
        if form.array is not None:
            array = detach(orm.ArrayData())
            array.base.attributes.set_many({'array|default': list(value.shape)})
            use_files(array, {'default.npy': form.array}, self._files.keys)
            return array
        assert form.snapshot is not None
        document = form.snapshot.document
        if any(record[0] == 'codec:kept' for record in document['objects']):
            raise CannotStoreError(type(value).__name__, name_of(root), 'it holds a handle or a task')
        if sha := lone_array(value, form.snapshot):
            array = detach(orm.ArrayData())
            array.base.attributes.set_many({'array|default': list(value.shape)})
            self._files.add(sha, form.snapshot.blobs[sha])
            use_files(array, {'default.npy': sha}, self._files.keys)
            return array
        # A long list that was there and has changed is one that grows, perhaps, wherever it is: then its chunks are shared.
        if root in self._before and files_of(document):
            snapshot = self._chunks.alone(value)
            if snapshot is not None:
                return _sharing_files(value, snapshot, self._files)
        is_itself = any(each is value for each in form.snapshot.objects[:1])  # else it is in a cell
        if is_itself and form.snapshot.blobs and not files_of(document) and not needs_other_codecs(document):
            return _sharing_files(value, form.snapshot, self._files)
        return cast(orm.Data, detach(to_node(value)))

    def node_for(self, name: str, node: orm.Data, root: str = '', digest: str = '', is_exact: bool = False) -> orm.Data:
        """Return the node for a value that leaves the workflow: a child's input, or an output.

        :param name: what to call a new one.
        :param node: the node to store if the value is no variable's.
        :param root: the variable that it is, if it is one.
        :param digest: that of the value.
        :param is_exact: whether it has to be a node of the same class.
        """
        if node.is_stored or any(made.uuid == node.uuid for made in self.created.values()):
            return node
        uuid = self.node_of(root, digest)
        if uuid is not None:
            known = self._made(uuid) or cast(orm.Data, orm.load_node(uuid=uuid))
            if not is_exact or type(known) is type(node):
                return known
        self._add(name, node)
        return node

    def _made(self, uuid: str) -> orm.Data | None:
        """Return a node that the step makes."""
        for label, node in self.created.items():
            if node.uuid == uuid:
                made = self.created[label] = node.node() if isinstance(node, Scalar) else node
                return made
        return None

    def end_step(self, pks: dict[str, int]) -> None:
        """Begin anew after a step was stored.

        :param pks: the pks of the nodes that it made, by uuid.
        """
        self._pks.update(pks)
        known = {uuid for uuid, _ in self.nodes.values()} | {uuid for uuids in self.origins.values() for uuid in uuids}
        self._pks = {uuid: pk for uuid, pk in self._pks.items() if uuid in known} | self._input_pks
        self.created, self._arrived, self._copies, self._brought, self._before = {}, {}, {}, {}, self.nodes


#: Types whose objects unrelated variables share.
SHARED = (bool, int, float, complex, str, bytes, type(None), tuple, frozenset)


def name_of(root: str) -> str:
    """Return the name of a variable without its place."""
    return root.partition(':')[2]


def _sharing_files(value: Any, snapshot: Snapshot, files: RepositoryFiles) -> orm.Data:
    """Return the node of a value, which shares its files with the frame."""
    names = {f'{sha}.bin': sha for sha in sorted(files_of(snapshot.document))}
    for sha, data in snapshot.blobs.items():
        files.add(sha, data)
        names[file_name(sha, data)] = sha
    node = DreamData(value, snapshot=replace(snapshot, blobs={}))
    if node.base.repository.list_object_names():  # its document is long, and a file
        return cast(orm.Data, detach(to_node(value)))
    use_files(node, names, files.keys)
    return cast(orm.Data, detach(node))


def _find_pks(uuids: list[str]) -> dict[str, int]:
    if not uuids:
        return {}
    builder = orm.QueryBuilder().append(orm.Node, filters={'uuid': {'in': uuids}}, project=['uuid', 'id'])
    return dict(builder.all())


def _cursors(machine: Machine) -> dict[str, Any]:
    """Return the cursors of loops: to be used is not to be made anew."""
    return {
        f'{place}:{name}': value
        for place, activation in machine.activations().items()
        for name, value in activation.variables.items()
        if name.startswith('.iter')
    }


def _variables(machine: Machine) -> Iterable[tuple[str, str, Any]]:
    for place, activation in machine.activations().items():
        for name, value in activation.values().items():
            yield place, name, value


def _free_label(name: str, taken: Mapping[str, Any]) -> str:
    """Return the link label for a variable; variables of the same name in several activations are numbered."""
    label, number = port_name(name), 1
    while label in taken:
        number += 1
        label = f'{port_name(name)}_{number}'
    return label
