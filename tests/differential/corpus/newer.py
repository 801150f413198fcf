"""What Python 3.10 does not parse, or does otherwise."""

from aiida_dreamflow import checkpoint

from .contextmanagers import managed
from .delegating import delegating
from .generators import handling
from .helpers import boom, fail, quiet, t


async def do_comprehension_nested():
    return [[await quiet(x * y) for y in range(x)] for x in range(4)]


async def do_comprehension_inner_reads_outer():
    rows = [[1, 2], [3]]
    return [[await quiet((cell, len(row))) for cell in row] for row in rows]


async def do_comprehension_same_name():
    x = [[1, 2], [3]]
    return [[x for x in x] for x in await quiet(x) if await quiet(x)], x


async def do_try_star_stays_native():
    await checkpoint()
    out = []
    try:
        raise ExceptionGroup('g', [ValueError(1), KeyError(2)])
    except* ValueError as group:
        out.append(repr(group))
    except* KeyError:
        out.append('key')
    await checkpoint()
    return out


async def do_try_star_raises():
    await checkpoint()
    try:
        boom()
    except* KeyError:
        pass


class SplitInThree(ExceptionGroup):
    def split(self, *args):
        return (*super().split(*args), 'more')


async def do_try_star_with_a_split_of_its_own():
    try:
        raise SplitInThree('three', [OSError(1), ValueError(2)])
    except* OSError as group:
        await checkpoint()
        print(repr(group))
    except* ValueError as group:
        await checkpoint()
        print(repr(group))


async def do_exception_group_kept():
    try:
        raise ExceptionGroup('g', [ValueError(1), ExceptionGroup('h', [KeyError(2)])])
    except ExceptionGroup as group:
        await checkpoint()
        matched, rest = group.split(KeyError)
        await checkpoint()
        return repr(matched), repr(rest), group.exceptions[0].args


async def do_star_expression_in_index():
    d = {(1, 2, 3): 'x'}
    return d[*await t((1, 2)), 3]


async def do_notes_are_kept():
    try:
        await fail(ValueError('x'))
    except ValueError as e:
        e.add_note('one')
        await checkpoint()
        e.add_note('two')
        raise


async def do_try_star_with_a_loop_inside():
    await checkpoint()
    out = []
    for i in range(4):
        try:
            for j in range(3):
                if j == i:
                    break
                out.append(j)
            if i == 2:
                raise ValueError(i)
        except* ValueError as group:
            for error in group.exceptions:
                if not error.args:
                    continue
                out.append(error.args)
    return out


# Before Python 3.11 an exception that passes a `with` or a `throw` gets another traceback.


async def do_delegates_and_throws():
    g = delegating(handling())
    print(next(g))
    await checkpoint()
    print(g.throw(ValueError('v')))
    await checkpoint()
    try:
        g.throw(OSError('o'))
        g.throw(IndexError('i'))
    except Exception as error:
        return error


async def do_contextmanager_raises():
    with managed('a'):
        await t(1)
        raise ValueError('v')
