"""Generators that are managers, by `contextlib.contextmanager`, held across an await."""

import contextlib

from aiida_dreamflow import checkpoint

from .helpers import t


@contextlib.contextmanager
def managed(name, swallow=False):
    print('enter', name)
    try:
        yield name * 2
    except ValueError as error:
        print('caught', error)
        if not swallow:
            raise
    else:
        print('else')
    finally:
        print('exit', name)


async def do_contextmanager():
    with managed('a') as a, managed('b') as b:
        print(await t(a + b))
    return 'after'


async def do_contextmanager_swallows():
    with managed('a', swallow=True):
        await t(1)
        raise ValueError('v')
    return 'after'


async def do_contextmanager_in_loop():
    for i in range(3):
        with managed(i, swallow=True):
            await t(i)
            if i == 1:
                continue
            if i == 2:
                return 'returned'


async def do_exit_stack():
    with contextlib.ExitStack() as stack:
        a = stack.enter_context(managed('a'))
        await t(a)
        stack.enter_context(managed('b', swallow=True))
        await t(2)
        raise ValueError('v')


@contextlib.contextmanager
def stopping():
    try:
        yield
    except KeyError:
        raise StopIteration('inside') from None
    except IndexError as error:
        raise RuntimeError('instead') from error


async def do_contextmanager_raises_stop_iteration():
    try:
        with stopping():
            await checkpoint()
            raise KeyError('k')
    except RuntimeError as error:
        return str(error), repr(error.__cause__), error.__suppress_context__


async def do_contextmanager_raises_instead():
    try:
        with stopping():
            await checkpoint()
            raise IndexError('i')
    except RuntimeError as error:
        return str(error), repr(error.__cause__)


async def do_contextmanager_passes_stop_iteration():
    for kind in (StopIteration, RuntimeError, StopAsyncIteration):
        try:
            with stopping():
                await checkpoint()
                raise kind('passed')
        except Exception as error:
            print(repr(error), repr(error.__cause__))


@contextlib.contextmanager
def chaining():
    try:
        yield
    except Exception as error:
        raise RuntimeError('chained') from error


async def do_contextmanager_chains():
    for kind in (ZeroDivisionError, StopIteration):
        try:
            with chaining():
                await checkpoint()
                raise kind('first')
        except Exception as error:
            await checkpoint()
            print(repr(error), repr(error.__cause__), repr(error.__context__))
