"""Generators: what is refused, and that nothing of one runs because its frame was dropped."""

from __future__ import annotations

import contextlib
import gc
import inspect
import os
import types

import pytest

from aiida_dreamflow import checkpoint
from aiida_dreamflow.exceptions import CannotStoreError
from aiida_dreamflow.runtime import Machine, Suspended
from aiida_dreamflow.testing import run_in_memory
from aiida_dreamflow.testing.memory import _MemoryHost
from aiida_dreamflow.values.frame import store_frame


def cleaning(log):
    try:
        yield 1
        yield 2
    finally:
        log.append('cleaned')


LOG: list[str] = []


def cleaning_globally():
    yield from cleaning(LOG)


async def holds_one():
    g = cleaning_globally()
    next(g)
    await checkpoint()
    return next(g)


def test_dropped_machine_does_not_close_its_generators():
    LOG.clear()
    machine = Machine(_MemoryHost())
    machine.start(holds_one, (), {})
    assert isinstance(machine.step(), Suspended)
    store_frame(machine)
    del machine
    gc.collect()
    assert LOG == []


def test_machine_that_goes_on_closes_them_as_python_does():
    LOG.clear()
    machine = Machine(_MemoryHost())
    machine.start(holds_one, (), {})
    machine.step()
    store_frame(machine)
    assert machine.step().value == 2
    del machine
    gc.collect()
    assert LOG == ['cleaned']


def in_an_expression():
    print([1, (yield 2)])


def in_a_finally_reached_by_return():
    try:
        return
    finally:
        yield 1


def no_source():
    scope = {}
    exec('def made():\n    yield 1', scope)
    return scope['made']()


def reads_its_namespace():
    yield 1
    yield locals()


@pytest.mark.parametrize(
    ('make', 'reason'),
    [
        (in_an_expression, 'inside of a larger expression'),
        (in_a_finally_reached_by_return, 'also reached by a jump'),
        (no_source, 'cannot be had'),
        (os.fwalk, 'use `os.walk`'),
        (reads_its_namespace, r'`locals\(\)`'),
    ],
)
def test_refused_with_the_name_of_the_variable(make, reason):
    async def workflow_function():
        generator = make()
        next(generator)
        await checkpoint()
        with contextlib.suppress(StopIteration):
            next(generator)

    assert run_in_memory(workflow_function, restart=False) is None
    with pytest.raises(CannotStoreError, match=rf'variable `generator` .*{reason}'):
        run_in_memory(workflow_function)


async def numbers(log):
    try:
        for n in range(3):
            await checkpoint()
            yield n
    finally:
        log.append('closed')


def test_only_a_workflow_drives_what_a_workflow_has_begun():
    async def flow():
        g = numbers([])
        first = await anext(g)
        await checkpoint()
        for turn in (g.__anext__(), g.asend(1)):
            with pytest.raises(RuntimeError, match='asynchronous generator is already running'):
                turn.send(None)
        return first, await anext(g)

    assert run_in_memory(flow, restart=False) == run_in_memory(flow) == (0, 1)


async def letters():
    yield 'a'
    yield 'b'


def test_an_asynchronous_generator_that_other_code_has_begun():
    async def flow(wait):
        g = letters()
        with pytest.raises(StopIteration) as given:
            g.__anext__().send(None)
        if wait:
            await checkpoint()
        return given.value.value, await anext(g)

    assert run_in_memory(flow, False) == ('a', 'b')
    with pytest.raises(CannotStoreError, match='variable `g` .*begun by other code'):
        run_in_memory(flow, True)


def test_a_dropped_machine_does_not_close_its_asynchronous_generators():
    async def flow(log):
        g = numbers(log)
        await anext(g)
        await checkpoint()
        return await anext(g)

    log = []
    machine = Machine(_MemoryHost())
    machine.start(flow, (log,), {})
    for _ in range(2):
        assert isinstance(machine.step(), Suspended)
        store_frame(machine)
    del machine
    gc.collect()
    assert log == []


async def defines_globally():
    global made_globally

    def made_globally():
        return 1

    kept = made_globally
    await checkpoint()
    return kept()


async def defines_past_global():
    def made_globally():
        return 1

    made_globally.__qualname__ = 'made_globally'
    globals()['made_globally'] = made_globally
    await checkpoint()
    return made_globally()


def test_a_function_of_a_global_name():
    assert run_in_memory(defines_globally) == 1
    del globals()['made_globally']
    with pytest.raises(
        CannotStoreError, match=r'variable `made_globally` .*made it as a global variable of its module'
    ):
        run_in_memory(defines_past_global)


async def keeps_what_types_coroutine_made():
    @types.coroutine
    def old(log):
        try:
            got = yield 1
            log.append(got)
            yield from another()
        except ValueError as error:
            log.append((yield str(error)))
            yield from another()
        return log

    async def another():
        return 7

    @types.coroutine
    def empty():
        yield from ()
        return 5

    kept, log = old([]), []
    await checkpoint()
    log.append((inspect.isawaitable(kept), kept.send(None)))
    await checkpoint()
    log.append((inspect.isawaitable(kept), kept.throw(ValueError('no'))))
    await checkpoint()
    try:
        kept.send('last')
    except StopIteration as stop:
        log.append(stop.value)
    waits = empty()
    await checkpoint()
    return log, await waits


def test_a_generator_that_is_awaited():
    found = run_in_memory(keeps_what_types_coroutine_made, restart=False)
    assert found == ([(True, 1), (True, 'no'), ['last']], 5)
    assert run_in_memory(keeps_what_types_coroutine_made) == found
