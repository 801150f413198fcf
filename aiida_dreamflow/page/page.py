"""The page of a run: one file of HTML with everything in it."""

from __future__ import annotations

import datetime
import importlib.metadata
import platform
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .charts import COLOURS, charts, told

if TYPE_CHECKING:
    from ..view import Child, Run

__all__ = ('page',)

#: A page of more children would be slow: the first and the last are on it.
_CHILDREN = 5000


def page(run: Run) -> str:
    """Return a page that shows a run: summary, source, timeline, children, numbers, variables, report and failure.

    It needs no network, and runs nothing but its own script.

    :param run: what `aiida_dreamflow.look` gives.
    :returns: the HTML.
    :raises WorkflowUsageError: if Bokeh is not installed.
    """
    import jinja2

    children = _some(run)
    head, script, places = charts(run, children)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(clock=_clock, seconds=_seconds)
    return environment.get_template('page.html').render(
        run=run,
        lines=_lines(run),
        longest=max(_times(run).values(), default=0.0),
        children=[_row(child) for child in children],
        left_out=len(run.children) - len(children),
        statuses=Counter(child.status for child in run.children),
        colours=COLOURS,
        head=head,
        script=script,
        places=places,
        made=datetime.datetime.now(datetime.timezone.utc),
        versions={
            'aiida-dreamflow': importlib.metadata.version('aiida-dreamflow'),
            'aiida-core': importlib.metadata.version('aiida-core'),
            'Python': platform.python_version(),
        },
    )


def _some(run: Run) -> list[Child]:
    every = run.children
    if len(every) <= _CHILDREN:
        every.fetch()
        return [*every]
    half = _CHILDREN // 2
    first, last = every[:half], every[len(every) - half :]
    first.fetch()
    last.fetch()
    return [*first, *last]


def _row(child: Child) -> dict[str, Any]:
    return {
        'pk': child.pk,
        'label': child.label,
        'line': child.line or '',
        'arguments': told(child.arguments),
        'results': told(child.results) or child.error,
        'status': child.status,
        'seconds': child.duration,
        'computer': child.computer,
    }


def _times(run: Run) -> dict[int, float]:
    """Return the seconds from each step to the one before it, by the line at which it ended."""
    found: dict[int, float] = {}
    before = run.created
    for step in run.steps:
        found[step.line] = found.get(step.line, 0.0) + max((step.time - before).total_seconds(), 0.0)
        before = step.time
    return found


def _lines(run: Run) -> list[dict[str, Any]]:
    """Return the lines of the workflow function, with what happened at each."""
    times = _times(run)
    return [
        {
            'number': number,
            'text': text.rstrip('\n'),
            'hits': run.source.hits.get(number, 0),
            'seconds': times.get(number, 0.0),
            'is_here': number == run.line and (run.ended is None or run.failure is not None),
        }
        for number, text in run.source.lines.items()
        if run.source.first <= number <= run.source.last
    ]


def _clock(time: datetime.datetime) -> str:
    return f'{time.astimezone():%Y-%m-%d %H:%M:%S}'


def _seconds(seconds: float) -> str:
    if seconds < 60:
        return f'{seconds:.3g} s'
    minutes, rest = divmod(round(seconds), 60)
    return f'{minutes // 60} h {minutes % 60:02} min' if minutes >= 60 else f'{minutes} min {rest:02} s'
