"""Code between awaits beside the same code in plain Python, and microseconds per await in memory."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from aiida_dreamflow import checkpoint
from aiida_dreamflow.testing import run_in_memory

from measuring import interleaved, milliseconds, print_machine, print_table, ratio

# -- the same functions are run plainly and compiled: they end in an await, which a plain run stops at


async def tight_loop(n: int) -> Any:
    total, i = 0, 0
    while i < n:
        if i % 3 == 0:
            total += i * i
        i += 1
    await checkpoint()
    return total


async def loop_in_try(n: int) -> Any:
    failures = 0
    for i in range(n):
        try:
            1 / (i % 7)
        except ZeroDivisionError:
            failures += 1
    await checkpoint()
    return failures


async def comprehensions(n: int) -> Any:
    squares = [i * i for i in range(n) if i % 2]
    by_rest = {rest: sum(s for s in squares[:1000] if s % 97 == rest) for rest in range(20)}
    largest = max(squares, key=lambda s: s % 1009)
    await checkpoint()
    return by_rest, largest


async def arrays(n: int) -> Any:
    x = np.linspace(0, 1, 1000)
    for _ in range(n // 100):
        x = np.sqrt(x * x + 1e-3) / (1 + x.mean())
    await checkpoint()
    return float(x.sum())


async def rare_await(n: int) -> Any:
    total = 0
    for i in range(n):
        total += i * i % 7
        if i % 100_000 == 99_999:
            await checkpoint()
    return total


async def nested_rare_await(n: int) -> Any:
    total = 0
    for i in range(n // 1000):
        for j in range(1000):
            total += i * j % 7
        if i % 100 == 99:
            await checkpoint()
    return total


async def awaits(n: int) -> Any:
    total = 0
    for i in range(n):
        total += i
        await checkpoint()
    return total


WORK = (tight_loop, loop_in_try, comprehensions, arrays, rare_await, nested_rare_await)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--turns', type=int, default=400_000)
    parser.add_argument('--awaits', type=int, default=2000)
    parser.add_argument('--rounds', type=int, default=9)
    options = parser.parse_args()
    print_machine()
    rows = []
    for function in WORK:
        run_in_memory(function, 10)  # compiles it
        found = interleaved(
            {
                'plain': _timed(_plainly, function, options.turns),
                'compiled': _timed(_compiled, function, options.turns),
            },
            options.rounds,
        )
        plain, compiled = found['plain'], found['compiled']
        lowest = f'{min(compiled) / min(plain):.3f}'
        rows.append((function.__name__, *milliseconds(plain), *milliseconds(compiled), ratio(compiled, plain), lowest))
    print_table(
        f'Code between awaits, {options.turns} turns; CPU time, {options.rounds} rounds',
        ('', 'plain, ms', 'range', 'compiled, ms', 'range', 'ratio', 'of the least'),
        rows,
    )
    found = interleaved(
        {
            'without a restart': _timed(_compiled, awaits, options.awaits),
            'with a restart at each': _timed(_restarted, awaits, options.awaits),
        },
        options.rounds,
    )
    print_table(
        f'An await in memory; {options.rounds} rounds of {options.awaits}',
        ('', 'least, microseconds', 'median'),
        [
            (name, *(f'{1e6 * taken / options.awaits:.1f}' for taken in (min(times), sorted(times)[len(times) // 2])))
            for name, times in found.items()
        ],
    )


def _timed(run: Callable[..., Any], function: Callable[..., Any], n: int) -> Callable[[], float]:
    def measure() -> float:
        started = time.process_time()
        run(function, n)
        return time.process_time() - started

    return measure


class _Nothing:
    """What a plain run awaits."""

    def __await__(self) -> Any:
        return
        yield


def _plainly(function: Callable[..., Any], n: int) -> Any:
    plain = _with_globals(function, checkpoint=_Nothing)(n)
    try:
        plain.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError('it waits for something')


def _with_globals(function: Any, **names: Any) -> Callable[..., Any]:
    return type(function)(function.__code__, function.__globals__ | names)  # type: ignore[no-any-return]


def _compiled(function: Callable[..., Any], n: int) -> Any:
    return run_in_memory(function, n, restart=False)


def _restarted(function: Callable[..., Any], n: int) -> Any:
    return run_in_memory(function, n, restart=True)


if __name__ == '__main__':
    main()
