"""Draw what a workflow did, as an SVG that any browser shows, without Graphviz.

Time and data flow from top to bottom, in AiiDA's usual colours; what is used much later takes a lane at the right. Each
workflow is a bar at the left: dotted lines lead to what it called, dashed ones come from its inputs and go to its outputs.
"""

from __future__ import annotations

from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, NamedTuple
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from pathlib import Path

    from aiida.orm import Node
    from aiida.tools.visualization import Graph

__all__ = ('draw',)

MAX_CHARACTERS = 26
CHARACTER = 6.2  # the width of one, in a font of 11 px
HEIGHT, GAP, LAYER, LANE, MARGIN = 34, 14, 78, 11, 24
BAR_WIDTH, BAR_GAP = 34, 46

HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}">
<style>
  text {{ font: 11px 'DejaVu Sans', Verdana, sans-serif; text-anchor: middle; fill: #222 }}
  .first {{ font-weight: bold }}
  path {{ fill: none; stroke: #444 }}
  .work {{ stroke: #aaa; stroke-dasharray: 5 4 }}
  .call {{ stroke: #e38851; stroke-dasharray: 1 4; stroke-linecap: round }}
</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">
  <path d="M0 0 8 4 0 8Z" style="fill: #444; stroke: none"/></marker></defs>
<rect width="100%" height="100%" fill="white"/>
"""


class Link(NamedTuple):
    """A link between two nodes, named by their primary keys."""

    source: int
    target: int
    kind: str
    label: str


def draw(workflow: Node, path: Path) -> None:
    """Write the provenance of `workflow` to `path`, and for Graphviz to the same name with the suffix ``.dot``."""
    from aiida.tools.visualization import Graph

    graph = Graph()
    graph.recurse_descendants(workflow, include_process_inputs=True, annotate_links='label')
    path.with_suffix('.dot').write_text(graph.graphviz.source, encoding='utf-8')
    path.write_text(_to_svg(graph), encoding='utf-8')


def _to_svg(graph: Graph) -> str:
    from aiida.orm import Node as NodeClass
    from aiida.orm import QueryBuilder, WorkflowNode

    query = QueryBuilder().append(NodeClass, filters={'id': {'in': list(graph.nodes)}})
    nodes = {node.pk: node for node in query.all(flat=True)}
    links = [
        Link(source, target, pair.link_type.value, pair.link_label)
        for source, target, pair in sorted(graph.edges, key=lambda edge: edge[:2])
        if pair is not None
    ]
    labels = {pk: _label(node, links) for pk, node in nodes.items()}
    # Caller before called: that is the order in which they were made.
    bars = sorted(pk for pk, node in nodes.items() if isinstance(node, WorkflowNode))
    rows = _rows(sorted(pk for pk in nodes if pk not in bars), links)

    width = min(MAX_CHARACTERS, max(len(line) for label in labels.values() for line in label)) * CHARACTER + 16
    left = MARGIN + len(bars) * (BAR_WIDTH + BAR_GAP)
    longest = max(len(row) for row in rows)
    places = {
        pk: (left + (longest / 2 + column - len(row) / 2 + 0.5) * (width + GAP), MARGIN + HEIGHT / 2 + number * LAYER)
        for number, row in enumerate(rows)
        for column, pk in enumerate(row)
    }
    flow = [link for link in links if link.source in places and link.target in places]
    right, bottom = left + longest * (width + GAP), MARGIN + HEIGHT + (len(rows) - 1) * LAYER
    lanes = _lanes([link for link in flow if _is_long(link, places)], places)
    lane_x = {pk: right + lane * LANE for pk, lane in lanes.items()}

    parts = [HEAD.format(width=right + (max(lanes.values(), default=0) + 1) * LANE + MARGIN, height=bottom + MARGIN)]
    ends = {pk: _bar_ends(pk, links, places, bottom) for pk in bars}
    bar_places: dict[int, tuple[float, float, float]] = {
        pk: (MARGIN + column * (BAR_WIDTH + BAR_GAP), *ends[pk]) for column, pk in enumerate(bars)
    }
    parts += [_side_line(link, bar_places, places, width) for link in links if not {*link[:2]} <= places.keys()]
    for link in flow:
        path = _detour(link, places, lane_x) if _is_long(link, places) else _curve(link, places)
        parts.append(f'<path marker-end="url(#tip)" d="{path}"><title>{escape(link.label)}</title></path>\n')
    parts += [_box(nodes[pk], labels[pk], x, y, width) for pk, (x, y) in places.items()]
    parts += [_bar(nodes[pk], labels[pk], *place) for pk, place in bar_places.items()]
    return ''.join(parts) + '</svg>\n'


def _rows(boxes: list[int], links: list[Link]) -> list[list[int]]:
    """Put the nodes in rows: calculations that could run at the same time, what they created, those that used it..."""
    sources: dict[int, list[int]] = {pk: [] for pk in boxes}
    targets: dict[int, list[int]] = {pk: [] for pk in boxes}
    for link in links:
        if link.source in sources and link.target in sources:
            sources[link.target].append(link.source)
            targets[link.source].append(link.target)
    row: dict[int, int] = {}
    for pk in TopologicalSorter(sources).static_order():
        row[pk] = 1 + max((row[source] for source in sources[pk]), default=-1)
    # What nobody made stands just above the first that used it.
    for pk in boxes:
        if not sources[pk] and targets[pk]:
            row[pk] = min(row[target] for target in targets[pk]) - 1
    rows: list[list[int]] = [[] for _ in range(max(row.values(), default=0) + 1)]
    place: dict[int, float] = {}
    for pk in sorted(boxes, key=lambda pk: row[pk]):
        rows[row[pk]].append(pk)
    for members in rows:
        # What came from the left stands left.
        near = {pk: [place[source] for source in sources[pk] if source in place] for pk in members}
        members.sort(key=lambda pk: (sum(near[pk]) / len(near[pk]) if near[pk] else 0.0, pk))
        place.update({pk: column - len(members) / 2 for column, pk in enumerate(members)})
    return rows


def _is_long(link: Link, places: dict[int, tuple[float, float]]) -> bool:
    return places[link.target][1] - places[link.source][1] > 1.5 * LAYER


def _lanes(links: list[Link], places: dict[int, tuple[float, float]]) -> dict[int, int]:
    """Give each node whose links go far a lane at the right, which others use again below its last turn."""
    span: dict[int, tuple[float, float]] = {}
    for link in links:
        top, end = places[link.source][1], places[link.target][1]
        span[link.source] = (top, max(end, span.get(link.source, (top, end))[1]))
    lanes: dict[int, int] = {}
    free_from: list[float] = []
    for pk, (top, end) in sorted(span.items(), key=lambda item: (item[1], item[0])):
        lane = next((number for number, until in enumerate(free_from) if until <= top), len(free_from))
        free_from[lane : lane + 1] = [end]
        lanes[pk] = lane
    return lanes


def _label(node: Node, links: list[Link]) -> list[str]:
    """Two lines: what it is, and what the workflow calls it."""
    from aiida.orm import ProcessNode
    from aiida.tools.visualization.graph import default_node_sublabels

    if isinstance(node, ProcessNode):
        first = node.process_label or type(node).__name__
        second = node.label or ('' if node.is_finished_ok else default_node_sublabels(node).replace('\n', ', '))
    else:
        first = type(node).__name__
        value = node.base.attributes.get('value', None)
        names = [link.label for link in links if link.target == node.pk and link.kind == 'create']
        names = names or [link.label for link in links if link.source == node.pk]
        second = names[0] if names else node.label
        if isinstance(value, str | int | float):
            second = f'{second} = {value:.6g}' if isinstance(value, float) else f'{second} = {value}'
    number = f' ({node.pk})'
    return [_short(first, MAX_CHARACTERS - len(number)) + number, _short(second)]


def _short(text: str, length: int = MAX_CHARACTERS) -> str:
    return text if len(text) <= length else text[: length - 1] + '…'


def _fill(node: Node) -> str:
    from aiida.tools.visualization.graph import default_node_styles

    colour = default_node_styles(node).get('fillcolor', '#ffffffff')
    return f'fill="{colour[:7]}" fill-opacity="{int(colour[7:9] or "ff", 16) / 255:.2f}"'


def _tooltip(node: Node) -> str:
    lines = [f'{type(node).__name__} ({node.pk})', node.label, node.description]
    return f'<title>{escape(chr(10).join(line for line in lines if line))}</title>'


def _box(node: Node, label: list[str], x: float, y: float, width: float) -> str:
    from aiida.orm import ProcessNode

    if isinstance(node, ProcessNode):
        shape = f'<rect x="{x - width / 2:.1f}" y="{y - HEIGHT / 2:.1f}" width="{width:.1f}" height="{HEIGHT}" rx="3"'
    else:
        shape = f'<ellipse cx="{x:.1f}" cy="{y:.1f}" rx="{width / 2:.1f}" ry="{HEIGHT / 2}"'
    white = f'{shape} fill="white"/>'  # so that no line shines through a pale colour
    baselines = (y - 2, y + 11) if label[1] else (y + 4,)
    text = ''.join(
        f'<text class="{name}" x="{x:.1f}" y="{baseline:.1f}">{escape(line)}</text>'
        for name, baseline, line in zip(('first', 'second'), baselines, label, strict=False)
    )
    return f'<g>{_tooltip(node)}{white}{shape} {_fill(node)}/>{text}</g>\n'


def _bar(node: Node, label: list[str], x: float, top: float, end: float) -> str:
    x_text, y_text = x + BAR_WIDTH / 2 + 4, top + min(110, (end - top) / 2)
    text = escape('  '.join(line for line in label if line))
    return (
        f'<g>{_tooltip(node)}<rect x="{x}" y="{top:.1f}" width="{BAR_WIDTH}" height="{end - top:.1f}" rx="5" {_fill(node)}/>'
        f'<text class="first" transform="translate({x_text:.1f} {y_text:.1f}) rotate(-90)">{text}</text></g>\n'
    )


def _curve(link: Link, places: dict[int, tuple[float, float]]) -> str:
    (x1, y1), (x2, y2) = places[link.source], places[link.target]
    y1, y2 = y1 + HEIGHT / 2, y2 - HEIGHT / 2
    middle = (y1 + y2) / 2
    return f'M{x1:.1f} {y1:.1f}C{x1:.1f} {middle:.1f} {x2:.1f} {middle:.1f} {x2:.1f} {y2:.1f}'


def _detour(link: Link, places: dict[int, tuple[float, float]], lane_x: dict[int, float]) -> str:
    """Go down into the gap below the source, right to its lane, down, and left into the gap above the target."""
    (x1, y1), (x2, y2), x = places[link.source], places[link.target], lane_x[link.source]
    track = (x / LANE) % 5 * 3 - 6  # so that lines in one gap do not lie upon each other
    middle = (LAYER - HEIGHT) / 2
    start, out, back, end = y1 + HEIGHT / 2, y1 + HEIGHT / 2 + middle + track, y2 - HEIGHT / 2 - middle + track, y2
    x1, x2, end = x1 + 10 + track, x2 + 16 + track, end - HEIGHT / 2
    return (
        f'M{x1:.1f} {start:.1f}V{out - 6:.1f}q0 6 6 6H{x - 6:.1f}q6 0 6 6V{back - 6:.1f}q0 6 -6 6'
        f'H{x2 + 6:.1f}q-6 0 -6 6V{end:.1f}'
    )


def _bar_ends(pk: int, links: list[Link], places: dict[int, tuple[float, float]], bottom: float) -> tuple[float, float]:
    """Where the bar of a workflow begins and ends: it is as long as all that it is linked to."""
    heights = [places[other][1] for link in links if pk in link[:2] for other in link[:2] if other in places]
    top, end = min(heights, default=MARGIN + HEIGHT / 2) - HEIGHT / 2, max(heights, default=bottom) + HEIGHT / 2
    return top, max(end, top + 200)


def _side_line(
    link: Link, bars: dict[int, tuple[float, float, float]], places: dict[int, tuple[float, float]], width: float
) -> str:
    """A link between a workflow and something else: a level line, as the bar is as long as all that it knows."""
    name = 'call' if link.kind.startswith('call') else 'work'
    if link.source in bars and link.target in bars:
        (x1, top, _), (x2, other_top, _) = bars[link.source], bars[link.target]
        y, start, end = max(top, other_top) + 8, x1 + BAR_WIDTH, x2
    else:
        bar, other = (link.source, link.target) if link.source in bars else (link.target, link.source)
        x, y = places[other]
        # A little apart, so that a dashed and a dotted line at one height can be told.
        y += 4 if name == 'work' else -4
        start, end = bars[bar][0] + BAR_WIDTH, x - width / 2 + 4
    return f'<path class="{name}" d="M{start:.1f} {y:.1f}H{end:.1f}"><title>{escape(link.label)}</title></path>\n'
