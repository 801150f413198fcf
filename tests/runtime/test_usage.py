"""What is refused while a workflow runs: each says what to write instead, at the line that is wrong."""

from __future__ import annotations

import asyncio
import inspect
import traceback
import types

import pytest

from aiida_dreamflow import checkpoint, create_task, gather, submit
from aiida_dreamflow.exceptions import CannotStoreError, CompileError, WorkflowUsageError
from aiida_dreamflow.runtime.awaitables import Now
from aiida_dreamflow.testing import run_in_memory


def double(x):
    return 2 * x


async def helper(x):
    await checkpoint()
    return x


def error_of(function, kind=WorkflowUsageError, **options):
    """Return the message of the error that running a function gives, and the line that its traceback ends in."""
    with pytest.raises(kind) as caught:
        run_in_memory(function, **options)
    lines = [entry.line for entry in traceback.extract_tb(caught.value.__traceback__) if entry.filename == __file__]
    return str(caught.value), lines[-1]


def test_submit_outside_of_a_workflow():
    with pytest.raises(
        WorkflowUsageError, match='`submit` can only be called while a workflow function runs.*@workflow'
    ):
        submit(double, x=1)


def test_submit_in_a_helper_that_is_not_compiled():
    def launch(x):
        return submit(double, x=x)

    def workflow():
        return launch(1)

    message, line = error_of(workflow)
    assert '`submit` was called by `launch`, which is not compiled' in message
    assert 'make both `async def` and `await` the helper' in message
    assert line == 'return submit(double, x=x)'


def test_handle_from_elsewhere_in_a_plain_def():
    async def workflow():
        handle = submit(double, x=1)
        return handle.result()

    message, line = error_of(workflow)
    assert 'the child has no result yet' in message
    assert '`await handle`' in message
    assert '`.result()` directly on the call' in message
    assert line == 'return handle.result()'


@pytest.mark.parametrize('restart', [False, True])
def test_coroutine_kept(restart):
    async def workflow():
        one, two = map(helper, [1, 2])
        assert type(one) is types.CoroutineType
        await checkpoint()
        assert inspect.getcoroutinestate(two) == inspect.CORO_CREATED
        results = [await one, *await gather(two, helper(3))]
        with pytest.raises(RuntimeError, match='cannot reuse already awaited coroutine'):
            await one
        return results

    assert run_in_memory(workflow, restart=restart) == [1, 2, 3]


def test_coroutine_run_by_other_code():
    def run(coroutine):
        try:
            coroutine.send(None)
        except StopIteration as end:
            return end.value

    async def add(a, *more, b, **rest):
        return a, more, b, rest

    async def workflow():
        coroutine = add(1, 2, b=3, c=4)
        await checkpoint()
        return run(coroutine)

    assert run_in_memory(workflow) == (1, (2,), 3, {'c': 4})


def test_coroutine_begun_by_other_code():
    async def native():
        await asyncio.sleep(0)

    async def workflow():
        coroutine = native()
        coroutine.send(None)
        await coroutine

    message, line = error_of(workflow, restart=False)
    assert 'has been begun by other code than the workflow' in message
    assert line == 'await coroutine'
    with pytest.raises(CannotStoreError, match='variable `coroutine` of type `coroutine`.* it has begun'):
        run_in_memory(_holds_a_begun_one)


async def _holds_a_begun_one():
    coroutine = _gives_way()
    coroutine.send(None)
    await checkpoint()
    coroutine.close()


async def _gives_way():
    await asyncio.sleep(0)


def test_helper_without_a_source():
    namespace = {}
    exec('async def unwritten(x): return x + 1', namespace)

    async def workflow(unwritten):
        return await unwritten(1), await [unwritten(2)][0]

    assert run_in_memory(workflow, namespace['unwritten'], restart=False) == (2, 3)


