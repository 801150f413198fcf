# mypy: ignore-errors
# (It drives processes by inner parts of AiiDA that have no types.)
"""Many processes at once in one worker: steps a second, CPU time, memory."""

from __future__ import annotations

import argparse
import asyncio
import gc
import time
from typing import Any

from measuring import own_aiida, print_machine, print_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--processes', type=int, default=100)
    parser.add_argument('--steps', type=int, default=20)
    parser.add_argument('--no-calcfunctions', action='store_true', help='leave out what takes longest by far')
    options = parser.parse_args()
    print_machine()
    with own_aiida(poll_interval=0):
        import workloads

        kinds = {
            'a workflow': workloads.one_changes,
            'a work chain': workloads.Loop,
            'a work chain, a calcfunction a turn': workloads.CalcfunctionLoop,
        }
        if options.no_calcfunctions:
            kinds.popitem()
        _together(workloads.one_changes, 1, 2)  # what is made once
        rows = [(name, *_measured(process, options)) for name, process in kinds.items()]
    title = f'{options.processes} processes of {options.steps} steps at once in one worker, with what it takes to begin and to end them'
    print_table(title, ('', 'steps a second', 'ms a step', 'CPU ms a step', 'MB more', 'KB a process'), rows)


def _measured(process: Any, options: argparse.Namespace) -> tuple[str, ...]:
    import psutil

    gc.collect()
    before, cpu, wall = psutil.Process().memory_info().rss, time.process_time(), time.perf_counter()
    highest = _together(process, options.processes, options.steps)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    steps, more = options.processes * options.steps, max(0, highest - before)
    rates = f'{steps / wall:.0f}', f'{1000 * wall / steps:.1f}', f'{1000 * cpu / steps:.1f}'
    return (*rates, f'{more / 1e6:.1f}', f'{more / 1e3 / options.processes:.0f}')


def _together(process_class: Any, number: int, steps: int) -> int:
    """Run so many at once; return how much memory was taken at most."""
    import psutil
    from aiida.manage import get_manager
    from aiida.orm import Int

    runner, own, highest = get_manager().create_runner(communicator=None), psutil.Process(), 0

    async def run() -> None:
        nonlocal highest
        processes = [runner.instantiate_process(process_class, n=Int(steps)) for _ in range(number)]
        tasks = {asyncio.create_task(process.step_until_terminated()) for process in processes}
        while tasks:
            highest = max(highest, own.memory_info().rss)
            _, tasks = await asyncio.wait(tasks, timeout=0.5, return_when=asyncio.FIRST_COMPLETED)
        failed = [process.node.pk for process in processes if not process.node.is_finished_ok]
        assert not failed, failed

    runner.loop.run_until_complete(run())
    return highest


if __name__ == '__main__':
    main()
