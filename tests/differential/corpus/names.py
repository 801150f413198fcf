"""Where names live: locals, cells, globals; nested functions, helpers, classes."""

from __future__ import annotations

import contextlib
import functools

from aiida_dreamflow import checkpoint

from .functions import Account
from .helpers import quiet, say, t

COUNTER = 0


async def do_unbound_local():
    await checkpoint()
    say(x)
    x = 1


async def do_unbound_after_branch():
    if await quiet(False):
        x = 1
    return x


async def do_unbound_global():
    await checkpoint()
    return not_defined_anywhere  # noqa: F821


async def do_unbound_cell():
    def f():
        return x

    await checkpoint()
    if await quiet(False):
        x = 1
    return x


async def do_unbound_cell_in_nested():
    def f():
        return x

    await checkpoint()
    if await quiet(False):
        x = 1
    return f()


async def do_deleted_local():
    x = 1
    del x
    await checkpoint()
    return x


async def do_deleted_twice():
    x = 1
    del x
    await checkpoint()
    del x


async def do_deleted_cell():
    x = 1

    def f():
        return x

    del x
    await checkpoint()
    return f()


async def do_delete_of_unbound_in_loop():
    for i in range(2):
        if i == 0:
            x = 1
        await checkpoint()
        del x


async def do_global_statement():
    global COUNTER
    COUNTER = 1
    await checkpoint()
    COUNTER += await quiet(2)
    result = COUNTER
    COUNTER = 0
    return result


async def do_global_delete():
    global TEMPORARY
    TEMPORARY = await quiet(5)
    value = TEMPORARY
    del TEMPORARY
    await checkpoint()
    try:
        return TEMPORARY
    except NameError as e:
        return value, str(e)


async def do_global_function():
    global made_here

    def made_here():
        return 5

    result = made_here()
    del made_here
    await checkpoint()
    return result


async def do_nonlocal():
    n = 0

    def add():
        nonlocal n
        n += 1
        return n

    add()
    await checkpoint()
    add()
    n += 10
    await checkpoint()
    return add(), n


async def do_nonlocal_in_helper():
    n = 0

    async def add(k):
        nonlocal n
        await checkpoint()
        n += k
        await checkpoint()
        return n

    return await add(1), await add(2), n


async def do_shared_cells():
    x = [0]

    def get():
        return x

    def put(value):
        nonlocal x
        x = value

    await checkpoint()
    put([1])
    await checkpoint()
    get().append(2)
    return x, get() is x


async def do_closures_over_loop_variable():
    functions = []
    for i in range(3):
        functions.append(lambda: i)
        functions.append(lambda i=i: i)
        await checkpoint()
    return [f() for f in functions]


async def do_closures_from_factory():
    def make(n):
        def f():
            return n

        return f

    functions = [make(i) for i in range(3)]
    await checkpoint()
    return [f() for f in functions]


async def do_closure_recursive():
    def factorial(n):
        return 1 if n == 0 else n * factorial(n - 1)

    await checkpoint()
    return factorial(5)


async def do_name_shadows_builtin():
    list = [3]
    await checkpoint()
    sum = list[0]
    return sum


async def do_name_mangling():
    __x = 1
    await checkpoint()
    return __x


async def do_aliasing():
    a = [1]
    b = {'a': a, 'again': a}
    c = (a, b)
    await checkpoint()
    a.append(2)
    return b['a'] is a, c[0] is a, b


async def do_cyclic():
    a = []
    a.append(a)
    d = {'self': None}
    d['self'] = d
    await checkpoint()
    return a[0] is a, d['self'] is d


async def do_types_kept():
    values = (1, 1.0, True, None, 'a', b'b', (1,), [1], {1}, frozenset({2}), {'a': 1}, 1j, range(3), slice(1, 2), ...)
    await checkpoint()
    return values, [type(v).__name__ for v in values]


async def do_is_checks():
    x = None
    y = NotImplemented
    await checkpoint()
    return x is None, y is NotImplemented


async def do_exec_with_namespace():
    namespace = {}
    exec('a = 1', namespace)
    await checkpoint()
    return namespace['a'], eval('a + 1', namespace)


async def do_conditional_definition():
    if await quiet(True):

        def f():
            return 'yes'
    else:

        def f():
            return 'no'

    await checkpoint()
    return f()


async def do_star_args_forwarded():
    async def f(*args, **kwargs):
        await checkpoint()
        return args, kwargs

    async def g(*args, **kwargs):
        return await f(0, *args, **kwargs, z=1)

    return await g(1, 2, a=3)


