"""`TaskGroup`, which needs Python 3.11: compared with asyncio's."""

import asyncio

from aiida_dreamflow import TaskGroup, as_completed, checkpoint, create_task, gather, sleep, timeout

from .concurrency import breaks, lasts, relax


async def do_group():
    async with TaskGroup() as group:
        a = group.create_task(relax(1))
        b = group.create_task(relax(2, steps=1), name='b')
        print('body ends')
    return a.result(), b.result(), b.get_name()


async def do_group_empty():
    async with TaskGroup():
        await checkpoint()
    return 'end'


async def do_group_task_fails():
    try:
        async with TaskGroup() as group:
            group.create_task(breaks('x'))
            other = group.create_task(lasts('a', 10))
    except* KeyError as errors:
        print(repr(errors.exceptions), other.cancelled())
    return 'end'


async def do_group_two_fail():
    async with TaskGroup() as group:
        group.create_task(breaks('x'))
        group.create_task(breaks('y'))


async def do_group_body_is_cancelled():
    try:
        async with TaskGroup() as group:
            group.create_task(breaks('x'))
            await lasts('body', 10)
    except* KeyError as errors:
        print(repr(errors.exceptions))


async def do_group_body_fails():
    try:
        async with TaskGroup() as group:
            group.create_task(lasts('a', 10))
            await checkpoint()
            raise ValueError('body')
    except* ValueError as errors:
        print(repr(errors.exceptions))


async def do_group_in_timeout():
    try:
        async with timeout(2):
            async with TaskGroup() as group:
                group.create_task(lasts('a', 10))
                group.create_task(lasts('b', 1))
    except TimeoutError:
        return 'late'


async def do_group_nested():
    try:
        async with TaskGroup() as outer:
            outer.create_task(lasts('outer', 10))
            async with TaskGroup() as inner:
                inner.create_task(breaks('x'))
                inner.create_task(lasts('inner', 10))
    except* KeyError as errors:
        print(repr(errors))


async def do_group_cancelled_from_outside():
    async def body():
        async with TaskGroup() as group:
            group.create_task(lasts('a', 10))

    task = create_task(body())
    await checkpoint()
    await checkpoint()
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return task.cancelled()


async def do_group_tasks_make_tasks():
    async with TaskGroup() as group:

        async def spawns(n):
            await checkpoint()
            print('spawn', n)
            if n:
                group.create_task(spawns(n - 1))

        group.create_task(spawns(3))


async def do_group_after_its_end():
    async with TaskGroup() as group:
        pass
    group.create_task(relax(1))


async def do_group_gather_inside():
    async with TaskGroup() as group:
        tasks = [group.create_task(relax(x)) for x in range(2)]
        out = await gather(*tasks, relax(5))
    return out


async def do_group_as_completed():
    out = []
    async with TaskGroup() as group:
        tasks = [group.create_task(lasts(x, n, x)) for n, x in zip((3, 1, 2), 'abc', strict=True)]
        for following in as_completed(tasks):
            out.append(await following)
    return out


async def do_group_task_swallows():
    async def stubborn():
        try:
            await sleep(10)
        except asyncio.CancelledError:
            print('stays')
            await checkpoint()
            await checkpoint()
            return 'stayed'

    try:
        async with TaskGroup() as group:
            task = group.create_task(stubborn())
            group.create_task(breaks('x'))
    except* KeyError:
        print(task.result())
