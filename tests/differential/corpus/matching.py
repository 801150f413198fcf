"""`match` with an await in its subject or its bodies."""

from dataclasses import dataclass

from aiida_dreamflow import checkpoint

from .helpers import boom, fail, quiet, say, t


@dataclass
class Point:
    x: int
    y: int


async def do_match_kinds():
    out = []
    for value in [1, 'a', [1, 2, 3], {'k': 1, 'l': 2}, Point(1, 2), (5,), None, 2.5]:
        match await t(value):
            case 1:
                out.append(await quiet('one'))
            case str(s):
                out.append(await quiet(s))
            case [a, *rest]:
                out.append((a, await quiet(rest)))
            case {'k': k, **others}:
                out.append((k, await quiet(others)))
            case Point(x=x, y=y):
                out.append((await quiet(x), y))
            case None | True:
                out.append(await quiet('none'))
            case _:
                out.append(await quiet('other'))
    return out


async def do_match_guard():
    out = []
    for value in range(4):
        match value:
            case n if n > 2:
                out.append(('big', await quiet(n)))
            case n if say(n) == 1:
                out.append('one')
            case 2:
                await checkpoint()
                out.append(n)
    return out


async def do_match_captures_survive_failed_guard():
    match await quiet((1, 2)):
        case (a, b) if a > b:
            pass
        case (c, _) if c > 5:
            pass
        case _:
            await checkpoint()
    return a, b, c


async def do_match_no_case():
    match await t(5):
        case 6:
            await t('no')
    return 'after'


async def do_match_native_in_loop():
    out = []
    for value in range(5):
        await checkpoint()
        match value:
            case 0:
                continue
            case 3:
                break
            case x:
                out.append(x)
    return out


async def do_match_native_returns():
    await checkpoint()
    match [1, 2]:
        case [x, y]:
            return x + y


async def do_match_jumps():
    for value in range(9):
        match value:
            case 1:
                await checkpoint()
                continue
            case 4:
                break
            case 7:
                return 'never'
        say(value)
    return value


async def do_match_subject_raises():
    match boom():
        case _:
            await checkpoint()


async def do_match_pattern_raises():
    class Odd:
        __match_args__ = 5

    match Odd():
        case Odd(1):
            await checkpoint()


async def do_match_values():
    import http

    match await quiet(404):
        case http.HTTPStatus.NOT_FOUND:
            return await t('not found')
        case _:
            return 'other'


async def do_match_nested():
    match await quiet({'a': [1, {'b': (2, 3)}]}):
        case {'a': [int(x), {'b': (y, _) as pair}]} as everything:
            await checkpoint()
            return x, y, pair, everything


async def do_match_or_capture():
    match await quiet(('x', 1)):
        case ('a', n) | ('x', n):
            return await t(n)


async def do_match_in_try():
    try:
        match await quiet(1):
            case 1:
                await checkpoint()
                boom()
    except ValueError:
        return await t('caught')


async def do_match_captures_are_cells():
    match await quiet([1, 2]):
        case [a, b]:
            f = lambda: (a, b)  # noqa: E731
            await checkpoint()
            return f()


async def do_match_star_and_wildcards():
    match await quiet([1, 2, 3, 4]):
        case [first, _, *_, last]:
            await checkpoint()
            return first, last


async def do_guard_awaits():
    out = []
    for value in range(6):
        match await quiet(value):
            case 0:
                out.append('zero')
            case n if await t(n > 4):
                out.append(('big', n))
            case 1 | 2 if say(value) == 2:
                out.append('two')
            case m if await quiet(m % 2):
                out.append(('odd', m))
            case _:
                out.append('rest')
    return out


async def do_guard_awaits_captures_survive():
    match await quiet((1, [2, 3])):
        case (a, [b, *_]) if await t(a > b):
            pass
        case (c, d) if say(False):
            pass
        case (e, [*f]) if await t(False):
            pass
    return a, b, c, d, e, f


async def do_guard_awaits_order():
    class Says:
        def __eq__(self, other):
            print('==', other)
            return other != 1

        __hash__ = None

    match Says():
        case 1 if await t('not here'):
            pass
        case 2 if await t(False):
            pass
        case 3 if say(True) and await t(True):
            return 'three'


async def do_guard_raises():
    try:
        match 1:
            case x if await fail(ValueError('guard')):
                pass
            case 1:
                await t('never')
    except ValueError as error:
        return x, str(await quiet(error))


async def do_guard_awaits_no_case():
    match await quiet([1]):
        case [x] if await t(False):
            return 'no'
    return await t('after'), x


async def do_guard_awaits_subject_evaluated_once():
    match say(1), say(await quiet(2)):
        case (1, y) if await t(y == 1):
            return 'one'
        case (1, y) if await t(y == 2):
            return 'two'


async def do_guard_awaits_jumps():
    for i in range(5):
        match i:
            case n if await quiet(n == 1):
                continue
            case n if await quiet(n == 3):
                break
            case _:
                say(i)
    else:
        return 'else'
    return n


async def do_guard_awaits_class_pattern():
    match Point(1, 2):
        case Point(x=a, y=b) as p if await quiet(a) and (c := await quiet(b)):
            return a, b, c, p


async def do_guard_with_shared_captures():
    match [1, 2]:
        case [a, b] if await quiet(any(b == x for x in [2])) and await quiet(True):
            return (lambda: a + b)()


async def do_guard_only_cut_by_a_body():
    match await quiet(3):
        case n if n > 5:
            await checkpoint()
        case n if n > 2:
            return await quiet(n)