def test_asyncio_sleep():
    async def workflow():
        await asyncio.sleep(1)

    message, line = error_of(workflow)
    assert message == (
        '`asyncio.sleep` cannot be awaited in a workflow: an event loop does not survive a restart; '
        'use that of this package, `from aiida_dreamflow import sleep`'
    )
    assert line == 'await asyncio.sleep(1)'


@pytest.mark.parametrize(
    ('made', 'instead'),
    [
        ('lock', '`from aiida_dreamflow import Lock, Semaphore`'),
        ('queue', 'use a list and a `Semaphore` of this package that counts its items, or `as_completed`'),
        ('event', '`from aiida_dreamflow import Event`'),
        ('condition', 'use a list and an `Event` of this package'),
        ('thread', '`await run(function, ...)`'),
    ],
)
def test_what_to_write_instead_of_asyncio(made, instead):
    async def lock():
        async with asyncio.Lock():
            pass

    async def queue():
        queue = asyncio.Queue()
        await queue.get()

    async def event():
        event = asyncio.Event()
        await event.wait()

    async def condition():
        condition = asyncio.Condition()
        await condition.wait()

    async def thread():
        await asyncio.to_thread(print)

    message, _ = error_of(locals()[made])
    assert 'cannot be awaited in a workflow: an event loop does not survive a restart; ' in message
    assert instead in message


def test_not_awaitable():
    async def workflow():
        await double(1)

    message, line = error_of(workflow, TypeError)
    assert message in ("object int can't be used in 'await' expression", "'int' object can't be awaited")
    assert line == 'await double(1)'


def test_awaitable_of_somebody_else():
    class Other:
        def __init__(self, given):
            self.given = given

        def __await__(self):
            yield self.given
            return 5

    async def workflow(given):
        return await Other(given)

    assert run_in_memory(workflow, None) == 5
    with pytest.raises(
        WorkflowUsageError, match='cannot wait for an object of type `Other`: it waits for an event loop'
    ):
        run_in_memory(workflow, 'a future')


@pytest.mark.parametrize('limit', [0, -1])
def test_limit(limit):
    async def workflow(limit):
        return await gather(helper(1), limit=limit)

    with pytest.raises(ValueError, match='limit must be at least 1'):
        run_in_memory(workflow, limit)


def test_nothing_can_go_on():
    async def workflow():
        tasks = []

        async def waits(number):
            return await tasks[number]

        tasks += [create_task(waits(1)), create_task(waits(0))]
        return await tasks[0]

    with pytest.raises(WorkflowUsageError, match='each task waits for another'):
        run_in_memory(workflow)


def test_gather_of_anything():
    async def workflow():
        return await gather(1)

    assert error_of(workflow, TypeError)[0] == (
        'handles, tasks and calls of `async def` functions are expected, not an object of type int'
    )


def test_refusal_in_a_helper():
    async def bad():
        return [locals() for _ in [1]]

    async def workflow():
        return await bad()

    with pytest.raises(CompileError) as caught:
        run_in_memory(workflow)
    assert caught.value.text.strip() == 'return [locals() for _ in [1]]'
    assert '(in workflow function `bad`)' in caught.value.msg


def test_refusals_can_be_caught():
    async def workflow():
        try:
            await asyncio.sleep(1)
        except WorkflowUsageError:
            return await helper('caught')

    assert run_in_memory(workflow) == 'caught'


def test_await_outside_of_a_workflow():
    async def native():
        return await Now(1)

    coroutine = native()
    with pytest.raises(WorkflowUsageError, match='a now can only be awaited by a workflow function'):
        coroutine.send(None)


def test_checkpoint_works_outside_of_a_workflow():
    async def native():
        await checkpoint()
        return 5

    assert asyncio.run(native()) == 5


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({}, "double() missing 1 required positional argument: 'x'"),
        ({'x': 1, 'y': 2}, "double() got an unexpected keyword argument 'y'"),
    ],
)
def test_inputs_that_do_not_fit(arguments, message):
    async def workflow():
        return await submit(double, **arguments)

    found, line = error_of(workflow, TypeError)
    assert found == message
    assert line == 'return await submit(double, **arguments)'
