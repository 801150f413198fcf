"""What random programs call: everything says that it was called."""

from __future__ import annotations

import functools
import itertools
import sys

from aiida_dreamflow import checkpoint, gather, submit

__all__ = (
    'COUNT', 'E0', 'E1', 'E2', 'ERRORS', 'AsyncManager', 'Box', 'Manager', 'Stream', 'aboom', 'boom', 'checkpoint',
    'child', 'echo', 'gather', 'handling', 'itertools', 'loud', 'nested', 'say', 'shown', 'submit', 'tick',
)  # fmt: skip

COUNT = 0


class E0(Exception):
    pass


class E1(Exception):
    pass


class E2(E1):
    pass


ERRORS = (E0, E1, E2)


def say(mark, value):
    print(mark, value)
    return value


async def tick(mark, value):
    print('<', mark)
    await checkpoint()
    print('>', mark, value)
    return value


def boom(mark, kind):
    print('boom', mark)
    raise ERRORS[kind](mark)


async def aboom(mark, kind):
    await checkpoint()
    boom(mark, kind)


async def nested(mark, value, depth):
    try:
        if depth == 0:
            return await tick(mark, value)
        if depth == 3:
            boom(mark, 1)
        return await nested(mark, value, depth - 1)
    finally:
        print('leave', mark, depth, repr(sys.exc_info()[1]))


def echo(*args, **kwargs):
    print('echo', args, kwargs)
    return args, kwargs


def child(mark, value):
    """What runs elsewhere: it prints nothing."""
    if isinstance(value, str | tuple | list):
        raise ERRORS[mark % 3](mark)
    return [mark, value]


def loud(value):
    print('decorate', value)

    def decorate(f):
        print('decorated', f.__name__, value)

        @functools.wraps(f)
        def wrapper(*args, **kwargs):
            print('call', f.__name__, args, kwargs)
            return f(*args, **kwargs)

        return wrapper

    return decorate


def shown(template):
    parts = [(part.value, part.expression, part.conversion, part.format_spec) for part in template.interpolations]
    return template.strings, parts


class Stream:
    """Counts, and says so; may fail at a number."""

    def __init__(self, mark, end, fails=None):
        self.mark, self.end, self.fails, self.now = mark, end, fails, 0

    def __aiter__(self):
        print('aiter', self.mark)
        return self

    async def __anext__(self):
        print('anext', self.mark, self.now)
        await checkpoint()
        if self.now == self.fails:
            self.now += 1
            boom(self.mark, 1)
        if self.now >= self.end:
            raise StopAsyncIteration
        self.now += 1
        return self.now


def handling(mark):
    error = sys.exc_info()[1]
    print(mark, 'handling', repr(error), error and repr(error.__context__))


class Box:
    def __init__(self, mark):
        self.mark = mark

    def __init_subclass__(cls, **kwargs):
        print('subclass', cls.__qualname__, kwargs)

    def put(self, value):
        print('put', self.mark, value)
        return value

    async def later(self, value, *args, k):
        print('later', self.mark, value, args, k)
        await checkpoint()
        return self.put(value)

    def __getitem__(self, key):
        print('get', self.mark, key)
        return 0

    def __setitem__(self, key, value):
        print('set', self.mark, key, value)

    def __delitem__(self, key):
        print('del', self.mark, key)


class Manager:
    def __init__(self, mark, swallow=False):
        self.mark, self.swallow = mark, swallow

    def __enter__(self):
        print('enter', self.mark)
        return self.mark

    def __exit__(self, kind, error, traceback):
        print('exit', self.mark, repr(error), repr(sys.exc_info()[1]))
        if isinstance(self.swallow, type):
            raise self.swallow(self.mark)
        return self.swallow


class AsyncManager(Manager):
    async def __aenter__(self):
        return await tick(self.mark, 'aenter')

    async def __aexit__(self, kind, error, traceback):
        await tick(self.mark, repr(error))
        return self.swallow
