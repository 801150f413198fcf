"""Loops, and what iterates."""

import itertools

import numpy as np

from aiida_dreamflow import checkpoint

from .helpers import Noisy, boom, fail, quiet, say, t


async def do_for_else():
    out = []
    for limit in (2, 9):
        for i in range(4):
            if await quiet(i) == limit:
                out.append('break')
                break
        else:
            out.append('else')
    return out, i, limit


async def do_while_else():
    i, out = 0, []
    while await t(i) < 3:
        i += 1
        if i == 2:
            continue
        out.append(i)
    else:
        out.append(await t('else'))
    while True:
        i -= 1
        if not await t(i):
            break
    else:
        out.append('never')
    return out


async def do_nested_with_jumps():
    out = []
    for i in range(4):
        for j in range(4):
            if j == await quiet(2):
                continue
            if i == 1:
                break
            if i == 3:
                return out, i, j
            out.append((i, j))
        else:
            out.append(await t('else'))
            continue
        out.append('broken')
    return 'not here'


async def do_native_loop_inside():
    total = 0
    for i in range(3):
        for j in range(10):
            if j == 7:
                break
            if j % 2:
                continue
            total += i * j
        else:
            total = -1
        await checkpoint()
    return total, i, j


async def do_native_loop_returns():
    await checkpoint()
    for i in range(100):
        for j in range(100):
            if i * j == 42:
                return i, j
    await checkpoint()


async def do_native_loop_breaks_outer():
    out = []
    for i in range(5):
        await checkpoint()
        while True:
            out.append(i)
            if len(out) > 3:
                break
            if i % 2:
                break
            break
        else:
            continue
        if i == 3:
            break
    return out


async def do_break_inside_native_if():
    for i in range(10):
        await checkpoint()
        if i > 3:
            if i > 5:
                break
            else:
                continue
    return i


async def do_append_while_looping():
    items = [1, 2]
    out = []
    for item in items:
        out.append(await quiet(item))
        if len(items) < 5:
            items.append(item * 10)
    return out, items


async def do_remove_while_looping():
    items = [1, 2, 3, 4, 5]
    out = []
    for item in items:
        await checkpoint()
        items.remove(item)
        out.append(item)
    return out, items


async def do_list_replaced_while_looping():
    items = [1, 2, 3]
    for item in items:
        items = [item]
        await checkpoint()
    return items


async def do_dict_views():
    d = {'a': 1, 'b': 2}
    out = []
    for k in d:
        out.append(await quiet(k))
    for k, v in d.items():
        d[k] = v + 1
        out.append((k, await quiet(v)))
    for v in d.values():
        out.append(await quiet(v))
    for k in reversed(d):
        out.append(await quiet(k))
    view = d.items()
    d['c'] = 3
    await checkpoint()
    return out, list(view)


async def do_dict_grows_while_looping():
    d = {'a': 1}
    for k in d:
        await checkpoint()
        d = {**d, k * 2: 2}
    return d


async def do_enumerate_zip():
    out = []
    for i, (a, b) in enumerate(zip([1, 2, 3], 'abcd'), start=await t(5)):
        out.append((i, await quiet(a), b))
    return out


async def do_map_filter_reversed():
    out = []
    for x in map(str, filter(None, reversed([0, 1, 2, 0]))):
        out.append(await quiet(x))
    return out


async def do_map_lambda():
    k = 3
    return [await quiet(x) for x in map(lambda x: x * k, range(3))]


async def do_range_backwards():
    return [await quiet(i) for i in range(await quiet(9), 0, -3)]


async def do_string_and_bytes():
    return [await quiet(c) for c in 'aé'], [await quiet(c) for c in b'ab'], [await quiet(c) for c in (1, 'x')]


async def do_set_loop():
    total = 0
    for x in {1, 2, 3}:
        total += await quiet(x)
    return total


async def do_array_loop():
    out = []
    for row in np.arange(6).reshape(3, 2):
        out.append((await quiet(row)).tolist())
    return out


async def do_explicit_iterator():
    it = iter([1, 2, 3, 4])
    first = next(it)
    await checkpoint()
    for x in it:
        await checkpoint()
        if x == 2:
            break
    return first, x, list(it), next(it, 'end')


async def do_shared_iterator():
    it = iter('abcdef')
    out = []
    for a in it:
        out.append((a, await quiet(next(it))))
    return out


async def do_zip_same_iterator():
    it = iter(range(6))
    return [await quiet(pair) for pair in zip(it, it)]


async def do_iter_sentinel():
    values = [1, 2, 0, 3]
    return [await quiet(x) for x in iter(values.pop, 1)], values


