"""A run as a notebook shows it: HTML without scripts, in the colours that the notebook has."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .children import Child
    from .model import Run
    from .shown import Shown

__all__ = ('html_of',)

#: So many children are shown.
_FEW = 10
_COLOURS = {'done': '#2e7d32', 'failed': '#c62828', 'killed': '#c62828', 'paused': '#b26a00'}


def html_of(run: Run) -> str:
    """Return a run as HTML: how far it is, its source, loops, variables, the last children."""
    colour = _COLOURS.get(run.status, '#1565c0')
    status = f'<span style="color:{colour}">{escape(run.status)}</span>'
    counts = ', '.join(
        filter(None, (f'{run.duration:.1f} s', f'{len(run.steps):,} steps', escape(run.children.told())))
    )
    parts = [f'<div><b>{escape(run.name)} {run.pk}</b> {status}, {counts}</div>']
    if run.failure is not None:
        where = f' at L{run.failure.line}' if run.failure.line else ''
        parts.append(f'<div style="color:{colour}">{escape(f"{run.status}{where}: {run.failure.message}")}</div>')
    for loop in run.loops:
        if loop.length is not None:
            bar = f'<progress value="{loop.position}" max="{max(loop.length, 1)}"></progress>'
            parts.append(f'<div>{bar} {loop} <code>L{loop.line} {escape(loop.text)}</code></div>')
    parts.append(_source(run, colour))
    rows = [
        (variable.name, variable.text, f'{variable.shown.node_type} {variable.shown.pk or ""}')
        for variable in run.now.shown
    ]
    parts.append(_table('Variables', ('name', 'value', 'node'), rows))
    last = run.children[-_FEW:].fetch()
    parts.append(
        _table(
            _title(run, len(last)), ('PK', 'line', 'status', 'time', 'call', 'result'), [_row(child) for child in last]
        )
    )
    return f'<div>{"".join(parts)}</div>'


def _title(run: Run, shown: int) -> str:
    return 'Children' if shown == len(run.children) else f'Children, the last {shown} of {len(run.children):,}'


def _source(run: Run, colour: str) -> str:
    here = run.line if run.ended is None or run.failure is not None else None
    lines = []
    for number, text in run.source.lines.items():
        hits = f'{run.source.hits[number]:,}x' if run.source.hits[number] else ''
        line = escape(f'{hits:>6} {number:>4}  {text}')
        lines.append(f'<b style="color:{colour}">{line}</b>' if number == here else line)
    opened = ' open' if run.ended is None or run.failure is not None else ''
    return f'<details{opened}><summary>Source</summary><pre style="max-height:24em;overflow:auto">{chr(10).join(lines)}</pre></details>'


def _row(child: Child) -> tuple[str, ...]:
    call = f'{child.name}({_values(child.arguments)})'
    return (
        str(child.pk),
        f'L{child.line}' if child.line else '',
        child.status,
        f'{child.duration:.1f} s',
        call,
        child.error or _values(child.results),
    )


def _values(values: dict[str, Shown]) -> str:
    return ', '.join(f'{name}={value.text}' for name, value in values.items())


def _table(title: str, heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    if not rows:
        return ''
    head = ''.join(f'<th style="text-align:left">{escape(name)}</th>' for name in heads)
    body = ''.join(
        f'<tr>{"".join(f"""<td style="text-align:left">{escape(cell)}</td>""" for cell in row)}</tr>' for row in rows
    )
    return f'<details open><summary>{escape(title)}</summary><table><tr>{head}</tr>{body}</table></details>'
