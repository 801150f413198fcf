"""``dreamflow fork``: the launch of a new run from a step of an old one."""

from __future__ import annotations

from typing import Any

import click


def launch(node: Any, step: int | None, edited: bool, retry: bool | None) -> None:
    """Launch a new run, and say which; before that, whether it fails at once."""
    from aiida import engine

    from aiida_dreamflow.engine.forking import fork, warning_of

    builder = fork(node, step, edited=edited, retry=retry)
    if retry is None and not edited and (warning := warning_of(node, builder)):
        raise click.ClickException(f'{warning}; `--no-retry` begins it nevertheless')
    new = engine.submit(builder)
    click.echo(f'launched {new.process_label} {new.pk}, a {new.description}')
