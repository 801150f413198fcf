"""Five questions to the provenance of a workflow, asked with AiiDA's ``QueryBuilder``."""

from __future__ import annotations

from typing import Any

from aiida import orm

#: What children have and the records of steps have not.
CHILDREN = {'process_type': {'!==': None}}
STEPS = {'process_type': None}


def results_of(workflow: orm.WorkChainNode) -> dict[str, Any]:
    """All results of a workflow: those of its children, as ``xsinx_3.result``, and its own, as ``x_opt``."""
    query = orm.QueryBuilder()
    query.append(orm.WorkChainNode, filters={'id': workflow.pk}, tag='workflow')
    query.append(orm.ProcessNode, with_incoming='workflow', filters=CHILDREN, edge_project='label', tag='child')
    query.append(orm.Data, with_incoming='child', edge_project='label', project='*')
    found = {f'{child}.{label}': node for node, child, label in query.all()}
    return {**found, **{name: workflow.outputs[name] for name in workflow.outputs}}


def inputs_behind(output: orm.Data, workflow: orm.WorkChainNode) -> dict[str, orm.Data]:
    """Which inputs of a workflow gave an output: those from which a way through the data leads to it.

    Step by step, as `with_ancestors` follows each way of its own, and through a loop there are very many.
    """
    behind, level = {output.pk}, {output.pk}
    while level:
        query = orm.QueryBuilder()
        query.append(orm.Data, filters={'id': {'in': list(level)}}, tag='made')
        query.append(orm.CalculationNode, with_outgoing='made', tag='maker')
        query.append(orm.Data, with_outgoing='maker', project='id')
        level = set(query.distinct().all(flat=True)) - behind
        behind |= level
    given = {name: workflow.inputs[name] for name in workflow.inputs}
    return {name: node for name, node in given.items() if isinstance(node, orm.Data) and node.pk in behind}


def runs_with(node: orm.Data) -> list[orm.WorkChainNode]:
    """All workflows that were given a node, on its own or inside of a list or dict."""
    query = orm.QueryBuilder()
    query.append(orm.Data, filters={'id': node.pk}, tag='node')
    query.append(orm.WorkChainNode, with_incoming='node', project='*', tag='run')
    return query.distinct().order_by({'run': 'id'}).all(flat=True)


def failed_children(workflow: orm.WorkChainNode) -> list[orm.ProcessNode]:
    """The processes below a workflow, however deep, that failed, were killed or ended with an exception."""
    failed, level = [], [workflow.pk]
    while level:
        query = orm.QueryBuilder()
        query.append(orm.WorkChainNode, filters={'id': {'in': level}}, tag='caller')
        query.append(orm.ProcessNode, with_incoming='caller', filters=CHILDREN, project='*', tag='child')
        children = query.order_by({'child': 'id'}).all(flat=True)
        failed += [child for child in children if child.is_failed or child.is_excepted or child.is_killed]
        level = [child.pk for child in children if isinstance(child, orm.WorkChainNode)]
    return failed


def history_of(variable: str, workflow: orm.WorkChainNode) -> list[Any]:
    """What a variable was over time: of each step that made or changed it, its line and the node."""
    query = orm.QueryBuilder()
    query.append(orm.WorkChainNode, filters={'id': workflow.pk}, tag='workflow')
    query.append(orm.CalcFunctionNode, with_incoming='workflow', filters=STEPS, project='label', tag='step')
    query.append(orm.Data, with_incoming='step', edge_filters={'label': variable}, project='*', tag='node')
    return query.order_by({'node': 'id'}).all()
