"""The charts of a page: when each child ran, and the numbers that came out of them.

Bokeh draws them: its JavaScript comes with its Python package and is a third of Plotly's, and bars that are pixels, not elements of the
page, stay quick to zoom in their thousands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..exceptions import WorkflowUsageError

if TYPE_CHECKING:
    from ..view import Child, Run, Shown

__all__ = ('COLOURS', 'charts')

#: Of each status, on light and on dark ground.
COLOURS = {
    'done': '#2e9e5b',
    'failed': '#d64545',
    'killed': '#a34bb5',
    'running': '#2f81d8',
    'waiting': '#2f81d8',
    'queued': '#c98a1b',
    'paused': '#c98a1b',
    'created': '#8a8f98',
}
_INK = '#858b95'
#: So many series of numbers are drawn at most.
_SERIES = 12


def charts(run: Run, children: Sequence[Child]) -> tuple[str, str, dict[str, str]]:
    """Draw the charts of a run.

    :param run: the run.
    :param children: those that are drawn; their arguments and results have been asked for.
    :returns: what goes into the head of the page, a script, and the places of the charts by name: ``timeline`` and ``numbers``, each
        only if there is something to draw.
    :raises WorkflowUsageError: if Bokeh is not installed.
    """
    try:
        from bokeh.embed import components
        from bokeh.resources import Resources
    except ModuleNotFoundError as error:
        raise WorkflowUsageError(
            'the charts of a page are drawn by Bokeh: `pip install aiida-dreamflow[html]`'
        ) from error
    drawn = {}
    if children:
        drawn['timeline'] = _timeline(run, children)
    series = _series(children)
    if series:
        drawn['numbers'] = _numbers(series)
    if not drawn:
        return '', '', {}
    script, places = components(drawn)
    return Resources(mode='inline', components=['bokeh']).render(), script, places


def _figure(**options: Any) -> Any:
    from bokeh.plotting import figure

    drawn = figure(
        sizing_mode='stretch_width',
        tools='xpan,xwheel_zoom,box_zoom,reset,save',
        active_drag='xpan',
        background_fill_alpha=0,
        border_fill_alpha=0,
        outline_line_color=None,
        toolbar_location='above',
        **options,
    )
    drawn.toolbar.logo = None
    drawn.grid.grid_line_color = _INK
    drawn.grid.grid_line_alpha = 0.2
    for axis in (*drawn.xaxis, *drawn.yaxis):
        axis.axis_line_color = axis.major_tick_line_color = axis.minor_tick_line_color = _INK
        axis.major_label_text_color = axis.axis_label_text_color = _INK
    return drawn


def _timeline(run: Run, children: Sequence[Child]) -> Any:
    """Draw a bar for each child, from its launch to its end; a bar's row is free again for the next."""
    import time

    from bokeh.models import ColumnDataSource, HoverTool

    begin, now = run.created.timestamp(), time.time()
    columns: dict[str, list[Any]] = {name: [] for name in ('left', 'right', 'row', 'colour', 'label', 'what', 'status')}
    ends: list[float] = []
    for child in sorted(children, key=lambda each: each.started):
        left = child.started.timestamp() - begin
        right = max((child.ended.timestamp() if child.ended else now) - begin, left + 1e-3)
        row = next((row for row, end in enumerate(ends[-200:], max(len(ends) - 200, 0)) if end <= left), len(ends))
        ends[row : row + 1] = [right]
        columns['left'].append(left)
        columns['right'].append(right)
        columns['row'].append(row)
        columns['colour'].append(COLOURS.get(child.status, _INK))
        columns['label'].append(child.label)
        columns['what'].append(f'{told(child.arguments)} → {told(child.results) or child.error or child.status}')
        columns['status'].append(child.status)
    drawn = _figure(
        height=max(120, min(600, 60 + 16 * len(ends))), x_axis_label='seconds since the launch', y_range=(len(ends), -1)
    )
    source = ColumnDataSource(columns)
    bars = drawn.hbar(y='row', left='left', right='right', height=0.8, color='colour', source=source)
    if run.steps:
        times = [step.time.timestamp() - begin for step in run.steps]
        steps = drawn.scatter(
            x='x',
            y='y',
            marker='inverted_triangle',
            size=7,
            color=_INK,
            source=ColumnDataSource({'x': times, 'y': [-0.7] * len(times), 'text': [step.text for step in run.steps]}),
        )
        drawn.add_tools(HoverTool(renderers=[steps], tooltips=[('step', '@text')]))
    drawn.add_tools(HoverTool(renderers=[bars], tooltips=[('', '@label: @status'), ('', '@what')]))
    drawn.yaxis.visible = False
    drawn.ygrid.visible = False
    return drawn


def told(values: dict[str, Shown]) -> str:
    """Return values in a line: ``x=2, y=3``, or the value alone if it is the one result."""
    if list(values) == ['result']:
        return values['result'].text
    return ', '.join(f'{name}={value.text}' for name, value in values.items())


def _series(children: Sequence[Child]) -> dict[str, tuple[list[int], list[float]]]:
    """Return the numbers among arguments and results, by what they are, over the children of a name."""
    found: dict[str, tuple[list[int], list[float]]] = {}
    counts: dict[str, int] = {}
    for child in children:
        count = counts[child.name] = counts.get(child.name, -1) + 1
        for sign, values in (('', child.arguments), ('→ ', child.results)):
            for name, value in values.items():
                if type(value.plain) in (int, float):
                    numbers, those = found.setdefault(f'{child.name}: {sign}{name}', ([], []))
                    numbers.append(count)
                    those.append(value.plain)
    changing = {name: (at, values) for name, (at, values) in found.items() if len(set(values)) > 1}
    return dict([*changing.items()][:_SERIES])


def _numbers(series: dict[str, tuple[list[int], list[float]]]) -> Any:
    """Draw the numbers of the children in the order in which these were launched; a click on a name hides it."""
    from bokeh.models import HoverTool
    from bokeh.palettes import Category20

    drawn = _figure(height=320, x_axis_label='child')
    for index, (name, (at, values)) in enumerate(series.items()):
        colour = Category20[20][index % 20]
        line = drawn.line(at, values, legend_label=name, color=colour, line_width=1.5)
        drawn.scatter(at, values, legend_label=name, color=colour, size=5)
        drawn.add_tools(HoverTool(renderers=[line], tooltips=[(name, '@y')], visible=False))
    drawn.legend.click_policy = 'hide'
    drawn.legend.background_fill_alpha = 0
    drawn.legend.border_line_color = None
    drawn.legend.label_text_color = _INK
    drawn.add_layout(drawn.legend[0], 'below')
    return drawn
