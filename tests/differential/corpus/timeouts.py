"""`sleep`, `timeout` and `wait_for`."""

import asyncio

from aiida_dreamflow import checkpoint, create_task, gather, sleep, submit, timeout, wait_for

from .concurrency import breaks, double, lasts


async def do_sleep():
    print('before')
    value = await sleep(1000, 'value')
    await sleep(0)
    return value


async def do_sleeps_in_order():
    async def naps(name, seconds):
        await sleep(seconds)
        print(name)

    await gather(naps('c', 3), naps('a', 1), naps('b', 2), naps('d', 3.5))


async def do_timeout_passes():
    try:
        async with timeout(1) as limit:
            print(limit.expired())
            await lasts('a', 10)
    except TimeoutError as error:
        print('too late', limit.expired(), repr(error), repr(error.__cause__))
        await checkpoint()
    return 'end'


async def do_timeout_kept():
    async with timeout(10) as limit:
        await lasts('a', 1)
    await sleep(20)
    return limit.expired()


async def do_timeout_none():
    async with timeout(None):
        return await lasts('a', 1, 'result')


async def do_timeout_nested():
    try:
        async with timeout(5):
            try:
                async with timeout(1):
                    await lasts('a', 10)
            except TimeoutError:
                print('inner')
            await lasts('b', 10)
    except TimeoutError:
        print('outer')


async def do_timeout_around_gather():
    try:
        async with timeout(2):
            await gather(lasts('a', 1), lasts('b', 10))
    except TimeoutError:
        return 'late'


async def do_timeout_other_error():
    async with timeout(2):
        raise KeyError('x')


async def do_timeout_uncaught():
    async with timeout(2):
        await sleep(5)


async def do_wait_for_passes():
    try:
        await wait_for(lasts('a', 10), 2)
    except TimeoutError as error:
        print('late', repr(error), type(error.__cause__).__name__)
        await checkpoint()
    return await wait_for(lasts('b', 1, 'b'), timeout=5), await wait_for(submit(double, x=2), None)


async def do_wait_for_error():
    task = create_task(breaks('x'))
    try:
        await wait_for(task, 5)
    except KeyError as error:
        print(repr(error), task.done())
    return await wait_for(submit(double, x=1), 5)


async def do_wait_for_cancelled():
    async def outer():
        try:
            await wait_for(lasts('a', 10), 20)
        except asyncio.CancelledError:
            print('cancelled')
            raise

    task = create_task(outer())
    await sleep(1)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return task.cancelled()


async def do_wait_for_in_gather():
    return await gather(wait_for(lasts('a', 1, 1), 2), wait_for(lasts('b', 3, 2), 2), return_exceptions=True)


async def do_handle_in_timeout():
    async with timeout(5):
        return await submit(double, x=2)
