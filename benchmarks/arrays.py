"""A large array in a workflow: steps that do not touch it, steps that change it, and the repository alone."""

from __future__ import annotations

import argparse
import io
import itertools
import os
import statistics
import time
from typing import Any

from measuring import interleaved, milliseconds, own_aiida, print_machine, print_table, ratio, taken_ticks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--megabytes', type=int, default=100)
    parser.add_argument('--steps', type=int, default=5, help='of each run')
    parser.add_argument('--rounds', type=int, default=3)
    options = parser.parse_args()
    print_machine()
    with own_aiida(poll_interval=0):
        from aiida.engine import run_get_node
        from aiida.manage import get_manager

        import workloads

        size = options.megabytes * 125_000

        def a_step(process: Any, size: int) -> Any:
            def measure() -> float:
                run_get_node(process, n=options.steps, size=size)
                times = [after - before for before, after in itertools.pairwise(taken_ticks())]
                return statistics.median(times[1:])

            return measure

        def repository() -> float:
            data = os.urandom(8) * size
            started = time.perf_counter()
            get_manager().get_profile_storage().get_repository().put_object_from_filelike(io.BytesIO(data))
            return time.perf_counter() - started

        found = interleaved(
            {
                'no array': a_step(workloads.array_untouched, 1),
                'an array not touched': a_step(workloads.array_untouched, size),
                'an array changed': a_step(workloads.array_changed, size),
                'the repository alone': repository,
            },
            options.rounds,
        )
        print_table(
            f'A step beside an array of {options.megabytes} MB; {options.rounds} rounds',
            ('', 'ms', 'range', 'over the repository'),
            [
                (name, *milliseconds(times), ratio(times, found['the repository alone']))
                for name, times in found.items()
            ],
        )


if __name__ == '__main__':
    main()
