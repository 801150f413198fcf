"""Generators, generator expressions and `contextmanager`s held across an await."""

import contextlib
import itertools
import sys
import types

from aiida_dreamflow import checkpoint

from .helpers import Manager, t


def numbers(n):
    total = 0
    try:
        for i in range(n):
            got = yield i
            total += got or 0
    finally:
        print('finally', total)
    return total


async def do_next_between_awaits():
    g = numbers(3)
    seen = [next(g)]
    await checkpoint()
    seen.append(g.send(5))
    await checkpoint()
    seen.append(g.send(7))
    await checkpoint()
    try:
        next(g)
    except StopIteration as stop:
        seen.append(stop.value)
    await checkpoint()
    return seen, list(g), type(g) is types.GeneratorType, g.__name__, g.__qualname__


async def do_loop_over_generator():
    seen = []
    for n in numbers(4):
        seen.append(await t(n))
    return seen


async def do_not_begun():
    g = numbers(2)
    await checkpoint()
    try:
        g.send(1)
    except TypeError as error:
        print(error)
    return list(g)


async def do_closed_later():
    g = numbers(2)
    next(g)
    await checkpoint()
    g.close()
    await checkpoint()
    return list(g)


async def do_thrown_into():
    g = numbers(2)
    next(g)
    await checkpoint()
    try:
        g.throw(ValueError('thrown'))
    except ValueError as error:
        await checkpoint()
        return error


def handling():
    try:
        yield 1
        raise KeyError('k')
    except (KeyError, ValueError) as error:
        print('handling', repr(error))
        yield 2
        print('still', repr(sys.exc_info()[1]))
        try:
            yield 3
            raise TypeError('t')
        except TypeError as other:
            yield repr(other.__context__)
            print(repr(sys.exc_info()[1]))
        print(repr(sys.exc_info()[1]))
        yield 4
        raise
    finally:
        yield 'finally'
        print('done', repr(sys.exc_info()[1]))


async def do_waits_in_handlers():
    seen = []
    g = handling()
    try:
        for value in g:
            seen.append(await t(value))
    except KeyError as error:
        return seen, error


async def do_thrown_while_handling():
    for turns in range(1, 6):
        g = handling()
        try:
            for _ in range(turns):
                next(g)
            await checkpoint()
            print(g.throw(ValueError('thrown')))
            await checkpoint()
            print(next(g))
            await checkpoint()
            print(next(g))
        except Exception as error:
            print(repr(error), repr(error.__context__))


async def do_handled_by_caller():
    g = numbers(2)
    try:
        raise ValueError('outer')
    except ValueError:
        next(g)
        await checkpoint()
        print(repr(sys.exc_info()[1]), next(g))
        await checkpoint()
        try:
            g.throw(KeyError('k'))
        except KeyError as error:
            print(repr(error.__context__))


def with_manager(manager):
    with manager as value, Manager('inner'):
        yield value
        for i in range(2):
            with Manager(i):
                yield i


async def do_with_inside():
    return [await t(value) for value in with_manager(Manager('outer', swallow=True))]


async def do_with_inside_thrown():
    g = with_manager(Manager('outer', swallow=True))
    print(next(g), next(g))
    await checkpoint()
    try:
        g.throw(ValueError('v'))
    except StopIteration as stop:
        print('stopped', stop.value)


def stops_early():
    yield 1
    raise StopIteration(2)


async def do_stop_iteration_inside():
    g = stops_early()
    next(g)
    await checkpoint()
    next(g)


def failing():
    x = 1
    yield x
    raise ValueError(x)


async def do_fails_later():
    g = failing()
    next(g)
    await checkpoint()
    next(g)


def unbound():
    if len('') > 1:
        x = 1
    yield 1
    print(x)


async def do_unbound_variable():
    g = unbound()
    next(g)
    await checkpoint()
    next(g)


def ignores_close():
    while True:
        try:
            yield
        except GeneratorExit:
            print('ignored')


async def do_ignores_close():
    g = ignores_close()
    next(g)
    await checkpoint()
    try:
        g.close()
    except RuntimeError as error:
        print(error)
    await checkpoint()
    with contextlib.suppress(RuntimeError):
        g.close()
    g.throw(LookupError)


def yields_while_closing():
    try:
        yield 1
    finally:
        try:
            yield 2
        finally:
            yield 3


async def do_close_again_and_again():
    g = yields_while_closing()
    print(next(g))
    for _ in range(2):
        await checkpoint()
        with contextlib.suppress(RuntimeError):
            g.close()
    await checkpoint()
    try:
        next(g)
    except GeneratorExit as error:
        return repr(error.__context__), repr(error.__context__.__context__)


