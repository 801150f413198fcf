"""A process that is a fork: what is stored with it of the run that it goes on from, and how it begins.

The frame is stored with the new process, so that it does not depend on the old one.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from aiida import orm
from aiida.common.links import LinkType

from ..exceptions import ForkError, FrameError
from ..jobs.names import port_name
from ..runtime import Handle, Machine
from ..values.edits import Edits
from ..values.entities import EntityCodec
from ..values.frame import FrameWriter, load_frame
from ..values.nodes import from_node
from ..values.parts import MemoryFiles, digest_of
from ..values.queries import QueryCodec
from . import pinned
from .codecs import BuilderCodec, OwnFileCodec
from .kinds import kind_of
from .steps import FRAME_FOLDER, Step, find_record, latest_step, read_step, sealed

if TYPE_CHECKING:
    from .workchain import FunctionWorkChain

__all__ = (
    'FORK_ATTRIBUTE',
    'FORK_INPUTS',
    'find_variable',
    'fork_of',
    'forked_children',
    'forked_step',
    'inputs_of',
    'launch_again',
    'load_step',
    'prepare_fork',
    'require_step',
    'set_variable',
    'source_label',
)

#: The inputs of a fork: the nodes of the frame with which it begins.
FORK_INPUTS = 'forked_frame'

#: The attribute of a fork that says how it begins.
FORK_ATTRIBUTE = 'dreamflow_fork'


def prepare_fork(process: FunctionWorkChain, content: Mapping[str, Any]) -> None:
    """Store with a process that is about to be stored the frame with which it begins.

    :param content: what the builder of `fork` says.
    """
    old = cast(orm.WorkChainNode, orm.load_node(uuid=content['of']))
    step, old_class = require_step(old, content['step']), pinned.class_of(old)
    given = {node.uuid: node for node in process.inputs.get(FORK_INPUTS, {}).values()}
    others = {root: given[uuid] for root, uuid in (content.get('set') or {}).items()}
    if type(process) is old_class and not others:
        document, files = step.document, {sha: step.read_file(sha) for sha in step.keys}
    else:
        memory = MemoryFiles()
        writer = FrameWriter(_codecs(type(process)), memory, recipes=process.recipes is not False)
        machine = load_step(step, type(process), old_class)
        for root, node in others.items():
            value = set_variable(machine, root, node)
            step.origins.nodes[root] = [node.uuid, digest_of(value, writer.codecs)]
            step.origins.others.pop(root, None)
        frame = writer.store(machine)
        document, files = frame.document, {sha: memory[sha] for sha in frame.files}
    process.node.base.attributes.set(
        FORK_ATTRIBUTE,
        {
            'children': {},
            'retry': {},
            **content,  # without what is empty: AiiDA prunes it
            'record': cast(orm.Node, step.record).uuid,
            **step.origins.written(),
            'sources': step.sources,
            'state': step.state,
            'outputs': {},
            'exit_code': None,
            **sealed(document),
        },
    )
    for sha, data in files.items():
        process.node.base.repository.put_object_from_bytes(data, FRAME_FOLDER + sha)


def find_variable(machine: Machine, name: str) -> str | None:
    """Return what the frame calls a variable of the workflow function, or of a helper that it is in; ``None`` if it has none."""
    for level, activation in reversed([*enumerate(machine.main.stack)]):
        if name in activation.values():
            return f'{machine.main.place(level)}:{name}'
    return None


def set_variable(machine: Machine, root: str, node: orm.Data) -> Any:
    """Give a variable the value of a node; returns the value.

    A variable that holds a node holds that one. Other variables that shared the old object keep it.
    """
    place, _, name = root.partition(':')
    activation = machine.activations()[place]
    value = node if isinstance(activation.values()[name], orm.Data) else from_node(node)
    activation.recipes.pop(name, None)
    if name in activation.cells:
        activation.cells[name].cell_contents = value
    else:
        activation.variables[name] = value
    return value


def forked_step(process: FunctionWorkChain) -> Step | None:
    """Return the step with which a process begins, ``None`` if it is no fork."""
    return _beginning(process.node)


def _beginning(node: orm.ProcessNode) -> Step | None:
    content = node.base.attributes.get(FORK_ATTRIBUTE, None)
    return None if content is None else read_step(node, FORK_ATTRIBUTE)


def launch_again(process: FunctionWorkChain, handles: Iterable[Handle[Any]]) -> None:
    """Give the children that a fork is to launch again their inputs."""
    content = process.node.base.attributes.get(FORK_ATTRIBUTE, None)
    for handle in handles if content is not None else ():
        if handle.label in content['retry']:
            child = cast(orm.ProcessNode, orm.load_node(uuid=content['retry'][handle.label]))
            inputs = inputs_of(child)
            source = process.inputs[FORK_INPUTS].get(source_label(handle))
            if source is not None:
                inputs['function'] = source
            target = kind_of(handle.target).process_class(handle.target)
            handle.inputs = {'process': target, 'inputs': inputs}


def forked_children(node: orm.ProcessNode) -> dict[str, int]:
    """Return the pks of the children that a fork has taken over, by label; none if it is no fork."""
    content = node.base.attributes.get(FORK_ATTRIBUTE, None) or {'children': {}}
    return {label: cast(int, orm.load_node(uuid=uuid).pk) for label, uuid in content['children'].items()}


def fork_of(node: orm.ProcessNode) -> tuple[int, int] | None:
    """Return the pk of the run and the number of the step with which a fork began, ``None`` if it is no fork."""
    content = node.base.attributes.get(FORK_ATTRIBUTE, None)
    return None if content is None else (cast(int, orm.load_node(uuid=content['of']).pk), content['step'])


def inputs_of(child: orm.ProcessNode) -> dict[str, Any]:
    """Return the inputs with which a child was launched."""
    links = (LinkType.INPUT_CALC, LinkType.INPUT_WORK)
    inputs: dict[str, Any] = child.base.links.get_incoming(link_type=links).nested()
    metadata = dict((child.get_metadata_inputs() or {}).get('metadata', {}))
    metadata.pop('call_link_label', None)
    return {**inputs, 'metadata': metadata}


def source_label(handle: Handle[Any]) -> str:
    """Return the label of the source of a function job that is launched again, edited."""
    return port_name(f'{handle.label}_function')


# -- the step


def require_step(node: orm.WorkChainNode, number: int | None) -> Step:
    """Return a step of a run that another can go on from.

    :param number: its number; the last one that did not return by default.
    :raises ForkError: if there is none.
    """
    step: Step | None = None
    if number is None:
        step = latest_step(node) or _beginning(node)
        if step is not None and step.state == 'returned':
            number = step.number - 1
    if number is not None:
        record = find_record(node, number)
        beginning = _beginning(node)
        if record is not None:
            step = read_step(record)
        else:
            step = beginning if beginning is not None and beginning.number == number else None
    if step is None:
        run = f'{node.process_label} {node.pk}'
        if number is None:
            raise ForkError(
                f'{run} has no recorded step, as it came to no await: to begin at the beginning, launch it anew'
            )
        raise ForkError(
            f'step {number} is not recorded for {run}: `dreamflow steps {node.pk}` shows those that are; to begin at '
            'the beginning, launch it anew'
        )
    if step.state == 'returned':
        raise ForkError(
            f'step {number} is the last of {node.process_label} {node.pk}, in which it returned: choose another'
        )
    return step


def _codecs(process_class: type[FunctionWorkChain]) -> list[Any]:
    own = OwnFileCodec(process_class.require_function(), process_class.bundle)
    return [EntityCodec(), QueryCodec(), BuilderCodec(), own]


def load_step(step: Step, process_class: type[FunctionWorkChain], old_class: type[FunctionWorkChain]) -> Machine:
    """Return the machine of a frame, with the functions of a class.

    :param old_class: the class with which it was stored.
    :raises FrameError: if they do not fit.
    """
    edits = None if process_class is old_class else Edits(_Counterparts(process_class, old_class))
    host: Any = None  # nothing runs
    return load_frame(step.document, step.read_file, host, _codecs(process_class), edits=edits)


class _Counterparts:
    """Finds what a function of the edited source was.

    :param new: the workflow as edited.
    :param old: the same as it was.
    """

    def __init__(self, new: type[FunctionWorkChain], old: type[FunctionWorkChain]) -> None:
        self._new, self._old = (OwnFileCodec(each.require_function(), each.bundle) for each in (new, old))

    def __call__(self, function: types.FunctionType) -> types.FunctionType | None:
        name = self._new.encode(function, id)
        if name is None:
            return None
        try:
            found = self._old.decode(name, id)
        except FrameError:
            return None
        return found if isinstance(found, types.FunctionType) else None
