"""Which node holds which variable: the provenance of a workflow's values.

A variable that did not change keeps its node, a value that came from a child keeps the child's output, and so does what
is copied, passed on or returned as it is. All this is known by variable and place in the source, never by the identity of
a value: two children that return 1 return one and the same object. Whether a value is the same is decided on its exact
stored bytes.

What has no node of its own (the cursor of a loop, a part of an expression that waits for another, a value that has a
recipe) has *origins* instead, a few nodes that it was made from: see `hidden`. A step that uses it reads those, but not
those from which a way leads to it already through something else that it reads.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, cast

from aiida import orm

from ..compiler.program import is_hidden
from ..exceptions import CannotStoreError
from ..jobs.names import port_name
from ..runtime import Machine
from ..values.chunks import files_of, needs_other_codecs
from ..values.data import DreamData, file_name
from ..values.frame import FrameWriter
from ..values.nodes import lone_array, scalar_node, to_node
from ..values.parts import Form, digest_of
from ..values.snapshot import Snapshot
from .files import RepositoryFiles
from .hidden import FEW, Hidden, Hiding, Origins, described
from .outputs import are_outputs
from .transaction import Scalar, detach, use_files

__all__ = ('SHARED', 'Ledger', 'name_of')


class Ledger:
    """The nodes of the live variables of a workflow, and those that the current step makes.

    :param origins: what the record of the last step says.
    :param machine: the machine as that step left it.
    :param inputs: the inputs of the workflow, by port.
    :param files: the files of the frame.
    :param writer: writes the frames; it knows the codecs and the long lists.
    """

    def __init__(
        self,
        origins: Origins,
        machine: Machine,
        inputs: Mapping[str, orm.Data],
        files: RepositoryFiles,
        writer: FrameWriter,
    ) -> None:
        self._chunks, self._codecs = writer.chunks, writer.codecs
        self.nodes = {root: (uuid, digest) for root, (uuid, digest) in origins.nodes.items()}
        self.origins = dict(origins.others)
        self.created: dict[str, orm.Data | Scalar] = {}
        self._before = self.nodes
        self._arrived: dict[str, tuple[str, str]] = {}
        self._copies: dict[str, str] = {}
        self._adopted: dict[str, orm.Data] = {}
        self._read: dict[str, str] = {}
        self._reads_hidden = False
        self._above = {uuid: frozenset(others) for uuid, others in origins.above.items()}
        self._brought: dict[str, str] = {}
        self._insides: dict[str, frozenset[str]] = {}
        self._pinned: dict[tuple[str, str], str] = {}
        self._inputs = {port: node.uuid for port, node in inputs.items()}
        self._input_pks = {node.uuid: cast(int, node.pk) for node in inputs.values()}
        self._files = files
        self._cursors = _cursors(machine)
        self._pks = {**_find_pks(list(self._known())), **self._input_pks}

    def _known(self) -> set[str]:
        """Return the uuids of all that the variables are and come from."""
        return {uuid for uuid, _ in self.nodes.values()} | self._hidden_nodes()

    def _hidden_nodes(self) -> set[str]:
        return {uuid for hidden in self.origins.values() for uuid in hidden.nodes.values()}

    def content(self) -> Origins:
        """Return what the record of the current step is to say."""
        self._above = dict(self._ancestors())
        return Origins(
            {root: list(entry) for root, entry in self.nodes.items()},
            self.origins,
            {uuid: sorted(others) for uuid, others in self._above.items()},
        )

    def _ancestors(self) -> Iterator[tuple[str, frozenset[str]]]:
        """Yield which origins of variables are ancestors of a node of a variable, for those of which some are."""
        origins = self._hidden_nodes()
        if not origins:
            return
        made = {node.uuid for node in self.created.values()}
        read = {*self._read.values()}
        behind = origins & read.union(*(self._above.get(uuid, ()) for uuid in read))
        for uuid in self._known():
            above = behind if uuid in made else origins & self._above.get(uuid, frozenset())
            if above:
                yield uuid, frozenset(above)

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
        self.know(new)
        for uuid in new:
            self._brought[_free_label(name, self._brought)] = uuid

    # -- a step ends

    @property
    def has_read(self) -> list[str]:
        """The uuids of what the step has read, after :meth:`read`."""
        return [*self._read.values()]

    def read(self, machine: Machine) -> dict[str, int]:
        """Return the pks of the nodes of the variables that a step has read, by link label.

        :param machine: the machine after the step.
        """
        self._copies = machine.copies.roots
        found = dict(self._brought)
        seen = set(found.values())
        hidden: list[tuple[str, str]] = []
        # In order, so that a restart gives the same labels.
        for place, name in sorted({(place, name) for place, block in machine.ran for name in block.used}):
            root = f'{place}:{name}'
            if root in self.nodes:
                uuid = self.nodes[root][0]
                if uuid not in seen:
                    seen.add(uuid)
                    found[_free_label(self.label_of(root), found)] = uuid
            elif root in self.origins:
                hidden += self.origins[root].nodes.items()
        every = seen.union(uuid for _, uuid in hidden)
        seen.update(*(self._above.get(uuid, ()) for uuid in every))
        self._reads_hidden = False
        for label, uuid in hidden:
            if uuid not in seen:
                seen.add(uuid)
                found[_free_label(label, found)] = uuid
                self._reads_hidden = True
        if not found:
            found = dict(self._inputs)  # a step that reads nothing runs because of the inputs of the workflow
        self._read = found
        return {label: self._pks[uuid] for label, uuid in found.items()}

    def read_inside(self, of_children: Callable[[Collection[int]], set[int]]) -> dict[str, int]:
        """Return the pks of the nodes inside of those that the step makes, by link label: of a list of structures, the structures.

        Those that it makes itself are left out, those that are inside of something that it has read, and the outputs of children:
        who takes one reads it, and to keep it is not to take it.

        :param of_children: gives those of some nodes that are outputs of children.
        """
        inside = {label: node.nodes_inside for label, node in self.created.items() if isinstance(node, DreamData)}
        if not any(inside.values()):
            return {}
        behind = {node.uuid for node in self.created.values()} | {*self._read.values()}
        behind.update(*(self._inside_of(uuid) for uuid in self._read.values()))
        new = {uuid: label for label, uuids in inside.items() for uuid in uuids if uuid not in behind}
        found: dict[str, int] = {}
        pks = _find_pks([*new], orm.Data)
        outputs = of_children(pks.values()) if pks else set()
        for uuid, pk in sorted(pks.items(), key=lambda item: item[1]):
            if pk in outputs:
                continue
            label = _free_label(new[uuid], self._read)
            self._read[label], found[label] = uuid, pk
        return found

    def _inside_of(self, uuid: str) -> frozenset[str]:
        if uuid not in self._insides:
            node = orm.load_node(uuid=uuid)
            self._insides[uuid] = frozenset(node.nodes_inside if isinstance(node, DreamData) else ())
        return self._insides[uuid]

    def update(self, machine: Machine, forms: Mapping[str, Form]) -> None:
        """Give each live variable its node, or its origins.

        :param forms: the stored forms of those that have one.
        """
        self._before, before = self.nodes, self.origins
        self.nodes, self.origins = {}, {}
        objects: dict[int, tuple[str, str]] = {}
        without: list[tuple[str, str, Any]] = []
        for place, name, value in _variables(machine):
            root = f'{place}:{name}'
            form = forms.get(root)
            if form is not None:
                uuid = self.node_of(root, form.digest)
                if uuid is None and are_outputs(value):
                    self.origins[root] = Hidden(form.digest)  # who uses it reads what it takes out
                    continue
                if uuid is None and not is_hidden(name):
                    uuid = objects[id(value)][1] if id(value) in objects else self._make(root, name, value, form)
                if uuid is not None:
                    self.nodes[root] = (uuid, form.digest)
                    if type(value) not in SHARED:
                        objects.setdefault(id(value), (name, uuid))
                    continue
            without.append((place, name, value))
        if without:
            Hiding(self, machine, forms, before, objects).note(without)
        self._cursors = _cursors(machine)

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
        if not node.label and not node.is_stored:
            node.label = name
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

    def node_for(
        self,
        name: str,
        node: orm.Data,
        root: str = '',
        digest: str = '',
        is_exact: bool = False,
        otherwise: str = '',
    ) -> orm.Data:
        """Return the node for a value that leaves the workflow: a child's input, or an output.

        :param name: what to call a new one.
        :param node: the node to store if the value is no variable's.
        :param root: the variable that it is, if it is one.
        :param digest: that of the value.
        :param is_exact: whether it has to be a node of the same class.
        :param otherwise: what to call a new one if another that the step makes is called `name`.
        """
        if node.is_stored or any(made.uuid == node.uuid for made in self.created.values()):
            return node
        uuid = self.node_of(root, digest)
        if uuid is not None:
            known = self._made(uuid) or cast(orm.Data, orm.load_node(uuid=uuid))
            if not is_exact or type(known) is type(node):
                return known
        self._add(otherwise if otherwise and port_name(name) in self.created else name, node)
        return node

    def _made(self, uuid: str) -> orm.Data | None:
        """Return a node that the step makes."""
        for label, node in self.created.items():
            if node.uuid == uuid:
                made = self.created[label] = node.node() if isinstance(node, Scalar) else node
                return made
        return None

    # -- what `Hiding` asks

    def know(self, uuids: Iterable[str]) -> None:
        """Look up nodes that something comes from."""
        self._pks.update(_find_pks([uuid for uuid in uuids if uuid not in self._pks]))

    @property
    def read_nodes(self) -> Mapping[str, str]:
        """The uuids of what the step has read, by label."""
        return self._read

    @property
    def reads_few_variables(self) -> bool:
        """Whether the step has read few things, and nothing by a variable without a node."""
        return len(self._read) <= FEW and not self._reads_hidden

    def has_cursor(self, root: str, cursor: object) -> bool:
        """Return whether a variable has held a cursor when the step began."""
        return self._cursors.get(root) is cursor

    def copied(self, root: str) -> str:
        """Return the variable of which another is a copy; empty if it is none."""
        return self._copies.get(root, '')

    def nodes_of(self, root: str) -> Mapping[str, str] | None:
        """Return what a variable is that the step leaves, or what it comes from."""
        if root in self.nodes:
            return {self.label_of(root): self.nodes[root][0]}
        return self.origins[root].nodes if root in self.origins else None

    def nodes_before(self, root: str, before: Mapping[str, Hidden]) -> Mapping[str, str] | None:
        """Return the same of a variable that the step has found, or was given.

        :param before: the origins that it has found.
        """
        for table in (self._arrived, self._before):
            if root in table:
                return {self.label_of(root): table[root][0]}
        return before[root].nodes if root in before else None

    def node_of_input(self, root: str, value: object) -> str | None:
        """Return the uuid of the node of an input of a recipe; ``None`` if it can have none.

        :param root: the variable that it was.
        """
        with contextlib.suppress(CannotStoreError):
            digest = digest_of(value, self._codecs)
            uuid = self.node_of(root, digest) or self._pinned.get((root, digest))
            if uuid is None:
                node = detach(to_node(value))
                self._add(name_of(root), node)
                uuid = self._pinned[root, digest] = node.uuid
            return uuid
        return None

    def label_of(self, root: str) -> str:
        """Return what to call a variable; one of the compiler's after that of the user's which it is, or is a copy of."""
        name = name_of(root)
        if not is_hidden(name):
            return name
        origin = self.copied(root)
        same = [origin, *(other for other, its in self._copies.items() if its in (root, origin))]
        if root in self.nodes:
            same += [other for other, (uuid, _) in self.nodes.items() if uuid == self.nodes[root][0]]
        return next((name_of(other) for other in same if other and not is_hidden(name_of(other))), 'part')

    def describe(self, root: str, value: object, form: Form | None) -> str:
        """Make a node for a variable of the compiler's, or one that says what a variable is that can have none; returns its uuid."""
        name = self.label_of(root)
        uuid = None if form is None else self._make(root, name, value, form)
        return self.note(name, value) if uuid is None else uuid

    def note(self, name: str, value: object) -> str:
        """Make a node that says what a value is; returns its uuid.

        :param name: what to call it.
        """
        node = detach(described(name, value))
        self._add(name, node)
        return node.uuid

    def end_step(self, pks: dict[str, int]) -> None:
        """Begin anew after a step was stored.

        :param pks: the pks of the nodes that it made, by uuid.
        """
        self._pks.update(pks)
        known = self._known()
        self._insides = {uuid: inside for uuid, inside in self._insides.items() if uuid in known}
        self._insides |= {
            node.uuid: frozenset(node.nodes_inside) for node in self.created.values() if isinstance(node, DreamData)
        }
        self._pks = {uuid: pk for uuid, pk in self._pks.items() if uuid in known} | self._input_pks
        self.created, self._arrived, self._copies, self._brought, self._before = {}, {}, {}, {}, self.nodes
        self._pinned = {}


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


def _find_pks(uuids: list[str], kind: type[orm.Node] = orm.Node) -> dict[str, int]:
    if not uuids:
        return {}
    builder = orm.QueryBuilder().append(kind, filters={'uuid': {'in': uuids}}, project=['uuid', 'id'])
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
