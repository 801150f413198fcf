"""The workflows of `test_printing`."""

from __future__ import annotations

import logging
import time

from aiida_dreamflow import checkpoint, run, workflow

logger = logging.getLogger(__name__)

#: Who had a turn, in order.
seen: list[str] = []


def nothing(x):
    """Give others a turn."""
    return x


@workflow
async def tells(name):
    """Print and log in each step."""
    for i in range(2):
        print(f'{name} prints {i}')
        logger.info('%s logs %d', name, i)
        logger.debug('nobody wants to know')
        await checkpoint()
    print('half a line', end='')
    try:
        1 / 0  # noqa: B018
    except ZeroDivisionError:
        logging.exception('%s fails', name)


@workflow
async def turns(name, others):
    """Print and log, and let others do so."""
    from engine.printing_workflows import seen

    for i in range(4):
        seen.append(name)
        print(f'{name} prints {i}')
        logger.warning('%s logs %d', name, i)
        await run.in_thread(nothing, x=i)
    return {'others': others}


@workflow
async def slow():
    """The second step takes a while, twice."""
    for _ in range(2):
        await checkpoint()
        time.sleep(0.3)
