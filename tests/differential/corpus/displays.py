"""Dicts, sets and lists that are made of parts of what is awaited."""

from .helpers import say, t


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
