"""`DreamflowNode`: the node of a workflow in the provenance graph.

A step is called by its workflow as any calculation is: links, graphs and archives have it. But ten thousand steps are
nobody to list beside the children, nor to be asked whether they want to be killed: `called`, which `verdi process status`
draws and AiiDA's kill walks through, leaves them out. Of many children `verdi process status` and `show` list the last ones,
below how many there are of each kind.

Relies on this: AiiDA loads the class of a node by the entry point in group ``aiida.node`` that its type names (without
this plugin it is a plain ``ProcessNode``), and rows of steps have no process type (`transaction`). And on this: a process
links itself to its caller, by the caller's ``validate_outgoing``, before anything of it is stored. And on this: `verdi
process status` draws what ``called`` gives in ``aiida.cmdline.utils.ascii_vis``, with ``stepper_state_info`` beside the
workflow; `verdi process show` lists what ``base.links.get_outgoing`` gives in ``aiida.cmdline.utils.common``, below the
``description``. Only these two modules are shown less than there is. ``tests/engine/test_status.py`` breaks when that changes.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any, cast

from aiida import orm
from aiida.common.links import LinkType
from aiida.orm.nodes.process.workflow.workflow import WorkflowNodeLinks
from aiida.orm.utils.links import LinkManager

from ..exceptions import WorkflowUsageError
from ..jobs.abandoned import watch_if_worker
from ..runtime import is_stepping
from .dumped import is_dumping, to_dump
from .lookup import last_called

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

    def get_outgoing(self, *args: Any, **kwargs: Any) -> LinkManager:
        """Return links to nodes; to `verdi process show` the last calls only, to `verdi process dump` steps as it is to write them."""
        calls = {LinkType.CALL_CALC, LinkType.CALL_WORK}
        if _is_asked_by('common') and kwargs.keys() == {'link_type'} and {*kwargs['link_type']} == calls:
            return LinkManager(last_called(cast(orm.ProcessNode, self._node), _SHOWN))
        links = super().get_outgoing(*args, **kwargs)
        return to_dump(links) if is_dumping(sys._getframe(1).f_globals.get('__name__', '')) else links


#: So many calls are listed.
_SHOWN = 25


def _is_asked_by(name: str) -> bool:
    """Return whether the caller's caller is a module that prints what `verdi` shows."""
    module = sys._getframe(2).f_globals.get('__name__')
    return module == f'aiida.cmdline.utils.{name}'


class DreamflowNode(orm.WorkChainNode):
    """The node of a workflow function's process."""

    _CLS_NODE_LINKS = _Links

    @property
    def called(self) -> list[orm.ProcessNode]:
        """The processes that the workflow has launched, without the records of its steps: those are `steps`.

        To `verdi process status` the last ones only.
        """
        if _is_asked_by('ascii_vis'):
            query = self._query_called(orm.ProcessNode, CHILD_FILTERS)
            return query.order_by({'called': {'id': 'desc'}}).limit(_SHOWN).all(flat=True)[::-1]
        return self._query_called(orm.ProcessNode, CHILD_FILTERS).all(flat=True)

    @property
    def steps(self) -> list[orm.CalcFunctionNode]:
        """The records of the steps, in order."""
        builder = self._query_called(orm.CalcFunctionNode, {'process_type': None})
        return builder.order_by({'called': {'id': 'asc'}}).all(flat=True)

    @property
    def stepper_state_info(self) -> str | None:
        """The line at which the workflow is; for `verdi process status` with the numbers of steps and children."""
        info = super().stepper_state_info
        return '; '.join(filter(None, (info, self.counts()))) if _is_asked_by('ascii_vis') else info

    @property
    def description(self) -> str:
        """The description; for `verdi process show` with the numbers of steps and children."""
        own = self.backend_entity.description
        return '; '.join(filter(None, (own, self.counts()))) if _is_asked_by('common') else own

    @description.setter
    def description(self, value: str) -> None:
        self.backend_entity.description = value

    def counts(self) -> str:
        """Return how many steps and children there are: ``1,204 steps; 1,000 children: 997 finished, 3 running``."""
        steps = self._query_called(orm.CalcFunctionNode, {'process_type': None}).count()
        query = self._query_called(orm.ProcessNode, CHILD_FILTERS)
        query.add_projection('called', ['attributes.process_state', 'attributes.exit_status'])
        found = Counter('failed' if status else state or 'created' for state, status in query.all())
        told = ', '.join(f'{count:,} {state}' for state, count in sorted(found.items(), key=str))
        many = [f'{steps:,} step{"s" * (steps != 1)}'] if steps else []
        total = sum(found.values())
        return '; '.join([*many, *([f'{total:,} child{"ren" * (total != 1)}: {told}'] if total else [])])

    def _query_called(self, kind: type[orm.ProcessNode], filters: dict[str, Any]) -> orm.QueryBuilder:
        builder = orm.QueryBuilder(backend=self.backend)
        builder.append(orm.WorkChainNode, filters={'id': self.pk}, tag='workflow')
        builder.append(
            kind, tag='called', with_incoming='workflow', edge_filters={'type': {'in': _CALLS}}, filters=filters
        )
        return builder


# AiiDA gives each class of nodes a logger that is named after its module; reports reach the database from its own only.
DreamflowNode._logger = orm.WorkChainNode._logger

# A worker that meets a workflow only after it has ended is told nothing else of it, and it may not be sealed.
watch_if_worker()
