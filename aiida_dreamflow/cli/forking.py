"""``dreamflow fork``: the launch of a new run from a step of an old one."""

from __future__ import annotations

from typing import Any

import click


def launch(node: Any, step: int | None, edited: bool, retry: bool) -> None:
    """Launch a new run, and say which."""
    from aiida import engine

    from aiida_dreamflow.engine.forking import fork

    new = engine.submit(fork(node, step, edited=edited, retry=retry))
    click.echo(f'launched {new.process_label} {new.pk}, a {new.description}')
