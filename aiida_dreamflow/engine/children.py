"""The children of a workflow: launched from the intents of a step, found again by their call label after a restart.

A label is used once. So a child that exists is adopted, one that doesn't is launched, and one that was created but
never handed to the broker is handed over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import Process, ProcessState

from ..exceptions import LaunchError
from ..jobs.leased import Leased
from ..jobs.names import port_name
from ..runtime import Handle
from .targets import mark_failure, tell_outcome
from .transaction import delete_unstarted

if TYPE_CHECKING:
    from .workchain import FunctionWorkChain

__all__ = ('Children', 'find_children')

#: Extra of a child that says that the broker has it.
_HANDED_OVER = 'dreamflow_handed_over'

#: The links from a workflow to its children.
_CALLS = [LinkType.CALL_CALC.value, LinkType.CALL_WORK.value]


class Children:
    """The children of one workflow process.

    :ivar tasks: the children that run in this process (under ``engine.run``), by pk.
    """

    def __init__(self, parent: FunctionWorkChain) -> None:
        self._parent = parent
        self._pks: dict[str, int] = {}
        self.tasks: dict[int, tuple[Process, asyncio.Task[Any]]] = {}

    def pk_of(self, handle: Handle[Any]) -> int:
        """Return the pk of a child that was launched."""
        return self._pks[handle.label]

    def has(self, handle: Handle[Any]) -> bool:
        """Return whether there is a child of this handle; there is none if it could not be launched."""
        return handle.label in self._pks

    # -- beginning

    def launch(self, handle: Handle[Any]) -> None:
        """Launch the child of a handle; an error becomes the child's."""
        process_class, inputs = handle.inputs['process'], dict(handle.inputs['inputs'])
        inputs['metadata'] = {**inputs.get('metadata', {}), 'call_link_label': port_name(handle.label)}
        runner = self._parent.runner
        try:
            if runner.is_daemon_runner:
                node = self._parent.submit(process_class, inputs)
                node.base.extras.set(_HANDED_OVER, True)
            else:
                process = runner.instantiate_process(process_class, **inputs)
                node = process.node
                task = runner.loop.create_task(process.step_until_terminated())
                self.tasks[cast(int, node.pk)] = (process, task)
        except (ValueError, TypeError) as error:
            handle.set_exception(
                mark_failure(LaunchError(f'{handle.label} could not be launched: {error}'), handle.label)
            )
        else:
            self._pks[handle.label] = cast(int, node.pk)
        handle.inputs = {}

    def adopt(self, handles: list[Handle[Any]], inherited: Mapping[str, int]) -> list[Handle[Any]]:
        """After a restart: find the children of these handles.

        :param inherited: the children of another run that a fork has taken over, by label.
        :returns: the handles of those that are not there, to be launched.
        """
        missing = []
        found = find_children(self._parent.node, [port_name(handle.label) for handle in handles])
        for handle in handles:
            node = found.get(port_name(handle.label))
            if node is None and handle.label in inherited:
                self._pks[handle.label] = inherited[handle.label]
                handle.inputs = {}
            elif node is None or not self._continues(node):
                missing.append(handle)
            else:
                self._pks[handle.label] = cast(int, node.pk)
                handle.inputs = {}
        return missing

    def _continues(self, node: orm.ProcessNode) -> bool:
        """Make sure that a child found after a restart runs; ``False`` if nothing of it is left."""
        if node.process_state not in (None, ProcessState.CREATED):
            return True
        if node.checkpoint is None:
            # The worker was killed between the child's creation and its first checkpoint: nobody can continue it.
            delete_unstarted(node)
            return False
        controller = self._parent.runner.controller
        handed_over = node.base.extras.get(_HANDED_OVER, False)
        if controller is not None and (_is_leased(node) or not handed_over):
            # A message to a broker that is going down is lost. One too many does no harm to a process with a lease.
            controller.continue_process(node.pk, nowait=False, no_reply=True)
            node.base.extras.set(_HANDED_OVER, True)
        return True

    # -- ending

    def collect(self, handles: list[Handle[Any]]) -> None:
        """Tell the handles whose children have ended how they did."""
        waiting = {self._pks[h.label]: h for h in handles if not h.done and h.label in self._pks}
        for pk, handle in waiting.items():
            node = cast(orm.ProcessNode, orm.load_node(pk))
            if node.is_terminated:
                tell_outcome(handle, node)

    def running(self) -> list[orm.ProcessNode]:
        """Return the children that have not ended."""
        builder = orm.QueryBuilder(backend=self._parent.node.backend)
        builder.append(orm.WorkChainNode, filters={'id': self._parent.node.pk}, tag='parent')
        builder.append(
            orm.ProcessNode,
            with_incoming='parent',
            edge_filters={'type': {'in': _CALLS}},
            filters={'attributes.process_state': {'!in': ['finished', 'excepted', 'killed']}},
        )
        return builder.all(flat=True)


def find_children(parent: orm.ProcessNode, labels: list[str]) -> dict[str, orm.ProcessNode]:
    """Return the newest child of a workflow with each call label.

    :param labels: the labels to look for.
    """
    if not labels:
        return {}
    builder = orm.QueryBuilder(backend=parent.backend)
    builder.append(orm.WorkChainNode, filters={'id': parent.pk}, tag='parent')
    builder.append(
        orm.ProcessNode,
        with_incoming='parent',
        edge_filters={'type': {'in': _CALLS}, 'label': {'in': labels}},
        edge_project='label',
        project='*',
    )
    builder.order_by({orm.ProcessNode: {'id': 'asc'}})
    return {label: node for node, label in builder.all()}


def _is_leased(node: orm.ProcessNode) -> bool:
    try:
        return issubclass(node.process_class, Leased)
    except ValueError:  # its class cannot be loaded here
        return False
