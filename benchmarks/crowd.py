# mypy: ignore-errors
# (It drives processes by inner parts of AiiDA that have no types.)
"""Many processes at once in one worker: steps a second, CPU time, memory."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import subprocess
import sys
import time
from typing import Any

from measuring import own_aiida, print_machine, print_table

KINDS = {
    'one_changes': 'a workflow',
    'Loop': 'a work chain',
    'CalcfunctionLoop': 'a work chain, a calcfunction a turn',
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--processes', type=int, default=100)
    parser.add_argument('--steps', type=int, default=20)
    parser.add_argument('--kinds', nargs='*', choices=KINDS, default=list(KINDS), help='all but the last take minutes')
    parser.add_argument('--only', choices=KINDS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        with own_aiida(poll_interval=0):
            import workloads

            print(json.dumps(_measured(getattr(workloads, options.only), options)))
        return
    print_machine()
    # Each in a process of its own: memory that one has given back would be there for the next.
    rows = [(KINDS[kind], *_apart(kind, options)) for kind in options.kinds]
    title = f'{options.processes} processes of {options.steps} steps at once in one worker; with what it takes to begin and end them'
    print_table(title, ('', 'steps a second', 'ms a step', 'CPU ms a step', 'MB more', 'KB a process'), rows)


def _apart(kind: str, options: argparse.Namespace) -> list[str]:
    command = [sys.executable, __file__, '--only', kind]
    command += ['--processes', str(options.processes), '--steps', str(options.steps)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _measured(process: Any, options: argparse.Namespace) -> tuple[str, ...]:
    import psutil

    _together(process, 1, 2)  # what is made once
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
