"""The children of a workflow: launched from the intents of a step, found again by their call label after a restart.

A label is used once. So a child that exists is adopted, one that doesn't is launched, and one that was created but
never handed to the broker is handed over.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections import deque
from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any, cast

from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import Process, ProcessState
from aiida.engine.processes.functions import FunctionProcess

from ..exceptions import LaunchError, WorkflowUsageError
from ..jobs import failpoints
from ..jobs.failures import mark_failure
from ..jobs.lease import is_leased
from ..jobs.names import port_name
from ..jobs.trouble import asking_broker
from ..jobs.watchdog import watched
from ..runtime import Handle, Machine
from .kinds import kind_of
from .lookup import current_node
from .node import CHILD_FILTERS
from .steps import is_step_label
from .targets import given_by, tell_outcome
from .tracebacks import work_of
from .transaction import delete_lost

if TYPE_CHECKING:
    from .workchain import FunctionWorkChain

__all__ = ('ChildTasks', 'Children', 'find_children')

#: Children that run in this process, by pk.
ChildTasks = dict[int, tuple[Process, 'asyncio.Task[Any]']]

#: Extra of a child that says that the broker has it.
_HANDED_OVER = 'dreamflow_handed_over'

#: The links from a workflow to its children.
_CALLS = [LinkType.CALL_CALC.value, LinkType.CALL_WORK.value]


class Children:
    """The children of one workflow process.

    :ivar tasks: the children that run in this process: under ``engine.run`` all, under a daemon process functions.
    :ivar unlaunched: those to be launched: of the last step, or left by a crash or by the old run of a fork.
    """

    def __init__(self, parent: FunctionWorkChain, tasks: ChildTasks) -> None:
        self._parent = parent
        self._pks: dict[str, int] = {}
        self._labels: dict[int, str] = {}
        self._given: dict[str, dict[str, orm.Data]] = {}
        self.tasks = tasks
        self.unlaunched: deque[Handle[Any]] = deque()

    def pk_of(self, handle: Handle[Any]) -> int:
        """Return the pk of a child that was launched."""
        return self._pks[handle.label]

    def known_pk(self, handle: Handle[Any]) -> int | None:
        """Return the pk of a child, ``None`` if it was not launched yet."""
        return self._pks.get(handle.label)

    def has(self, handle: Handle[Any]) -> bool:
        """Return whether there is a child of this handle; there is none if it could not be launched."""
        return handle.label in self._pks

    def _note(self, handle: Handle[Any], node: orm.ProcessNode) -> None:
        pk = cast(int, node.pk)
        self._pks[handle.label], self._labels[pk] = pk, handle.label
        handle.inputs = {}

    # -- beginning

    def free_label(self, machine: Machine, wanted: str) -> str:
        """Return the label that a child is to have: the one that the user has given it, with a number if that is taken.

        A step that is run again asks for the same: its children are launched only after it was recorded.
        """
        pending = {handle.label for handle in machine.pending}
        label, number = wanted, machine.launched
        while is_step_label(label) or label in pending or find_children(self._parent.node, [label]):
            number += 1
            label = f'{wanted}_{number}'
        return label

    def take_intents(self, machine: Machine) -> None:
        """Take over the children that a step has asked for, and those that it has let go, to be launched."""
        released, machine.agenda.released = machine.agenda.released, []
        self.unlaunched += [handle for handle in machine.intents if not handle.held]
        self.unlaunched += released

    def launch_some(self, end: float) -> bool:
        """Launch the children that are to be launched, one at least, until the time is over.

        :param end: on the monotonic clock.
        :returns: whether none is left.
        """
        while self.unlaunched:  # a handle can be there twice: asked for, held and let go in one step
            handle = self.unlaunched.popleft()
            if not handle.ended and not self.has(handle):
                self.launch(handle)
            if time.monotonic() > end:
                break
        return not self.unlaunched

    def launch_released(self, machine: Machine) -> None:
        """Launch the children that are held back no longer."""
        released, machine.agenda.released = machine.agenda.released, []
        for handle in released:
            if not handle.ended and not self.has(handle):
                self.launch(handle)

    def resume(self, machine: Machine, inherited: Mapping[str, int]) -> None:
        """After a restart: find the children of a machine, and note which have ended; others are to be launched.

        :param inherited: the children of another run that a fork has taken over, by label.
        """
        killing = machine.agenda.killing
        labels = [port_name(handle.label) for handle in (*machine.pending, *killing)]
        found = {
            **{port_name(label): cast(orm.ProcessNode, orm.load_node(pk)) for label, pk in inherited.items()},
            **find_children(self._parent.node, labels),
        }
        for handle in machine.pending:
            failpoints.reach('adoption.begins')
            node = found.get(port_name(handle.label))
            if handle.held and node is not None:
                handle.found()
            if handle.ended:
                if node is not None:
                    self._note(handle, node)
            elif node is not None and (handle.label in inherited or self._continues(handle, node)):
                self._note(handle, node)
            elif not handle.held:
                self.unlaunched.append(handle)
        for handle in killing:
            if (node := found.get(port_name(handle.label))) is not None:
                self._note(handle, node)
        for pk in self._ended([handle for handle in (*machine.pending, *killing) if self.has(handle)]):
            self.note_end(machine, pk)
        self.kill_cancelled(machine)

    def launch(self, handle: Handle[Any]) -> None:
        """Launch the child of a handle; an error becomes the child's."""
        process_class, inputs = handle.inputs['process'], dict(handle.inputs['inputs'])
        inputs['metadata'] = {**inputs.get('metadata', {}), 'call_link_label': port_name(handle.label)}
        runner = self._parent.runner
        failpoints.reach('launch.begins')
        try:
            if runner.is_daemon_runner and not kind_of(handle.target).is_lost:
                with asking_broker(f'{handle.label} could not be handed to the broker'):
                    node = self._parent.submit(process_class, inputs)
                failpoints.reach('launch.message_sent')
                node.base.extras.set(_HANDED_OVER, True)
            else:
                process = runner.instantiate_process(process_class, **inputs)
                node = process.node
                running = process.step_until_terminated()
                if isinstance(process, FunctionProcess):  # it computes in the event loop, as steps do
                    running = watched(running, functools.partial(work_of, process, FunctionProcess.run.__code__))
                task = runner.loop.create_task(_awaiting(running))
                self.tasks[cast(int, node.pk)] = (process, task)
        except (ValueError, TypeError, WorkflowUsageError) as error:
            handle.set_exception(
                mark_failure(LaunchError(f'{handle.label} could not be launched: {error}'), handle.label)
            )
            handle.inputs = {}
        else:
            self._note(handle, node)
        failpoints.reach('launch.ends')

    def _continues(self, handle: Handle[Any], node: orm.ProcessNode) -> bool:
        """Make sure that a child found after a restart runs; ``False`` if nothing of it is left."""
        if node.pk in self.tasks:
            return True
        if kind_of(handle.target).is_lost and not node.is_sealed:
            delete_lost(node)  # it ended with the worker that ran it
            return False
        if node.process_state not in (None, ProcessState.CREATED):
            return True
        if node.checkpoint is None:
            # The worker was killed between the child's creation and its first checkpoint: nobody can continue it.
            delete_lost(node)
            return False
        controller = self._parent.runner.controller
        handed_over = node.base.extras.get(_HANDED_OVER, False)
        if controller is not None and (is_leased(node) or not handed_over):
            # A message to a broker that is going down is lost. One too many does no harm to a process with a lease.
            with asking_broker(f'{handle.label} could not be handed to the broker'):
                controller.continue_process(node.pk, nowait=False, no_reply=True)
            failpoints.reach('adoption.message_sent')
            node.base.extras.set(_HANDED_OVER, True)
        return True

    # -- ending

    def awaited(self, machine: Machine, is_all: bool = True) -> list[int]:
        """Return the pks of the children that the workflow waits for.

        :param is_all: whether these are all that run, not only those that are being killed.
        """
        running = [handle for handle in machine.pending if not handle.ended] if is_all else []
        return [self._pks[handle.label] for handle in (*running, *machine.agenda.killing) if self.has(handle)]

    def note_end(self, machine: Machine, pk: int) -> None:
        """Tell the handle of a child that has ended how it did."""
        label = self._labels[pk]
        agenda = machine.agenda
        agenda.killing = [handle for handle in agenda.killing if handle.label != label]
        for handle in machine.pending:
            if handle.label == label and not handle.ended:
                self._given[label] = tell_outcome(handle, current_node(self._parent.node.backend, pk))

    def take_outputs(self, handle: Handle[Any]) -> dict[str, orm.Data]:
        """Return the nodes that a child has given, for the step that receives them; nothing if it was not launched."""
        if not self.has(handle):
            return {}
        known = self._given.pop(handle.label, None)
        return given_by(current_node(self._parent.node.backend, self.pk_of(handle))) if known is None else known

    def _ended(self, handles: list[Handle[Any]]) -> list[int]:
        """Return the pks of those children that have ended, in the order in which they did."""
        pks = [self.pk_of(handle) for handle in handles]
        if not pks:
            return []
        builder = orm.QueryBuilder(backend=self._parent.node.backend)
        ended = {'id': {'in': pks}, 'attributes.sealed': True}
        builder.append(orm.ProcessNode, filters=ended, project='id', tag='child')
        builder.order_by([{'child': 'mtime'}, {'child': 'id'}])
        return builder.all(flat=True)

    def kill_cancelled(self, machine: Machine) -> None:
        """Kill the children that were cancelled; those that were not launched are forgotten."""
        agenda = machine.agenda
        agenda.killing = [handle for handle in agenda.killing if self.has(handle)]
        for handle in agenda.killing:
            self._parent.kill_child(self.pk_of(handle))

    def end_if_lost(self, node: orm.ProcessNode) -> bool:
        """Take notice that a process function has ended with the worker that ran it, as its caller is killed.

        :returns: whether it has.
        """
        # The process of a `run` has the same class of node, but any worker can have it.
        is_function = isinstance(node, orm.CalcFunctionNode | orm.WorkFunctionNode) and not is_leased(node)
        is_lost = is_function and node.pk not in self.tasks
        if is_lost and not node.is_sealed:
            node.set_process_state(ProcessState.KILLED)
            node.set_process_status('it ended with its worker')
            node.seal()
        return is_lost

    def running(self) -> list[orm.ProcessNode]:
        """Return the children that have not ended."""
        builder = orm.QueryBuilder(backend=self._parent.node.backend)
        builder.append(orm.WorkChainNode, filters={'id': self._parent.node.pk}, tag='parent')
        builder.append(
            orm.ProcessNode,
            with_incoming='parent',
            edge_filters={'type': {'in': _CALLS}},
            filters={**CHILD_FILTERS, 'attributes.process_state': {'!in': ['finished', 'excepted', 'killed']}},
        )
        return builder.all(flat=True)


async def _awaiting(running: Awaitable[Any]) -> None:
    await running


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
