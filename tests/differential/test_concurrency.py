"""Every function of the corpus about concurrency shows under dreamflow what it shows under asyncio."""

from __future__ import annotations

import inspect
import sys

import pytest

from .asyncio_shims import seen_under_asyncio
from .comparing import seen_in_memory
from .corpus import concurrency, helpers, streams, timeouts

#: What asyncio of Python 3.10 says in other words; nor does it have `asyncio.timeout`.
NEWER = (
    'do_cancel_task',
    'do_cancelled_helper_uncaught',
    'do_wait_nothing',
    'do_wait_for_passes',
    'do_wait_for_in_gather',
)
#: Where asyncio names no cause for a `TimeoutError` until Python 3.11.3.
CAUSES = ('do_timeout_passes', 'do_timeout_uncaught')
MODULES = [concurrency, timeouts, streams]
if sys.version_info >= (3, 11):
    from .corpus import locks, task_groups  # semaphores of Python 3.10 are less fair

    MODULES += [task_groups, locks]
CASES = [
    pytest.param(function, id=name.removeprefix('do_'))
    for module in MODULES
    for name, function in vars(module).items()
    if name.startswith('do_') and inspect.iscoroutinefunction(function)
    if sys.version_info >= (3, 11, 4) or name not in CAUSES
    if sys.version_info >= (3, 11) or ('timeout' not in function.__code__.co_names and name not in NEWER)
]


@pytest.mark.parametrize('restart', [False, True], ids=['straight', 'restarted'])
@pytest.mark.parametrize('function', CASES)
def test_same_as_asyncio(function, restart):
    assert seen_in_memory(function, restart=restart) == seen_under_asyncio(function, [*MODULES, helpers])
