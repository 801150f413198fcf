"""``dreamflow list``, ``show``, ``children``, ``steps``: a run on paper, from the model that `look` gives."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_dreamflow.cli.stacks import waited_for
from aiida_dreamflow.cli.words import clock, counted, cut

if TYPE_CHECKING:
    from aiida_dreamflow.view import Child, Loop, Run, RunLine, Shown

__all__ = (
    'COLOURS',
    'bar',
    'child_text',
    'list_runs',
    'show_children',
    'show_run',
    'show_steps',
    'values_text',
    'write_page',
)

#: The colour of each status.
COLOURS = {
    'done': 'green',
    'failed': 'red',
    'killed': 'red',
    'running': 'cyan',
    'waiting': 'cyan',
    'queued': 'yellow',
    'paused': 'yellow',
}

#: So many children, and so many lines of the report, are shown of a run.
_FEW = 8


def _width() -> int:
    return max(shutil.get_terminal_size((100, 24)).columns, 40)


# -- the list


def list_runs(limit: int, active: bool, as_json: bool) -> None:
    """Print the last runs, a line each, the newest last."""
    from aiida_dreamflow.view import runs

    found = runs(limit or None, active)[::-1]
    if as_json:
        click.echo(json.dumps([_as_json(run) for run in found], indent=2))
        return
    if not found:
        what = (
            'no run goes on; `dreamflow list` shows those that have ended'
            if active
            else 'no workflow function was run yet'
        )
        click.echo(f'{what}: `dreamflow run FILE.py:FUNCTION` runs one')
        return
    rows = [_cells(run) for run in found]
    heads = ('PK', 'workflow', 'status', 'time', 'loops', 'children')
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    width = _width()
    left = max(width - sum(widths) - 2 * len(widths), 0)
    head = _joined([*heads, 'where, and the last line of the report'], widths)
    click.secho(cut_end(head, width).rstrip(), bold=True)
    for run, row in zip(found, rows, strict=True):
        line = _joined([*row, cut(' | '.join(filter(None, (run.place, run.last))), left)], widths)
        click.secho(
            cut_end(line, width).rstrip(), fg=COLOURS.get(run.status) if run.status in ('failed', 'killed') else None
        )


def _cells(run: RunLine) -> list[str]:
    loops = ', '.join(f'{position:,} of {length:,}' for position, length in run.loops)
    return [str(run.pk), cut(run.name, 24), run.status, counted(run.duration), loops, children_text(run.counts)]


def children_text(counts: Mapping[str, int]) -> str:
    """Return how far the children are, in few characters: ``4/5 done, 1 failed``."""
    total, failed = sum(counts.values()), counts.get('failed', 0) + counts.get('killed', 0)
    done = f'{counts.get("done", 0):,}/{total:,} done' if total else ''
    return f'{done}, {failed:,} failed' if failed else done


def _joined(cells: list[str], widths: list[int]) -> str:
    return '  '.join(cell.ljust(width) for cell, width in zip(cells, [*widths, 0], strict=True))


def _as_json(run: RunLine) -> dict[str, Any]:
    return {
        'pk': run.pk,
        'name': run.name,
        'status': run.status,
        'created': run.created.isoformat(),
        'ended': None if run.ended is None else run.ended.isoformat(),
        'duration': round(run.duration, 3),
        'place': run.place,
        'loops': [list(loop) for loop in run.loops],
        'children': dict(run.counts),
        'last': run.last,
    }


# -- one run


def show_run(node: Any) -> None:
    """Print a run: its source with where it is, loops, variables, children, report, failure."""
    from aiida_dreamflow.view import look

    run, width = look(node), _width()
    click.echo(
        click.style(f'{run.name} {run.pk}', bold=True)
        + ': '
        + click.style(run.status, fg=COLOURS.get(run.status))
        + f', {_when(run)}'
    )
    for line in _heads(run):
        click.echo(cut_end(line, width))
    click.echo()
    _show_source(run, width)
    for loop in run.loops:
        if loop.length is not None:
            click.echo(f'  {bar(loop, 20)}  L{loop.line} {cut(loop.text, width - 45)}')
    for task in run.tasks[:_FEW] if run.ended is None else ():
        name = f'{task.name} ' if len(run.tasks) > 1 else ''
        click.echo(cut(f'  {name}waits for {waited_for(task)}', width))
    _show_variables(run, width)
    _show_children(run, width)
    _show_report(run, width)
    if run.failure is not None:
        where = f' at L{run.failure.line}' if run.failure.line else ''
        click.secho(f'\n{run.status}{where}: {run.failure.message}', fg='red')


def _when(run: Run) -> str:
    if run.ended is not None:
        return f'launched {clock(run.created)}, took {counted(run.duration)}'
    return f'launched {clock(run.created)}, {counted(run.duration)} ago'


def _heads(run: Run) -> Iterator[str]:
    if run.forked_from is not None:
        yield f'a fork of {run.forked_from[0]}, from step {run.forked_from[1]}'
    if run.inputs:
        yield f'inputs   {values_text(run.inputs)}'
    if run.outputs:
        yield f'outputs  {values_text(run.outputs)}'
    steps = f'{len(run.steps):,} step{"s" * (len(run.steps) != 1)}'
    yield '; '.join(filter(None, (steps, run.children.told())))


def values_text(values: dict[str, Shown]) -> str:
    """Return arguments or results in a line: ``x=3, y=[1, 2]``; a lone result without its name."""
    if values.keys() == {'result'}:
        return values['result'].text
    return ', '.join(f'{name}={value.text}' for name, value in values.items())


def bar(loop: Loop, width: int) -> str:
    """Return the bar of a loop that knows its length: ``[########            ] 16 of 40``."""
    position, length = loop.position or 0, loop.length or 0
    full = round(width * position / length) if length else width
    return f'[{"#" * full}{" " * (width - full)}] {loop}'


def _show_source(run: Run, width: int) -> None:
    source, here = (
        run.source,
        {task.line for task in run.tasks} if run.ended is None else {run.failure.line if run.failure else None},
    )
    digits = len(str(source.last))
    most = max([len(f'{count:,}') for count in source.hits.values()], default=1) + 1
    for number, text in source.lines.items():
        hits = f'{source.hits[number]:,}x' if source.hits[number] else ''
        line = f'{">" if number in here else " "} {hits:>{most}} {number:>{digits}}  {text}'.rstrip()
        line = line if len(line) <= width else f'{line[: width - 1]}…'
        colour = None if number not in here else 'red' if run.failure is not None else 'cyan'
        click.secho(line, fg=colour, bold=number in here)
    click.echo()


def _show_variables(run: Run, width: int) -> None:
    shown = run.now.shown
    if run.now.problem:
        click.secho(f'\n{run.now.problem}', fg='yellow')
    if not shown:
        return
    when = '' if run.ended is None else f', as they were after step {run.now.step}'
    click.secho(f'\nvariables{when}', bold=True)
    longest = max(len(variable.name) for variable in shown)
    for variable in shown:
        note = (
            f'  ({variable.shown.node_type} {variable.shown.pk})'
            if variable.shown.pk is not None
            else _NOTES.get(variable.kept, '')
        )
        click.echo(
            f'  {variable.name:{longest}} = {cut(variable.text, max(width - longest - 5 - len(note), 20))}{note}'
        )


_NOTES = {'recipe': '  (made again at each await)', 'handle': '  (under way)'}


def _show_children(run: Run, width: int) -> None:
    if not run.children:
        return
    failed = run.children.failed[-_FEW:]
    others = run.children.where(lambda child: not child.failed)[-(_FEW - min(len(failed), _FEW // 2)) :]
    chosen = {child.pk for child in [*failed[-_FEW // 2 :], *others]}
    some = run.children.where(lambda child: child.pk in chosen).fetch()
    left = len(run.children) - len(some)
    click.secho(
        f'\n{"children" if not left else f"children ({left:,} more: `dreamflow children {run.pk}`)"}', bold=True
    )
    for child in some:
        click.secho(cut_end(child_text(child), width), fg='red' if child.failed else None)


def cut_end(text: str, width: int) -> str:
    """Return a text cut to a width, with its spaces."""
    return text if len(text) <= width else f'{text[: width - 1]}…'


def child_text(child: Child) -> str:
    """Return a child in a line: ``  12  L9  done  0.3 s  square(x=3) -> 9``."""
    line = f'L{child.line}' if child.line else ''
    outcome = child.error or values_text(child.results)
    call = f'{child.name}({values_text(child.arguments)})'
    return f'  {child.pk:<6} {line:<5} {child.status:<8} {counted(child.duration):>9}  {call}{f" -> {outcome}" if outcome else ""}'


def _show_report(run: Run, width: int) -> None:
    lines = [line for entry in run.report[-_FEW:] for line in entry.text.splitlines()][-_FEW:]
    if lines:
        more = f' (all of it: `verdi process report {run.pk}`)' if run.report_size > len(lines) else ''
        click.secho(f'\nreport{more}', bold=True)
        for line in lines:
            click.echo(f'  {cut_end(line, width - 2)}')


# -- its children and its steps


def show_children(node: Any, failed: bool, as_what: str) -> None:
    """Print the children of a run, as a table, JSON or CSV."""
    from aiida_dreamflow.view import look

    run = look(node)
    children = run.children.failed if failed else run.children
    if as_what == 'json':
        click.echo(json.dumps(children.rows(), indent=2, default=str))
        return
    if as_what == 'csv':
        _write_csv(children.rows())
        return
    if not children:
        what = 'has no child that failed' if failed else 'has launched no child yet'
        click.echo(f'{run.name} {run.pk} {what}')
        return
    children.fetch()
    width = _width() if sys.stdout.isatty() else 10_000
    click.secho(f'  {"PK":<6} {"line":<5} {"status":<8} {"time":>9}  call -> result', bold=True)
    for child in children:
        click.secho(cut_end(child_text(child), width), fg='red' if child.failed else None)
    click.echo(run.children.told())


def _write_csv(rows: list[dict[str, Any]]) -> None:
    flat = []
    for row in rows:
        values = {
            f'{group}.{name}': value for group in ('arguments', 'results') for name, value in row.pop(group).items()
        }
        flat.append({**row, **values})
    names = [*dict.fromkeys(name for row in flat for name in row)]
    writer = csv.DictWriter(click.get_text_stream('stdout'), names, lineterminator='\n')
    writer.writeheader()
    writer.writerows(flat)


def show_steps(node: Any) -> None:
    """Print the recorded steps of a run, a line each."""
    from aiida_dreamflow.view import look

    run = look(node)
    if run.forked_from is not None:
        old, number = run.forked_from
        click.echo(f'{number:6}  {clock(run.created)}  where this run began, as a fork of {old}')
    for step in run.steps:
        click.echo(f'{step.number:6}  {clock(step.time)}  L{step.began} to L{step.line}: {step.text}')
    if not run.steps:
        click.echo(f'{run.name} {run.pk} has no step yet, as it came to no await')


# -- a page


def write_page(node: Any, path: str) -> None:
    """Write a page that shows a run into a file."""
    from aiida_dreamflow.page import page
    from aiida_dreamflow.view import look

    Path(path).write_text(page(look(node)), encoding='utf-8', errors='backslashreplace')
    click.echo(f'{path}: open it in a browser')
