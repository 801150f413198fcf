"""Submit the optimisation of ``optimize.py`` to a daemon and watch it, in an AiiDA of its own in ``.demo``.

Needs nothing but this Python environment, and touches no AiiDA but its own: `make demo` builds the one and runs the other.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from rich.console import Console

import throwaway

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

HERE = Path(__file__).resolve().parent
N_ITERATIONS = 10
POLL = 0.2
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_received: list[int] = []


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
        _watch(console, node, timeout)
        ok = _tell_result(console, node)
        _tell_how_to_look(console, node, folder)
    finally:
        _ignore_signals()
        if _received:
            console.print('\nInterrupted; the daemon is being stopped.')
        daemon.__exit__(None, None, None)
    console.print(f'The daemon is stopped. All this took {time.monotonic() - started:.0f} s.')
    return 0 if ok else 1


def _watch(console: Console, node: ProcessNode, timeout: float) -> None:
    """Do what `dreamflow watch` does, which any process could: it asks the database, and nothing else."""
    from aiida_dreamflow.cli.watching import watch

    watch(node, POLL, plain=not console.is_terminal, until_end=True, timeout=timeout)
    if _received:  # where the exception was raised, somebody has swallowed it
        sys.exit(128 + _received[0])
    if not node.is_terminated:
        raise SystemExit(f'Process {node.pk} has not ended; it goes on when its daemon is started again.')


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
    dreamflow = Path(sys.executable).parent / 'dreamflow'
    for command in ('show', 'watch', 'children'):
        console.print(f'  {_quoted(_short(dreamflow))} {command} {node.pk}', soft_wrap=True)
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
