"""What random programs call: everything says that it was called."""

from __future__ import annotations

import sys

from aiida_dreamflow import checkpoint

__all__ = (
    'E0', 'E1', 'E2', 'ERRORS', 'AsyncManager', 'Box', 'Manager', 'aboom', 'boom', 'checkpoint', 'echo', 'handling',
    'nested', 'say', 'tick',
)  # fmt: skip


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


def handling(mark):
    error = sys.exc_info()[1]
    print(mark, 'handling', repr(error), error and repr(error.__context__))


class Box:
    def __init__(self, mark):
        self.mark = mark

    def put(self, value):
        print('put', self.mark, value)
        return value

    def __getitem__(self, key):
        print('get', self.mark, key)
        return 0

    def __setitem__(self, key, value):
        print('set', self.mark, key, value)


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
