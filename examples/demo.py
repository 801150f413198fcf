"""Submit the optimisation of ``optimize.py`` to a daemon and watch it, in an AiiDA of its own in ``.demo``.

Needs nothing but this Python environment, and touches no AiiDA but its own: `make demo` builds the one and runs the other.
"""

from __future__ import annotations

import argparse
import contextlib
import inspect
import re
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.syntax import Syntax

import throwaway

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

HERE = Path(__file__).resolve().parent
N_DOE, N_ITERATIONS = 3, 10
POLL = 0.2
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_received: list[int] = []


class Moment(NamedTuple):
    """What can be seen of the workflow at one moment."""

    line: str
    done: int


def main() -> int:
    """Run the demonstration; the result is the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--folder', type=Path, default=HERE.parent / '.demo', help='emptied first, kept afterwards')
    parser.add_argument('--workers', type=int, default=1, help='of the daemon')
    parser.add_argument('--timeout', type=float, default=300.0, help='in seconds; then the demonstration gives up')
    options = parser.parse_args()
    folder = options.folder.resolve()
    console = Console(highlight=False)
    # What ends a program from outside ends it as Ctrl-C does, so that the daemon is stopped.
    for number in STOPS:
        signal.signal(number, _stop)
    return _demonstrate(console, folder, options.workers, options.timeout)


def _stop(number: int, _: object) -> NoReturn:
    _ignore_signals()
    _received.append(number)
    sys.exit(128 + number)


def _ignore_signals() -> None:
    """A second Ctrl-C must not leave the daemon behind."""
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)


def _demonstrate(console: Console, folder: Path, workers: int, timeout: float) -> int:
    started = time.monotonic()
    with console.status(f'Making an AiiDA of its own in [bold]{_short(folder)}[/] ...') as status:
        throwaway.use_folder(folder, fresh=True)
        throwaway.create_profile('demo')
        from aiida import engine

        from optimize import opt_workflow

        status.update('Starting its daemon ...')
        daemon = throwaway.running_daemon(workers)
        daemon.__enter__()
    try:
        node = engine.submit(opt_workflow, n_iterations=N_ITERATIONS)
        console.print(f'Submitted [bold]opt_workflow[/] as process {node.pk}.')
        _watch(console, node, inspect.unwrap(getattr(opt_workflow, 'function', opt_workflow)), timeout)
        ok = _tell_result(console, node)
        _tell_how_to_look(console, node, folder)
    finally:
        _ignore_signals()
        if _received:
            console.print('\nInterrupted; the daemon is being stopped.')
        daemon.__exit__(None, None, None)
    console.print(f'The daemon is stopped. All this took {time.monotonic() - started:.0f} s.')
    return 0 if ok else 1


def _look(node: ProcessNode) -> Moment:
    """Ask the database, and nothing else: any process could do this, on this machine or another."""
    from aiida.orm import CalcJobNode, QueryBuilder, WorkChainNode

    line = str(node.base.attributes.get('stepper_state_info', ''))
    query = QueryBuilder().append(WorkChainNode, filters={'id': node.pk}, tag='workflow')
    ended = {'attributes.process_state': {'in': ['finished', 'excepted', 'killed']}}
    query.append(CalcJobNode, with_incoming='workflow', filters=ended)
    return Moment('' if line == 'None' else line, query.count())


def _watch(console: Console, node: ProcessNode, function: Any, timeout: float) -> None:
    """Show the workflow's source with the line it is at, and how far it is, until it has ended."""
    try:
        lines, first = inspect.getsourcelines(function)
    except (OSError, TypeError):
        lines, first = [], 1
    progress = Progress(
        SpinnerColumn(),
        TextColumn('{task.description}'),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn('evaluations'),
        TimeElapsedColumn(),
        console=console,
    )
    task = progress.add_task('submitted', total=N_DOE + N_ITERATIONS)

    def view(moment: Moment, ended: bool) -> Group:
        number = re.match(r'L(\d+)', moment.line)
        at = int(number[1]) if number and not ended else None
        source = Syntax(
            ''.join(lines).rstrip(),
            'python',
            line_numbers=True,
            start_line=first,
            line_range=None if at is None else _window(at - first + 1, len(lines), console.height - 4),
            highlight_lines={at} if at is not None else set(),
            theme='ansi_dark',
            background_color='default',
        )
        return Group(Panel(source, title=f'{node.process_label} ({node.pk})'), progress) if lines else Group(progress)

    shown = Moment('', -1)
    deadline = time.monotonic() + timeout
    live = Live(view(shown, False), console=console, refresh_per_second=8)
    with live if console.is_terminal else contextlib.nullcontext():
        while True:
            ended, moment = node.is_terminated, _look(node)
            state = node.process_state.value if node.process_state else 'submitted'
            progress.update(task, completed=moment.done, description=state)
            live.update(view(moment, ended))
            if not console.is_terminal and moment != shown:
                text = f'{moment.done:>4} of {N_DOE + N_ITERATIONS} done   {moment.line}'
                console.print(text, markup=False, no_wrap=True, overflow='ellipsis')
            shown = moment
            if _received:  # where the exception was raised, somebody has swallowed it
                sys.exit(128 + _received[0])
            if ended:
                return
            if time.monotonic() > deadline:
                raise SystemExit(f'Process {node.pk} has not ended within {timeout:.0f} s; its state: {state}.')
            time.sleep(POLL)


def _window(at: int, n_lines: int, height: int) -> tuple[int, int]:
    """Return the first and the last line to show, so that a low terminal shows line `at` and the progress below."""
    height = max(height, 3)
    first = max(1, min(at - height // 2, n_lines - height + 1))
    return first, min(first + height - 1, n_lines)


def _tell_result(console: Console, node: ProcessNode) -> bool:
    """Print what the workflow printed."""
    from aiida.orm import Log

    messages = [log.message for log in Log.collection.get_logs_for(node)]
    if node.is_finished_ok:
        spoken = [line for message in messages for line in message.splitlines() if 'Optimization f=' in line]
        for line in spoken:
            console.print(f'\n[bold green]{line[line.index("Optimization f=") :]}[/]\n', markup=True)
        return bool(spoken)
    console.print(
        f'\n[bold red]The workflow ended {node.process_state}[/]: {node.exit_message or node.exception or ""}'
    )
    for message in messages:
        console.print(message, markup=False)
    return False


def _tell_how_to_look(console: Console, node: ProcessNode, folder: Path) -> None:
    import provenance

    picture = folder / 'provenance.svg'
    provenance.draw(node, picture)
    verdi = Path(sys.executable).parent / 'verdi'
    console.print(f'Its provenance is drawn in [bold]{_short(picture)}[/]: open it in a browser.', soft_wrap=True)
    console.print('To look further:\n')
    console.print(f'  export AIIDA_PATH={_quoted(folder)}', soft_wrap=True)
    for command in ('process list -a', 'process status', 'process report', 'process show', 'node graph generate'):
        argument = '' if command.endswith('-a') else f' {node.pk}'
        note = '   # needs Graphviz' if 'graph' in command else ''
        console.print(f'  {_quoted(_short(verdi))} {command}{argument}[dim]{note}[/]', soft_wrap=True)
    console.print()


def _short(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _quoted(path: Path) -> str:
    import shlex

    return shlex.quote(str(path))


if __name__ == '__main__':
    sys.exit(main())