async def do_helper_of_a_helper_with_closures():
    log = []

    async def outer(n, *, depth=await quiet(0)):
        async def inner(k, /, *rest, **options):
            nonlocal n
            n += await quiet(k)
            log.append((n, rest, options, depth))
            return n

        if depth < 2:
            await outer(n + 1, depth=depth + 1)
        return await inner(1, 2, 3, a=await inner(5)), inner.__name__

    return await outer(10), log


async def do_decorated_helper():
    def loud(f):
        print('decorates', f.__name__)

        @functools.wraps(f)
        async def wrapper(*args, **kwargs):
            print('before', args, kwargs)
            try:
                return await f(*args, **kwargs)
            finally:
                await t('after')

        return wrapper

    @loud
    @loud
    async def helper(x, y=2):
        await checkpoint()
        return x // y

    print(await helper(4))
    return await helper(1, y=0)


async def do_method_of_a_local_class():
    class Tree:
        def __init__(self, *children):
            self.children = children

        async def size(self, *, unit=1):
            total = unit
            for child in self.children:
                total += await child.size(unit=unit)
            await checkpoint()
            return total

        @property
        def sizer(self):
            return self.size

    tree = Tree(Tree(), Tree(Tree(), Tree()))
    return await tree.size(), await tree.sizer(unit=2)


async def do_helper_called_with_awaited_parts():
    async def f(a, b=1, /, *args, c, d=4, **kwargs):
        await checkpoint()
        return a, b, args, c, d, kwargs

    return await f(await t(1), *await t([2, 3]), c=await t(4), **await t({'e': 5}))


async def do_annotated_cell():
    await checkpoint()
    with contextlib.suppress(NameError):
        c: int
        d: int = say(1)

        def f():
            return c, d

        say(c)
    c: not_there = await quiet(2)
    return f()


async def do_annotated_targets():
    d: dict = {}
    d[say('key')]: int = await t('value')
    d[await t('not set')]: not_there
    d[say(1) : await t(2)]: not_there
    Account().total: int = await quiet(1)
    (await quiet(Account())).total: not_there
    (e): int = await t(3)
    return d, e


async def do_qualified_names_inside_of_helpers():
    async def helper():
        class A:
            def f(self):
                return lambda: 1

        await checkpoint()
        g = lambda: 2
        return A.__qualname__, A.f.__qualname__, A().f().__qualname__, g.__qualname__

    return await helper(), await Account().names()


class _Secretive:
    def __init__(self, secret):
        self.__secret = secret

    async def reveal(self, __more=1):
        __local = await t(self.__secret)
        self.__secret += __local + __more
        return await self.__hidden(_Secretive__own=[__x for __x in range(2)])

    async def __hidden(self, *, __own):
        def inner():
            return self.__secret, __own, __local

        class Other:
            __x = 1

            def get(self):
                return self.__x

        __local = await t('local')
        return inner(), Other().get(), sorted(name for name in vars(Other) if 'x' in name)


async def do_private_names():
    secretive = _Secretive(3)
    return await secretive.reveal(), await secretive.reveal(_Secretive__more=5), vars(secretive)


async def do_declared_only():
    seen: list = []
    later: int
    await checkpoint()
    try:
        seen.append(later)
    except UnboundLocalError as error:
        seen.append(str(error))
    finally:
        await checkpoint()
    return seen


async def do_equal_blocks():
    error = ValueError('again')
    lines = []
    for turn in range(2):
        try:
            await checkpoint()
            if turn:
                raise error
            await checkpoint()
            raise error
        except ValueError as caught:
            trace = caught.__traceback__
            while trace.tb_next is not None:
                trace = trace.tb_next
            lines.append(trace.tb_lineno - trace.tb_frame.f_code.co_firstlineno)
            caught.__traceback__ = None
    return lines


async def do_code_with_other_globals():
    """The code of a nested function, in a function with a namespace of its own."""

    def get():
        return number  # noqa: F821

    space = {'number': 3}
    other = type(get)(get.__code__, space)
    await checkpoint()
    space['number'] = 4
    return other(), other.__globals__ is space


async def do_annotations_of_its_own():
    class Odd:
        @property
        def __annotations__(self):
            return 'not a dict'

    odd = Odd()
    await checkpoint()
    return odd.__annotations__, type(vars(Odd)['__annotations__']).__name__
