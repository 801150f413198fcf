"""A large array in a workflow: steps that do not touch it, steps that change it, and the repository alone."""

from __future__ import annotations

import argparse
import io
import itertools
import os
from typing import Any

from measuring import (
    add_clock_option,
    interleaved,
    milliseconds,
    now,
    own_aiida,
    print_machine,
    print_table,
    ratio,
    taken_ticks,
    use_clock,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--megabytes', type=int, default=100)
    parser.add_argument('--steps', type=int, default=5, help='of each run')
    parser.add_argument('--rounds', type=int, default=3)
    add_clock_option(parser)
    options = parser.parse_args()
    use_clock(options.cpu)
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
                return min(times[1:])

            return measure

        def repository() -> float:
            data = os.urandom(8) * size
            started = now()
            get_manager().get_profile_storage().get_repository().put_object_from_filelike(io.BytesIO(data))
            return now() - started

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
