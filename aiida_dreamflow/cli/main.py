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
        except click.ClickException as error:
            if os.environ.get('DREAMFLOW_TRACEBACK') == 'full' and error.__cause__ is not None:
                raise error.__cause__ from None
            raise
        except (DreamflowError, AiidaException) as error:
            if os.environ.get('DREAMFLOW_TRACEBACK') == 'full':
                raise
            raise click.ClickException(str(error)) from error


@click.group(cls=_Group, context_settings={'help_option_names': ['-h', '--help']})
@click.version_option(package_name='aiida-dreamflow', prog_name='dreamflow')
def dreamflow() -> None:
    """Look at workflows written as Python functions, and begin new runs from old ones."""


def _complete(what: str) -> Any:
    """Return what completes an argument; it is imported when it is needed."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> Any:
        from aiida_dreamflow.cli import completion

        return getattr(completion, what)(ctx, param, incomplete)

    return complete


_process_argument = click.argument('process', metavar='PK', shell_complete=_complete('runs'))
_profile_option = click.option('-p', '--profile', help='The AiiDA profile; the default one if not given.')


@dreamflow.command()
@click.argument('target', metavar='FILE.py:FUNCTION', shell_complete=_complete('targets'))
def program(target: str) -> None:
    """Print the program that a function is compiled to: its steps and jumps.

    The file is imported for this, the function is not called.
    """
    from aiida_dreamflow.cli import programs

    programs.show(target)


@dreamflow.command()
@click.argument('file', metavar='FILE.py')
def check(file: str) -> None:
    """Say of each workflow in FILE.py what it keeps at its awaits, and what is wrong with it.

    The file is imported for this, no function is called, and no AiiDA profile is needed.
    """
    from aiida_dreamflow.cli import checking

    checking.check(file)


_LAUNCHED: dict[str, Any] = {
    'ignore_unknown_options': True,
    'allow_interspersed_args': False,
    'help_option_names': ['--help'],
}


@dreamflow.command(context_settings=_LAUNCHED)
@_profile_option
@click.argument('target', metavar='FILE.py:FUNCTION', shell_complete=_complete('targets'))
@click.argument('arguments', metavar='[--name value]...', nargs=-1, type=click.UNPROCESSED)
def run(target: str, arguments: tuple[str, ...], profile: str | None) -> None:
    """Run a workflow function here, and print what it returns.

    Its parameters are options: `dreamflow run FILE.py:FUNCTION --help` lists them. Values are written as in Python; `pk:12` is a node.
    """
    from aiida_dreamflow.cli import running

    running.launch(target, [*arguments], profile, is_submitted=False, is_watched=False)


@dreamflow.command(context_settings=_LAUNCHED)
@click.option('-w', '--watch', 'is_watched', is_flag=True, help='Watch it.')
@_profile_option
@click.argument('target', metavar='FILE.py:FUNCTION', shell_complete=_complete('targets'))
@click.argument('arguments', metavar='[--name value]...', nargs=-1, type=click.UNPROCESSED)
def submit(target: str, arguments: tuple[str, ...], is_watched: bool, profile: str | None) -> None:
    """Submit a workflow function to the daemon.

    Its parameters are options: `dreamflow submit FILE.py:FUNCTION --help` lists them. Values are written as in Python; `pk:12` is a node.
    """
    from aiida_dreamflow.cli import running

    running.launch(target, [*arguments], profile, is_submitted=True, is_watched=is_watched)


@dreamflow.command()
@click.argument('process', metavar='[PK]', required=False, shell_complete=_complete('runs'))
@click.option(
    '--interval', type=click.FloatRange(0.1), default=1.0, show_default=True, help='Seconds between two looks.'
)
@click.option('--plain', is_flag=True, help='Print a line for each change, as without a terminal.')
@click.option('--until-end', is_flag=True, help='Leave the screen when the run has ended.')
@_profile_option
def watch(process: str | None, interval: float, plain: bool, until_end: bool, profile: str | None) -> None:
    """Watch the run PK as it goes on: source, loops, children, variables, report. Without a PK: the list of runs.

    The exit code is 0 if the run has ended well or the user has left, 1 if it has failed.
    """
    from aiida_dreamflow.cli import watching
    from aiida_dreamflow.cli.finding import find_run, load_profile

    if process is None:
        load_profile(profile)
        watching.watch_list(interval, plain)
    else:
        node = find_run(process, profile)
        if not watching.watch(node, interval, plain=plain, until_end=until_end) and node.is_terminated:
            raise click.exceptions.Exit(1)


@dreamflow.command('list')
@click.option(
    '-n', '--limit', type=click.IntRange(0), default=20, show_default=True, help='How many at most; 0 for all.'
)
@click.option('-a', '--active', is_flag=True, help='Only those that go on.')
@click.option('--json', 'as_json', is_flag=True, help='Print JSON.')
@_profile_option
def list_(limit: int, active: bool, as_json: bool, profile: str | None) -> None:
    """List the last runs of workflow functions: where each is, how far, and what it said last."""
    from aiida_dreamflow.cli import showing
    from aiida_dreamflow.cli.finding import load_profile

    load_profile(profile)
    showing.list_runs(limit, active, as_json)


@dreamflow.command()
@_process_argument
@_profile_option
def show(process: str, profile: str | None) -> None:
    """Show the run PK: its source with the line it is at, loops, variables, children, report, and how it failed."""
    from aiida_dreamflow.cli import showing
    from aiida_dreamflow.cli.finding import find_run

    showing.show_run(find_run(process, profile))


@dreamflow.command()
@_process_argument
@click.option('--failed', is_flag=True, help='Only those that failed.')
@click.option('--json', 'as_what', flag_value='json', help='Print JSON, one object a child.')
@click.option('--csv', 'as_what', flag_value='csv', help='Print CSV, one row a child.')
@_profile_option
def children(process: str, failed: bool, as_what: str | None, profile: str | None) -> None:
    """List what the run PK has launched: arguments, result or error, and how long each took."""
    from aiida_dreamflow.cli import showing
    from aiida_dreamflow.cli.finding import find_run

    showing.show_children(find_run(process, profile), failed, as_what or '')


@dreamflow.command()
@_process_argument
@_profile_option
def steps(process: str, profile: str | None) -> None:
    """List the recorded steps of the run PK: `stack`, `fork` and `run.at` take their numbers."""
    from aiida_dreamflow.cli import showing
    from aiida_dreamflow.cli.finding import find_run

    showing.show_steps(find_run(process, profile))


@dreamflow.command()
@_process_argument
@click.option(
    '-o', '--output', type=click.Path(dir_okay=False, writable=True), help='The file; run-PK.html if not given.'
)
@_profile_option
def html(process: str, output: str | None, profile: str | None) -> None:
    """Write a page that shows the run PK: one file, which needs no network."""
    from aiida_dreamflow.cli import showing
    from aiida_dreamflow.cli.finding import find_run

    node = find_run(process, profile)
    showing.write_page(node, output or f'run-{node.pk}.html')


@dreamflow.command()
@_process_argument
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
@_process_argument
@_profile_option
def kill(process: str, profile: str | None) -> None:
    """Kill the run PK, also if its worker does not answer, as a step of it does not end: then the worker is ended.

    Another worker goes on with all other runs that it had.
    """
    from aiida_dreamflow.cli import killing
    from aiida_dreamflow.cli.finding import find_run

    killing.kill(find_run(process, profile))


@dreamflow.command()
@_process_argument
@click.option('--step', type=int, help='The step to go on from; the last one recorded by default.')
@click.option('--edited', is_flag=True, help='Use the source that the file of the workflow has now.')
@click.option(
    '--retry/--no-retry',
    default=None,
    help='Whether to launch the children that failed there again, with the same inputs.',
)
@click.option(
    '--set',
    'others',
    multiple=True,
    metavar='NAME=VALUE',
    help='Another value for a variable; may be given several times.',
)
@click.option('-y', '--yes', 'is_sure', is_flag=True, help='Do not ask.')
@_profile_option
def fork(
    process: str,
    step: int | None,
    edited: bool,
    retry: bool | None,
    others: tuple[str, ...],
    is_sure: bool,
    profile: str | None,
) -> None:
    """Begin a new run where the run PK was after one of its steps.

    What the old run has done by then is not done again: neither its steps, nor the jobs it waited for. Without an option, of a run that has
    ended well, it asks first.
    """
    from aiida_dreamflow.cli import forking
    from aiida_dreamflow.cli.finding import find_run

    forking.launch(find_run(process, profile), step, edited, retry, is_sure, others)


@dreamflow.command()
@_profile_option
def doctor(profile: str | None) -> None:
    """Say whether profile, storage, broker, daemon and computers are fit to run workflows, and what to do if not.

    The exit code is 1 if something is wrong.
    """
    from aiida_dreamflow.cli import doctors
    from aiida_dreamflow.cli.finding import load_profile

    load_profile(profile)
    if not doctors.report():
        raise click.exceptions.Exit(1)
