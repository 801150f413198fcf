"""`except*` around an await or a jump."""

import contextlib

from aiida_dreamflow import checkpoint

from .helpers import boom, fail, quiet, say, t


def both():
    return ExceptionGroup('both', [ValueError(1), KeyError(2)])


def deep():
    return ExceptionGroup(
        'deep', [ValueError(1), ExceptionGroup('in', [KeyError(2), ExceptionGroup('er', [OSError(3)])])]
    )


async def do_all_handled():
    out = []
    try:
        await fail(both())
    except* ValueError as group:
        out.append(await quiet(repr(group)))
    except* KeyError as group:
        out.append(await quiet(repr(group)))
    else:
        out.append('else')
    finally:
        out.append('finally')
    return out


async def do_nothing_raised():
    try:
        x = await t(1)
    except* ValueError:
        x = await t(2)
    else:
        x += await t(3)
    return x


async def do_rest_is_raised():
    try:
        await fail(deep())
    except* KeyError as group:
        print(repr(await quiet(group)))


async def do_nothing_matches():
    try:
        await fail(both())
    except* OSError:
        await t('never')


async def do_rest_is_caught_outside():
    try:
        try:
            await fail(deep())
        except* (KeyError, OSError) as group:
            print(repr(group))
            await checkpoint()
    except ExceptionGroup as rest:
        await checkpoint()
        return repr(rest), rest.exceptions[0].args


async def do_nested_groups():
    try:
        await fail(deep())
    except* OSError as group:
        await t(repr(group))
    except* ValueError as group:
        await t(repr(group))
    except* KeyError as group:
        await t(repr(group))


async def do_naked_exception_is_wrapped():
    try:
        await fail(ValueError('naked'))
    except* ValueError as group:
        await checkpoint()
        print(repr(group), group.__cause__, repr(group.__context__), group.__traceback__ is None)


async def do_naked_exception_not_matched():
    try:
        await fail(ValueError('naked'))
    except* KeyError:
        await checkpoint()


async def do_naked_exception_raised_again():
    try:
        await fail(ValueError('naked'))
    except* ValueError:
        await checkpoint()
        raise


async def do_naked_exception_raises_another():
    try:
        await fail(ValueError('naked'))
    except* ValueError:
        await fail(KeyError('other'))


async def do_raise_again():
    try:
        await fail(deep())
    except* ValueError:
        await checkpoint()
        raise
    except* KeyError:
        await t('key')


async def do_raise_again_all():
    try:
        await fail(deep())
    except* ValueError:
        await checkpoint()
        raise
    except* (KeyError, OSError):
        await checkpoint()
        raise


async def do_raise_in_a_clause():
    try:
        await fail(both())
    except* ValueError:
        await fail(TypeError('new'))
    except* KeyError:
        await t('key')


async def do_raise_in_each_clause():
    try:
        await fail(deep())
    except* ValueError:
        await fail(TypeError('one'))
    except* KeyError:
        boom('two')


async def do_raise_and_raise_again():
    try:
        await fail(deep())
    except* ValueError:
        await fail(TypeError('one'))
    except* KeyError:
        await checkpoint()
        raise


async def do_raise_the_part_by_name():
    try:
        await fail(both())
    except* ValueError as group:
        await checkpoint()
        raise group


async def do_raise_from():
    try:
        await fail(both())
    except* ValueError as group:
        raise TypeError(await quiet('new')) from group


async def do_raise_a_group():
    try:
        await fail(both())
    except* ValueError:
        await fail(ExceptionGroup('other', [OSError(9)]))


async def do_name_is_unbound_after():
    try:
        await fail(both())
    except* (ValueError, KeyError) as group:
        await t(repr(group))
    return group


async def do_name_is_unbound_after_raise():
    try:
        try:
            await fail(both())
        except* (ValueError, KeyError) as group:
            await fail(TypeError('x'))
    except Exception:
        await checkpoint()
        return group


async def do_name_is_a_cell():
    try:
        await fail(both())
    except* ValueError as group:
        f = lambda: group
        await checkpoint()
        print(repr(f()))
    except* KeyError as group:
        await checkpoint()
        print(repr(f()))


