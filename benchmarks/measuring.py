"""What the benchmarks share: an AiiDA of their own, interleaved rounds, plain tables."""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent

_ticks: list[float] = []
_clock = time.perf_counter


def add_clock_option(parser: argparse.ArgumentParser) -> None:
    """Let the user choose what is measured."""
    parser.add_argument('--cpu', action='store_true', help='measure CPU time: what else the machine does counts less')


def use_clock(cpu: bool) -> None:
    """Measure CPU time, or time as it goes by."""
    global _clock
    _clock = time.process_time if cpu else time.perf_counter


def now() -> float:
    """Return the time."""
    return _clock()


def tick() -> None:
    """Note the time. Called once a turn by everything that loops."""
    _ticks.append(_clock())


def taken_ticks() -> list[float]:
    """Return the times noted since the last call."""
    found = _ticks.copy()
    _ticks.clear()
    return found


@contextlib.contextmanager
def own_aiida(poll_interval: int, postgres: str | None = None) -> Iterator[Path]:
    """Make a profile in a temporary folder, and remove it at the end; AiiDA may be imported inside only.

    :param postgres: ``postgresql://user:password@host:port/database`` of an empty database, instead of SQLite.
    """
    sys.path.insert(0, str(ROOT / 'examples'))
    import throwaway

    # A worker of the daemon imports the hand-written work chains from here.
    os.environ['PYTHONPATH'] = os.pathsep.join(filter(None, (str(ROOT / 'benchmarks'), os.environ.get('PYTHONPATH'))))
    folder = Path(tempfile.mkdtemp(prefix='dreamflow-benchmark-'))
    try:
        throwaway.use_folder(folder)
        throwaway.create_profile('benchmark', storage=_storage(postgres, folder))
        from aiida.manage import get_config

        get_config().set_option('runner.poll.interval', poll_interval, scope='benchmark')
        get_config().store()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _storage(postgres: str | None, folder: Path) -> tuple[str, dict[str, Any]]:
    if postgres is None:
        return 'core.sqlite_dos', {}
    url = urlsplit(postgres)
    keys = ('database_hostname', 'database_port', 'database_username', 'database_password', 'database_name')
    values = (url.hostname, url.port, url.username, url.password, url.path.strip('/'))
    config = dict(zip(keys, values, strict=True))
    return 'core.psql_dos', {**config, 'repository_uri': (folder / 'repository').as_uri()}


def interleaved(measures: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Take each measure once a round, so that a slow minute of the machine falls on all of them."""
    found: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            found[name].append(measure())
    return found


def ratio(of: list[float], to: list[float]) -> str:
    """Return the median of the ratios of the rounds."""
    return f'{statistics.median(a / b for a, b in zip(of, to, strict=True)):.2f}'


def milliseconds(seconds: list[float]) -> tuple[str, str]:
    """Return median and range in milliseconds."""
    low, middle, high = (1000 * value for value in (min(seconds), statistics.median(seconds), max(seconds)))
    digits = 0 if middle >= 100 else 1
    return f'{middle:.{digits}f}', f'{low:.{digits}f} to {high:.{digits}f}'


def print_table(title: str, header: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a table in columns: the first to the left, the others to the right."""
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    print(f'\n{title}\n')
    for line in lines:
        first, *others = line
        cells = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))]
        print('  '.join(cells).rstrip())


def print_machine() -> None:
    """Print what the numbers were measured with."""
    from importlib.metadata import version

    print(
        f'Python {platform.python_version()}, aiida-core {version("aiida-core")}, '
        f'aiida-dreamflow {version("aiida-dreamflow")}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}'
    )
