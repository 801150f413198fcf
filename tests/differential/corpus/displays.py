"""Dicts, sets, lists and comprehensions with what is awaited, and with parts of it."""

from .helpers import fail, quiet, say, t


async def do_dict_of_an_item():
    return {'x': 42, **(await t([{'a': 1}]))[0]}


async def do_dict_of_many_parts():
    return {
        **say({'a': 1}),
        **(await t([{'b': 2}]))[0],
        await t('c') + say(''): abs(await t(-3)),
        **dict(await t({'d': 4})),
        'e': say(5),
        **{key: value for key, value in (await t({'f': 6})).items()},
        'g': {say('h'): 7, **(await t([{'i': 8}])).pop()},
    }


async def do_dict_of_no_mapping():
    return {'x': say(1), **(await t([2]))[0], 'y': say('not evaluated')}


async def do_set_of_parts():
    return {1, *sorted(await t([3, 2])), abs(await t(-4)), *(await t([[5]]))[0], say(6)}


async def do_list_and_tuple_of_parts():
    return [say(1), *(await t([[2]]))[0], abs(await t(-3))], (*reversed(await t([4, 5])), say(6), *(await t([[7]]))[0])


async def do_loop_over_a_dict_of_parts():
    return [await t(key) for key in {'a': 1, **dict(await t({'b': 2})), 'c': 3}]


async def do_conditional_part():
    return {'a': 1, **((await t([{'b': 2}]))[0] if await t(True) else say({})), **(await t(None) or say({'c': 3}))}


async def do_displays_hash_what_stands_before_a_star():
    seen = []
    for make in (_set_of_list, _set_of_star, _set_fails_later, _dict_of_list, _dict_of_number, _dict_in_order):
        try:
            seen.append(await make())
        except TypeError as error:
            seen.append(str(error))
    return seen


async def _set_of_list():
    return {[await t(1)], *[await t('not evaluated')]}


async def _set_of_star():
    return {*await t([1, 2]), await t(3), *[await t(4)]}


async def _set_fails_later():
    return {await t(1), *await t([2]), [await t(3)], await t('not evaluated')}


async def _dict_of_list():
    return {[await t(1)]: await t(2), **{'a': await t('not evaluated')}}


async def _dict_of_number():
    return {**{'a': 1}, await t('b'): await t(2), **await t(3), 'c': await t('not evaluated')}


async def _dict_in_order():
    return {'a': await t(1), 'b': 2, **{'a': await t(3)}, 'e': 4, 'c': await t(5), **await t({'d': 6})}


async def do_tuple_list_set_dict():
    return (
        (await t(1), say(2), await t(3)),
        [say(1), await t(2), *await t([3]), 4],
        sorted({await t(2), say(1), *(await t(3), 4)}),
        {await t('a'): await t(1), say('b'): say(2), **await t({'c': 3}), 'd': await t(4)},
    )


async def do_dict_key_then_value():
    return {say('k1'): await t('v1'), await t('k2'): say('v2')}


async def do_comprehensions():
    return (
        [await t(x) for x in range(3)],
        sorted({await quiet(x % 2) for x in range(4)}),
        {await t(x): await t(x * x) for x in range(2)},
        [x for x in await t([3, 4])],
        [x for x in range(6) if await quiet(x % 2)],
    )


async def do_comprehension_two_loops():
    return [
        (x, y) for x in await t([1, 2, 3]) if x != 2 for y in await quiet(range(x)) if await quiet(y >= 0) if y != 1
    ]


async def do_comprehension_scope():
    x = 'outer'
    y = [await quiet(x) for x in range(3)]
    return x, y


async def do_comprehension_tuple_target():
    return {k: await t(v) for k, (v, *_) in {'a': (1, 2), 'b': (3,)}.items()}


async def do_comprehension_raises():
    return [await fail(ValueError(x)) if x == 2 else x for x in range(4)]


async def do_comprehension_native_inside_awaiting_one():
    return [sum(x * y for y in range(3)) + await quiet(x) for x in range(3)] if True else None
