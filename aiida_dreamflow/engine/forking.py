"""Fork: a new run that begins at a recorded step of an old one, with the old or with an edited source.

The frame of that step is read when the fork is made, so that a refusal is immediate. The children that were waited for belong
to the old run: the new one takes over what they gave or give, and launches none again unless asked to.
"""

from __future__ import annotations

import errno
import linecache
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import ProcessBuilder

from ..compiler import Bundle, bundle, bundle_again
from ..compiler.program import is_hidden
from ..compiler.texts import text_now
from ..exceptions import ForkError
from ..jobs.calculation import bundle_to_nodes, nodes_to_bundle
from ..jobs.constants import store
from ..jobs.names import port_name
from ..runtime import Handle, Machine
from ..values.nodes import to_node
from . import pinned
from .children import find_children
from .forked import FORK_INPUTS, find_variable, forked_children, inputs_of, load_step, require_step, source_label
from .hidden import Origins
from .kinds import kind_of
from .ledger import name_of
from .parameters import NODES_INSIDE
from .targets import given_by
from .workchain import FunctionWorkChain

__all__ = ('fork', 'warning_of')


def fork(
    run: orm.WorkChainNode | int | str,
    step: int | None = None,
    source: type[FunctionWorkChain] | None = None,
    *,
    edited: bool = False,
    retry: bool | None = None,
    variables: Mapping[str, Any] | None = None,
) -> ProcessBuilder:
    """Prepare a new run of a workflow that begins where an old run was after one of its steps.

    ``engine.submit(fork(node, step=12))``. Nothing that the old run has done by then is done again. Its children that
    were waited for are not launched again: the new run takes what they gave, waits for those that still run, and meets
    the failure of those that failed.

    :param run: the process of the old run, or its pk or uuid; it may have ended or not.
    :param step: the number of the step, from one; the last one recorded by default.
    :param source: an edited workflow, such as the one that a notebook or script has defined anew.
    :param edited: whether to read the edited workflow from the file that it came from. Without this and without `source`,
        the new run has the source of the old one.
    :param retry: whether to launch those of the children waited for again, with the same inputs, that have failed. If it is not said,
        that of a failed child is met again, and one that was killed is refused.
    :param variables: other values, or nodes, for variables that the workflow function needs after that step; they are inputs of the new
        run. Other variables that hold the same object keep it.
    :returns: a builder, for AiiDA's launchers.
    :raises ForkError: if there is no such step or variable, or nothing to go on from; or if it would fail at once, as a child was killed.
    :raises FrameError: if the edited source cannot go on from there; shows what differs.
    """
    node = cast(orm.WorkChainNode, orm.load_node(run) if isinstance(run, int | str) else run)
    old_class = pinned.class_of(node)
    if source is None:
        source = old_class if not edited else _edited_class(pinned.bundle_of(node))
    found = require_step(node, step)
    machine = load_step(found, source, old_class)
    builder = source.get_builder()
    children, again = _children(node, machine.pending, retry is True)
    if retry is None and (killed := failed_children(children.values(), is_killed=True)):
        raise ForkError(f'{_would_fail(node, killed)}; `retry=False` (`--no-retry`) begins it nevertheless')
    metadata: Any = builder['metadata']
    metadata.fork = {
        'of': node.uuid,
        'step': found.number,
        'children': {label: child.uuid for label, child in children.items()},
        'retry': {label: child.uuid for label, child in again.items()},
    }
    others = _others(machine, variables or {}, node, found.number)
    if others:
        metadata.fork['set'] = {root: given.uuid for root, given in others.items()}
    metadata.description = f'fork of {node.process_label} {node.pk}, from step {found.number}'
    _put(builder, _inputs(node), source.spec().inputs)
    frame = _nodes(_without(found.origins, others), node)
    frame.update(_labelled([(f'set_{name_of(root)}', given) for root, given in others.items()]))
    for handle in machine.pending:
        frame.update(_nodes_of_child(handle, children.get(handle.label), again.get(handle.label)))
    builder[FORK_INPUTS] = frame
    return builder


