"""`try`, `raise`, what is being handled, what an exception carries."""

import sys
import traceback

from aiida_dreamflow import checkpoint

from .helpers import boom, fail, quiet, say, t


class Own(Exception):
    def __init__(self, a, b):
        super().__init__(f'{a}-{b}')
        self.a, self.b = a, b


async def do_except_as():
    try:
        await fail(ValueError('x'))
    except ValueError as e:
        await checkpoint()
        text = str(e)
    try:
        return e
    except UnboundLocalError as error:
        return text, str(error)


async def do_except_as_unbinds_previous():
    e = 1
    try:
        boom()
    except ValueError as e:
        await checkpoint()
    return e


async def do_except_as_rebound():
    try:
        boom()
    except ValueError as e:
        e = await t(2)
        say(e)
    return 'e' in dir(sys)


async def do_except_as_deleted():
    try:
        boom()
    except ValueError as e:
        await checkpoint()
        del e
    return 1


async def do_else_and_finally():
    for value in (0, 1):
        try:
            say(1 / await t(value))
        except ZeroDivisionError:
            await t('except')
        else:
            await t('else')
        finally:
            await t('finally')
    return 'end'


async def do_several_clauses():
    out = []
    for error in (KeyError(1), IndexError(2), ValueError(3), OSError(4)):
        try:
            await fail(error)
        except (KeyError, IndexError) as e:
            out.append(('lookup', repr(e)))
        except await quiet(ValueError) as e:
            out.append(('value', await quiet(repr(e))))
        except:  # noqa: E722
            out.append(('other', repr(sys.exc_info()[1])))
    return out


async def do_clause_not_an_exception():
    try:
        await fail(ValueError('x'))
    except 5:
        await checkpoint()


async def do_clause_raises():
    try:
        await fail(ValueError('x'))
    except boom('in the clause'):
        await checkpoint()


async def do_uncaught_passes():
    try:
        await fail(ValueError('x'))
    except KeyError:
        await checkpoint()


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


async def do_base_exception():
    class Stop(BaseException):
        pass

    try:
        await fail(Stop('now'))
    except Exception:
        say('not here')
    finally:
        await t('finally')


async def do_keyboard_interrupt():
    try:
        await fail(KeyboardInterrupt())
    except Exception:
        say('not here')
    except BaseException as e:
        await checkpoint()
        return repr(e)


async def do_system_exit():
    await checkpoint()
    sys.exit(3)


async def do_generator_exit():
    try:
        await fail(GeneratorExit('x'))
    except GeneratorExit as e:
        return repr(e)


async def do_stop_iteration():
    await checkpoint()
    raise StopIteration('x')


async def do_stop_iteration_of_helper():
    try:
        await fail(StopIteration(5))
    except RuntimeError as e:
        return str(e), repr(e.__cause__), repr(e.__context__)


async def do_stop_iteration_of_next():
    it = iter([1])
    await checkpoint()
    next(it)
    try:
        next(it)
    except StopIteration as e:
        await checkpoint()
        return repr(e)


async def do_stop_iteration_uncaught():
    await checkpoint()
    next(iter([]))


async def do_stop_async_iteration():
    await fail(StopAsyncIteration(1))


async def do_exception_group():
    try:
        await fail(ValueError('x'))
    except ValueError as e:
        errors = [e, KeyError('y')]
    await checkpoint()
    return [repr(e) for e in errors]


async def do_os_error():
    try:
        open('/not/there/at/all')
    except OSError as e:
        await checkpoint()
        return e.errno, e.filename, str(e), type(e)


async def do_unicode_error():
    try:
        b'\xff'.decode()
    except UnicodeDecodeError as e:
        await checkpoint()
        return str(e)


async def do_try_in_loop_in_try():
    out = []
    try:
        for i in range(5):
            try:
                out.append(await quiet(1 / (2 - i)))
            except ZeroDivisionError:
                out.append('zero')
                try:
                    await fail(KeyError(i))
                except KeyError:
                    out.append(await quiet('key'))
            else:
                if i == 3:
                    await fail(IndexError(i))
    except IndexError as e:
        out.append((repr(e), e.__context__))
    return out


async def do_try_finally_native_return():
    out = []
    await checkpoint()

    def f():
        try:
            return out.append('try')
        finally:
            out.append('finally')

    f()
    try:
        try:
            return out
        finally:
            out.append('native')
    finally:
        out.append(await quiet('cut'))


async def do_variables_in_handler():
    x = y = 'before'
    try:
        x = await t('x')
        y = boom()
        x = 'not here'
    except ValueError:
        await checkpoint()
        return x, y


async def do_variables_in_native_part():
    x = 0
    try:
        await checkpoint()
        x = 1
        for x in range(5):
            if x == 3:
                boom()
        x = 'not here'
    except ValueError:
        await checkpoint()
    return x


async def do_unbound_in_handler():
    try:
        boom()
        x = 1
        await checkpoint()
    except ValueError:
        await checkpoint()
        return x


async def do_bound_by_walrus_in_failing_expression():
    try:
        (x := 5) + boom() + await t(1)
    except ValueError:
        await checkpoint()
        return x


async def do_import_star_style():
    try:
        import not_a_module_at_all
    except ImportError as e:
        await checkpoint()
        return str(e), e.name


async def do_deep_nesting():
    out = []
    try:
        try:
            try:
                try:
                    await fail(ValueError(0))
                except KeyError:
                    out.append('no')
                finally:
                    out.append(await quiet(1))
            except IndexError:
                out.append('no')
            finally:
                out.append(await quiet(2))
        except ValueError as e:
            out.append(await quiet(str(e)))
            raise RuntimeError('next') from e
        finally:
            out.append(await quiet(3))
    except RuntimeError as e:
        out.append((repr(e.__cause__), await quiet(4)))
    finally:
        out.append(5)
    return out


async def do_try_star_native():
    await checkpoint()
    return 1


async def do_exception_in_with_and_finally():
    from .helpers import Manager

    try:
        with Manager('a', fail='exit'):
            await fail(ValueError('x'))
    except KeyError as e:
        return repr(e), repr(e.__context__)


async def do_handled_while_another_is_raised_and_caught_natively():
    try:
        await fail(ValueError('outer'))
    except ValueError:
        try:
            boom('inner')
        except ValueError as inner:
            say(repr(inner.__context__))
        await checkpoint()
        say(repr(sys.exc_info()[1]))
        try:
            boom('again')
        except ValueError as again:
            return repr(again.__context__), repr(sys.exc_info()[1])


async def do_same_exception_raised_twice():
    error = ValueError('same')
    out = []
    for _ in range(2):
        try:
            await fail(error)
        except ValueError as e:
            out.append(e is error)
            await checkpoint()
    return out, error.__context__


async def do_error_of_child_in_handler():
    try:
        boom('outer')
    except ValueError:
        try:
            await fail(KeyError('child'))
        except KeyError as e:
            return repr(e.__context__)


class Falsy(Exception):
    def __bool__(self):
        return False


async def do_exception_that_is_false():
    try:
        try:
            raise Falsy('one')
        except Falsy:
            await checkpoint()
            raise
    except Falsy as error:
        await checkpoint()
        return str(error), bool(error)
