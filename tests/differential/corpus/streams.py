"""Asynchronous generators, and what `@asynccontextmanager` makes of them."""

import contextlib
import functools
import sys

from aiida_dreamflow import checkpoint, create_task, gather, sleep, submit

from .helpers import say


def double(x):
    return 2 * x


async def count(end, name='count'):
    """Waits before and after each item, and at its end."""
    try:
        for i in range(end):
            await checkpoint()
            got = yield i
            if got is not None:
                print(name, 'got', got)
            await checkpoint()
    except ValueError as error:
        print(name, 'caught', error)
        yield 'caught'
    finally:
        print(name, 'closes')
        await checkpoint()
        print(name, 'closed')


async def do_for():
    seen = []
    async for i in count(3):
        seen.append(i)
        await checkpoint()
    else:
        seen.append('else')
    return seen, [i async for i in count(2)], {i: j async for i in count(2, 'a') async for j in count(2, 'b') if i != j}


async def do_without_waiting():
    async def pairs():
        for i in range(3):
            yield i, -i

    seen = []
    async for i, j in pairs():
        seen.append((i, j))
        await checkpoint()
    return seen


async def do_break():
    async for i in count(5):
        if i == 1:
            break
        print(i)
    print('left')
    await checkpoint()
    print('went on')
    await checkpoint()
    await checkpoint()
    await checkpoint()
    return i


async def do_by_hand():
    g = count(9)
    seen = [await g.__anext__(), await anext(g), await g.asend('this')]
    await checkpoint()
    seen.append(await g.athrow(ValueError('thrown')))
    await checkpoint()
    seen.append(await g.aclose())
    seen.append(await g.aclose())
    try:
        await g.__anext__()
    except StopAsyncIteration as error:
        seen.append(error)
    seen.append(await anext(g, 'default'))
    return seen


async def do_kept():
    """What drives it is kept, and awaited later."""
    g = count(3)
    turn = g.asend(None)
    with_default = anext(count(0), 'none')
    await checkpoint()
    seen = [await turn, await with_default]
    await checkpoint()
    try:
        await turn
    except RuntimeError as error:
        seen.append(str(error))
    closing = g.aclose()
    await checkpoint()
    seen.append(await closing)
    again = g.athrow(KeyError, 'late', None)
    await checkpoint()
    seen.append(await again)
    return seen


async def do_not_begun():
    seen = []
    for what in (lambda g: g.asend(1), lambda g: g.athrow(ValueError('early')), lambda g: g.aclose()):
        g = count(2)
        await checkpoint()
        try:
            seen.append(await what(g))
        except (TypeError, ValueError) as error:
            seen.append(str(error))
        await checkpoint()
        seen.append([i async for i in g])
    return seen


async def do_running_already():
    g = count(3)

    async def drive(kind):
        await checkpoint()
        return await getattr(g, kind)()

    seen = await gather(drive('__anext__'), drive('__anext__'), drive('aclose'), return_exceptions=True)
    return [str(each) for each in seen], [i async for i in g]


async def do_ignores_the_end():
    async def stubborn():
        try:
            yield 1
        except GeneratorExit:
            await checkpoint()
            yield 2

    g = stubborn()
    await anext(g)
    try:
        await g.aclose()
    except RuntimeError as error:
        await checkpoint()
        return str(error)


async def do_errors():
    async def wrong(error):
        yield 1
        await checkpoint()
        raise error

    seen = []
    for error in (KeyError('k'), StopIteration(1), StopAsyncIteration(2), GeneratorExit()):
        try:
            async for i in wrong(error):
                await checkpoint()
        except (Exception, GeneratorExit) as caught:
            await checkpoint()
            seen.append((caught, caught.__cause__))
    return seen


async def do_uncaught():
    async def inner():
        yield 1
        await checkpoint()
        raise KeyError('inner')

    async def outer():
        async for i in inner():
            yield i

    async for _ in outer():
        await checkpoint()


async def do_context():
    """An exception that is thrown in while another is handled, here or there."""

    async def handling():
        try:
            yield 1
        except KeyError:
            await checkpoint()
            yield 2

    g = handling()
    await anext(g)
    try:
        raise LookupError('here')
    except LookupError:
        await g.athrow(KeyError('first'))
    await checkpoint()
    try:
        await g.athrow(IndexError('second'))
    except IndexError as error:
        await checkpoint()
        return error


async def do_nested():
    async def evens(numbers):
        async for n in numbers:
            if n % 2 == 0:
                yield n

    async def squares(numbers):
        async for n in numbers:
            await checkpoint()
            yield n * n

    chain = squares(evens(count(5)))
    seen = [await anext(chain)]
    await checkpoint()
    return seen + [n async for n in chain]


