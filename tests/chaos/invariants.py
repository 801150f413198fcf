"""What must hold of a workflow, whatever happened while it ran.

It has finished, as often and with the same result as if nothing had happened; its provenance graph is that of an
uninterrupted run; each of its jobs ran once, which a job notes itself; nothing is left that nobody knows.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ('Expected', 'expected_of', 'is_lost_folder', 'orphans', 'unsealed', 'violations')

#: What a record of a step says that is the same in every run.
_OF_A_STEP = ('step', 'state', 'exit_code')


@dataclass(frozen=True)
class Expected:
    """What an uninterrupted run left.

    :ivar picture: its provenance graph, in words.
    :ivar executions: how often each job ran, by what it writes.
    """

    picture: tuple[str, ...]
    executions: Counter[str]


def expected_of(node: Any, log: Path) -> Expected:
    """Return what other runs of a workflow are measured by.

    :param node: an uninterrupted run.
    :param log: the file that its jobs write into.
    """
    return Expected(picture(node, log), _executions(log))


def violations(node: Any, log: Path, expected: Expected) -> list[str]:
    """Return what is wrong with a workflow; nothing, if all is well.

    :param node: the workflow.
    :param log: the file that its jobs wrote into.
    :param expected: what an uninterrupted run left.
    """
    from aiida_dreamflow.testing import check_provenance

    if not node.is_terminated:
        return [f'{node.pk} has not ended: {node.process_state} {node.process_status}']
    if not node.is_finished_ok:
        return [f'{node.pk} ended with {node.process_state} {node.exit_status}: {node.exception or node.exit_message}']
    wrong = [f'{node.pk}: {fault}' for fault in check_provenance(node)]
    mine, theirs = picture(node, log), expected.picture
    for line in sorted(set(mine) ^ set(theirs)):
        wrong.append(f'{node.pk}: the graph {"has" if line in mine else "lacks"} {line}')
    if not wrong and mine != theirs:
        wrong.append(f'{node.pk}: the graph has the same lines, but not as often')
    for what, count in sorted((_executions(log) - expected.executions).items()):
        wrong.append(f'{node.pk}: job {what} ran {count} times too often')
    for what, count in sorted((expected.executions - _executions(log)).items()):
        wrong.append(f'{node.pk}: job {what} ran {count} times too seldom')
    return wrong


def _executions(log: Path) -> Counter[str]:
    return Counter(log.read_text().split()) if log.exists() else Counter()


def picture(workflow: Any, log: Path) -> tuple[str, ...]:
    """Return the provenance graph of a workflow in words that are the same for isomorphic graphs.

    The labels of the links of a process are unique, by kind; so each node is named after the way to it.

    :param log: the file of the jobs, whose name is no part of it.
    """
    from aiida import orm
    from aiida.common.links import LinkType

    names: dict[int, str] = {workflow.pk: ''}
    lines, waiting = [], [workflow]
    while waiting:
        process = waiting.pop(0)
        name = names[process.pk]
        lines.append(f'{name} is {_words(process, log)}')
        links = process.base.links
        incoming = links.get_incoming(link_type=(LinkType.INPUT_CALC, LinkType.INPUT_WORK)).all()
        outgoing = links.get_outgoing().all()
        for arrow, entries in (('<-', incoming), ('->', outgoing)):
            for entry in sorted(entries, key=lambda entry: (entry.link_type.value, entry.link_label)):
                other = entry.node
                if other.pk not in names:
                    names[other.pk] = f'{name}{arrow}{entry.link_label}'
                    if isinstance(other, orm.ProcessNode):
                        waiting.append(other)
                    else:
                        lines.append(f'{names[other.pk]} is {_words(other, log)}')
                lines.append(f'{name} {entry.link_type.value} {arrow}{entry.link_label} = {names[other.pk]}')
    return tuple(lines)


def _words(node: Any, log: Path) -> str:
    """Return the type and content of a node, without what may differ from run to run."""
    from aiida import orm

    if isinstance(node, orm.ProcessNode):
        record = node.base.attributes.get('dreamflow', {})
        content: Any = [node.process_label, node.exit_status, *(record.get(key) for key in _OF_A_STEP)]
    elif isinstance(node, (orm.RemoteData, orm.AbstractCode)):
        content = ''
    elif isinstance(node, orm.FolderData):
        content = sorted(node.base.repository.list_object_names())
    else:
        content = [node.base.attributes.all, node.base.repository.hash()]
    return f'{type(node).__name__} {json.dumps(content, sort_keys=True, default=str)}'.replace(str(log), 'LOG')


def orphans(after: int, roots: list[Any]) -> list[str]:
    """Return the nodes that no workflow knows of: not reachable from any by calls, inputs and outputs.

    :param after: the pk of the last node that was there before.
    :param roots: all workflows that were submitted since.
    """
    from aiida import orm

    builder = orm.QueryBuilder().append(orm.Node, filters={'id': {'>': after}}, project=['id', 'node_type'])
    found = {pk: kind for pk, kind in builder.all() if not kind.startswith('data.core.code.')}
    if not found:
        return []
    links = orm.QueryBuilder()
    links.append(orm.Node, project='id', tag='source')
    links.append(orm.Node, project='id', with_incoming='source', filters={'id': {'>': after}})
    neighbours: dict[int, set[int]] = {}
    for source, target in links.all():
        neighbours.setdefault(source, set()).add(target)
        neighbours.setdefault(target, set()).add(source)
    seen, waiting = set(), [root.pk for root in roots]
    while waiting:
        pk = waiting.pop()
        # A code or a given node is shared: no way leads through it to another workflow.
        if pk not in seen and pk in found:
            seen.add(pk)
            waiting += neighbours.get(pk, ())
    return [f'{kind} {pk} is known to no workflow' for pk, kind in sorted(found.items()) if pk not in seen]


def is_lost_folder(fault: str) -> bool:
    """Return whether an orphan is what AiiDA itself loses: it stores what it has retrieved before it links it."""
    return fault.startswith('data.core.folder.')


def unsealed(after: int) -> list[str]:
    """Return the processes that are not sealed, of those that were made after a node.

    :param after: its pk.
    """
    from aiida import orm

    # By its columns: the session would not read again what it knows of a node.
    columns = ['id', *(f'attributes.{name}' for name in ('process_label', 'process_state', 'sealed'))]
    builder = orm.QueryBuilder().append(orm.ProcessNode, filters={'id': {'>': after}}, project=columns)
    return [f'{label} {pk} is not sealed: {state}' for pk, label, state, sealed in builder.all() if not sealed]
