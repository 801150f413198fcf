"""``dreamflow fork``: the launch of a new run from a step of an old one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click


def launch(
    node: Any, step: int | None, edited: bool, retry: bool | None, is_sure: bool = False, others: Sequence[str] = ()
) -> None:
    """Launch a new run, and say which; before that, whether it fails at once, and ask if there seems to be no reason for it.

    :param is_sure: whether not to ask.
    :param others: other values of variables, ``NAME=VALUE`` each.
    """
    from aiida import engine

    from aiida_dreamflow.engine.forking import fork, warning_of

    variables = dict(map(_variable, others))
    builder = fork(node, step, edited=edited, retry=retry, variables=variables)
    if retry is None and not edited and (warning := warning_of(node, builder)):
        raise click.ClickException(f'{warning}; `--no-retry` begins it nevertheless')
    if step is None and not edited and retry is None and not others and node.is_finished_ok and not is_sure:
        run = f'{node.process_label} {node.pk}'
        click.confirm(
            f'{run} has ended well; do its last step again, with the same source? (`--step N` begins earlier)',
            abort=True,
        )
    new = engine.submit(builder)
    click.echo(f'launched {new.process_label} {new.pk}, a {new.description}')


def _variable(text: str) -> tuple[str, Any]:
    """Return name and value of ``NAME=VALUE``."""
    from aiida_dreamflow.cli.running import value_of

    name, equals, value = text.partition('=')
    if not equals or not name.strip().isidentifier():
        raise click.BadParameter(f'`{text}` is not NAME=VALUE', param_hint='--set')
    return name.strip(), value_of(value.strip(), '--set')
