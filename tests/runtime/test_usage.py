"""What is refused while a workflow runs: each says what to write instead, at the line that is wrong."""

from __future__ import annotations

import asyncio
import traceback

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


def test_coroutine_kept():
    async def workflow():
        (coroutine,) = map(helper, [1])
        return await coroutine

    message, line = error_of(workflow, restart=False)
    assert 'a coroutine object of Python cannot be kept and awaited later' in message
    assert 'write the call where it is awaited, `await helper(...)`' in message
    assert line == 'return await coroutine'


@pytest.mark.filterwarnings('ignore:coroutine')
def test_coroutine_kept_across_an_await():
    async def workflow():
        coroutines = list(map(helper, [1]))
        await checkpoint()
        return await gather(*coroutines)

    with pytest.raises(CannotStoreError, match='`coroutines.0.` of type `coroutine`'):
        run_in_memory(workflow)


def test_asyncio_sleep():
    async def workflow():
        await asyncio.sleep(1)

    message, line = error_of(workflow)
    assert message == '`asyncio.sleep` cannot be awaited in a workflow: an event loop does not survive a restart'
    assert line == 'await asyncio.sleep(1)'


def test_not_awaitable():
    async def workflow():
        await double(1)

    message, line = error_of(workflow, TypeError)
    assert message in ("object int can't be used in 'await' expression", "'int' object can't be awaited")
    assert line == 'await double(1)'


def test_awaitable_of_somebody_else():
    class Other:
        def __await__(self):
            yield

    async def workflow():
        await Other()

    message, line = error_of(workflow)
    assert 'a workflow cannot wait for an object of type `Other`: it cannot be stored' in message


def test_gather_of_coroutine_objects():
    async def workflow():
        return await gather(helper(1), *map(helper, [2, 3]))

    message, line = error_of(workflow)
    assert 'a coroutine object of Python cannot be kept' in message
    assert '`gather(helper(...))`' in message


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
        return locals()

    async def workflow():
        return await bad()

    with pytest.raises(CompileError) as caught:
        run_in_memory(workflow)
    assert caught.value.text.strip() == 'return locals()'
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
        ({}, "missing a required argument: 'x'"),
        ({'x': 1, 'y': 2}, "got an unexpected keyword argument 'y'"),
    ],
)
def test_inputs_that_do_not_fit(arguments, message):
    async def workflow():
        return await submit(double, **arguments)

    found, line = error_of(workflow, TypeError)
    assert found == message
    assert line == 'return await submit(double, **arguments)'
