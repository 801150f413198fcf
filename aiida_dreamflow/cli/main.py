"""The group of commands; each command imports what it needs when it is called, so that ``--help`` is quick."""

from __future__ import annotations

import click


@click.group(context_settings={'help_option_names': ['-h', '--help']})
@click.version_option(package_name='aiida-dreamflow', prog_name='dreamflow')
def dreamflow() -> None:
    """Look at workflows written as Python functions."""


@dreamflow.command()
@click.argument('target', metavar='FILE.py:FUNCTION')
def show(target: str) -> None:
    """Print the program that a function is compiled to: its steps and jumps.

    The file is imported for this, the function is not called.
    """
    from aiida_dreamflow.cli import showing

    showing.show(target)
