"""`async for` and asynchronous comprehensions."""

from aiida_dreamflow import checkpoint, submit

from .helpers import Noisy, boom, fail, quiet, say, t


class Count:
    """Counts, and waits each time; says who asks it."""

    def __init__(self, end, error=None):
        self.now, self.end, self.error = 0, end, error

    def __aiter__(self):
        print('aiter', self.end)
        return self

    async def __anext__(self):
        await checkpoint()
        if self.now == self.end:
            if self.error is not None:
                raise self.error
            raise StopAsyncIteration
        self.now += 1
        print('anext', self.now)
        return self.now - 1


class Fast(Count):
    """Does not wait."""

    async def __anext__(self):
        if self.now == self.end:
            raise StopAsyncIteration('end')
        self.now += 1
        return (self.now, -self.now)


class Waiting:
    """What it gives to await is no coroutine."""

    def __init__(self, end):
        self.left = end

    def __aiter__(self):
        return self

    def __anext__(self):
        self.left -= 1
        if self.left < 0:
            raise StopAsyncIteration
        return checkpoint()


class Twice:
    """Its iterator is another object."""

    def __init__(self, *ends):
        self.ends = ends

    def __aiter__(self):
        return Count(sum(self.ends))


def double(x):
    return 2 * x


class Results:
    """As `as_completed` might be: gives the results of children."""

    def __init__(self, handles):
        self.handles = list(handles)

    def __aiter__(self):
        return self

    async def __anext__(self):
        if not self.handles:
            raise StopAsyncIteration
        return await self.handles.pop(0)


class Handles(Results):
    """Gives the handle itself to await."""

    def __anext__(self):
        if not self.handles:
            raise StopAsyncIteration
        return self.handles.pop()


async def do_async_for():
    async for x in Count(3):
        await t(x)
    return x


async def do_async_for_does_not_wait():
    out = []
    async for a, b in Fast(3):
        out.append((a, b))
    return out


async def do_async_for_not_a_coroutine():
    out = []
    async for x in Waiting(3):
        out.append(x)
        await checkpoint()
    return out


async def do_async_for_else():
    async for x in Count(await quiet(2)):
        say(x)
    else:
        return await t('else')


async def do_async_for_break():
    async for x in Count(5):
        if x == 1:
            continue
        if await quiet(x) == 3:
            break
        say(x)
    else:
        return 'never'
    return x


async def do_async_for_return():
    try:
        async for x in Count(5):
            if x == 2:
                return x
    finally:
        await t('finally')


async def do_async_for_nested():
    out = []
    async for x in Twice(1, 2):
        async for y in Count(x):
            if y > 1:
                break
            out.append((x, await quiet(y)))
        else:
            continue
        break
    return out


async def do_async_for_results():
    handles = [submit(double, x=x) for x in range(3)]
    out = []
    async for y in Results(handles):
        out.append(y)
        await checkpoint()
    return out


async def do_async_for_handles():
    handles = [submit(double, x=x) for x in range(3)]
    return [y async for y in Handles(handles)]


async def do_async_for_failing_child():
    handles = [submit(double, x=1), submit(boom), submit(double, x=2)]
    try:
        async for y in Handles(handles):
            say(y)
    except ValueError as error:
        await checkpoint()
        return str(error), y


async def do_async_for_iterator_raises():
    async for x in Count(2, ValueError('end')):
        say(x)


async def do_async_for_body_raises():
    async for x in Count(2):
        await checkpoint()
        boom()


async def do_async_for_body_raises_the_same():
    try:
        async for x in Count(2):
            await fail(StopAsyncIteration('mine'))
    except StopAsyncIteration as error:
        return x, repr(await quiet(error))


async def do_async_for_anext_raises():
    class Odd:
        def __aiter__(self):
            return self

        def __anext__(self):
            raise ValueError('odd')

    async for x in Odd():
        await t('never')


async def do_async_for_target():
    noisy = Noisy()
    async for noisy[await t('key')] in Count(2):
        await checkpoint()


async def do_async_for_target_raises():
    try:
        async for a, b in Count(2):
            pass
    except TypeError as error:
        return str(await quiet(error))


async def do_async_for_list():
    handles = [submit(double, x=x) for x in range(3)]
    async for x in handles:
        await t('never')


async def do_async_for_iterator_without_next():
    class Odd:
        def __aiter__(self):
            return 5

    async for x in Odd():
        await t('never')


async def do_async_for_next_not_awaitable():
    class Odd:
        def __aiter__(self):
            return self

        def __anext__(self):
            return 5

    async for x in Odd():
        await t('never')


async def do_async_for_not_evaluated():
    async for x in boom():
        await t('never')


async def do_async_for_unbound_target():
    async for x in Count(0):
        pass
    await checkpoint()
    return x


async def do_async_for_target_is_a_cell():
    functions = []
    async for x in Count(3):
        functions.append(lambda: x)
    return [f() for f in functions]


async def do_async_for_exception_context():
    try:
        boom('outer')
    except ValueError:
        async for x in Count(1):
            await fail(KeyError('inner'))


async def do_async_for_shared_iterator():
    count = Count(5)
    async for x in count:
        if x == 1:
            break
    await checkpoint()
    return [x async for x in count], count.now


async def do_async_comprehension():
    return [x async for x in Count(3)]


async def do_async_comprehension_kinds():
    x = 'kept'
    a = [await t(x) async for x in Count(2)]
    b = {x async for x in Fast(2)}
    c = {x: y async for x, y in Fast(2)}
    return a, b, c, x


async def do_async_comprehension_conditions():
    return [x async for x in Count(9) if x % 2 if await quiet(x) > 3 if say(x)]


async def do_async_comprehension_mixed():
    a = [(x, y) for x in range(3) async for y in Count(x)]
    b = [(x, y) async for x in Count(3) for y in range(x)]
    c = [(x, y) async for x in Count(2) async for y in Twice(x, await quiet(1))]
    return a, b, c


async def do_async_comprehension_inner_reads_outer():
    k = 10
    return [lambda: (x, k) async for x in Count(2)][0]()


async def do_async_comprehension_walrus():
    out = [(last := x) async for x in Count(3)]
    return out, last


async def do_async_comprehension_raises():
    return [1 // x async for x in Count(3)]


async def do_async_comprehension_of_a_list():
    return [x async for x in await quiet([1, 2])]


async def do_async_comprehension_as_argument():
    return say(await quiet(1)), sorted([-x async for x in Count(3)]), say(2)


async def do_async_comprehension_in_condition():
    if [x async for x in Count(2)] == [0, 1]:
        return await t('yes')


async def do_async_comprehension_first_iterable_in_the_function():
    xs = [Count(1), Count(2)]
    return [x for xs in xs async for x in xs]


async def do_generator_expression_over_awaited():
    return sum(x for x in await quiet([1, 2])), sum(x for x in [y async for y in Count(3)])
