"""How long a kill takes while hundreds of jobs begin: workflows with many jobs each, in one worker, killed one after the other."""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

from measuring import own_aiida, print_machine, print_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--workflows', type=int, default=10)
    parser.add_argument('--jobs', type=int, default=30, help='of each workflow, all at once')
    parser.add_argument('--workers', type=int, default=1, help='of the daemon')
    parser.add_argument('--after', type=float, nargs='*', default=[1.0, 10.0, 30.0], help='seconds; a row for each')
    options = parser.parse_args()
    print_machine()
    # That of a new profile; with 0, AiiDA asks in every round of the loop whether a child has ended.
    with own_aiida(60):
        rows = [(f'{after:.0f} s after the launch', *_measured(options, after)) for after in options.after]
    print_table(
        f'Seconds that a kill takes; {options.workflows} workflows of {options.jobs} jobs, {options.workers} worker(s)',
        ('', 'processes then', 'median', 'longest', 'until nothing runs'),
        rows,
    )


def _measured(options: argparse.Namespace, after: float) -> tuple[str, ...]:
    from aiida import orm
    from aiida.engine import submit

    import throwaway
    import workloads

    with throwaway.running_daemon(options.workers):
        nodes: list[Any] = [submit(workloads.many_no_ops, n=options.jobs) for _ in range(options.workflows)]
        while orm.load_node(nodes[-1].pk).process_state.value == 'created':  # the worker starts
            time.sleep(0.1)
        time.sleep(after)
        processes = len(_running())
        taken = [_kill(node.pk) for node in nodes]
        killed = time.perf_counter()
        while _running():
            time.sleep(0.1)
        rest = time.perf_counter() - killed
    left = [node.pk for node in nodes if not node.is_killed]
    if left:
        raise SystemExit(f'not killed: {left}')
    return str(processes), f'{statistics.median(taken):.2f}', f'{max(taken):.2f}', f'{rest:.1f}'


def _kill(pk: int) -> float:
    """Kill a process as `verdi process kill` does; return how long the answer takes."""
    from aiida.manage import get_manager

    begin = time.perf_counter()
    answer = get_manager().get_process_controller().kill_process(pk, msg_text='Killed by a benchmark').result(60)
    while hasattr(answer, 'result'):  # RabbitMQ answers with a future of a future
        answer = answer.result(60)
    if answer is not True:
        raise SystemExit(f'the kill of {pk} was answered with {answer!r}')
    return time.perf_counter() - begin


def _running() -> list[int]:
    from aiida.orm import ProcessNode, QueryBuilder

    states = {'attributes.process_state': {'in': ['created', 'running', 'waiting']}}
    return QueryBuilder().append(ProcessNode, filters=states, project='id').all(flat=True)


if __name__ == '__main__':
    main()
