"""`check_provenance`: whether the graph of a workflow that has ended has gaps.

The graph is read with a handful of queries, however many steps there are. AiiDA is imported when it is first called.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

__all__ = ('check_provenance',)

#: For how many seconds a process that has ended may wait for its seal: where its worker died before, another one seals
#: it when it looks for abandoned processes (see :mod:`aiida_dreamflow.jobs.abandoned`).
_PATIENCE = 40.0
_ENDED = ('finished', 'excepted', 'killed')


def check_provenance(workflow: Any) -> list[str]:
    """Return what is wrong with the provenance of a workflow that has ended, and of all that it called.

    Found are processes that are not sealed or that nothing called, data that the run made without a creator, outputs from
    which no way leads back to an input of the workflow, calculations that are their own ancestors, link labels that
    AiiDA would not accept or that stand for two calls, and lines whose steps read more at each turn.

    :param workflow: the node of the workflow.
    :returns: a sentence for each fault; none, if all is well.
    :raises TypeError: if it is no node of a process.
    """
    from aiida import orm

    if not isinstance(workflow, orm.ProcessNode):
        raise TypeError(
            f'check_provenance takes the node of a workflow, as `orm.load_node(PK)` gives it, not {workflow!r}'
        )
    graph = _read(workflow)
    end = time.monotonic() + _PATIENCE
    while graph.is_being_sealed and time.monotonic() < end:
        time.sleep(0.1)
        graph = _read(workflow)
    return [
        *(
            f'{graph.name(pk)} is not sealed' + ('' if pk in graph.ended else ': it has not ended')
            for pk in graph.processes
            if not graph.sealed[pk]
        ),
        *_bad_labels(graph),
        *_without_creator(graph),
        *_not_called(graph),
        *_unreachable(graph),
        *_circles(graph),
        *_growing(graph),
    ]


# -- the graph


@dataclass(frozen=True)
class _Link:
    """A link from a process of the run, or to one.

    :ivar process: the pk of that process.
    :ivar other: the pk of the node at its other end.
    """

    process: int
    other: int
    label: str


@dataclass
class _Graph:
    """What a run left in the database, by pk.

    :ivar root: the workflow.
    :ivar processes: the name of the workflow and of each process under it.
    :ivar steps: the records of steps among them.
    :ivar sealed: whether a process is sealed.
    :ivar ended: those that have ended.
    :ivar data: the type of each data node that one of them took or gave, codes left out.
    :ivar born: when the data nodes were made.
    :ivar creators: the processes that made the data nodes, those of other runs too.
    """

    root: Any
    processes: dict[int, str] = field(default_factory=dict)
    steps: set[int] = field(default_factory=set)
    sealed: dict[int, bool] = field(default_factory=dict)
    ended: set[int] = field(default_factory=set)
    calls: list[_Link] = field(default_factory=list)
    inputs: list[_Link] = field(default_factory=list)
    created: list[_Link] = field(default_factory=list)
    returned: list[_Link] = field(default_factory=list)
    data: dict[int, str] = field(default_factory=dict)
    born: dict[int, Any] = field(default_factory=dict)
    creators: dict[int, int] = field(default_factory=dict)

    @property
    def is_being_sealed(self) -> bool:
        """Whether one has ended and is not sealed: a worker seals a process a moment after its end."""
        return not all(self.sealed[pk] for pk in self.ended)

    def name(self, pk: int) -> str:
        return f'{self.processes[pk]} {pk}'

    def given(self) -> set[int]:
        """Return the inputs of the workflow."""
        return {link.other for link in self.inputs if link.process == self.root.pk}


_BATCH = 500


def _batches(pks: Iterable[int]) -> Iterator[list[int]]:
    every = list(pks)
    for start in range(0, len(every), _BATCH):
        yield every[start : start + _BATCH]


def _read(workflow: Any) -> _Graph:
    from aiida import orm
    from aiida.common.links import LinkType

    graph = _Graph(workflow)
    graph.processes[workflow.pk] = workflow.process_label or type(workflow).__name__
    graph.sealed[workflow.pk] = workflow.is_sealed
    if workflow.is_terminated:
        graph.ended.add(workflow.pk)
    level = [workflow.pk]
    project = ['id', 'attributes.process_label', 'node_type', 'attributes.sealed', 'attributes.process_state']
    project += ['attributes.dreamflow.step']
    while level:
        found = _linked(orm.ProcessNode, level, (LinkType.CALL_CALC, LinkType.CALL_WORK), False, project)
        level = []
        for link, (pk, label, node_type, sealed, state, step) in found:
            graph.calls.append(link)
            if step is not None:
                graph.steps.add(pk)
            if pk not in graph.processes:
                graph.processes[pk] = label or node_type.split('.')[-2]
                graph.sealed[pk] = bool(sealed)
                if state in _ENDED:
                    graph.ended.add(pk)
                level.append(pk)
    for links, types, incoming in (
        (graph.inputs, (LinkType.INPUT_CALC, LinkType.INPUT_WORK), True),
        (graph.created, (LinkType.CREATE,), False),
        (graph.returned, (LinkType.RETURN,), False),
    ):
        for link, (pk, node_type, ctime) in _linked(
            orm.Data, graph.processes, types, incoming, ['id', 'node_type', 'ctime']
        ):
            links.append(link)
            if not node_type.startswith('data.core.code.'):
                graph.data[pk], graph.born[pk] = node_type.split('.')[-2], ctime
    for link, _ in _linked(orm.ProcessNode, graph.data, (LinkType.CREATE,), True, ['id'], of=orm.Data):
        graph.creators[link.process] = link.other
    return graph


def _linked(
    cls: Any, pks: Iterable[int], types: Iterable[Any], incoming: bool, project: list[str], of: Any = None
) -> Iterator[tuple[_Link, list[Any]]]:
    """Yield the nodes linked with some others.

    :param cls: the class of the nodes to find.
    :param pks: the others.
    :param types: the types of the links.
    :param incoming: whether the links come from the nodes to find.
    :param project: what to give of these.
    :param of: the class of the others, processes by default.
    """
    from aiida import orm

    for batch in _batches(pks):
        builder = orm.QueryBuilder()
        builder.append(of or orm.ProcessNode, filters={'id': {'in': batch}}, project='id', tag='others')
        place: dict[str, Any] = {'with_outgoing' if incoming else 'with_incoming': 'others'}
        edges = {'type': {'in': [kind.value for kind in types]}}
        builder.append(cls, edge_filters=edges, edge_project='label', project=project, **place)
        for other, *found, label in builder.all():
            yield _Link(other, found[0], label), found


# -- what may be wrong with it


def _bad_labels(graph: _Graph) -> Iterator[str]:
    from aiida.common.links import validate_link_label

    for link in (*graph.calls, *graph.inputs, *graph.created, *graph.returned):
        try:
            validate_link_label(link.label)
        except ValueError as error:
            yield f'{graph.name(link.process)} has a link with the label `{link.label}`: {error}'
    for (pk, label), count in Counter((link.process, link.label) for link in graph.calls).items():
        if count > 1 and label != 'CALL':  # what AiiDA writes where nobody says otherwise
            yield f'{graph.name(pk)} has {count} calls with the label `{label}`'


def _without_creator(graph: _Graph) -> Iterator[str]:
    """Find data made in the course of the run that only appear; what was stored before is an input from outside."""
    given = graph.given()
    for pk, kind in graph.data.items():
        if pk not in graph.creators and pk not in given and graph.born[pk] >= graph.root.ctime:
            users = [f'{graph.name(link.process)} (`{link.label}`)' for link in graph.inputs if link.other == pk]
            yield f'{kind} {pk} has no creator' + (f'; it is an input of {", ".join(users)}' if users else '')


def _not_called(graph: _Graph) -> Iterator[str]:
    """Find processes that took part in the run, but hang in the air."""
    from aiida import orm
    from aiida.common.links import LinkType

    during = {'and': [{'>=': graph.root.ctime}, {'<=': graph.root.mtime}]}
    made = [link.other for link in graph.created]
    suspects = {pk for pk in graph.creators.values() if pk not in graph.processes}
    for link, _ in _linked(
        orm.ProcessNode, made, (LinkType.INPUT_CALC, LinkType.INPUT_WORK), False, ['id'], of=orm.Data
    ):
        suspects.add(link.other)
    for batch in _batches(suspects - graph.processes.keys()):
        builder = orm.QueryBuilder()
        builder.append(orm.ProcessNode, filters={'id': {'in': batch}, 'ctime': during})
        for (process,) in builder.iterall():
            if process.caller is None:
                yield f'{process.process_label} {process.pk} works on data of this run, but was not called by a process of it'


def _unreachable(graph: _Graph) -> Iterator[str]:
    given = graph.given()
    reads = defaultdict(list)
    for link in graph.inputs:
        reads[link.process].append(link.other)
    for link in graph.returned if given else ():
        if link.process != graph.root.pk:
            continue
        seen, waiting = {link.other}, [link.other]
        while waiting and not seen & given:
            for pk in reads[graph.creators.get(waiting.pop(), 0)]:
                if pk not in seen:
                    seen.add(pk)
                    waiting.append(pk)
        if not seen & given:
            yield f'from the output `{link.label}` ({link.other}) no way leads back to an input of the workflow'


#: So many steps of a line are compared, and this many inputs more at the end are too many.
_TURNS, _MORE = 12, 4


def _growing(graph: _Graph) -> Iterator[str]:
    """Find lines whose steps have more inputs at each turn; what children have given is left out, as they may be ever more."""
    own = {0, *graph.steps}
    counts = Counter(link.process for link in graph.inputs if graph.creators.get(link.other, 0) in own)
    callers = {link.other: link.process for link in graph.calls}
    turns: dict[tuple[int, str], list[int]] = defaultdict(list)
    for pk in sorted(graph.steps):
        turns[callers[pk], graph.processes[pk]].append(counts[pk])
    for (caller, line), found in turns.items():
        third = len(found) // 3
        if len(found) >= _TURNS and min(found[-third:]) > max(found[:third]) + _MORE:
            shown = ', '.join(str(found[number]) for number in (0, third, 2 * third, -1))
            yield f'the steps `{line}` of {graph.name(caller)} read more at each turn: {shown} nodes'


def _circles(graph: _Graph) -> Iterator[str]:
    """Find calculations from whose outputs a way leads to their inputs, by taking away those that have none."""
    calculations = {link.process for link in graph.created}
    needs: dict[int, set[int]] = {pk: set() for pk in calculations}
    needed_by: dict[int, set[int]] = defaultdict(set)
    for link in graph.inputs:
        creator = graph.creators.get(link.other)
        if link.process in calculations and creator in calculations:
            needs[link.process].add(creator)
            needed_by[creator].add(link.process)
    free = [pk for pk, others in needs.items() if not others]
    while free:
        pk = free.pop()
        for other in needed_by[pk]:
            needs[other].discard(pk)
            if not needs[other]:
                free.append(other)
        del needs[pk]
    # What only comes after a circle is left over too, but is in none: it leads to nothing that is left.
    while ends := [pk for pk in needs if not needed_by[pk] & needs.keys()]:
        for pk in ends:
            del needs[pk]
    if needs:
        yield f'the data go in a circle through {", ".join(graph.name(pk) for pk in sorted(needs))}'
