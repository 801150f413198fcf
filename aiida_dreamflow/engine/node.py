"""`DreamflowNode`: the node of a workflow in the provenance graph.

A step is called by its workflow as any calculation is: links, graphs and archives have it. But ten thousand steps are
nobody to list beside the children, nor to be asked whether they want to be killed: `called`, which `verdi process status`
draws and AiiDA's kill walks through, leaves them out.

Relies on this: AiiDA loads the class of a node by the entry point in group ``aiida.node`` that its type names (without
this plugin it is a plain ``ProcessNode``), and rows of steps have no process type (`transaction`). And on this: a process
links itself to its caller, by the caller's ``validate_outgoing``, before anything of it is stored.
"""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.common.links import LinkType
from aiida.orm.nodes.process.workflow.workflow import WorkflowNodeLinks

from ..exceptions import WorkflowUsageError
from ..jobs.abandoned import watch_if_worker
from ..runtime import is_stepping

__all__ = ('CHILD_FILTERS', 'DreamflowNode')

#: What children are and records of steps are not; a column, so that no row of a step is read for it.
CHILD_FILTERS: dict[str, Any] = {'process_type': {'!==': None}}
_CALLS = [LinkType.CALL_CALC.value, LinkType.CALL_WORK.value]


class _Links(WorkflowNodeLinks):
    """The links of a workflow; refuses those of a process that the workflow's own code runs in the middle of a step."""

    def validate_outgoing(self, target: orm.Node, link_type: LinkType, link_label: str) -> None:
        """Refuse a call while a step runs.

        :raises WorkflowUsageError: naming what was called.
        """
        if link_type.value in _CALLS and is_stepping():
            name = getattr(target, 'process_label', None) or 'a process'
            raise WorkflowUsageError(
                f'`{name}` was called where the compiler could not see that it is an AiiDA process: it would run in the '
                f'middle of a step, whose values are not recorded yet. Write `await submit({name}, ...)`, in a plain `def` '
                f'`submit({name}, ...)`'
            )
        super().validate_outgoing(target, link_type, link_label)


class DreamflowNode(orm.WorkChainNode):
    """The node of a workflow function's process."""

    _CLS_NODE_LINKS = _Links

    @property
    def called(self) -> list[orm.ProcessNode]:
        """The processes that the workflow has launched, without the records of its steps: those are `steps`."""
        return self._query_called(orm.ProcessNode, CHILD_FILTERS).all(flat=True)

    @property
    def steps(self) -> list[orm.CalcFunctionNode]:
        """The records of the steps, in order."""
        builder = self._query_called(orm.CalcFunctionNode, {'process_type': None})
        return builder.order_by({orm.CalcFunctionNode: {'id': 'asc'}}).all(flat=True)

    def _query_called(self, kind: type[orm.ProcessNode], filters: dict[str, Any]) -> orm.QueryBuilder:
        builder = orm.QueryBuilder(backend=self.backend)
        builder.append(orm.WorkChainNode, filters={'id': self.pk}, tag='workflow')
        builder.append(kind, with_incoming='workflow', edge_filters={'type': {'in': _CALLS}}, filters=filters)
        return builder


# AiiDA gives each class of nodes a logger that is named after its module; reports reach the database from its own only.
DreamflowNode._logger = orm.WorkChainNode._logger

# A worker that meets a workflow only after it has ended is told nothing else of it, and it may not be sealed.
watch_if_worker()
