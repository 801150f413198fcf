# mypy: ignore-errors
# (It drives processes by inner parts of AiiDA that have no types.)
"""Does a step cost more after many? Time, bytes, links and memory per step, and a resume, after few steps and after many."""

from __future__ import annotations

import argparse
import contextlib
import gc
import itertools
import os
import resource
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from measuring import own_aiida, print_machine, print_table

EARLY = 100


class Stopped(BaseException):
    """The worker dies, as far as the workflow can tell."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--late', type=int, default=1000, help='compare the steps before this one with the first')
    parser.add_argument('--postgres', metavar='URL', help='postgresql://user:password@host:port/database, an empty one')
    parser.add_argument('--resumes', type=int, default=20, help='how many to take the median of')
    options = parser.parse_args()
    print_machine()
    with own_aiida(0, options.postgres) as folder:
        import workloads

        steps, resumes = [], []
        for name, process in (
            ('one int changes', workloads.one_changes),
            ('a list grows', workloads.list_grows),
            ("the README's loop", workloads.optimises),
            ('a generator is sent', workloads.generator_sent),
        ):
            early = _Run(process, EARLY, folder)
            late = _Run(process, options.late, folder)
            steps += [(name, *early.row(early)), ('', *late.row(early))]
            small, large = (statistics.median(run.resume() for _ in range(options.resumes)) for run in (early, late))
            resumes.append((name, f'{1000 * small:.0f}', f'{1000 * large:.0f}', f'{large / small:.2f}'))
        chain = _Run(workloads.CalcfunctionLoop, EARLY, folder)
        steps.append(('work chain, a calcfunction a turn', *chain.row(chain)))
        header = (
            '',
            'steps',
            'ms',
            'ratio',
            'bytes in database',
            'in repository',
            'links',
            'links in all',
            'MB of memory',
        )
        print_table(f'The last {EARLY // 2} steps of a run: CPU time, bytes and links per step, memory', header, steps)
        header = ('', f'ms, after {EARLY} steps', f'after {options.late}', 'ratio')
        print_table(f'A resume: load and one step; CPU time, median of {options.resumes}', header, resumes)


class _Run:
    """A run of a process that is stopped after some steps.

    :param folder: where AiiDA keeps everything.
    """

    def __init__(self, process: Any, steps: int, folder: Path) -> None:
        from aiida.engine import run_get_node
        from aiida.manage import get_manager

        self.steps = steps
        ticks: list[float] = []
        sizes: list[tuple[int, int]] = []

        def look() -> None:
            ticks.append(time.process_time())
            if len(ticks) in (steps // 2, steps):
                sizes.append(_sizes(folder))
                ticks[-1] = time.process_time()

        with contextlib.suppress(Stopped), _each_turn(look, steps + 1):
            run_get_node(process, n=steps + 1000)
        self.pk = _newest()
        self.links = _links_of_steps(self.pk)
        times = [after - before for before, after in itertools.pairwise(ticks[-EARLY // 2 :])]
        self.time = statistics.median(times)
        first, last = sizes
        self.database, self.repository = ((b - a) // (steps - steps // 2) for a, b in zip(first, last, strict=True))
        gc.collect()
        self.memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        self._runner = get_manager().create_runner(communicator=None)

    def row(self, early: _Run) -> tuple[str, ...]:
        ratio = f'{self.time / early.time:.2f}'
        found = (f'{self.steps}', f'{1000 * self.time:.1f}', ratio, f'{self.database}', f'{self.repository}')
        links = (f'{statistics.mean(self.links[-EARLY // 2 :]):.1f}', f'{sum(self.links)}') if self.links else ('', '')
        return (*found, *links, f'{self.memory}')

    def resume(self) -> float:
        """Load the process as a worker does, and make one step."""
        from plumpy import LoadSaveContext

        gc.collect()
        started = time.process_time()
        process = self._runner.persister.load_checkpoint(self.pk).unbundle(LoadSaveContext(runner=self._runner))
        with contextlib.suppress(Stopped), _each_turn(lambda: None, 2):
            self._runner.loop.run_until_complete(process.step_until_terminated())
        taken = time.process_time() - started
        process._lease.release()
        return taken


@contextlib.contextmanager
def _each_turn(look: Callable[[], None], last: int) -> Iterator[None]:
    """Look at each turn of a workload, and stop it before a turn."""
    from aiida_dreamflow.engine.execution import Execution

    import workloads

    turns = itertools.count(1)
    run_step, tick = Execution._run_step, workloads.tick

    def counted() -> None:
        if next(turns) == last:
            raise Stopped
        look()

    def step(self: Execution) -> Any:
        counted()
        return run_step(self)

    Execution._run_step, workloads.tick = step, lambda: None
    workloads.Loop.tick = staticmethod(counted)
    try:
        yield
    finally:
        Execution._run_step, workloads.tick = run_step, tick
        workloads.Loop.tick = staticmethod(tick)


def _sizes(folder: Path) -> tuple[int, int]:
    """Return the bytes of the database and of the repository."""
    files = (
        Path(place, name) for top in folder.glob('**/container') for place, _, names in os.walk(top) for name in names
    )
    return _database_size(folder), sum(path.stat().st_size for path in files)


def _database_size(folder: Path) -> int:
    if databases := [*folder.glob('**/database.sqlite*')]:
        return sum(path.stat().st_size for path in databases)
    from aiida.manage import get_manager
    from sqlalchemy import text

    session = get_manager().get_profile_storage().get_session()
    size: int = session.execute(text('select pg_database_size(current_database())')).scalar_one()
    return size


def _links_of_steps(pk: int) -> list[int]:
    """Return the number of links of each step of a workflow, in order: the call, inputs and outputs."""
    from aiida import orm

    counts = []
    for place in ('with_outgoing', 'with_incoming'):  # inputs and the caller, outputs
        query = orm.QueryBuilder().append(orm.WorkChainNode, filters={'id': pk}, tag='workflow')
        query.append(orm.CalcFunctionNode, with_incoming='workflow', tag='step', project='id')
        query.append(orm.Node, **{place: 'step'}, project='id')
        counts.append(Counter(step for step, _ in query.all()))
    both = counts[0] + counts[1]
    return [both[step] for step in sorted(both)]


def _newest() -> int:
    from aiida import orm

    found = orm.QueryBuilder().append(orm.WorkChainNode, project='id').order_by({orm.WorkChainNode: {'id': 'desc'}})
    pk: int = found.first(flat=True)
    return pk


if __name__ == '__main__':
    main()
