"""How long to wait: what is a number of seconds, and what is not, with and without a restart."""

from __future__ import annotations

import datetime
from decimal import Decimal
from math import inf, nan

import numpy
import pytest

from aiida_dreamflow import sleep, timeout, wait, wait_for
from aiida_dreamflow.testing import run_in_memory


async def by_sleep(seconds):
    await sleep(seconds)
    return 'slept'


async def by_timeout(seconds):
    async with timeout(seconds):
        await sleep(1)
    return 'slept'


async def nap():
    await sleep(1)
    return 'slept'


async def by_wait_for(seconds):
    return await wait_for(nap(), seconds)


async def by_wait(seconds):
    from aiida_dreamflow import create_task

    done, _ = await wait([create_task(nap())], timeout=seconds)
    return (await done.pop()) if done else 'nothing'


ALL = pytest.mark.parametrize('workflow', [by_sleep, by_timeout, by_wait_for, by_wait])
RESTART = pytest.mark.parametrize('restart', [False, True])


@RESTART
@ALL
@pytest.mark.parametrize('seconds', [2, 2.5, True, numpy.float64(3), numpy.int64(3), Decimal('2.5'), 1e300])
def test_numbers(workflow, seconds, restart):
    if seconds is True and workflow is not by_sleep:
        seconds = 2
    assert run_in_memory(workflow, seconds, restart=restart) == 'slept'


@ALL
@pytest.mark.parametrize(
    ('seconds', 'error', 'text'),
    [
        (nan, ValueError, r'\(nan\)`: the seconds are not a number'),
        ('1', TypeError, 'takes a number of seconds, not a `str`'),
        (datetime.timedelta(seconds=1), TypeError, r'not a `timedelta`: `\w+\(x.total_seconds\(\)\)`'),
        ([1], TypeError, 'not a `list`'),
    ],
)
def test_what_is_no_number(workflow, seconds, error, text):
    with pytest.raises(error, match=text):
        run_in_memory(workflow, seconds)


@RESTART
@pytest.mark.parametrize('seconds', [inf, None, 10**400])
@pytest.mark.parametrize('workflow', [by_timeout, by_wait_for, by_wait])
def test_no_limit(workflow, seconds, restart):
    assert run_in_memory(workflow, seconds, restart=restart) == 'slept'


@pytest.mark.parametrize('seconds', [inf, 10**400])
def test_a_sleep_that_would_never_end(seconds):
    with pytest.raises(ValueError, match='would never end'):
        run_in_memory(by_sleep, seconds)


def test_a_sleep_needs_a_number():
    with pytest.raises(TypeError, match='not a `NoneType`'):
        run_in_memory(by_sleep, None)


@pytest.mark.parametrize('seconds', [0, -1, -inf, -(10**400)])
def test_no_time_at_all(seconds):
    assert run_in_memory(by_sleep, seconds) == 'slept'
