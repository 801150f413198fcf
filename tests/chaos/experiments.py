"""Runs of one workflow whose worker is killed at a failpoint; the next worker goes on."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import lone_worker
from .invariants import Expected, expected_of, is_lost_folder, orphans, unsealed, violations

__all__ = ('Bench',)


class Bench:
    """A place for experiments with :func:`~chaos.workflows.everything`.

    :param profile: the name of the profile.
    :param folder: where they leave their files.
    :ivar expected: what an uninterrupted run left.
    :ivar points: each failpoint that it reached, with how often it was reached until then, in order.
    :ivar names: how often each was reached.
    """

    def __init__(self, profile: str, folder: Path) -> None:
        self._profile, self._folder, self._count = profile, folder, 0
        place = self._place()
        pk = self._in_fork(_submit, place)
        self._in_fork(_work, place, plan=place)
        self.expected: Expected = self._in_fork(_look, place, pk)
        self.points = list(_reached(place))
        self.names = Counter(name for name, _ in self.points)

    def _place(self) -> Path:
        self._count += 1
        place = self._folder / str(self._count)
        (place / 'tasks').mkdir(parents=True)
        return place

    def _in_fork(self, function: Any, *args: Any, plan: Path | None = None) -> Any:
        return lone_worker.in_fork(self._profile, function, *args, plan=plan)

    def kill_at(self, *points: tuple[str, int], action: str = 'kill') -> tuple[int, list[str]]:
        """Run the workflow with workers that are killed at these points.

        :returns: how many were killed, and what is wrong afterwards.
        """
        place = self._place()
        (place / 'plan').write_text(''.join(f'{name} {number} {action}\n' for name, number in points))
        pk = self._in_fork(_submit, place)
        for killed in range(len(points) + 1):
            ended = self._in_fork(_work, place, plan=place)
            if ended != -signal.SIGKILL:
                break
        return killed, self._in_fork(_check, place, pk, self.expected)


def _reached(place: Path) -> Sequence[tuple[str, int]]:
    counts: Counter[str] = Counter()
    for line in (place / 'reached').read_text().splitlines():
        name = line.split()[0]
        counts[name] += 1
        yield name, counts[name]


# -- in processes of their own


def _submit(place: Path) -> int:
    from . import workflows

    runner = lone_worker.make_runner(lone_worker.FolderCommunicator(place / 'tasks'))
    return runner.submit(workflows.everything, {'log': str(place / 'log')}).pk


def _work(place: Path) -> None:
    lone_worker.work(place / 'tasks')


def _look(place: Path, pk: int) -> Expected:
    from aiida import orm

    node = orm.load_node(pk)
    assert node.is_finished_ok, (node.process_state, node.exception, node.exit_message)
    return expected_of(node, place / 'log')


def _check(place: Path, pk: int, expected: Expected) -> list[str]:
    from aiida import orm

    from aiida_dreamflow.jobs.abandoned import seal_ended

    # A worker that goes on living looks for these every few seconds; here it leaves when its tasks are done.
    seal_ended()
    node = orm.load_node(pk)
    first = min([pk, *(entry.node.pk for entry in node.base.links.get_incoming().all())]) - 1
    left = [fault for fault in orphans(first, [node]) if not is_lost_folder(fault)]
    return [*violations(node, place / 'log', expected), *unsealed(first), *left]
