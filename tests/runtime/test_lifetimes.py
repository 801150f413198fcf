"""What a workflow drops is dropped."""

from __future__ import annotations

import gc
import weakref

import pytest

from aiida_dreamflow import checkpoint
from aiida_dreamflow.testing import run_in_memory


class _Thing:
    pass


@pytest.mark.parametrize('rounds', [1, 3])
def test_a_deleted_value_is_gone_at_once(rounds):
    async def workflow():
        thing = _Thing()
        find = [weakref.ref(thing)]
        for _ in range(rounds):
            await checkpoint()
        there = find[0]() is thing
        del thing
        return there, find[0]()

    assert run_in_memory(workflow, restart=False) == (True, None)


async def catches():
    things = [_Thing()]
    find = weakref.ref(things[0])
    try:
        _, _ = things
        await checkpoint()
    except ValueError:
        pass
    await checkpoint()
    del things
    return find() is None


async def catches_of_a_helper():
    async def raises(things):
        await checkpoint()
        raise ValueError(len(things))

    things = [_Thing()]
    find = weakref.ref(things[0])
    try:
        await raises(things)
    except ValueError:
        await checkpoint()
    del things
    return find() is None


async def catches_by_name():
    things = [_Thing()]
    find = weakref.ref(things[0])
    try:
        _, _ = things
        await checkpoint()
    except ValueError as error:
        await checkpoint()
        str(error)
    del things
    return find() is None


@pytest.mark.parametrize('restart', [False, True])
@pytest.mark.parametrize('function', [catches, catches_by_name, catches_of_a_helper])
def test_an_exception_that_is_over_keeps_nothing_alive(function, restart):
    """Not until the garbage is collected: what is in the variables may be large."""
    gc.collect()
    gc.disable()
    try:
        assert run_in_memory(function, restart=restart)
    finally:
        gc.enable()
