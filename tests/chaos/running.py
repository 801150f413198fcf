"""The workflows that run while the agent does damage."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from . import workflows
from .invariants import expected_of, is_lost_folder, orphans, unsealed, violations

__all__ = ('Running',)


class Running:
    """Workflows under the daemon of the loaded profile.

    :param folder: for the files of their jobs.
    :ivar going: those that have not ended, by pk, with the files of their jobs.
    :ivar ended: those that have.
    :ivar folders: how many folders AiiDA has retrieved and lost.
    """

    def __init__(self, folder: Path) -> None:
        from aiida import orm

        self._folder = folder
        before = orm.QueryBuilder().append(orm.Node, project='id').order_by({orm.Node: {'id': 'desc'}})
        self._first = before.first(flat=True) or 0
        self.going: dict[int, Path] = {}
        self.ended: dict[int, Path] = {}
        self.folders = 0
        self.expected: Any = None

    def measure(self) -> None:
        """Run one without any interruption: the others are compared with it."""
        from aiida import orm

        self._submit()
        ((pk, log),) = self.going.items()
        while self.going:
            self.keep(0)
            time.sleep(0.2)
        assert orm.load_node(pk).is_finished_ok, orm.load_node(pk).exit_message
        self.expected = expected_of(orm.load_node(pk), log)

    def _submit(self) -> None:
        from aiida import engine

        log = self._folder / f'log-{len(self.going) + len(self.ended)}'
        node = engine.submit(workflows.everything, log=str(log), seconds=0.1)
        self.going[node.pk] = log

    def keep(self, number: int) -> None:
        """Note which have ended; submit others until so many run."""
        from aiida import orm

        builder = orm.QueryBuilder()
        builder.append(
            orm.WorkChainNode, filters={'id': {'in': list(self.going) or [0]}, 'attributes.sealed': True}, project='id'
        )
        for pk in builder.all(flat=True):
            self.ended[pk] = self.going.pop(pk)
        while len(self.going) < number:
            self._submit()

    def unsealed(self) -> list[str]:
        """Return the processes of any of them that are not sealed."""
        return unsealed(self._first)

    def violations(self) -> list[str]:
        """Return what is wrong with any of them."""
        from aiida import orm

        every = {**self.ended, **self.going}
        nodes = [orm.load_node(pk) for pk in every]
        wrong = [fault for node in nodes for fault in violations(node, every[node.pk], self.expected)]
        left = orphans(self._first, nodes)
        self.folders = sum(map(is_lost_folder, left))
        return wrong + self.unsealed() + [fault for fault in left if not is_lost_folder(fault)]