async def do_iterator_class():
    class Count:
        def __init__(self):
            self.n = 0

        def __iter__(self):
            return self

        def __next__(self):
            self.n += 1
            if self.n > 3:
                raise StopIteration
            return self.n

    return [await quiet(x) for x in Count()]


async def do_iterator_raises():
    class Bad:
        def __iter__(self):
            return self

        def __next__(self):
            raise ValueError('next')

    for _ in Bad():
        await checkpoint()


async def do_not_iterable():
    for _ in await t(5):
        pass


async def do_not_iterable_awaiting_body():
    for _ in 5:
        await checkpoint()


async def do_target_subscript():
    d = Noisy('d')
    for d[await t('k')] in range(2):
        await checkpoint()


async def do_target_unpacking_fails():
    for a, b in [(1, 2), (3,)]:
        await t((a, b))


async def do_target_starred():
    out = []
    for first, *rest in ['ab', 'c', [1, 2, 3]]:
        out.append((await quiet(first), rest))
    return out


async def do_target_attribute():
    class A:
        pass

    a, out = A(), []
    for a.x in range(2):
        await checkpoint()
        out.append(a.x)
    return out


async def do_loop_variable_after():
    for i in range(0):
        await checkpoint()
    try:
        return i
    except UnboundLocalError as error:
        return str(error)


async def do_loop_variable_deleted():
    for i in range(2):
        await checkpoint()
        del i
    return i


async def do_while_with_walrus():
    items, out = [1, 2, 3], []
    while (n := len(items)) and await quiet(n) > 1:
        out.append(items.pop())
    return out, n


async def do_exception_leaves_loop():
    for i in range(3):
        await t(i)
        if i == 1:
            boom()


async def do_loop_catches_each():
    out = []
    for i in range(3):
        try:
            out.append(10 // await quiet(i))
        except ZeroDivisionError:
            out.append('zero')
            continue
        finally:
            out.append(await quiet('f'))
        out.append('ok')
    return out


async def do_else_after_exception():
    try:
        for i in range(3):
            await fail(KeyError(i))
        else:
            say('else')
    except KeyError as error:
        return error.args


async def do_itertools_in_step():
    await checkpoint()
    return list(itertools.islice(itertools.count(await quiet(5)), 3)), list(itertools.chain([1], await quiet([2])))


async def do_while_false_is_dropped():
    while False:
        await t(1)
    if False:
        await t(2)
    return 3


async def do_code_after_return():
    return await t(1)
    await t(2)
    say('unreachable')


async def do_code_after_break():
    for i in range(2):
        break
        await t(i)
    else:
        await t('else')
    while True:
        await t(0)
        break
        await t(1)
    return i


async def do_forever_returns():
    n = 0
    while True:
        n += await quiet(1)
        if n == 3:
            return n


async def do_three_levels():
    out = []
    for a in 'xy':
        for b in range(2):
            for c in (True, False):
                if await quiet(c):
                    continue
                out.append(f'{a}{b}{await quiet(c)}')
    return out


async def do_many_turns():
    total = 0
    for i in range(200):
        total += await quiet(i)
    return total


async def do_sorted_and_key():
    words = await quiet(['bb', 'a', 'ccc'])
    return sorted(words, key=len), sorted(words, key=lambda w: -len(w)), [await quiet(w) for w in sorted(words)]


async def do_bytearray_and_memory():
    b = bytearray(b'abc')
    for i, x in enumerate(b):
        b[i] = (await quiet(x)) + 1
    return b


class Asked:
    """An iterator that says how often it is asked for an iterator; what `Asking` gives cannot be asked."""

    def __init__(self, end):
        self.now, self.end = 0, end

    def __iter__(self):
        print('asked')
        return self

    def __next__(self):
        print('next', self.now)
        if self.now == self.end:
            raise StopIteration
        self.now += 1
        return self.now


class Bare:
    def __init__(self, end):
        self.inner = Asked(end)

    def __next__(self):
        return next(self.inner)


class Asking:
    def __iter__(self):
        return Bare(3)


async def do_rare_await_over_iterators_of_classes():
    seen = []
    for iterable in (Asked(4), Asking()):
        for x in iterable:
            seen.append(x)
            if x == 2:
                await checkpoint()
        else:
            seen.append('end')
    return seen, x


async def do_rare_await_with_targets():
    seen, box = [], {}
    for box['i'], (a, *b) in enumerate([(1, 2), (3,), (4, 5, 6)]):
        if a == 3:
            await checkpoint()
            continue
        seen.append((box['i'], a, b))
    return seen, box, a, b


async def do_rare_await_iterator_fails():
    def fails():
        yield 1
        yield 2
        raise ValueError('here')

    seen = []
    try:
        for x in fails():
            seen.append(x)
            if x > 5:
                await checkpoint()
    finally:
        seen.append('finally')
        print(seen)
