"""``dreamflow stack``: where a run is, in the form of a traceback with the variables."""

from __future__ import annotations

from typing import Any

import click


def show_stack(node: Any, step: int | None) -> None:
    """Print the calls in progress of each task of a run."""
    from aiida_dreamflow.engine.stack import stack_of

    found = stack_of(node, step)
    state = node.process_state.value if node.process_state else 'not running yet'
    when = '' if found.time is None else f' ({found.time.astimezone():%Y-%m-%d %H:%M:%S})'
    click.echo(f'{node.process_label} {node.pk}, {state}: after step {found.step}{when}')
    for task in found.tasks:
        name = f'{task.name} ' if len(found.tasks) > 1 else ''
        click.echo(f'\n{name}waits for {task.waits_for}')
        for call in task.calls:
            click.echo(f'  File "{call.filename}", line {call.line}, in {call.function}')
            click.echo(f'    {call.text}')
            width = max((len(variable.name) for variable in call.variables), default=0)
            for variable in call.variables:
                where = '' if variable.node is None else f'   # {type(variable.node).__name__} {variable.node.pk}'
                click.echo(f'      {variable.name:{width}} = {variable.text}{where}')
    running = [child for child in node.called if not child.is_terminated]
    for child in running:
        click.echo(f'\nstill runs: {child.process_label} {child.pk}, {child.process_state.value}')
