"""Global variables that a workflow sets cross its awaits, and are its own."""

from __future__ import annotations

import io
import pickle
import sys
import threading

import pytest

from aiida_dreamflow import checkpoint
from aiida_dreamflow.exceptions import CannotStoreError
from aiida_dreamflow.runtime import Machine
from aiida_dreamflow.testing import memory, run_in_memory
from aiida_dreamflow.values.frame import load_frame, store_frame

count = 0
found = None


async def counting(turns, by=1):
    global count
    for _ in range(turns):
        count += by
        await helping(by)
    return count, said()


async def helping(by):
    global count
    await checkpoint()
    count += 10 * by


def said():
    return f'{count} so far'


@pytest.fixture(autouse=True)
def _as_imported():
    yield
    globals().update(count=0, found=None)
    globals().pop('Fresh', None)


@pytest.mark.parametrize('restart', [True, False])
def test_counted_on(restart):
    assert run_in_memory(counting, 3, restart=restart) == (33, '33 so far')
    assert count == 33  # the process was the workflow's alone


def test_in_another_process():
    machine = Machine(memory._MemoryHost())
    machine.start(counting, (3,), {})
    machine.step()
    assert count == 0
    frame = store_frame(machine)
    again = load_frame(frame.document, frame.blobs.__getitem__, memory._MemoryHost())
    for _ in range(2):
        again.step()
    assert again.step().value == (33, '33 so far')


def test_two_at_a_time(monkeypatch):
    monkeypatch.setattr(memory._MemoryHost, 'keeps_changes', False)
    machines = [Machine(memory._MemoryHost()) for _ in range(2)]
    for number, machine in enumerate(machines):
        machine.start(counting, (2, number + 1), {})
    for _ in range(2):
        for machine in machines:
            machine.step()
            assert count == 0
    assert [machine.step().value[0] for machine in machines] == [22, 44]
    assert count == 0


def test_shared_with_a_variable():
    async def flow():
        global found
        found = own = [1]
        await checkpoint()
        found.append(2)
        return own is found, own

    assert run_in_memory(flow) == (True, [1, 2])


def test_set_by_functions_nested_in_it():
    async def flow():
        def bump(by):
            global count
            count += by

        class Sets:
            global found
            found = 'in a class'

        found = bump(1)  # a variable of its own
        await checkpoint()
        bump(2)
        await checkpoint()
        return count, found, globals()['found'], Sets

    machine = Machine(memory._MemoryHost())
    machine.start(flow, (), {})
    machine.step()
    assert (count, found) == (0, None)
    assert run_in_memory(flow)[:3] == (3, None, 'in a class')


lock = threading.Lock()
lock.acquire()


@pytest.mark.parametrize('restart', [True, False])
def test_what_is_only_declared_is_the_modules_own(restart):
    async def flow(sets):
        global lock
        if sets:
            lock = None

        def nested():
            global found
            found = None

        await checkpoint()
        return lock, nested

    assert run_in_memory(flow, False, restart=restart)[0] is lock


def test_deleted():
    async def flow():
        global found
        del found
        await checkpoint()
        try:
            return found
        except NameError as error:
            return str(error)

    assert 'found' in run_in_memory(flow)
    assert 'found' not in globals()


def test_a_class_that_pickles_by_its_global_name():
    async def flow():
        global Fresh

        class Fresh:
            size = 1

        one = Fresh()
        await checkpoint()
        return type(pickle.loads(pickle.dumps(one))) is type(one) is Fresh

    assert run_in_memory(flow)


def test_an_import():
    async def flow():
        global found
        import string as found

        await checkpoint()
        return found.digits

    assert run_in_memory(flow) == '0123456789'


@pytest.mark.parametrize(
    ('make', 'path', 'kind'),
    [(lambda: open('/dev/null'), '', 'TextIOWrapper'), (lambda: {'a': [begun()]}, r"\['a'\]\[0\]", 'Thread')],
)
def test_what_cannot_be_stored_is_named(make, path, kind):
    async def flow():
        global found
        found = make()
        await checkpoint()

    message = (
        rf"test_globals\.py, in `flow`: global variable `found{path}` of type `{kind}`, set at line \d+, is the workflow's, and cannot "
        'be stored'
    )
    with pytest.raises(CannotStoreError, match=message):
        run_in_memory(flow)


def begun():
    thread = threading.Thread(target=threading.Event().wait, args=(1,), daemon=True)
    thread.start()
    return thread


def test_an_exception_after_it_is_set():
    async def flow():
        global found
        try:
            found = io.StringIO('text')
            raise ValueError
        except ValueError:
            await checkpoint()
        return found.read(), sys.exc_info()

    assert run_in_memory(flow) == ('text', (None, None, None))
