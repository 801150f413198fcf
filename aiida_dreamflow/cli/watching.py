"""``dreamflow watch``: a run as it goes on; without a terminal a line for each change."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from aiida_dreamflow.cli.showing import children_text
from aiida_dreamflow.cli.words import cut

if TYPE_CHECKING:
    from aiida_dreamflow.view import Run

__all__ = ('follow', 'line_of', 'watch', 'watch_list')

#: The longest line of a change.
_WIDTH = 110


def watch(
    node: Any, interval: float = 1.0, *, plain: bool = False, until_end: bool = False, timeout: float | None = None
) -> bool:
    """Show a run until it has ended, or until the user leaves.

    :param interval: seconds between two looks.
    :param plain: whether to print lines though there is a terminal.
    :param until_end: whether the screen is left when the run has ended.
    :param timeout: leave after so many seconds in any case.
    :returns: whether it has ended well.
    """
    if plain or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return follow(node, interval, timeout)
    from aiida_dreamflow.cli.screens import WatchApp

    return WatchApp(node, interval, until_end=until_end, timeout=timeout).run() == 'done'


def watch_list(interval: float, plain: bool) -> None:
    """Show the list of runs, from which one can be chosen."""
    if plain or not (sys.stdin.isatty() and sys.stdout.isatty()):
        from aiida_dreamflow.cli.showing import list_runs

        list_runs(20, active=False, as_json=False)
        return
    from aiida_dreamflow.cli.screens import WatchApp

    WatchApp(None, interval).run()


def follow(node: Any, interval: float = 1.0, timeout: float | None = None) -> bool:
    """Print a line for each change, until the run has ended; returns whether it has ended well."""
    from aiida_dreamflow.view import look

    run, shown, reported = look(node), '', 0
    end = None if timeout is None else time.monotonic() + timeout
    click.echo(f'{run.name} {run.pk}: {run.source.filename}')
    while True:
        for entry in run.report:
            if entry.pk > reported:
                reported = entry.pk
                for line in entry.text.splitlines():
                    click.echo(f'         | {line}')
        if (text := line_of(run)) != shown:
            shown = text
            click.echo(f'{time.strftime("%H:%M:%S")} {text}')
        if run.ended is not None or (end is not None and time.monotonic() > end):
            return run.status == 'done'
        time.sleep(interval)
        run = run.again()


def line_of(run: Run) -> str:
    """Return where a run is, in a line."""
    if run.failure is not None:
        where = f' at L{run.failure.line}' if run.failure.line else ''
        return cut(f'{run.status}{where}: {run.failure.message}', _WIDTH)
    place = f'L{run.line} {run.tasks[0].calls[0].text}' if run.ended is None and run.tasks and run.line else ''
    loops = ', '.join(str(loop) for loop in run.loops if loop.length is not None) if run.ended is None else ''
    counts = children_text(run.children.counts())
    # Whether the workflow itself has its turn at this moment says little, and would be a line each time.
    status = 'running' if run.status == 'waiting' else run.status
    return cut('  '.join(filter(None, (status, loops and f'[{loops}]', counts, place))), _WIDTH)
