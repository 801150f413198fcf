"""What is being handled: bare `raise`, contexts, causes, notes, `sys.exc_info()`, tracebacks."""

import sys
import traceback

from aiida_dreamflow import checkpoint

from .exceptions import Own
from .helpers import boom, fail, quiet, say, t


async def do_bare_raise():
    try:
        await fail(ValueError('x'))
    except ValueError:
        await t('cleaning')
        raise


async def do_bare_raise_native():
    await checkpoint()
    try:
        boom()
    except ValueError:
        say('cleaning')
        raise


async def do_bare_raise_in_if():
    try:
        await fail(ValueError('x'))
    except ValueError as e:
        if e.args == ('x',):
            raise
        await checkpoint()


async def do_bare_raise_in_loop():
    try:
        await fail(ValueError('x'))
    except ValueError:
        for i in range(3):
            if i == 1:
                raise
            say(i)
        await checkpoint()


async def do_bare_raise_in_loop_awaiting():
    try:
        await fail(ValueError('x'))
    except ValueError:
        for i in range(3):
            await t(i)
            if i == 1:
                raise


async def do_bare_raise_in_with():
    from .helpers import Manager

    try:
        await fail(ValueError('x'))
    except ValueError:
        await checkpoint()
        with Manager('m'):
            raise


async def do_bare_raise_in_with_swallowing():
    from .helpers import Manager

    try:
        await fail(ValueError('x'))
    except ValueError:
        with Manager('m', swallow=True):
            await t(1)
            raise
        await t('after')
    return 'end'


async def do_bare_raise_in_nested_except():
    try:
        await fail(ValueError('outer'))
    except ValueError:
        try:
            await fail(KeyError('inner'))
        except KeyError:
            await checkpoint()
            raise


async def do_bare_raise_after_nested_try():
    try:
        await fail(ValueError('outer'))
    except ValueError:
        try:
            await fail(KeyError('inner'))
        except KeyError:
            await t('handled')
        raise


async def do_bare_raise_native_nested_try():
    try:
        await fail(ValueError('outer'))
    except ValueError:
        try:
            boom('inner')
        except ValueError:
            say('inner')
        await checkpoint()
        try:
            raise
        except ValueError as e:
            say(e)
        raise


async def do_bare_raise_in_finally():
    try:
        try:
            await fail(ValueError('x'))
        finally:
            await t('finally')
            if sys.exc_info()[0] is not None:
                raise
    except ValueError as e:
        return str(e)


async def do_bare_raise_in_finally_of_except():
    try:
        boom('a')
    except ValueError:
        try:
            await t(1)
        finally:
            raise


async def do_bare_raise_nothing():
    await checkpoint()
    raise


async def do_bare_raise_nothing_caught():
    try:
        await checkpoint()
        raise
    except RuntimeError as e:
        return str(e)


async def do_bare_raise_in_helper():
    async def helper():
        await checkpoint()
        raise

    try:
        boom()
    except ValueError:
        await helper()


async def do_bare_raise_in_native_function():
    def reraise():
        raise

    try:
        await fail(ValueError('x'))
    except ValueError:
        await checkpoint()
        reraise()


async def do_context():
    try:
        await fail(ValueError('first'))
    except ValueError:
        await checkpoint()
        raise KeyError('second')


async def do_context_of_helper():
    try:
        boom('first')
    except ValueError:
        await fail(KeyError('second'))


async def do_context_chain():
    try:
        try:
            await fail(ValueError('first'))
        except ValueError:
            await fail(KeyError('second'))
    except KeyError:
        await checkpoint()
        boom('third')


async def do_context_ends_with_the_clause():
    try:
        await fail(ValueError('first'))
    except ValueError:
        await checkpoint()
    await fail(KeyError('second'))


async def do_context_in_finally():
    try:
        await fail(ValueError('first'))
    finally:
        await fail(KeyError('second'))


async def do_context_kept_when_reraised():
    try:
        boom('first')
    except ValueError as first:
        try:
            await fail(KeyError('second'))
        except KeyError as second:
            await checkpoint()
            say(second.__context__ is first)
            raise first


async def do_context_cycle_avoided():
    a = ValueError('a')
    try:
        raise a
    except ValueError:
        await checkpoint()
        try:
            raise KeyError('b')
        except KeyError as b:
            await checkpoint()
            try:
                raise a
            except ValueError as again:
                return again.__context__ is b, b.__context__


async def do_cause():
    try:
        await fail(ValueError('first'))
    except ValueError as e:
        raise KeyError('second') from await quiet(e)


async def do_cause_none():
    try:
        await fail(ValueError('first'))
    except ValueError:
        await checkpoint()
        raise KeyError('second') from None


async def do_notes():
    try:
        await fail(ValueError('x'))
    except ValueError as e:
        if sys.version_info >= (3, 11):
            e.add_note('one')
            await checkpoint()
            e.add_note('two')
        raise


async def do_exception_kept_over_await():
    saved = None
    try:
        await fail(Own(1, b=2))
    except Own as e:
        saved = e
    await checkpoint()
    return saved.a, saved.b, str(saved), type(saved) is Own, saved.__context__


async def do_exception_kept_and_raised_later():
    saved = None
    try:
        boom('kept')
    except ValueError as e:
        saved = e
    await checkpoint()
    raise saved


async def do_exc_info():
    before = sys.exc_info()
    try:
        await fail(ValueError('x'))
    except ValueError as e:
        await checkpoint()
        inside = sys.exc_info()
        same = inside[1] is e
    await checkpoint()
    return before, inside[0], same, sys.exc_info()


async def do_formatted_while_handled():
    formatted = []
    try:
        await checkpoint()
        raise ValueError(1)
    except ValueError:
        await checkpoint()
        formatted.append(traceback.format_exc())
        try:
            await checkpoint()
            raise
        except ValueError:
            await checkpoint()
            formatted.append(traceback.format_exc())
    return formatted


async def do_exc_info_in_helper():
    async def helper():
        await checkpoint()
        return repr(sys.exc_info()[1])

    try:
        boom()
    except ValueError:
        return await helper()


async def do_helper_handles_its_own():
    async def helper():
        try:
            await fail(KeyError('inner'))
        except KeyError:
            await checkpoint()
        return repr(sys.exc_info()[1])

    try:
        boom()
    except ValueError:
        return await helper(), repr(sys.exc_info()[1])


async def do_traceback_lines():
    async def inner():
        await t(1)
        await fail(
            ValueError('deep'),
        )

    async def middle():
        x = 1
        await inner()
        return x

    await t(0)
    await middle()


async def do_traceback_through_recursion():
    async def down(n):
        if n == 0:
            boom()
        await checkpoint()
        return await down(n - 1)

    await down(3)


async def do_traceback_of_caught():
    import traceback

    def f():
        boom()

    try:
        f()
    except ValueError as e:
        say([entry.lineno for entry in traceback.extract_tb(e.__traceback__)])
        await checkpoint()
        raise


async def do_traceback_after_awaits_in_handler():
    try:
        boom()
    except ValueError:
        await checkpoint()
        await checkpoint()
        raise


async def do_traceback_of_context():
    try:
        boom('a')
    except ValueError:
        await checkpoint()
        boom('b')
