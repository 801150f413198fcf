"""Many jobs: `submit.map` beside a job for each item; function jobs beside bare CalcJobs and aiida-pythonjob, under a daemon;
a workflow with many children in flight."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

from measuring import interleaved, milliseconds, own_aiida, print_machine, print_table, ratio


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--only', choices=('map', 'daemon', 'flight'), help='measure this alone')
    parser.add_argument('--items', type=int, default=1000, help='for `submit.map`')
    parser.add_argument('--single', type=int, default=10, help='how many of them as a job each')
    parser.add_argument('--jobs', type=int, default=100, help='under the daemon')
    parser.add_argument('--without-pythonjob', action='store_true', help='under the daemon')
    parser.add_argument('--children', type=int, default=1000, help='in flight')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--workers', type=int, default=1, help='of the daemon')
    options = parser.parse_args()
    print_machine()
    with own_aiida(0):
        for name, measure in (('map', _map), ('daemon', _daemon), ('flight', _flight)):
            if options.only in (None, name):
                measure(options)


# -- `submit.map`


def _map(options: argparse.Namespace) -> None:
    import workloads

    measures = {
        'a job each': _per_item(workloads.one_job_each, options.single),
        'submit.map': _per_item(workloads.mapped, options.items),
    }
    found = interleaved(measures, options.rounds)
    rows = [(name, *milliseconds(times), ratio(found['a job each'], times)) for name, times in found.items()]
    print_table(
        f'An evaluation of a 10 ms function under engine.run; {options.items} of them mapped, {options.single} as a job each',
        ('', 'ms', 'range', 'times faster'),
        rows,
    )


def _per_item(process: Any, n: int) -> Callable[[], float]:
    from aiida.engine import run_get_node

    def measure() -> float:
        started = time.perf_counter()
        _require_ok(run_get_node(process, n=n)[1])
        return (time.perf_counter() - started) / n

    return measure


# -- function jobs under a daemon


def _daemon(options: argparse.Namespace) -> None:
    import sys

    from aiida.engine import submit
    from aiida.orm import InstalledCode, load_computer

    from aiida_dreamflow.values.nodes import to_node

    import throwaway
    import workloads

    python = InstalledCode(
        label='python', computer=load_computer('localhost'), filepath_executable=sys.executable
    ).store()
    n = options.jobs

    def bare() -> list[Any]:
        inputs: list[dict[str, Any]] = [{'x': to_node(1), 'y': to_node(2), 'code': python} for _ in range(n)]
        return [submit(workloads.PythonCalculation, each) for each in inputs]

    ways: dict[str, Callable[[], list[Any]]] = {
        'bare CalcJobs that run python': bare,
        'function jobs of one workflow': lambda: [submit(workloads.many_no_ops, n=n)],
    }
    if (pythonjob := _pythonjobs(n)) is not None and not options.without_pythonjob:
        ways['aiida-pythonjob'] = pythonjob
    with throwaway.running_daemon(options.workers) as daemon:
        submitted = [each for way in ways.values() for each in way()[:1]]  # the workers have imported everything then
        _wait(submitted)
        used: dict[str, list[float]] = {name: [] for name in ways}
        measures = {name: _timed(way, n, int(daemon.get_daemon_pid() or 0), used[name]) for name, way in ways.items()}
        found = interleaved(measures, options.rounds)
    bare_times, bare_used = (times['bare CalcJobs that run python'] for times in (found, used))
    rows = [
        (
            name,
            *milliseconds(found[name]),
            ratio(found[name], bare_times),
            *milliseconds(used[name]),
            ratio(used[name], bare_used),
        )
        for name in ways
    ]
    print_table(
        f'A job, of {n} under a daemon with {options.workers} worker(s); CPU time without that of the jobs',
        ('', 'ms', 'range', 'over bare', 'CPU ms', 'range', 'over bare'),
        rows,
    )


def _pythonjobs(n: int) -> Callable[[], list[Any]] | None:
    from aiida.engine import submit

    try:
        from aiida_pythonjob import PythonJob, prepare_pythonjob_inputs
    except ImportError:
        print('aiida-pythonjob is not installed, and left out')
        return None
    import workloads

    return lambda: [
        submit(PythonJob, prepare_pythonjob_inputs(workloads.no_op, computer='localhost')) for _ in range(n)
    ]


def _timed(way: Callable[[], list[Any]], n: int, daemon: int, used: list[float]) -> Callable[[], float]:
    import psutil

    def cpu() -> float:
        family = [psutil.Process(), *psutil.Process(daemon).children(recursive=True)]
        return sum(sum(process.cpu_times()[:2]) for process in family)

    def measure() -> float:
        started, before = time.perf_counter(), cpu()
        _wait(way())
        used.append((cpu() - before) / n)
        return (time.perf_counter() - started) / n

    return measure


def _wait(nodes: list[Any]) -> None:
    deadline = time.monotonic() + 1200
    for node in nodes:
        while not node.is_terminated:
            if time.monotonic() > deadline:
                raise SystemExit(f'{node.process_label} {node.pk} has not ended: {node.process_state}')
            time.sleep(0.2)
        _require_ok(node)


def _require_ok(node: Any) -> None:
    if not node.is_finished_ok:
        raise SystemExit(
            f'{node.process_label} {node.pk} ended {node.process_state}: {node.exit_message} {node.exception}'
        )


# -- children in flight


def _flight(options: argparse.Namespace) -> None:
    import psutil
    from aiida.engine import run_get_node

    from aiida_dreamflow.engine.execution import Execution
    from aiida_dreamflow.engine.workchain import FunctionWorkChain

    import workloads

    n, rows = options.children, []
    memory = psutil.Process().memory_info
    for process in (workloads.waits_for_all, workloads.waits_for_each):
        name = process.require_function().__name__
        _require_ok(run_get_node(process, n=2, until=time.time(), apart=0.0)[1])
        woken = _timing(FunctionWorkChain, '_on_child_ended', name)
        steps = _timing(Execution, '_run_step', name)
        before, most = memory().rss, 0
        _require_ok(run_get_node(process, n=n, until=time.time() + 0.15 * n, apart=0.01)[1])
        most = memory().rss
        tenth = max(1, n // 10)
        rows.append(
            (
                name,
                f'{(most - before) / n / 1024:.0f}',
                f'{1000 * statistics.median(woken[:tenth]):.2f}',
                f'{1000 * statistics.median(woken[-tenth:]):.2f}',
                str(len(steps)),
                f'{1000 * statistics.median(steps[1 : tenth + 1] or steps):.1f}',
                f'{1000 * statistics.median(steps[-tenth - 1 : -1] or steps):.1f}',
            )
        )
    print_table(
        f'A workflow with {n} children in flight, all in one process; CPU time',
        ('', 'KiB a child', 'woken, first tenth, ms', 'last', 'steps', 'a step, first tenth, ms', 'last'),
        rows,
    )


def _timing(owner: Any, method: str, name: str) -> list[float]:
    """Note how much CPU time each call of a method takes, of the workflow with this name."""
    plain, times = getattr(owner, method), []

    def timed(self: Any, *args: Any) -> Any:
        started = time.process_time()
        try:
            return plain(self, *args)
        finally:
            if getattr(self, 'process', self).function.__name__ == name:
                times.append(time.process_time() - started)

    setattr(owner, method, timed)
    return times


if __name__ == '__main__':
    main()
