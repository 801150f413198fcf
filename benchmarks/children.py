"""Milliseconds per awaited child, under engine.run and under a daemon, beside hand-written work chains and the child alone."""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Callable
from typing import Any

from measuring import interleaved, milliseconds, own_aiida, print_machine, print_table, ratio, taken_ticks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--children', type=int, default=5, help='of each run, one after the other')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--poll-interval', type=int, default=0, help="in seconds; AiiDA's own default is 1")
    parser.add_argument('--workers', type=int, default=1, help='of the daemon')
    parser.add_argument('--only', choices=('run', 'daemon'), help='measure under this one alone')
    options = parser.parse_args()
    print_machine()
    with own_aiida(options.poll_interval):
        from aiida.calculations.arithmetic.add import ArithmeticAddCalculation
        from aiida.engine import run_get_node
        from aiida.orm import InstalledCode, Int, load_code, load_computer

        from aiida_dreamflow.jobs.launch import function_job_inputs

        import throwaway
        import workloads

        InstalledCode(
            label='add',
            computer=load_computer('localhost'),
            filepath_executable='/bin/bash',
            default_calc_job_plugin='core.arithmetic.add',
        ).store()

        def add() -> dict[str, Any]:
            return {'x': Int(1), 'y': Int(2), 'code': load_code(workloads.CODE)}

        def no_op_job() -> tuple[Any, dict[str, Any]]:
            return function_job_inputs(workloads.no_op, {})

        groups: dict[str, dict[str, tuple[Any, Callable[[], dict[str, Any]] | None]]] = {
            'a child that does nothing': {
                'alone': (workloads.Nothing, dict),
                'awaited by a work chain': (workloads.NothingLoop, None),
                'awaited by a workflow': (workloads.await_nothing, None),
            },
            'a workflow that does nothing': {
                'alone': (workloads.nothing, dict),
                'awaited by a workflow': (workloads.await_workflow, None),
            },
            'a job, core.arithmetic.add': {
                'alone': (ArithmeticAddCalculation, add),
                'awaited by a work chain': (workloads.AddLoop, None),
                'awaited by a workflow': (workloads.await_add, None),
            },
            'a function job that does nothing': {
                'alone': (no_op_job()[0], lambda: no_op_job()[1]),
                'awaited by a workflow': (workloads.await_no_op, None),
            },
        }
        for where, launch in (('run', run_get_node), ('daemon', _submit_and_wait)):
            if options.only not in (None, where):
                continue
            with throwaway.running_daemon(options.workers) if where == 'daemon' else contextlib.nullcontext():
                measures = {
                    f'{child}, {how}': _measure(launch, process, inputs, options.children)
                    for child, ways in groups.items()
                    for how, (process, inputs) in ways.items()
                }
                if where == 'daemon':
                    _submit_and_wait(workloads.await_no_op, n=1)  # the worker has imported everything then
                found = interleaved(measures, options.rounds)
            title = 'engine.run' if where == 'run' else f'a daemon with {options.workers} worker(s)'
            rows = [
                (name, *milliseconds(times), ratio(times, found[f'{name.rpartition(", ")[0]}, alone']))
                for name, times in found.items()
            ]
            print_table(
                f'A child under {title}; {options.rounds} rounds of {options.children} children, '
                f'runner.poll.interval {options.poll_interval} s',
                ('', 'ms', 'range', 'over alone'),
                rows,
            )


def _measure(launch: Any, process: Any, inputs: Callable[[], dict[str, Any]] | None, n: int) -> Callable[[], float]:
    def alone() -> float:
        assert inputs is not None
        started = time.perf_counter()
        for _ in range(n):
            _require_ok(launch(process, **inputs()))
        return (time.perf_counter() - started) / n

    def awaited() -> float:
        times = []
        for number in (0, n):  # what the run itself costs, without children, is taken off
            started = time.perf_counter()
            _require_ok(launch(process, n=number))
            times.append(time.perf_counter() - started)
        taken_ticks()
        return (times[1] - times[0]) / n

    return awaited if inputs is None else alone


def _require_ok(launched: Any) -> None:
    node = launched[1] if isinstance(launched, tuple) else launched
    if not node.is_finished_ok:
        raise SystemExit(
            f'{node.process_label} {node.pk} ended {node.process_state}: {node.exit_message} {node.exception}'
        )


def _submit_and_wait(process: Any, **inputs: Any) -> Any:
    from aiida.engine import submit

    node = submit(process, **inputs)
    deadline = time.monotonic() + 300
    while not node.is_terminated:
        if time.monotonic() > deadline:
            raise SystemExit(f'{node.process_label} {node.pk} has not ended within 300 s: {node.process_state}')
        time.sleep(0.02)  # to look costs 3 ms, which the worker would miss
    return node


if __name__ == '__main__':
    main()
