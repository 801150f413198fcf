"""Await points in every kind of expression, and the order in which its parts are evaluated."""

import sys

from aiida_dreamflow import checkpoint

from .helpers import Noisy, boom, fail, quiet, say, t


async def do_call_arguments():
    return max(await t(1), say(2), await t(3), say(4))


async def do_call_everything():
    def f(*args, **kwargs):
        return args, kwargs

    return f(say(1), *await t([2, 3]), say(4), *(5, await t(6)), a=await t(7), **await t({'b': 8}), c=say(9))


async def do_call_callee_first():
    noisy = Noisy()
    noisy.method(await t(1), key=await t(2))


async def do_call_callee_unbound():
    return not_there(await t(1))  # noqa: F821


async def do_double_star_twice():
    return dict(**await t({'a': 1}), **await t({'a': 2}))


async def do_star_not_iterable():
    return print(*5, await t(1))


async def do_keyword_then_star():
    def f(*args, **kwargs):
        return args, kwargs

    return f(a=say(1), *[await t(2)])


async def do_method_chain():
    return (await t('abc')).upper().replace(await t('B'), say('x')).lower()


async def do_subscript_store_order():
    d = Noisy('d')
    d[await t('k')] = await t('v')


async def do_subscript_load_order():
    d = Noisy('d')
    return d[await t('k')] + d[say('l')] + d[await t('m')]


async def do_attribute_store_order():
    a = Noisy()
    (await t(a)).x = await t(1)
    return a.x


async def do_augmented_name():
    x = 1

    async def f():
        nonlocal x
        x = 10
        return await t(5)

    x += await f()
    return x


async def do_augmented_subscript():
    d = Noisy('d')
    d[await t('k')] += await t(2)
    d[say('k')] -= await t(1)
    d[await t('j')] *= 3


async def do_augmented_attribute():
    class A:
        x = 1

    a = A()
    a.x += await t(4)
    (await quiet(a)).x *= await t(3)
    return a.x, vars(a)


async def do_augmented_slice():
    x = [1, 2, 3, 4]
    x[await t(1) : say(3)] += await t([7])
    return x


async def do_augmented_in_place():
    x = y = [1]
    x += await t([2])
    n = Noisy()
    n += await t(1)
    return x, x is y


async def do_augmented_unbound():
    x += await t(1)  # noqa: F821
    return x


async def do_augmented_every_operator():
    x = 7
    x -= await quiet(2)
    x *= await quiet(9)
    x //= await quiet(2)
    x %= await quiet(13)
    x **= await quiet(2)
    x <<= await quiet(2)
    x >>= await quiet(1)
    x |= await quiet(3)
    x ^= await quiet(9)
    x &= await quiet(127)
    x /= await quiet(4)
    return x


async def do_binary_order():
    return say(1) + await t(2) * say(3) - await t(4)


async def do_unary():
    return -await t(1), not await t(0), ~await t(5), +await t(True)


async def do_boolean():
    return (
        await t(0) or await t('') or await t(3) or await t(4),
        await t(1) and await t(0) and await t(5),
        await t(1) and (await t(0) or await t(2)),
        say(0) or await t(7),
        await t(8) or say(9),
    )


async def do_conditional():
    return [await t('yes') if await t(flag) else await t('no') for flag in (True, False)]


async def do_conditional_awaited_call():
    flag = await t(1)
    return await (t(1) if flag else t(2)), await (flag and t(3))


async def do_chained_comparison():
    return (
        await t(1) < await t(2) < await t(3),
        await t(1) < await t(0) < await t(3),
        say(1) == await t(1) == say(1) != await t(2),
        await t(1) in await t([1]) is not None,
    )


async def do_comparison_truth():
    n = Noisy()
    return (n < await t(1)) is True, n < 2 < await t(3)


async def do_fstring():
    x = 3.14159
    return f'{await t(1)} {x:.2f} {await t("a")!r:>5} {x!s} {await t(x):{await t(8)}.{say(3)}f} {say("z")}'


async def do_fstring_format_first():
    class F:
        def __format__(self, spec):
            print('format', spec)
            return 'F'

    return f'{F():a}{await t(1)}{F():b}'


async def do_fstring_debug():
    x = 5
    return f'{x=} {await t(1)=}'


async def do_slices():
    x = list(range(10))
    return x[await t(1) : say(8) : await t(2)], x[: await t(3)], x[await t(-2) :], x[say(1) : 5][await t(0)]


async def do_slice_tuple():
    class S:
        def __getitem__(self, key):
            return key

    return S()[1 : await t(2), say(3), await t(4) :]


async def do_slice_of_one_value():
    # What is passed is the values of the names when the slice is made.
    a, b = 1, 2

    async def change():
        nonlocal a
        a = 5
        return await t(9)

    return list(range(10))[a : await change()]


async def do_walrus():
    if (n := await t(5)) > 3 and (m := say(2)) < await t(4):
        return n, m
    return None


async def do_walrus_conditional():
    x = (y := 1) and await t(0) and (y := 2)
    return x, y


async def do_walrus_unbound():
    (await t(0)) and (y := 2)
    return y


async def do_walrus_in_call():
    return say(x := 1), await t(x), [x := x + 1, await t(x), x := 7], x


