"""The workflows of `test_printing`."""

from __future__ import annotations

import logging
import time

from aiida.engine import ExitCode

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


def name_of_file():
    """A name that is no UTF-8, as `os.listdir` gives it."""
    return b'caf\xe9'.decode('utf-8', 'surrogateescape')


def raises_it():
    """Raise what no database takes."""
    raise FileNotFoundError(name_of_file())


@workflow
async def prints_no_text():
    """Print and log what no database takes."""
    print(name_of_file(), 'a\0b')
    logger.warning('%s', name_of_file())
    await checkpoint()


@workflow
async def raises_no_text():
    """Raise it."""
    await checkpoint()
    raise FileNotFoundError(name_of_file() + '\0')


@workflow
async def exits_with_no_text():
    """Give it as the message of an exit code."""
    await checkpoint()
    return ExitCode(7, name_of_file() + '\0')


@workflow
async def child_without_text():
    """Let a child fail with it."""
    await run(raises_it)


@workflow
async def returns_no_text(x):
    """Give it back, and as the name of an output."""
    await checkpoint()
    return {'x': x, 'y': [x, 'a\0b'], x: 1}
