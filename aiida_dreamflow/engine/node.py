"""`DreamflowNode`: the node of a workflow in the provenance graph.

A step is called by its workflow as any calculation is: links, graphs and archives have it. But ten thousand steps are
nobody to list beside the children, nor to be asked whether they want to be killed: `called`, which `verdi process status`
draws and AiiDA's kill walks through, leaves them out.

Relies on this: AiiDA loads the class of a node by the entry point in group ``aiida.node`` that its type names (without
this plugin it is a plain ``ProcessNode``), and rows of steps have no process type (`transaction`).
"""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.common.links import LinkType

__all__ = ('CHILD_FILTERS', 'DreamflowNode')

#: What children are and records of steps are not; a column, so that no row of a step is read for it.
CHILD_FILTERS: dict[str, Any] = {'process_type': {'!==': None}}
_CALLS = [LinkType.CALL_CALC.value, LinkType.CALL_WORK.value]


class DreamflowNode(orm.WorkChainNode):
    """The node of a workflow function's process."""

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
