"""``dreamflow fork``: a list of the steps of a run, and the launch of a new run from one of them."""

from __future__ import annotations

from typing import Any

import click


def show_steps(node: Any) -> None:
    """Print the recorded steps of a run, a line each."""
    from aiida_dreamflow.engine.forking import recorded_steps

    steps = list(recorded_steps(node))
    for step in steps:
        click.echo(f'{step.number:6}  {step.time:%Y-%m-%d %H:%M:%S}  {step.place}')
    if not steps:
        click.echo(f'{node.process_label} {node.pk} has no step to begin from, as it came to no await: launch it anew')


def launch(node: Any, step: int | None, edited: bool, retry: bool) -> None:
    """Launch a new run, and say which."""
    from aiida import engine

    from aiida_dreamflow.engine.forking import fork

    new = engine.submit(fork(node, step, edited=edited, retry=retry))
    click.echo(f'launched {new.process_label} {new.pk}, a {new.description}')
