"""The children of a workflow: launched from the intents of a step, found again by their call label after a restart.

A label is used once. So a child that exists is adopted, one that doesn't is launched, and one that was created but
never handed to the broker is handed over.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from typing import TYPE_CHECKING, Any

from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import Process, ProcessBuilder, ProcessState

from ..compiler.desugar import FUNCTION_MARK
from ..exceptions import ChildFailedError, LaunchError
from ..jobs.launch import job_outcome
from ..jobs.names import python_name
from ..runtime import Handle
from ..values.nodes import from_node
from .transaction import delete_unstarted

if TYPE_CHECKING:
    from .workchain import FunctionWorkChain

__all__ = ('Children', 'child_of', 'is_process')

#: Extra of a child that says that the broker has it.
_HANDED_OVER = 'dreamflow_handed_over'

#: Attribute of an exception that says which child it came from.
_CHILD_MARK = 'dreamflow_child'


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

    # -- beginning

    def launch(self, handle: Handle[Any]) -> None:
        """Launch the child of a handle; an error becomes the child's."""
        process_class, inputs = handle.inputs['process'], dict(handle.inputs['inputs'])
        inputs['metadata'] = {**inputs.get('metadata', {}), 'call_link_label': handle.label}
        runner = self._parent.runner
        try:
            if runner.is_daemon_runner:
                node = self._parent.submit(process_class, inputs)
                node.base.extras.set(_HANDED_OVER, True)
            else:
                process = runner.instantiate_process(process_class, **inputs)
                node = process.node
                task = runner.loop.create_task(process.step_until_terminated())
                self.tasks[node.pk] = (process, task)
        except (ValueError, TypeError) as error:
            failure = LaunchError(f'{handle.label} could not be launched: {error}')
            setattr(failure, _CHILD_MARK, handle.label)
            handle.set_exception(failure)
        else:
            self._pks[handle.label] = node.pk
        handle.inputs = {}

    def adopt_or_launch(self, handles: list[Handle[Any]]) -> None:
        """After a restart: find the children of these handles, or launch them."""
        found = self._find([handle.label for handle in handles])
        for handle in handles:
            node = found.get(handle.label)
            if node is None or not self._continues(node):
                self.launch(handle)
            else:
                self._pks[handle.label] = node.pk
                handle.inputs = {}

    def _find(self, labels: list[str]) -> dict[str, orm.ProcessNode]:
        """Return the newest child with each label."""
        if not labels:
            return {}
        builder = orm.QueryBuilder(backend=self._parent.node.backend)
        builder.append(orm.WorkChainNode, filters={'id': self._parent.node.pk}, tag='parent')
        builder.append(
            orm.ProcessNode,
            with_incoming='parent',
            edge_filters={'type': {'in': _CALLS}, 'label': {'in': labels}},
            edge_project='label',
            project='*',
        )
        builder.order_by({orm.ProcessNode: {'id': 'asc'}})
        return {label: node for node, label in builder.all()}

    def _continues(self, node: orm.ProcessNode) -> bool:
        """Make sure that a child found after a restart runs; ``False`` if nothing of it is left."""
        if node.process_state not in (None, ProcessState.CREATED):
            return True
        if node.checkpoint is None:
            # The worker was killed between the child's creation and its first checkpoint: nobody can continue it.
            delete_unstarted(node)
            return False
        controller = self._parent.runner.controller
        if controller is not None and not node.base.extras.get(_HANDED_OVER, False):
            controller.continue_process(node.pk, nowait=False, no_reply=True)
            node.base.extras.set(_HANDED_OVER, True)
        return True

    # -- ending

    def collect(self, handles: list[Handle[Any]]) -> None:
        """Tell the handles whose children have ended how they did."""
        waiting = {self._pks[h.label]: h for h in handles if not h.done and h.label in self._pks}
        for pk, handle in waiting.items():
            node = orm.load_node(pk)
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
        return builder.all(flat=True)  # type: ignore[no-any-return]


_CALLS = [LinkType.CALL_CALC.value, LinkType.CALL_WORK.value]


def tell_outcome(handle: Handle[Any], node: orm.ProcessNode) -> None:
    """Tell a handle how its child ended."""
    try:
        handle.set_result(outcome_of(node, handle.target))
    except Exception as error:
        with contextlib.suppress(AttributeError):  # some exceptions take no attributes
            setattr(error, _CHILD_MARK, f'{handle.label} ({node.pk})')
        handle.set_exception(error)


def child_of(error: BaseException) -> str | None:
    """Return which child an exception came from, ``None`` if the workflow itself raised it."""
    return getattr(error, _CHILD_MARK, None)


def outcome_of(node: orm.ProcessNode, target: Any) -> Any:
    """Return what a child that has ended gives.

    :returns: a value for a Python function or a workflow function, the nodes of its outputs for another process.
    :raises ChildFailedError: if it failed.
    :raises Exception: what a function raised.
    """
    if not is_process(target):
        return job_outcome(node, target)
    if node.is_finished_ok:
        outputs = node.base.links.get_outgoing(link_type=(LinkType.CREATE, LinkType.RETURN)).nested()
        if not hasattr(target, FUNCTION_MARK):
            return outputs
        values = {python_name(label): from_node(output) for label, output in outputs.items()}
        return values['result'] if values.keys() == {'result'} else values or None
    what = f'{node.process_label} {node.pk}'
    if node.is_killed:
        how = 'was killed'
    elif node.is_excepted:
        how = f'excepted: {node.exception}'
    else:
        how = f'failed with exit status {node.exit_status}: {node.exit_message}'
    raise ChildFailedError(
        f'{what} {how}; see `verdi process report {node.pk}`',
        node=node,
        exit_status=node.exit_status,
        exit_message=node.exit_message or '',
    )


def is_process(target: Any) -> bool:
    """Return whether the target of `submit` is an AiiDA process, not a Python function."""
    return isinstance(target, ProcessBuilder) or (inspect.isclass(target) and issubclass(target, Process))
