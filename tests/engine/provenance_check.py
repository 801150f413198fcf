"""Whether the provenance of a finished workflow has gaps."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.common.links import LinkType, validate_link_label


def check_provenance(workflow: Any) -> list[str]:
    """Return what is wrong with the provenance of a finished workflow; nothing, if all is well."""
    faults = []
    processes = [workflow, *workflow.called_descendants]
    for process in processes:
        if not process.is_sealed:
            faults.append(f'{process} is not sealed')
        faults += _bad_labels(process)
        if isinstance(process, orm.CalculationNode):
            for entry in process.base.links.get_incoming(link_type=LinkType.INPUT_CALC):
                faults += _without_creator(entry.node, workflow)
    for entry in workflow.base.links.get_outgoing(link_type=LinkType.RETURN):
        faults += _without_creator(entry.node, workflow)
    labels = [entry.link_label for entry in workflow.base.links.get_outgoing(link_type=_CALLS)]
    faults += [f'two calls are labelled {label}' for label in set(labels) if labels.count(label) > 1]
    return faults + _cycles(processes)


_CALLS = (LinkType.CALL_CALC, LinkType.CALL_WORK)


def _bad_labels(process: Any) -> list[str]:
    faults = []
    for entry in (*process.base.links.get_outgoing(), *process.base.links.get_incoming()):
        try:
            validate_link_label(entry.link_label)
        except ValueError as error:
            faults.append(f'{process}: {error}')
    return faults


def _without_creator(node: Any, workflow: Any) -> list[str]:
    inputs = {entry.node.pk for entry in workflow.base.links.get_incoming(link_type=LinkType.INPUT_WORK)}
    if node.creator is None and node.pk not in inputs and not isinstance(node, orm.AbstractCode):
        return [f'{node} has no creator']
    return []


def _cycles(processes: list[Any]) -> list[str]:
    """Find calculations that are their own ancestors through the data."""
    reads = {
        p.pk: {
            entry.node.creator.pk
            for entry in p.base.links.get_incoming(link_type=LinkType.INPUT_CALC)
            if entry.node.creator
        }
        for p in processes
        if isinstance(p, orm.CalculationNode)
    }
    done: set[int] = set()
    faults = []

    def visit(pk: int, path: tuple[int, ...]) -> None:
        if pk in path:
            faults.append(f'the data of {pk} go in a circle: {path}')
        elif pk not in done and pk in reads:
            for earlier in reads[pk]:
                visit(earlier, (*path, pk))
            done.add(pk)

    for pk in reads:
        visit(pk, ())
    return faults
