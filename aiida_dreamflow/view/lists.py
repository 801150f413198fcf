"""`runs`: the runs of workflow functions, a few words each: four questions, however many there are."""

from __future__ import annotations

import datetime
from collections import Counter
from dataclasses import dataclass
from typing import Any

from ..engine.steps import frame_document
from .children import status_of
from .frames import frame_tasks, parts_of
from .reading import without_prefix
from .rows import ENDED, FrameRow, Rows

__all__ = ('RunLine', 'runs')


@dataclass
class RunLine:
    """A run in a line.

    :ivar name: the name of the workflow function.
    :ivar status: a word for a person, as that of a `Run`.
    :ivar created: when it was launched.
    :ivar ended: when it ended, ``None`` if it goes on.
    :ivar place: the line at which it waits, with its number; how it has failed, if it has.
    :ivar loops: position and length of the loops that it is in, from the outside in.
    :ivar counts: how many children there are of each status.
    :ivar last: what its report said last.
    """

    pk: int
    name: str
    status: str
    created: datetime.datetime
    ended: datetime.datetime | None
    place: str
    loops: list[tuple[int, int]]
    counts: Counter[str]
    last: str

    @property
    def duration(self) -> float:
        """Seconds from its launch to its end, or until now."""
        return ((self.ended or datetime.datetime.now(datetime.timezone.utc)) - self.created).total_seconds()


def runs(limit: int | None = 20, active: bool = False, backend: Any = None) -> list[RunLine]:
    """Return the last runs of workflow functions, the newest first.

    :param limit: how many at most.
    :param active: only those that go on.
    :param backend: a storage; that of the profile by default.
    """
    if backend is None:
        from aiida.manage import get_manager

        backend = get_manager().get_profile_storage()
    rows = Rows(backend)
    found = rows.runs(limit, active)
    pks = [row[0] for row in found]
    if not pks:
        return []
    counts: dict[int, Counter[str]] = {pk: Counter() for pk in pks}
    for pk, state, exit_status, job, paused, count in rows.counts(pks):
        counts[pk][status_of(state or 'created', int(exit_status or 0), job, str(paused) in ('1', 'true'))] += count
    last = rows.last_reports(pks)
    going = [row[0] for row in found if row[4] not in ENDED]
    frames = rows.last_frames(going) if going else {}
    return [_line(row, counts[row[0]], last.get(row[0], ''), frames.get(row[0])) for row in found]


def _line(row: Any, counts: Counter[str], last: str, frame: FrameRow | None) -> RunLine:
    pk, created, changed, name, state, exit_status, paused, place, exception, message = row
    state = state or 'created'
    ended = state in ENDED
    if ended:
        place = exception or message or ''
    entries = [line for line in without_prefix(last).splitlines() if line.strip()]
    return RunLine(
        pk,
        name or '',
        status_of(state, exit_status, is_paused=bool(paused)),
        created,
        changed if ended else None,
        place or '',
        _loops(frame) if frame is not None else [],
        counts,
        entries[-1] if entries else '',
    )


def _loops(frame: FrameRow) -> list[tuple[int, int]]:
    tasks = frame_tasks(parts_of(frame_document(frame.content), frame.read_file))
    return [
        (position, length)
        for call in (tasks[0].calls if tasks else ())
        for _, position, length in call.loops
        if position is not None and length is not None
    ]
