"""Tasks side by side, as under asyncio: gather, as_completed, wait, TaskGroup, timeout, sleep, cancellation.

Compared with asyncio itself, on an event loop whose clock jumps (`asyncio_shims.py`).
"""

import asyncio

from aiida_dreamflow import as_completed, checkpoint, create_task, gather, sleep, submit, wait

from .helpers import say, t


def double(x):
    return x * 2


def fails(message='child'):
    raise ValueError(message)


async def relax(x, steps=2):
    print('begin', x)
    for number in range(steps):
        await checkpoint()
        print('step', x, number)
    y = await submit(double, x=x)
    print('end', x)
    return y


async def breaks(x, after=1):
    try:
        for _ in range(after):
            await checkpoint()
        raise KeyError(x)
    finally:
        print('broken', x)


async def lasts(x, seconds, result=None):
    try:
        await sleep(seconds)
        print('slept', x)
        return result
    except asyncio.CancelledError:
        print('cancelled', x)
        raise
    finally:
        print('leave', x)


class Relaxer:
    def __init__(self, factor):
        self.factor = factor

    async def relax(self, x):
        await checkpoint()
        return self.factor * x


# -- gather


async def do_gather_helpers():
    return await gather(relax(1), relax(2, steps=1), relax(3, steps=3))


async def do_gather_unpacked():
    a, b = await gather(relax(1), t('b'))
    return a, b


async def do_gather_starred():
    return await gather(*(relax(x) for x in range(3)), *[t(x) for x in 'ab'])


async def do_gather_list_kept():
    calls = [relax(x, steps=1) for x in range(3)]
    print('made')
    await checkpoint()
    return await gather(*calls)


async def do_call_kept():
    call = relax(2)
    await checkpoint()
    return await call


async def do_call_awaited_twice():
    call = relax(2)
    await call
    await call


async def do_call_kept_and_given_away():
    call = relax(2)
    await gather(call, t(1))
    await checkpoint()
    await call


async def do_gather_methods():
    r = Relaxer(3)
    return await gather(r.relax(1), r.relax(2), Relaxer('a').relax(4))


async def do_gather_local_functions():
    factor = 2

    async def scaled(x):
        nonlocal factor
        factor += 1
        await checkpoint()
        return factor * x

    return await gather(scaled(1), scaled(10)), factor


async def do_gather_mixed():
    h = submit(double, x=4)
    return await gather(h, relax(1), gather(relax(2), h), submit(double, x=5))


async def do_gather_same_call_twice():
    call = relax(1)
    return await gather(call, call)


async def do_gather_nothing():
    return await gather()


async def do_gather_order_of_ends():
    out = []

    async def one(x, steps):
        for _ in range(steps):
            await checkpoint()
        out.append(x)

    await gather(one('a', 3), one('b', 1), one('c', 2), one('d', 1))
    return out


async def do_gather_shares_state():
    shared = {'n': 0}

    async def add(k):
        for _ in range(3):
            n = shared['n']
            await checkpoint()
            shared['n'] = n + k

    await gather(add(1), add(10))
    return shared


async def do_gather_helper_fails():
    try:
        await gather(relax(1), breaks('x'), relax(2))
    except KeyError as error:
        print('caught', error)
        await checkpoint()
        await checkpoint()
        await checkpoint()
    return 'end'


async def do_gather_helper_fails_uncaught():
    await gather(breaks('x'), t(1))


async def do_gather_two_fail():
    try:
        await gather(breaks('x', after=2), breaks('y', after=1))
    except KeyError as error:
        await checkpoint()
        await checkpoint()
        return repr(error)


async def do_gather_return_exceptions():
    results = await gather(relax(1), breaks('x'), submit(fails), return_exceptions=True)
    await checkpoint()
    return [repr(result) for result in results]


async def do_gather_nested_helpers():
    async def pair(x):
        return await gather(relax(x), relax(x + 10, steps=1))

    return await gather(pair(1), pair(2))


async def do_gather_in_loop():
    out = []
    for n in range(3):
        out += await gather(*[relax(x, steps=n) for x in range(n)])
    return out


async def do_gather_kept_without_await():
    both = gather(relax(1), relax(2))
    await checkpoint()
    print('between')
    await checkpoint()
    return await both, both.done(), both.result()


async def do_gather_argument_awaits():
    return await gather(relax(await t(1)), relax(say(await t(2))))


# -- tasks


async def do_create_task():
    task = create_task(relax(1))
    print('made', task.done())
    await checkpoint()
    print('after', task.done())
    return await task, task.done(), task.result()


async def do_create_task_named():
    task = create_task(relax(1), name='one')
    await task
    return task.get_name(), task.cancelled(), task.exception()


async def do_task_awaited_by_two():
    task = create_task(relax(1))

    async def waits(name):
        value = await task
        print(name, value)
        return value

    return await gather(waits('a'), waits('b'))


async def do_task_fails():
    task = create_task(breaks('x'))
    await checkpoint()
    await task