async def do_walrus_in_comprehension():
    values = [last := v * 2 for v in range(3)]
    await checkpoint()
    return values, last


async def do_walrus_in_awaiting_comprehension():
    values = [(last := await quiet(v)) for v in range(3) if (seen := v) >= 0]
    return values, last, seen


async def do_name_read_before_it_changes():
    x = 1

    async def change():
        nonlocal x
        x += 1
        return await t(x)

    return x, await change(), x, [x, await change(), x]


async def do_unpacking_targets():
    a, (b, *c), d = await t((1, 'xyz', 3))
    [e, *f] = await t([1])
    *g, h = say('pq'), await t('r')
    return a, b, c, d, e, f, g, h


async def do_unpacking_awaiting_targets():
    x, d = [0, 0], {}
    x[await t(0)], d[await t('k')], (x[say(1)], *rest) = await t((1, 2, (3, 4, 5)))
    return x, d, rest


async def do_unpacking_errors():
    out = []
    for value in [(1,), (1, 2, 3), 5]:
        try:
            a, b = await t(value)
        except (ValueError, TypeError) as error:
            out.append(str(error))
    return out


async def do_several_targets():
    d = Noisy('d')
    a = d[await t(1)] = b = d[await t(2)] = await t('v')
    return a, b


async def do_swap():
    a, b = 1, 2
    a, b = b, await t(a)
    return a, b


async def do_annotated_assignment():
    x: int = await t(1)
    y: undefined_name = 2  # noqa: F821
    z: int
    d = {}
    d[await t('k')]: int = await t(3)
    return x, y, d


async def do_delete():
    d = Noisy('d')
    x, y = 1, 2
    del d[await t(1)], x, d[say(2)], y
    try:
        return x
    except UnboundLocalError as error:
        return str(error)


async def do_delete_attribute():
    class A:
        pass

    a = A()
    a.x = 1
    del (await quiet(a)).x
    return vars(a)


async def do_assert_passes():
    assert await t(1), await t('not evaluated')
    assert await t([1])


async def do_assert_fails():
    assert await t(0), await t('message')


async def do_assert_fails_bare():
    x = 1
    assert not await t(x)


async def do_raise_awaited():
    raise await t(ValueError('x')) from await t(KeyError('y'))


async def do_raise_class_after_await():
    await checkpoint()
    raise ValueError


async def do_raise_not_exception():
    raise await t(3)


async def do_decorators_and_defaults():
    def decorate(value):
        print('decorate', value)
        return lambda f: f

    @decorate(await t(1))
    @decorate(say(2))
    def f(a=await t(3), *, b=await t(4), c=say(5)):
        return a, b, c

    await checkpoint()
    return f(), f(1, b=2)


async def do_class_bases():
    class A:
        pass

    class B(await quiet(A), metaclass=await quiet(type)):
        x = 1

    result = B.__mro__[1].__name__, B.x
    return result


async def do_generator_consumed_in_step():
    first = await t([1, 2, 3])
    return sum(x * 2 for x in first), list(y for y in await t([4]) if y), max((x for x in first), key=lambda x: -x)


async def do_generator_expression_over_await():
    return sum(x for x in await t([1, 2]))


async def do_lambda_alive():
    k = 2
    f = lambda x, y=3: x * k + y  # noqa: E731
    await checkpoint()
    k = 5
    await checkpoint()
    return f(1), f(1, 2)


async def do_starred_in_index():
    d = {(1, 2): 'x'}
    return d[await t(1), 2], d[(*await t((1,)), 2)]


async def do_starred_return():
    a = await t([1, 2])
    return 0, *a, *await t((3,))


async def do_await_in_await():
    return await t(await t(await t(1)) + await t(2))


async def do_expression_statement_kinds():
    await t(1)
    (await t(2), say(3))
    [await t(4)]
    await t(5) or boom()
    'a string'
    ...


async def do_exception_in_the_middle():
    return say(1), await t(2), boom(), await t(3)


async def do_division_by_zero_line():
    x = await t(0)
    # fmt: off
    return (
        1
        / x
    )
    # fmt: on


async def do_ternary_nested():
    return [await quiet('a') if x == 0 else await quiet('b') if await quiet(x) == 1 else 'c' for x in range(3)]


async def do_long_call_line_numbers():
    def f(a, b):
        return a + b

    return f(
        await t(1),
        f(
            await t('x'),
            2,
        ),
    )


async def do_matmul_and_complex():
    class M:
        def __matmul__(self, other):
            return ('matmul', other)

    return M() @ await t(1), 2j * await t(3)


async def do_large_literal_kept():
    return (await t(1), sys.maxsize, 10**30, 'ü' * 80, b'\x00\xff', 1e300, float('inf'), ..., None, -0.0)


async def do_value_kept_has_identity():
    x = [1]
    pair = (x, await t(2), x)
    return pair[0] is pair[2] is x


async def do_attribute_of_awaited():
    return (await t(3)).real, (await t('a,b')).split(',')[await t(1)]


async def do_not_awaitable():
    return await say(5)


async def do_type_error_in_arguments():
    return await t(1, 2, 3)


async def do_missing_argument():
    return await fail()


async def do_unexpected_keyword():
    return await t(val=1)


async def do_not_awaitable_while_handling():
    try:
        boom()
    except ValueError:
        await say(5)
