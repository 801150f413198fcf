"""`with` and `async with`."""

import contextlib

from aiida_dreamflow import checkpoint

from .helpers import AsyncManager, Manager, Noisy, boom, fail, quiet, t


async def do_with():
    with Manager('a') as a:
        await t(a)
    with Manager('b'):
        await t(2)


async def do_with_several():
    with Manager('a') as a, Manager('b') as b, Manager(await t('c')) as c:
        await t((a, b, c))


async def do_with_parenthesized():
    with (
        Manager('a') as a,
        Manager('b') as b,
    ):
        await t((a, b))


async def do_with_targets():
    d = Noisy('d')
    with Manager('ab') as (x, y), Manager('k') as d[await t('key')]:
        return x, y, await t(1)


async def do_with_raises():
    with Manager('a'):
        await fail(ValueError('x'))


async def do_with_swallows():
    with Manager('a', swallow=True):
        await fail(ValueError('x'))
    return await t('after')


async def do_with_outer_swallows():
    with Manager('a', swallow=True), Manager('b'):
        await fail(ValueError('x'))
    return 'after'


async def do_with_swallows_in_native_part():
    x = 1
    with Manager('a', swallow=True):
        await checkpoint()
        x = 2
        boom()
        x = 3
    return x


async def do_with_return():
    with Manager('a'), Manager('b', swallow=True):
        return await t(1)


async def do_with_return_native():
    await checkpoint()
    with Manager('a'):
        return 5


async def do_with_break_continue():
    out = []
    for i in range(4):
        with Manager(i):
            if await quiet(i) == 1:
                continue
            if i == 2:
                break
            out.append(i)
    return out


async def do_with_break_native():
    for i in range(4):
        await checkpoint()
        with Manager(i):
            if i == 2:
                break
    return i


async def do_with_enter_fails():
    with Manager('a'), Manager('b', fail='enter'):
        await t('not here')


async def do_with_exit_fails():
    with Manager('a', swallow=True), Manager('b', fail='exit'):
        await fail(ValueError('x'))
    return 'after'


async def do_with_exit_fails_normally():
    with Manager('a', fail='exit'):
        await t(1)


async def do_with_not_a_manager():
    with 5:
        await checkpoint()


async def do_with_half_a_manager():
    class Half:
        def __enter__(self):
            return self

    with Half():
        await checkpoint()


async def do_async_with_not_a_manager():
    async with Manager('a'):
        await checkpoint()


async def do_async_with():
    async with AsyncManager('a') as a, AsyncManager('b'):
        await t(a)


async def do_async_with_swallows():
    async with AsyncManager('a', swallow=True):
        await fail(ValueError('x'))
    return 'after'


async def do_async_with_raises():
    async with AsyncManager('a'):
        boom()


async def do_async_with_return():
    async with AsyncManager('a'):
        return 1


async def do_with_in_try():
    try:
        with Manager('a'):
            await fail(ValueError('x'))
    except ValueError as e:
        await checkpoint()
        return str(e)
    finally:
        await t('finally')


async def do_try_in_with():
    with Manager('a'):
        try:
            await fail(ValueError('x'))
        except ValueError:
            await t('handled')
    return 'end'


async def do_with_in_loop_with_else():
    for i in range(2):
        with Manager(i, swallow=True):
            await fail(ValueError(i))
    else:
        return await t('else')


async def do_suppress():
    with contextlib.suppress(KeyError):
        await fail(KeyError('x'))
    with contextlib.suppress(KeyError):
        await checkpoint()
        {}['x']
    return 'after'


async def do_nullcontext():
    with contextlib.nullcontext(await t(5)) as x:
        await checkpoint()
        return x


async def do_exit_stack_in_step():
    await checkpoint()
    with contextlib.ExitStack() as stack:
        stack.enter_context(Manager('a'))
        stack.enter_context(Manager('b'))
    return await t('after')


async def do_contextmanager_in_step():
    @contextlib.contextmanager
    def manage():
        print('in')
        try:
            yield 5
        finally:
            print('out')

    await checkpoint()
    with manage() as x:
        y = x
    await checkpoint()
    return y


async def do_manager_state_survives():
    class Count:
        def __init__(self):
            self.n = 0

        def __enter__(self):
            self.n += 1
            return self

        def __exit__(self, *args):
            self.n += 10

    count = Count()
    with count as same:
        await checkpoint()
        same.n += 100
        await checkpoint()
    return count.n, same is count


async def do_same_manager_twice():
    m = Manager('m')
    with m:
        await checkpoint()
        with m:
            await t(1)


async def do_with_exception_context():
    try:
        boom('first')
    except ValueError:
        with Manager('a'):
            await fail(KeyError('second'))


async def do_with_inside_finally():
    try:
        return await t(1)
    finally:
        with Manager('f'):
            await t(2)


async def do_with_walrus():
    with (m := Manager('a')) as name:
        await checkpoint()
    return m.name, name


async def do_with_nested_functions():
    with Manager('a') as name:

        def f():
            return name

        await checkpoint()
    return f()


async def do_exit_sees_traceback():
    class Lines:
        def __enter__(self):
            return None

        def __exit__(self, kind, error, traceback):
            while traceback.tb_next:
                traceback = traceback.tb_next
            print(traceback.tb_frame.f_code.co_name)

    with Lines():
        await checkpoint()
        boom()
