"""The group of commands; each command imports what it needs when it is called, so that ``--help`` is quick."""

from __future__ import annotations

import os
from typing import Any

import click


class _Group(click.Group):
    """Commands whose errors are a line each, unless the user wants to see where they come from."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        from aiida.common.exceptions import AiidaException

        from aiida_dreamflow.exceptions import DreamflowError

        try:
            return super().invoke(ctx)
        except (DreamflowError, AiidaException) as error:
            if os.environ.get('DREAMFLOW_TRACEBACK') == 'full':
                raise
            raise click.ClickException(str(error)) from error


@click.group(cls=_Group, context_settings={'help_option_names': ['-h', '--help']})
@click.version_option(package_name='aiida-dreamflow', prog_name='dreamflow')
def dreamflow() -> None:
    """Look at workflows written as Python functions, and begin new runs from old ones."""


@dreamflow.command()
@click.argument('target', metavar='FILE.py:FUNCTION')
def show(target: str) -> None:
    """Print the program that a function is compiled to: its steps and jumps.

    The file is imported for this, the function is not called.
    """
    from aiida_dreamflow.cli import showing

    showing.show(target)


@dreamflow.command()
@click.argument('file', metavar='FILE.py')
def check(file: str) -> None:
    """Say of each workflow in FILE.py what it keeps at its awaits, and what is wrong with it.

    The file is imported for this, no function is called, and no AiiDA profile is needed.
    """
    from aiida_dreamflow.cli import checking

    checking.check(file)


_profile_option = click.option('-p', '--profile', help='The AiiDA profile; the default one if not given.')


@dreamflow.command()
@click.argument('process', metavar='PK')
@click.option('--step', type=int, help='The step to look at; the last one that waits for something by default.')
@_profile_option
def stack(process: str, step: int | None, profile: str | None) -> None:
    """Show where the run PK is: the calls in progress, and their variables with their nodes.

    It is read from the database: the daemon need not run, and nothing of the workflow is run.
    """
    from aiida_dreamflow.cli import stacks
    from aiida_dreamflow.cli.finding import find_run

    stacks.show_stack(find_run(process, profile), step)


@dreamflow.command()
@click.argument('process', metavar='PK')
@click.option('--step', type=int, help='The step to go on from; the last one recorded by default.')
@click.option('--edited', is_flag=True, help='Use the source that the file of the workflow has now.')
@click.option('--retry', is_flag=True, help='Launch the children that failed there again, with the same inputs.')
@click.option('--list', 'list_steps', is_flag=True, help='Only show the steps there are.')
@_profile_option
def fork(process: str, step: int | None, edited: bool, retry: bool, list_steps: bool, profile: str | None) -> None:
    """Begin a new run where the run PK was after one of its steps.

    What the old run has done by then is not done again: neither its steps, nor the jobs it waited for.
    """
    from aiida_dreamflow.cli import forking
    from aiida_dreamflow.cli.finding import find_run

    node = find_run(process, profile)
    if list_steps:
        forking.show_steps(node)
    else:
        forking.launch(node, step, edited, retry)
