"""Children: handles kept, awaited late, twice, in another order; gather."""

from aiida_dreamflow import checkpoint, gather, submit

from .helpers import quiet, say, t


def double(x):
    return x * 2


def describe(x, y=1, *, z=2):
    return f'{x} {y} {z}'


def fails(message='child'):
    raise ValueError(message)


async def do_submit():
    return await submit(double, x=2), await submit(describe, 1, z=5), await submit(double, 'ab')


async def do_submit_in_loop():
    results = []
    for x in range(4):
        y = await submit(double, x=x)
        results.append(y)
    return results


async def do_handles_kept():
    handles = [submit(double, x=x) for x in range(3)]
    await checkpoint()
    return [await handle for handle in handles], [await handle for handle in reversed(handles)]


async def do_handle_awaited_twice():
    handle = submit(double, x=[1])
    first = await handle
    first.append(5)
    return first, await handle, first is await handle


async def do_handles_in_dict():
    handles = {x: submit(double, x=x) for x in 'ab'}
    return {x: await handle for x, handle in handles.items()}


async def do_child_fails():
    await submit(fails, message='x')


async def do_child_fails_caught():
    try:
        await submit(fails)
    except ValueError as e:
        await checkpoint()
        return str(e), e.__context__


async def do_child_fails_in_handler():
    try:
        raise KeyError('first')
    except KeyError:
        await submit(fails)


async def do_child_fails_finally():
    try:
        return await submit(fails)
    finally:
        await t('finally')


async def do_failed_handle_awaited_twice():
    handle = submit(fails)
    out = []
    for _ in range(2):
        try:
            await handle
        except ValueError as e:
            out.append(str(e))
    return out


async def do_gather():
    a, b = await gather(submit(double, x=1), submit(double, x=2))
    return a, b, await gather(*[submit(double, x=x) for x in range(3)]), await gather()


async def do_gather_nested():
    return await gather(submit(double, x=1), gather(submit(double, x=2), gather(submit(double, x=3))))


async def do_gather_kept():
    both = gather(submit(double, x=1), submit(double, x=2))
    await checkpoint()
    await t(1)
    return await both


async def do_gather_shares_handles():
    h = submit(double, x=1)
    return await gather(h, h), await h


async def do_gather_fails():
    await gather(submit(double, x=1), submit(fails, message='a'), submit(fails, message='b'))


async def do_gather_return_exceptions():
    results = await gather(submit(double, x=0), submit(fails), submit(double, x=''), return_exceptions=True)
    await checkpoint()
    return [repr(r) for r in results]


async def do_gather_nested_return_exceptions():
    results = await gather(gather(submit(fails), submit(double, x=1)), submit(double, x=1), return_exceptions=True)
    return [repr(r) for r in results]


async def do_submit_in_helper():
    async def helper(x):
        return await submit(double, x=x) + 1

    return await helper(1), await helper(await helper(2))


async def do_handle_returned_by_helper():
    async def helper(x):
        await checkpoint()
        return submit(double, x=x)

    handle = await helper(4)
    return await handle


async def do_handle_as_argument():
    async def helper(handle, out):
        out.append(await handle)
        return await handle

    out = []
    return await helper(submit(double, x=3), out), out


async def do_submit_in_expression():
    return say(1) + await submit(double, x=say(2)) + await submit(double, x=await quiet(3))


async def do_submit_in_condition():
    n = 1
    while await submit(double, x=n) < 20:
        n += 3
    if await submit(double, x=n) > 20 and not await submit(double, x=0):
        return n


async def do_submit_from_plain_function():
    def launch(x):
        return submit(double, x=x)

    return [await h for h in map(launch, range(3))]


async def do_submit_in_with():
    from .helpers import Manager

    with Manager('m', swallow=True):
        await submit(fails)
    return 'after'


async def do_one_fails_others_go_on():
    out = []
    handles = [submit(double, x=1), submit(fails), submit(double, x=2)]
    for handle in handles:
        try:
            out.append(await handle)
        except ValueError as e:
            out.append(repr(e))
    return out


async def do_result_aliased():
    x = [1]
    y = await submit(double, x=x)
    x.append(2)
    z = y
    await checkpoint()
    return x, y, z is y
