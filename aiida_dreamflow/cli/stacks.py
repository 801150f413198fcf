"""``dreamflow stack``: where a run is, in the form of a traceback with the variables."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import click

from aiida_dreamflow.cli.words import clock, counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiida_dreamflow.view import Call, Task, Variable


def show_stack(node: Any, step: int | None) -> None:
    """Print the calls in progress of each task of a run."""
    from aiida_dreamflow.view import look

    run = look(node)
    moment = run.now if step is None else run.at(step)
    when = '' if moment.time is None else f' ({clock(moment.time)})'
    after = f': after step {moment.step}{when}' if moment.step else ': no step is recorded yet'
    click.echo(f'{run.name} {run.pk}, {run.status}{after}')
    if moment.problem:
        click.secho(moment.problem, fg='yellow')
    for task in moment.tasks:
        name = f'{task.name} ' if len(moment.tasks) > 1 else ''
        click.echo(f'\n{name}waits for {waited_for(task)}')
        for call in task.calls:
            _show_call(call)
        if task.returned:
            more = len(task.returned) - _NAMES
            click.echo(f'    returned{f", the last {_NAMES} of {len(task.returned):,}" if more > 0 else ""}:')
            _show_variables(task.returned[-_NAMES:])
    if run.children and step is None:
        click.echo(f'\n{run.children.told()}')
    if run.failure is not None and step is None:
        where = f' at L{run.failure.line}' if run.failure.line else ''
        click.secho(f'\nended{where}: {run.failure.message}', fg='red')


def _show_call(call: Call) -> None:
    where = 'at an unknown line' if call.line is None else f'line {call.line}'
    click.echo(f'  File "{call.filename}", {where}, in {call.function}')
    click.echo(f'    {call.text}')
    for loop in call.loops:
        if loop.length is not None:
            click.echo(f'    [{loop}]  L{loop.line} {loop.text}')
    _show_variables(call.variables)


def _show_variables(variables: Sequence[Variable]) -> None:
    width = max((len(variable.name) for variable in variables), default=0)
    for variable in variables:
        shown = variable.shown
        where = f'   # {shown.node_type} {shown.pk}' if shown.pk is not None else _KEPT.get(variable.kept, '')
        click.echo(f'      {variable.name:{width}} = {variable.text}{where}')


_KEPT = {'recipe': '   # made again at each await', 'handle': '   # under way'}


def waited_for(task: Task) -> str:
    """Return what a task waits for, in words."""
    if task.due is not None:
        left = (task.due - datetime.datetime.now(datetime.timezone.utc)).total_seconds()
        return f'{task.waits_for}, until {clock(task.due)}{f", {counted(left)} from now" if left > 0 else ""}'
    if task.total > 1:
        what = 'tasks' if task.tasks and not task.labels else 'children' if not task.tasks else 'children and tasks'
        open_ones = [*task.labels, *task.tasks]
        names = f': {", ".join(open_ones)}' if len(open_ones) <= _NAMES else ''
        return f'{task.waits_for} of {task.total:,} {what}, {task.ended:,} of which have ended{names}'
    names = ', '.join([*task.labels, *task.tasks])
    return f'{task.waits_for} {names}'.strip() if task.waits_for else 'its turn'


#: So many children or tasks are named.
_NAMES = 4
