"""``make failpoints``: kill a worker at each point that an uninterrupted run reaches.

The points that the engine names are tried one by one, a run for each; the commits, of which there are many hundreds, some
at a time in one run, spread over it. Says at the end how many workers were killed, and what was wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from pathlib import Path

_HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(_HERE.parent.parent / 'examples'), str(_HERE.parent)]


def main() -> int:
    """Run it; return the exit status."""
    parser = argparse.ArgumentParser(prog='python -m tests.chaos.failpoints', description=__doc__)
    parser.add_argument('--seconds', type=float, default=float('inf'), help='begin no run after so many')
    parser.add_argument('--together', type=int, default=12, help='how many kills at commits in one run')
    parser.add_argument('--pair', choices=('sqlite', 'postgresql'), default='sqlite', help='database and broker')
    parser.add_argument('--part', default='1/1', help='2/5: the second of five parts of all runs')
    parser.add_argument('--first', type=int, default=1, help='the run to begin with, counted from 1')
    arguments = parser.parse_args()

    import throwaway

    with (
        tempfile.TemporaryDirectory(prefix='dreamflow-failpoints-') as folder,
        contextlib.ExitStack() as at_end,
    ):
        throwaway.use_folder(Path(folder))
        from chaos.experiments import Bench
        from chaos.places import new_profile

        profile, _ = new_profile(arguments.pair, Path(folder), at_end)
        bench = Bench(profile, Path(folder))
        commits = [point for point in bench.points if point[0].startswith('commit.')]
        runs = [[point] for point in bench.points if not point[0].startswith('commit.')]
        number = -(-len(commits) // arguments.together)
        runs = [*(commits[start::number] for start in range(number)), *runs]
        part, parts = map(int, arguments.part.split('/'))
        runs = runs[part - 1 :: parts][arguments.first - 1 :]
        print(f'{len(bench.points)} points, {len(commits)} of them commits: {len(runs)} runs', flush=True)
        return _try(bench, runs, time.monotonic() + arguments.seconds)


def _try(bench: object, runs: list[list[tuple[str, int]]], end: float) -> int:
    kills = wrong = done = 0
    for points in runs:
        if time.monotonic() > end:
            break
        try:
            killed, faults = bench.kill_at(*points)
        except RuntimeError as error:
            killed, faults = 0, [str(error)]
        kills, wrong, done = kills + killed, wrong + bool(faults), done + 1
        if faults:
            print(points, *faults, sep='\n  ', flush=True)
        elif done % 10 == 0:
            print(f'{done} runs, {kills} workers killed', flush=True)
    print(f'{done} of {len(runs)} runs, {kills} workers killed, {wrong} runs with faults')
    return bool(wrong)


if __name__ == '__main__':
    sys.exit(main())