async def do_task_fails_awaited_late():
    task = create_task(breaks('x'))
    for _ in range(4):
        await checkpoint()
    try:
        await task
    except KeyError as error:
        print(repr(error))
    return repr(task.exception())


async def do_tasks_left_at_the_end():
    create_task(lasts('a', 100))
    create_task(lasts('b', 100))
    await checkpoint()
    return 'end'


async def do_tasks_left_at_an_error():
    create_task(lasts('a', 100))
    await checkpoint()
    raise KeyError('end')


async def do_task_left_that_never_began():
    create_task(lasts('a', 100))
    return 'end'


async def do_task_left_cleans_up():
    async def cleans():
        try:
            await sleep(100)
        finally:
            await t('cleaning')

    create_task(cleans())
    await checkpoint()
    return 'end'


# -- cancel


async def do_cancel_task():
    task = create_task(lasts('a', 10))
    await checkpoint()
    print(task.cancel('why'))
    try:
        await task
    except asyncio.CancelledError as error:
        print('got', error.args)
    return task.cancelled(), task.done(), task.cancel()


async def do_cancel_before_begin():
    task = create_task(lasts('a', 10))
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return task.cancelled()


async def do_cancel_swallowed():
    async def stubborn():
        try:
            await sleep(10)
        except asyncio.CancelledError:
            print('no')
        await checkpoint()
        return 'stubborn'

    task = create_task(stubborn())
    await checkpoint()
    task.cancel()
    return await task, task.cancelled()


async def do_cancel_handle_again():
    handle = submit(double, x=1)
    await handle
    return handle.cancel(), handle.cancelled(), handle.done(), handle.result()


async def do_cancel_inner_task():
    inner = create_task(lasts('inner', 10))

    async def outer():
        try:
            return await inner
        except asyncio.CancelledError:
            print('outer cancelled')
            raise

    task = create_task(outer())
    await checkpoint()
    task.cancel()
    results = await gather(task, inner, return_exceptions=True)
    return [type(result).__name__ for result in results]


async def do_cancel_gather():
    tasks = [create_task(lasts(x, 10)) for x in 'ab']
    both = gather(*tasks)
    await checkpoint()
    both.cancel()
    try:
        await both
    except asyncio.CancelledError:
        print('gather cancelled')
    return [task.cancelled() for task in tasks]


async def do_cancelled_part_of_gather():
    tasks = [create_task(lasts(x, 10)) for x in 'ab']
    await checkpoint()
    tasks[0].cancel()
    try:
        await gather(*tasks)
    except asyncio.CancelledError:
        print('part cancelled')
    tasks[1].cancel()
    results = await gather(*tasks, return_exceptions=True)
    return [type(result).__name__ for result in results]


async def do_cancelled_helper_uncaught():
    task = create_task(lasts('a', 10))
    await checkpoint()
    task.cancel()
    await task


async def do_cancel_at_checkpoint():
    async def loops():
        try:
            while True:
                await checkpoint()
        finally:
            print('out')

    task = create_task(loops())
    await checkpoint()
    task.cancel()
    await wait([task])
    return task.cancelled()


# -- as_completed


async def do_as_completed():
    out = []
    for following in as_completed([lasts('a', 3, 1), lasts('b', 1, 2), lasts('c', 2, 3)]):
        out.append(await following)
        await checkpoint()
    return out


async def do_as_completed_fails():
    out = []
    for following in as_completed([lasts('a', 3, 1), breaks('b')]):
        try:
            out.append(await following)
        except KeyError as error:
            out.append(repr(error))
    return out


async def do_as_completed_left_early():
    for following in as_completed([lasts('a', 3, 1), lasts('b', 1, 2)]):
        return await following


async def do_as_completed_nothing():
    for _ in as_completed([]):
        print('never')
    return 'nothing'


# -- wait


async def do_wait():
    tasks = [create_task(lasts(x, n, x)) for n, x in enumerate('abc', 1)]
    done, pending = await wait(tasks)
    return [task in done for task in tasks], [task.result() for task in tasks], len(pending)


async def do_wait_first_completed():
    tasks = [create_task(lasts(x, n, x)) for n, x in enumerate('cba', 1)]
    done, pending = await wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    print([task in done for task in tasks])
    done, pending = await wait(pending, return_when=asyncio.FIRST_COMPLETED)
    print([task in done for task in tasks])
    done, pending = await wait(tasks)
    return len(done), len(pending)


async def do_wait_first_exception():
    tasks = [create_task(lasts('a', 5)), create_task(breaks('b', 3)), create_task(lasts('c', 0.001))]
    done, pending = await wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    print([task in done for task in tasks])
    return [repr(task.exception()) for task in tasks if task in done]


async def do_wait_timeout():
    tasks = [create_task(lasts('a', 5)), create_task(lasts('b', 1))]
    done, pending = await wait(tasks, timeout=2)
    print([task in done for task in tasks])
    done, pending = await wait(tasks, timeout=20)
    return len(done), len(pending)


async def do_wait_nothing():
    await wait([])


# -- time
