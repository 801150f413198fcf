"""`return`, `break` and `continue` through `try`, `except` and `finally`."""

import sys

from aiida_dreamflow import checkpoint

from .helpers import boom, fail, quiet, say, t


async def do_return_in_try():
    try:
        return await t('value')
    finally:
        await t('finally')


async def do_return_in_finally():
    try:
        return await t('first')
    finally:
        return await t('second')


async def do_return_in_finally_swallows():
    try:
        await fail(ValueError('x'))
    finally:
        return await t('swallowed')


async def do_return_in_finally_native():
    await checkpoint()
    try:
        boom()
    finally:
        return 'swallowed'


async def do_return_in_except():
    try:
        await fail(ValueError('x'))
    except ValueError as e:
        return await t(str(e))
    finally:
        say(sys.exc_info()[0])
        await t('finally')


async def do_return_through_two():
    try:
        try:
            return await t('value')
        finally:
            await t('inner')
    finally:
        await t('outer')


async def do_return_through_two_inner_raises():
    try:
        try:
            return await t('value')
        finally:
            await fail(ValueError('inner'))
    except ValueError as e:
        return 'caught', e.__context__
    finally:
        await t('outer')


async def do_return_value_evaluated_before():
    x = [1]
    try:
        return list(x)
    finally:
        x.append(await t(2))


async def do_return_overridden_by_break():
    for i in range(3):
        try:
            return await t(i)
        finally:
            break
    return 'after', i


async def do_continue_in_finally():
    out = []
    for i in range(3):
        try:
            if await quiet(i) == 1:
                boom()
            out.append(i)
        finally:
            continue
        out.append('never')
    return out


async def do_break_through_finally():
    for i in range(3):
        try:
            if await quiet(i) == 1:
                break
        finally:
            await t(f'f{i}')
    else:
        await t('else')
    return i


async def do_continue_through_finally():
    out = []
    for i in range(3):
        try:
            try:
                if await quiet(i) == 1:
                    continue
                out.append(i)
            finally:
                out.append(await quiet('inner'))
        finally:
            out.append('outer')
    return out


async def do_all_three_through_one_finally():
    out = []
    for i in range(10):
        try:
            if i == 1:
                continue
            if i == 3:
                break
            if i == 7:
                return 'never'
            out.append(await quiet(i))
        finally:
            out.append(await quiet('f'))
    return out


async def do_jump_out_of_except():
    out = []
    for i in range(4):
        try:
            await fail(ValueError(i))
        except ValueError as e:
            if i == 0:
                continue
            if i == 2:
                break
            out.append(await quiet(e.args[0]))
        out.append(sys.exc_info()[0])
    return out, i, sys.exc_info()[0]


async def do_jump_out_of_except_in_finally():
    out = []
    for i in range(3):
        try:
            try:
                await fail(ValueError(i))
            except ValueError:
                if i == 1:
                    break
                continue
            finally:
                out.append((i, repr(sys.exc_info()[1]), await quiet('x')))
        finally:
            out.append(repr(sys.exc_info()[1]))
    return out


async def do_return_out_of_except_through_finally():
    async def f():
        try:
            try:
                await fail(ValueError(1))
            except ValueError as e:
                return await t(repr(e))
        finally:
            await t(repr(sys.exc_info()))

    return await f(), sys.exc_info()


async def do_raise_in_finally_while_returning():
    try:
        return await t(1)
    finally:
        boom('instead')


async def do_raise_in_else():
    try:
        await t(1)
    except ValueError:
        say('not here')
    else:
        await fail(ValueError('else'))
    finally:
        await t('finally')


async def do_finally_order_of_exceptions():
    try:
        try:
            await fail(ValueError('a'))
        finally:
            await t(1)
            try:
                await fail(KeyError('b'))
            except KeyError as e:
                say(repr(e.__context__))
            await t(2)
    except ValueError as e:
        return repr(e), e.__context__
