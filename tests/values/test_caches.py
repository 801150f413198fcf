"""Functions with `functools.lru_cache` remember what they did."""

from __future__ import annotations

import functools

import pytest
from values.graphs import back

from aiida_dreamflow import checkpoint
from aiida_dreamflow.testing import run_in_memory

CALLS = [
    ((1,), {}), ((2.5,), {'x': 3}), (('a',), {}), ((1,), {}), ((7,), {}), (((1, 2),), {}), ((), {}),
    ((1, 2), {'y': 1, 'z': 2.0}), ((7,), {}), ((1.0,), {}), ((7,), {}),
]  # fmt: skip


@pytest.mark.parametrize('is_typed', [False, True])
@pytest.mark.parametrize('size', [None, 3, 1, 0])
def test_answers_and_counts_go_on(size, is_typed):
    @functools.lru_cache(size, is_typed)
    def told(*args, **kwargs):
        return [args, kwargs]

    for args, kwargs in CALLS:
        told(*args, **kwargs)
    told.note = 'attribute'
    again = back(back(told))
    assert (again.note, again.__name__, again.cache_parameters()) == ('attribute', 'told', told.cache_parameters())
    for args, kwargs in CALLS[::-1]:
        assert again.cache_info() == told.cache_info()
        assert again(*args, **kwargs) == told(*args, **kwargs)
    again.cache_clear()
    assert again.cache_info().currsize == 0


def test_one_of_a_module_is_itself():
    assert back(of_module) is of_module


@functools.cache
def of_module():
    """Do nothing."""


class Key:
    def __init__(self, number):
        self.number = number

    def __hash__(self):
        return hash(self.number)

    def __eq__(self, other):
        return self.number == other.number


def test_keys_are_whole_when_they_are_hashed():
    @functools.cache
    def of_key(key):
        return key

    key = Key(3)
    key.owner = of_key
    of_key(key)
    again = back(key)
    assert again.owner(Key(3)) is again


def test_no_frame_of_ours_is_in_a_traceback():
    async def workflow():
        @functools.cache
        def half(number):
            if number < 2:
                raise ValueError(number)
            return number + half(number - 1)

        lines = []
        for _ in range(2):
            try:
                half(3)
            except ValueError as error:
                traceback = error.__traceback__
                while traceback is not None:
                    lines.append(traceback.tb_frame.f_code.co_name)
                    traceback = traceback.tb_next
                del error, traceback
            await checkpoint()
        return lines, half.cache_info()

    found = run_in_memory(workflow, restart=False)
    assert found[0] == ['workflow', 'half', 'half', 'half'] * 2
    assert run_in_memory(workflow) == found