async def do_nested_generator_function():
    base = 10

    def counting(n=2):
        nonlocal base
        for i in range(n):
            base += i
            yield base

    g = counting(3)
    seen = [next(g)]
    await checkpoint()
    base = 100
    seen.append(next(g))
    await checkpoint()
    return seen, base, list(g), base


async def do_expression():
    factor = 2
    g = (x * factor for x in range(5) if x % 2 == 0)
    seen = [next(g)]
    await checkpoint()
    factor = 10
    seen.append(next(g))
    await checkpoint()
    return seen, list(g)


async def do_expression_of_expressions():
    rows = [[1, 2], [], [3]]
    g = ((x, y) for row in (r for r in rows if r) for x in row for y in 'ab')
    seen = []
    for pair in g:
        seen.append(await t(pair))
        if len(seen) == 3:
            rows.append([4])
    return seen


async def do_expressions_on_one_line():
    a, b = (x + 1 for x in range(3)), (x + 2 for x in range(3))
    print(next(a), next(b))
    await checkpoint()
    return list(a), list(b)


async def do_expression_with_walrus():
    last = None
    g = (last := x for x in 'abc')
    next(g)
    await checkpoint()
    next(g)
    await checkpoint()
    return last, list(g), last


async def do_under_iterators():
    z = zip(enumerate(numbers(3)), map(str, numbers(4)), strict=False)
    seen = []
    for pair in z:
        seen.append(await t(pair))
    return seen


async def do_chained():
    g = numbers(2)
    c = itertools.chain(g, [7], (n for n in 'xy'))
    print(next(c))
    await checkpoint()
    print(next(g))
    await checkpoint()
    return list(c)


async def do_two_names():
    g = h = numbers(3)
    box = [g]
    await checkpoint()
    print(next(g), next(h), next(box[0]), g is h, box[0] is g)


def holds_itself(box):
    box.append('begun')
    yield box
    yield len(box)


async def do_cycle():
    box = []
    g = holds_itself(box)
    box.append(g)
    await checkpoint()
    print(next(box[0]) is box)
    await checkpoint()
    print(box[0] is g, next(g))


def tree(n):
    if n:
        yield from tree(n - 1)
        yield n
        yield from tree(n - 1)


async def do_recursive():
    return [await t(n) for n in tree(3)]


def matching():
    got = yield
    while True:
        match got:
            case [x, *rest]:
                got = yield x, rest
            case {'key': value}:
                got = yield value
            case _:
                got = yield 'other'


async def do_matching():
    g = matching()
    next(g)
    seen = []
    for value in ([1, 2, 3], {'key': 5}, 7):
        await checkpoint()
        seen.append(g.send(value))
    return seen


def jumps():
    for i in range(5):
        try:
            if i == 1:
                continue
            if i == 3:
                break
            yield i
        finally:
            print('turn', i)
    else:
        yield 'else'
    yield 'after'


async def do_jumps():
    return [await t(value) for value in jumps()]


async def do_garbage_runs_finally():
    g = numbers(2)
    next(g)
    await checkpoint()
    del g
    print('deleted')
    await checkpoint()


def shared_cells():
    count = 0

    def add(n):
        nonlocal count
        count += n
        return count

    while count < 100:
        yield add, count


async def do_cells_shared_with_generator():
    g = shared_cells()
    add, before = next(g)
    await checkpoint()
    print(add(30))
    await checkpoint()
    other, after = next(g)
    return other is add, before, after, add(1), next(g)[1]


def returning(limit):
    for n in range(5):
        with Manager(n):
            got = yield n
            if n == limit:
                return 'with', got
        try:
            got = yield -n
            if n > limit:
                return 'try', got
        finally:
            print('turn', n)


async def do_returns_out_of_with():
    g = returning(1)
    try:
        while True:
            print(next(g))
            await checkpoint()
    except StopIteration as stop:
        return stop.value


async def do_returns_out_of_try():
    g = returning(-1)
    next(g)
    try:
        while True:
            await checkpoint()
            print(g.send('sent'))
    except StopIteration as stop:
        return stop.value


async def do_yields_of_choices():
    def choices(n):
        x = yield n if n > 1 else -n
        y = yield n and x
        z = yield (y or n) if y is not None else not x
        w = yield from [n, x] if z else [y]
        return x, y, z, w

    def through(n):
        w = yield from choices(n)
        print(w)

    g = through(1)
    out = [next(g)]
    for sent in (5, 0, 'z', None, None, None):
        await checkpoint()
        try:
            out.append(g.send(sent))
        except StopIteration:
            out.append('end')
    return out