def _others(machine: Machine, variables: Mapping[str, Any], node: orm.WorkChainNode, step: int) -> dict[str, orm.Data]:
    """Return the nodes of the values that variables are to have, by the names of these in the frame.

    :raises ForkError: if there is no such variable.
    """
    found: dict[str, orm.Data] = {}
    for name, value in variables.items():
        root = find_variable(machine, name)
        if root is None:
            known = sorted({each for act in machine.main.stack for each in act.values() if not is_hidden(each)})
            raise ForkError(
                f'`{name}` is no variable that {node.process_label} {node.pk} still needs after step {step}, so a new value would change '
                f'nothing. It needs {", ".join(known) or "none"}; `dreamflow steps {node.pk}` shows the steps before'
            )
        found[root] = to_node(value)
    return found


def _without(origins: Origins, roots: Iterable[str]) -> Origins:
    """Return what a record says of variables, without some of them."""
    left_out = {*roots}
    return Origins(
        {root: entry for root, entry in origins.nodes.items() if root not in left_out},
        {root: entry for root, entry in origins.others.items() if root not in left_out},
        origins.above,
    )


def _edited_class(old: Bundle) -> type[FunctionWorkChain]:
    """Return the workflow as its file has it now, of which nothing else is executed."""
    try:
        if not Path(old.filename).is_absolute():
            raise FileNotFoundError(errno.ENOENT, 'nobody knows in which folder it was')
        with open(old.filename, encoding='utf-8') as file:  # noqa: PTH123  (it may be no path at all)
            text = file.read()
    except OSError as error:
        raise ForkError(
            f'the edited source of `{old.qualname}` cannot be read from {old.filename} ({error.strerror}): give the edited '
            'workflow itself, `fork(node, source=workflow)`'
        ) from error
    linecache.checkcache()
    edited = bundle_again(old, text, modules=True)
    return pinned.load(replace(edited, identity=edited.hash_source()))


def failed_children(children: Iterable[orm.ProcessNode], is_killed: bool = False) -> list[orm.ProcessNode]:
    """Return those of the children of a run that have failed.

    :param is_killed: whether only those count that were killed.
    """
    return [
        child
        for child in children
        if child.is_killed or (child.is_terminated and not child.is_finished_ok and not is_killed)
    ]


def warning_of(run: orm.WorkChainNode, builder: ProcessBuilder) -> str:
    """Return why a fork would fail as soon as it begins, unless the workflow catches that; empty if nothing of the kind is known."""
    given = builder['metadata'].fork['children'].values()
    failed = failed_children([cast(orm.ProcessNode, orm.load_node(uuid=uuid)) for uuid in given])
    return f'{_would_fail(run, failed)}, or `--edited` goes on with a source that catches it' if failed else ''


def _would_fail(run: orm.WorkChainNode, failed: Sequence[orm.ProcessNode]) -> str:
    names = ', '.join(f'{child.process_label} {child.pk}' for child in failed[:_MANY])
    more = f' and {len(failed) - _MANY} more' if len(failed) > _MANY else ''
    one = len(failed) == 1
    return (
        f'the fork fails at once: {run.process_label} {run.pk} waited for {names}{more}, which '
        f'{"was" if one else "were"} killed or {"has" if one else "have"} failed; `retry=True` (`--retry`) launches {"it" if one else "them"} again'
    )


#: How many children are named.
_MANY = 3


# -- inputs


def _inputs(node: orm.WorkChainNode) -> dict[str, orm.Data]:
    """Return the inputs of the old run, but for the nodes of the frame that it itself began with, and those inside of others."""
    inputs: dict[str, Any] = node.base.links.get_incoming(link_type=LinkType.INPUT_WORK).nested()
    options = {port: given for port, given in (node.get_metadata_inputs() or {}).items() if port != 'metadata'}
    found = {port: given for port, given in inputs.items() if port not in (FORK_INPUTS, NODES_INSIDE)}
    node.recursive_merge(found, options)
    return found


def _put(builder: Any, inputs: Mapping[str, Any], ports: Any) -> None:
    """Give a builder the inputs that it has ports for, one by one: a namespace is no whole without its default values."""
    for name, value in inputs.items():
        if name in ports:
            if isinstance(value, Mapping) and name in builder:
                _put(builder[name], value, ports[name])
            else:
                builder[name] = value


def _nodes(origins: Origins, node: orm.WorkChainNode) -> dict[str, orm.Data]:
    """Return the nodes of the variables of a frame, by label."""
    uuids = {name_of(root).lstrip('.'): [uuid] for root, (uuid, _) in reversed(origins.nodes.items())}
    for root, others in origins.others.items():
        uuids.setdefault(name_of(root).lstrip('.'), []).extend(others.nodes.values())
    loaded = _loaded({uuid for found in uuids.values() for uuid in found}, node)
    return _labelled((name, loaded[uuid]) for name, found in uuids.items() for uuid in found)