async def do_types_are_evaluated_in_order():
    try:
        await fail(both())
    except* await t(ValueError):
        await t('value')
    except* (say(KeyError), await t(OSError)):
        await t('key')
    except* await t(TypeError):
        await t('none left')


async def do_no_exception_type():
    try:
        await fail(both())
    except* ValueError:
        await t('value')
    except* 5:
        await t('never')


async def do_group_as_type():
    try:
        await fail(both())
    except* ExceptionGroup:
        await t('never')


async def do_type_raises():
    try:
        await fail(both())
    except* ValueError:
        await t('value')
    except* boom():
        await t('never')


async def do_handled_exception():
    import sys

    try:
        await fail(both())
    except* ValueError:
        print(repr(sys.exc_info()[1]))
        await checkpoint()
        print(repr(sys.exc_info()[1]))
    except* KeyError:
        await checkpoint()
        print(repr(sys.exc_info()[1]), sys.exc_info()[1].__traceback__ is not None)
    return sys.exc_info()


async def do_context():
    try:
        boom('first')
    except ValueError:
        try:
            await fail(both())
        except* KeyError:
            await checkpoint()
            raise
        except* ValueError:
            await fail(OSError('new'))


async def do_notes():
    error = both()
    error.add_note('one')
    try:
        await fail(error)
    except* KeyError as group:
        group.add_note('two')
        await checkpoint()
        print(group.__notes__)
        raise


async def do_return_in_body():
    for i in range(5):
        try:
            if i == 1:
                continue
            if i == 3:
                return await quiet(i)
            print(i)
            raise KeyError(i)
        except* KeyError as group:
            print(repr(group))
        finally:
            print('finally')


async def do_native_return_in_body():
    await checkpoint()
    try:
        return 1
    except* ValueError:
        pass
    finally:
        print('finally')


async def do_break_in_body():
    await checkpoint()
    while True:
        try:
            break
        except* ValueError:
            pass
    return 'after'


async def do_in_loop():
    out = []
    for i in range(4):
        try:
            if i % 2:
                await fail(ExceptionGroup('g', [ValueError(i), KeyError(i)]))
            else:
                await fail(ValueError(i))
        except* ValueError as group:
            out.append(repr(group))
            await checkpoint()
        except* KeyError:
            out.append(await quiet('key'))
    return out


async def do_nested():
    try:
        try:
            await fail(deep())
        except* ValueError:
            await checkpoint()
        except* OSError:
            try:
                await fail(ExceptionGroup('x', [TypeError(1), ValueError(2)]))
            except* ValueError:
                await t('inner')
    except* KeyError:
        await t('outer key')
    except* TypeError as group:
        await t(repr(group))


async def do_else_raises():
    try:
        await checkpoint()
    except* ValueError:
        await t('never')
    else:
        boom('else')


async def do_finally_raises():
    try:
        await fail(both())
    except* ValueError:
        raise
    finally:
        await fail(KeyError('finally'))


class Named(ExceptionGroup):
    def derive(self, exceptions):
        return Named(self.message, exceptions)


async def do_own_group_class():
    try:
        await fail(Named('mine', [ValueError(1), KeyError(2), Named('in', [ValueError(3)])]))
    except* ValueError as group:
        await t((type(group).__name__, repr(group)))


async def do_base_exceptions():
    try:
        await fail(BaseExceptionGroup('b', [KeyboardInterrupt(), ValueError(1)]))
    except* ValueError as group:
        await t(repr(group))


async def do_in_helper():
    async def helper():
        try:
            await fail(deep())
        except* ValueError:
            raise
        except* KeyError:
            await fail(TypeError('t'))

    try:
        await helper()
    except* TypeError as group:
        await t(repr(group))


async def do_bare_raise_in_native_parts():
    try:
        await fail(both())
    except* ValueError:
        for _ in range(2):
            if _:
                raise
    except* KeyError:
        with contextlib.suppress(OSError):
            raise


async def do_context_is_not_suppressed_by_a_clause_that_does_not_match():
    try:
        await checkpoint()
        raise both()
    except* OSError:
        pass
    except* Exception:
        await fail(TypeError('x'))
