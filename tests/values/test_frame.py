"""A machine's frame, stored and rebuilt: what must fit, and what is kept of exceptions and nested functions."""

from __future__ import annotations

import functools
import json
import traceback

import pytest

from aiida_dreamflow import checkpoint
from aiida_dreamflow.exceptions import CannotStoreError, FrameError
from aiida_dreamflow.runtime import Machine, Returned, Suspended
from aiida_dreamflow.testing import run_in_memory
from aiida_dreamflow.testing.memory import _MemoryHost
from aiida_dreamflow.values.frame import load_frame, store_frame


async def helper(x):
    await checkpoint()
    return x


async def counting(n):
    dead = 'not needed'
    for i in range(n):
        await helper(i)
    return n, dead if n < 0 else None


async def failing():
    try:
        raise ValueError('x')
    except ValueError as e:
        await checkpoint()
        return e.__traceback__, e


async def defining():
    @functools.wraps(helper)
    def inner(x: int = 1) -> str:
        return str(x)

    await checkpoint()
    return inner


def begun(function, *args):
    """Return a machine that waits at its first await, and the stored form of its frame."""
    machine = Machine(_MemoryHost())
    machine.start(function, args, {})
    assert isinstance(machine.step(), Suspended)
    return machine, store_frame(machine)


def resumed(snapshot, document=None):
    document = json.loads(json.dumps(document or snapshot.document))
    return load_frame(document, snapshot.blobs.__getitem__, _MemoryHost())


def finished(machine):
    outcome = machine.step()
    while isinstance(outcome, Suspended):
        outcome = machine.step()
    assert isinstance(outcome, Returned)
    return outcome.value


def test_stack_and_variables():
    machine, snapshot = begun(counting, 3)
    again = resumed(snapshot)
    assert [a.function for a in again.main.stack] == [counting, helper]
    assert [set(a.variables) for a in again.main.stack] == [{'.iter1', 'n', 'dead'}, {'x'}]
    assert finished(again) == (3, None)


def test_the_same_frame_resumes_any_number_of_times():
    _, snapshot = begun(counting, 2)
    assert [finished(resumed(snapshot)) for _ in range(3)] == [(2, None)] * 3


def test_storing_changes_nothing():
    machine, snapshot = begun(counting, 2)
    assert store_frame(machine).document == snapshot.document
    assert store_frame(resumed(snapshot)).document == snapshot.document
    assert finished(machine) == (2, None)


def test_tracebacks():
    _, snapshot = begun(failing)
    found, error = finished(resumed(snapshot))
    assert error.__traceback__ is found
    entries = traceback.extract_tb(found)
    assert [(entry.filename, entry.name, entry.line) for entry in entries] == [
        (__file__, 'failing', "raise ValueError('x')")
    ]


def test_what_is_known_of_a_nested_function():
    _, snapshot = begun(defining)
    inner = finished(resumed(snapshot))
    assert (inner(), inner.__name__, inner.__wrapped__) == ('1', 'helper', helper)
    assert inner.__annotations__ == helper.__annotations__


def edited(snapshot, old, new):
    text = json.dumps(snapshot.document)
    assert old in text
    return json.loads(text.replace(old, new))


def test_a_source_that_changed_is_refused():
    machine, snapshot = begun(counting, 2)
    fingerprint = machine.main.stack[0].program.source.fingerprint
    with pytest.raises(
        FrameError, match='the source of `counting` in .* is not the one that the frame was stored with'
    ):
        resumed(snapshot, edited(snapshot, fingerprint, 'another'))


def test_a_function_that_is_gone_is_refused():
    _, snapshot = begun(counting, 2)
    with pytest.raises(FrameError, match='counted'):
        resumed(snapshot, edited(snapshot, ':counting', ':counted'))


class NeedsMore:
    def __init__(self, more):
        self.more = more

    def __reduce__(self):
        return NeedsMore, ()


class RefusesItsState:
    def __init__(self, more):
        self.more = more

    def __setstate__(self, state):
        raise KeyError('energy')

    def __getstate__(self):
        return {'a': 1}


@pytest.mark.parametrize(
    ('kind', 'said'),
    [
        (
            NeedsMore,
            r'what is stored of it cannot be loaded: an object of type `NeedsMore` cannot be made again: TypeError: .*more',
        ),
        (
            RefusesItsState,
            r"what is stored of it cannot be loaded: an object of type `RefusesItsState` cannot be filled again: KeyError: 'energy'",
        ),
    ],
)
def test_an_object_that_cannot_be_loaded_is_refused_at_the_await_by_its_variable(kind, said):
    async def workflow():
        fine, found = [3], {'a': [kind(1)]}
        await checkpoint()
        return fine, found

    made = r"line \d+, in `workflow`: variable `found\['a'\]\[0\]` of type `\w+`, made at line \d+, is needed after the await at line \d+"
    with pytest.raises(CannotStoreError, match=f'{made} and cannot be stored: {said}'):
        run_in_memory(workflow)