_BATCH = 500


def _loaded(uuids: Iterable[str], of: orm.ProcessNode) -> dict[str, orm.Data]:
    """Return nodes by uuid, with a query for some hundreds of them."""
    wanted = sorted(uuids)
    found: dict[str, orm.Data] = {}
    for start in range(0, len(wanted), _BATCH):
        filters = {'uuid': {'in': wanted[start : start + _BATCH]}}
        found.update(dict(orm.QueryBuilder().append(orm.Data, filters=filters, project=['uuid', '*']).all()))
    for uuid in wanted:
        if uuid not in found:
            raise ForkError(f'a variable of {of.process_label} {of.pk} has lost its node ({uuid}): it was deleted')
    return found


def _labelled(nodes: Iterable[tuple[str, orm.Data]]) -> dict[str, orm.Data]:
    """Return nodes by label, each once."""
    found: dict[str, orm.Data] = {}
    numbers: dict[str, int] = {}
    seen: set[str] = set()
    for name, node in nodes:
        if node.uuid in seen:
            continue
        seen.add(node.uuid)
        label = port = port_name(name)
        while label in found:
            numbers[port] = numbers.get(port, 1) + 1
            label = f'{port}_{numbers[port]}'
        found[label] = node
    return found


def _nodes_of_child(
    handle: Handle[Any], child: orm.ProcessNode | None, again: orm.ProcessNode | None
) -> dict[str, Any]:
    """Return the nodes that the new run gets because of a child that is waited for."""
    if again is not None:
        given = _labelled((f'{handle.label}_{name}', node) for name, node in _data_of(inputs_of(again)))
        if source := _edited_source(handle, again):
            given[source_label(handle)] = source
        return given
    if child is None:
        return _labelled((f'{handle.label}_{name}', node) for name, node in _data_of(handle.inputs.get('inputs', {})))
    if not child.is_terminated:
        return _labelled((f'{handle.label}_{name}', node) for name, node in _data_of(inputs_of(child)))
    outputs = given_by(child)
    return _labelled((f'{handle.label}_{name}', node) for name, node in outputs.items())


def _data_of(inputs: Mapping[str, Any], path: str = '') -> Iterable[tuple[str, orm.Data]]:
    for name, value in inputs.items():
        if isinstance(value, Mapping):
            yield from _data_of(value, f'{path}{name}_')
        elif isinstance(value, orm.Data) and not isinstance(value, orm.AbstractCode):
            yield f'{path}{name}', value


# -- children


def _children(
    node: orm.WorkChainNode, pending: Iterable[Handle[Any]], retry: bool
) -> tuple[dict[str, orm.ProcessNode], dict[str, orm.ProcessNode]]:
    """Return the children that are taken over, and those that are launched again, by label."""
    inherited = forked_children(node)
    handles = list(pending)
    called = find_children(node, [port_name(handle.label) for handle in handles])
    found: dict[str, orm.ProcessNode] = {}
    again: dict[str, orm.ProcessNode] = {}
    for handle in handles:
        child = called.get(port_name(handle.label))
        if child is None and handle.label in inherited:
            child = cast(orm.ProcessNode, orm.load_node(inherited[handle.label]))
        if child is not None:
            failed = child.is_terminated and not child.is_finished_ok
            (again if retry and failed else found)[handle.label] = child
        elif not handle.inputs:
            raise ForkError(f'{handle.label}, which {node.process_label} {node.pk} waited for, is not there any more')
    return found, again


def _edited_source(handle: Handle[Any], child: orm.ProcessNode) -> orm.SinglefileData | None:
    """Return the source of a function job that has been edited since, not stored yet."""
    if not kind_of(handle.target).arguments:
        return None
    nodes = inputs_of(child)
    old = nodes_to_bundle(nodes) if 'function' in nodes else None
    text = text_now(old.filename) if old is not None and Path(old.filename).is_absolute() else ''
    # What this session has imported may be older than the file.
    new = bundle(handle.target, store=store) if old is None or not text else bundle_again(old, text)
    return (
        None
        if old is not None and new.source == old.source
        else cast(orm.SinglefileData, bundle_to_nodes(new)['function'])
    )
