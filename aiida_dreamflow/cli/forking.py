"""``dreamflow fork``: the launch of a new run from a step of an old one."""

from __future__ import annotations

from typing import Any

import click


def launch(node: Any, step: int | None, edited: bool, retry: bool | None, is_sure: bool = False) -> None:
    """Launch a new run, and say which; before that, whether it fails at once, and ask if there seems to be no reason for it.

    :param is_sure: whether not to ask.
    """
    from aiida import engine

    from aiida_dreamflow.engine.forking import fork, warning_of

    builder = fork(node, step, edited=edited, retry=retry)
    if retry is None and not edited and (warning := warning_of(node, builder)):
        raise click.ClickException(f'{warning}; `--no-retry` begins it nevertheless')
    if step is None and not edited and retry is None and node.is_finished_ok and not is_sure:
        run = f'{node.process_label} {node.pk}'
        click.confirm(
            f'{run} has ended well; do its last step again, with the same source? (`--step N` begins earlier)',
            abort=True,
        )
    new = engine.submit(builder)
    click.echo(f'launched {new.process_label} {new.pk}, a {new.description}')
