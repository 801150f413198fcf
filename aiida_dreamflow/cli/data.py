"""The group ``verdi data dreamflow``: look at values, and turn pickles off or on for the profile."""

from __future__ import annotations

from typing import Any

import click
from aiida.cmdline.params import arguments, types
from aiida.cmdline.utils import decorators, echo

__all__ = ('dreamflow_data',)

#: How deep a value is shown that is too deep to be shown whole.
_DEPTH = 50


@click.group('dreamflow')
def dreamflow_data() -> None:
    """Look at Python values that workflows have stored (aiida-dreamflow)."""


@dreamflow_data.command()
@arguments.DATA(type=types.DataParamType(sub_classes=('aiida.data:dreamflow.value',)))
@decorators.with_dbenv()
def show(data: tuple[Any, ...]) -> None:
    """Print values in full, with their types and files.

    A value that this profile may not load is shown as it looked when it was stored.
    """
    from aiida_dreamflow.exceptions import DreamflowError

    for node in data:
        echo.echo(f'{node.python_type}, node {node.pk}', bold=True)
        try:
            echo.echo(_formatted(node.value))
        except DreamflowError as error:
            echo.echo(node.base.attributes.get('repr'))
            echo.echo_warning(str(error))
        for name in node.base.repository.list_object_names():
            echo.echo(f'file: {name}')


def _formatted(value: object) -> str:
    from pprint import pformat

    try:
        return pformat(value)
    except RecursionError:
        return pformat(value, depth=_DEPTH, width=10 * _DEPTH)  # narrower, it goes on below that depth


@dreamflow_data.command()
@click.argument('state', type=click.Choice(['on', 'off', 'status']), default='status')
@decorators.with_dbenv()
def pickles(state: str) -> None:
    """Say whether this profile pickles values of unknown classes and loads them; turn that on or off."""
    from aiida_dreamflow.values.pickling import pickles_allowed, set_pickles

    if state != 'status':
        set_pickles(state == 'on')
    echo.echo(f'pickles are {"on" if pickles_allowed() else "off"}')
