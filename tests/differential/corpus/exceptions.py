"""`try`, `raise`, what is being handled, what an exception carries."""

import sys

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
