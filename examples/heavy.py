"""A workflow that computes on the worker's own machine: many random walks, side by side, off the event loop."""

from __future__ import annotations

import random
from typing import Any

from aiida_dreamflow import gather, run, workflow


def mean_distance(seed: int, walkers: int, steps: int) -> float:
    """How far walkers on a line get, on average; pure Python, so it keeps a core busy."""
    generator = random.Random(seed)
    total = sum(abs(sum(generator.choice((-1, 1)) for _ in range(steps))) for _ in range(walkers))
    return total / walkers


@workflow
async def walks(n: int = 4, walkers: int = 1000, steps: int = 100) -> dict[str, Any]:
    """Walk in `n` processes at once."""
    distances = await gather(*[run(mean_distance, seed, walkers, steps) for seed in range(n)])
    print(f'{n} groups of walkers: {distances}')
    return {'distances': distances, 'mean': sum(distances) / n}