async def do_two_of_them():
    a, b = count(3, 'a'), count(3, 'b')
    seen = []
    for _ in range(3):
        seen.append((await anext(a), await anext(b)))
        await checkpoint()
    return seen, await anext(a, None), await anext(b, None)


async def do_tasks():
    """Each task has its own, and one goes from task to task."""
    shared = count(6, 'shared')

    async def take(number, own):
        seen = []
        async for i in own:
            seen.append((i, await anext(shared)))
            await checkpoint()
        return number, seen

    results = []
    for number in range(2):
        results.append(await create_task(take(number, count(2, number))))
    return results, [i async for i in shared]


async def do_cancelled():
    async def follow():
        async for i in count(3):
            print(i)
            await sleep(10)

    task = create_task(follow())
    await sleep(1)
    task.cancel()
    try:
        await task
    except BaseException as error:
        print(type(error).__name__)
    await sleep(1)
    return 'ended'


async def do_children():
    async def doubles(numbers):
        for n in numbers:
            yield await submit(double, x=n)

    seen = []
    async for n in doubles([1, 2, 3]):
        seen.append(n)
        await checkpoint()
    return seen


class Source:
    def __init__(self, items):
        self.items = items
        self.open = self.walk()

    async def walk(self, step=1):
        """Is held by what it holds."""
        for item in self.items[::step]:
            await checkpoint()
            yield self, item

    def __aiter__(self):
        return self.walk(step=2)


async def do_methods():
    source = Source('abcd')
    seen = [(await anext(source.open))[1]]
    await checkpoint()
    source.items += 'ef'
    async for me, item in source:
        seen.append((item, me is source))
        await checkpoint()
    seen.append([item async for me, item in source.open if me is source])
    return seen


async def do_closures():
    total = 0

    async def adds():
        nonlocal total
        while True:
            await checkpoint()
            total += yield total

    g = adds()
    await anext(g)
    held = {'g': [g]}
    for i in range(3):
        await g.asend(i)
        await checkpoint()
    return total, held['g'][0] is g, await held['g'][0].asend(10)


@contextlib.asynccontextmanager
async def managed(name, swallow=()):
    print('enter', name)
    await checkpoint()
    try:
        yield name.upper()
    except swallow as error:
        await checkpoint()
        print('swallowed', repr(error))
    finally:
        await checkpoint()
        print('exit', name)


async def do_managers():
    async with managed('a') as a, managed('b', KeyError) as b:
        await checkpoint()
        print(a, b)
        raise KeyError('x')
    async with contextlib.AsyncExitStack() as stack:
        names = [await stack.enter_async_context(managed(name)) for name in 'cd']
        await checkpoint()
    for n in range(2):
        async with managed('e'):
            if n:
                break
            await checkpoint()
            continue
    return names


async def do_manager_lets_through():
    try:
        async with managed('a'):
            await checkpoint()
            say('raise')
            raise KeyError('x')
    except KeyError as error:
        await checkpoint()
        # Python 3.10 takes the line of the manager out of the traceback again, and a workflow does not.
        return error if sys.version_info >= (3, 11) else repr(error)


async def do_manager_that_goes_on():
    @contextlib.asynccontextmanager
    async def twice():
        yield 1
        await checkpoint()
        yield 2

    try:
        async with twice():
            await checkpoint()
    except RuntimeError as error:
        return str(error)


async def do_decorator():
    @managed('d')
    async def decorated(x):
        await checkpoint()
        return x + 1

    return [await decorated(1), await decorated(2)]


async def do_aclosing():
    async with contextlib.aclosing(count(5)) as numbers:
        async for i in numbers:
            await checkpoint()
            if i == 2:
                break
    return i


async def do_arguments():
    async def given(a, /, b=2, *rest, c, **more):
        yield a, b, rest, c, more
        await checkpoint()
        yield locals()

    g = functools.partial(given, 1, c=3)(4, 5, d=6)
    await checkpoint()
    return [each async for each in g]


async def later(x):
    await checkpoint()
    return 2 * x


async def do_expressions():
    k = 3
    numbers = (await later(x) + k for x in range(3) if await later(x) != 2)
    pairs = ((x, y) for x in await later([1]) async for y in count(2))
    both = ((await later(k), y) async for y in count(2))
    await checkpoint()
    seen = [await anext(numbers)]
    await checkpoint()
    return seen, [x async for x in numbers], [x async for x in pairs], [x async for x in both]
