"""Generators that delegate to others by `yield from`."""

import sys

from aiida_dreamflow import checkpoint

from .generators import handling, numbers


def delegating(inner):
    result = yield from inner
    yield 'result', result
    try:
        yield from [1, 2]
    except ValueError as error:
        yield repr(error)


async def do_delegates():
    g = delegating(numbers(2))
    print(next(g))
    await checkpoint()
    print(g.send(5))
    await checkpoint()
    print(g.send(6))
    await checkpoint()
    print(next(g))
    await checkpoint()
    print(g.throw(ValueError('v')))
    await checkpoint()
    print(list(g))


async def do_delegates_and_closes():
    g = delegating(numbers(2))
    next(g)
    await checkpoint()
    g.close()


def delegating_while_handling():
    try:
        raise ValueError('handled')
    except ValueError:
        yield from handling()


async def do_delegates_while_handling():
    g = delegating_while_handling()
    try:
        for value in g:
            print(value, repr(sys.exc_info()[1]))
            await checkpoint()
    except KeyError as error:
        print(repr(error.__context__))


async def do_delegates_to():
    g = delegating(numbers(2))
    next(g)
    await checkpoint()
    return g.gi_yieldfrom.__name__, g.gi_running, g.gi_frame is None
