"""What the await points call. Each visit is noted, so that a run which skips or repeats something shows.

The notes belong to the world around the workflow, not to its frame: a restart leaves them alone.
"""

from __future__ import annotations

from typing import Any

from aiida_dreamflow import checkpoint

#: At how many visits of a point in a loop the workflow suspends for certain; later it does at every power of two.
ALWAYS = 12
#: How many visits are noted one by one.
NOTED = 4000

visits: list[tuple[int, str]] = []
_counts: dict[int, int] = {}


def _visit(number: int, said: str = '') -> bool:
    """Note a visit; return whether the workflow should suspend."""
    count = _counts[number] = _counts.get(number, 0) + 1
    if len(visits) < NOTED:
        visits.append((number, said))
    return count <= ALWAYS or count & (count - 1) == 0


def total() -> int:
    """Return how many visits there were."""
    return sum(_counts.values())


def at(number: int) -> Any:
    """Return something to await: a place that is visited once, or a few times."""
    _visit(number)
    return checkpoint()


async def here(number: int) -> None:
    """Stop at a place that may be visited often."""
    if _visit(number):
        await checkpoint()


async def passing(number: int, value: Any) -> Any:
    """Stop, and return a value."""
    if _visit(number, type.__getattribute__(type(value), '__name__')):
        await checkpoint()
    return value
