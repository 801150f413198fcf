"""What a workflow drops is dropped."""

from __future__ import annotations

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
