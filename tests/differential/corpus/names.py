"""Where names live: locals, cells, globals; nested functions, helpers, classes."""

from __future__ import annotations

import contextlib
import functools

from aiida_dreamflow import checkpoint

from .helpers import boom, quiet, say, t

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


async def do_parameter_is_cell():
    async def f(a, b=2, *args, c, **kwargs):
        def g():
            return a, b, args, c, kwargs

        await checkpoint()
        a += 1
        await checkpoint()
        return g()

    return await f(1, c=3), await f(1, 2, 3, 4, c=5, d=6)


async def do_function_attributes():
    def f(x: int = 1, *, y=2) -> int:
        """Doc."""
        return f.calls

    f.calls = 3
    await checkpoint()
    return f(), f.__doc__, f.__name__, f.__qualname__, f.__defaults__, f.__kwdefaults__


async def do_function_annotations():
    def f(x: int, y: str = 'a') -> list[int]:
        return x

    await checkpoint()
    return f.__annotations__, f.__module__


async def do_function_decorated():
    def twice(f):
        @functools.wraps(f)
        def wrapper(*args):
            return f(f(*args))

        return wrapper

    @twice
    def add(x):
        return x + 1

    await checkpoint()
    return add(1), add.__name__


async def do_function_aliases():
    def f():
        return 1

    g = f
    pair = [f, g]
    await checkpoint()
    return f is g, pair[0] is pair[1] is f


async def do_partial_value():
    f = functools.partial(pow, 2)
    g = functools.partial(f, await quiet(3))
    await checkpoint()
    return f(5), g()


async def do_class_inside():
    class Point:
        origin = (0, 0)

        def __init__(self, x):
            self.x = x

        def double(self):
            return self.x * 2

    p = Point(2)
    await checkpoint()
    return p.double(), p.origin, type(p) is Point, Point.__qualname__


async def do_class_body_sees_locals():
    x = 1
    await checkpoint()

    class A:
        y = x
        z = [x for _ in range(2)]

        def f(self):
            return x

    x = 2
    return A.y, A.z, A().f()


class _Base:
    def __init__(self):
        self.seen = []

    async def add(self, x):
        self.seen.append(x)
        await checkpoint()
        return len(self.seen)

    @classmethod
    async def name(cls):
        await checkpoint()
        return cls.__name__


class _Derived(_Base):
    async def add(self, x):
        await checkpoint()
        count = await super().add(x)
        await checkpoint()
        return __class__.__name__, count, [await super(__class__, self).add(y) for y in (x, x)]

    async def rebound(self, x):
        self, before = _Derived(), self
        self.seen.append(0)
        await checkpoint()
        return await super().add(x), before.seen

    async def shared(self):
        def seen():
            return self.seen

        await super().add('shared')
        return seen(), [super(_Derived, self) is not None for _ in range(2)]

    @classmethod
    async def name(cls):
        return 'derived ' + await super().name()


async def do_super_in_a_method():
    it = _Derived()
    return await it.add(1), it.seen, await it.rebound(2), await it.shared(), await it.name()


async def do_class_with_super():
    class A:
        def f(self):
            return 'A'

    class B(A):
        def f(self):
            return super().f() + 'B'

    await checkpoint()
    return B().f()


async def do_local_import():
    import math
    import os.path as path
    from collections import OrderedDict as OD

    await checkpoint()
    return math.floor(1.5), path.basename('a/b'), OD(a=1)


async def do_docstring():
    """This is a docstring, not a statement."""
    return await t(1)


async def do_defaults():
    async def f(a=1, b=[], *, c=3):
        b.append(a)
        await checkpoint()
        return b, c

    return await f(), await f(5, c=6), await f(1, [9])


async def do_positional_only():
    async def f(a, /, b, *, c=0, **kwargs):
        await checkpoint()
        return a, b, c, kwargs

    return await f(1, 2), await f(1, b=2, c=3, a=4)


async def do_positional_only_error():
    async def f(a, /, b):
        await checkpoint()

    await f(a=1, b=2)


async def do_wrong_arguments_messages():
    async def f(a, b, *, c):
        await checkpoint()

    out = []
    for args, kwargs in [
        ((), {}),
        ((1, 2, 3), {'c': 1}),
        ((1, 2), {}),
        ((1, 2), {'c': 1, 'd': 2}),
        ((1,), {'a': 2, 'c': 1}),
    ]:
        try:
            await f(*args, **kwargs)
        except TypeError as e:
            out.append(str(e))
    return out


async def fib(n):
    if n < 2:
        return n
    await checkpoint()
    return await fib(n - 1) + await fib(n - 2)


async def do_recursion():
    return await fib(6)


async def do_recursion_own_variables():
    async def f(n):
        mine = [n]
        if n:
            mine.append(await f(n - 1))
        await checkpoint()
        return mine

    return await f(3)


async def do_mutual_recursion():
    async def even(n):
        await checkpoint()
        return True if n == 0 else await odd(n - 1)

    async def odd(n):
        return False if n == 0 else await even(n - 1)

    return await even(5), await even(4)


class Account:
    rate = 2

    def __init__(self):
        self.total = 0

    async def add(self, n, *, times=1):
        self.total += await quiet(n) * times
        return self.total

    @classmethod
    async def of_class(cls, n):
        await checkpoint()
        return cls.rate * n

    @staticmethod
    async def static(n):
        await checkpoint()
        return n + 1

    async def fails(self):
        await checkpoint()
        return self.nothing

    async def __call__(self, n):
        await checkpoint()
        return n * 10

    async def names(self):
        await checkpoint()
        f = lambda: [x for x in ()]
        return f.__qualname__


async def do_methods():
    account = Account()
    await account.add(1)
    return await account.add(2, times=3), account.total, await Account.of_class(4), await Account.static(5)


async def do_method_fails():
    await Account().fails()


async def do_method_bound_earlier():
    add = Account().add
    await checkpoint()
    await add(1)
    return await add(2), add.__self__.total


async def do_partial_helper():
    f = functools.partial(quiet, 5)
    account = Account()
    g = functools.partial(account.add, times=2)
    return await f(), await g(3), account.total


async def do_helper_in_container():
    table = {'a': quiet, 'b': t}
    return await table['a'](1), await table['b'](2), [await f(3) for f in (quiet, t)]


async def do_helper_as_argument():
    async def apply(f, *args):
        await checkpoint()
        return await f(*args)

    return await apply(quiet, 1), await apply(apply, apply, quiet, 2)


async def do_nested_helper_alive():
    k = 1

    async def helper(x):
        await checkpoint()
        return x + k

    await checkpoint()
    k = 10
    return await helper(1), await helper(2)


async def do_helper_changes_argument():
    async def push(items, x):
        await checkpoint()
        items.append(x)
        await checkpoint()

    items = []
    other = items
    await push(items, 1)
    await push(items, 2)
    return items, other is items


async def do_helper_returns_closure():
    async def make(n):
        await checkpoint()

        def f():
            nonlocal n
            n += 1
            return n

        await checkpoint()
        return f

    f = await make(5)
    f()
    await checkpoint()
    return f(), f()


async def do_helper_lambda_argument():
    async def apply(f):
        await checkpoint()
        return f(2)

    k = 5
    return await apply(lambda x: x * k)


async def do_plain_function_returns_coroutine():
    def make(x):
        return x * 2

    return await quiet(make(2))


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


async def do_lambda_default_captures():
    f = lambda x=await quiet(3): x  # noqa: E731
    await checkpoint()
    return f()


async def do_nested_three_deep():
    a = 1

    def f():
        b = 2

        def g():
            c = 3

            def h():
                nonlocal b
                b += 1
                return a + b + c

            return h

        return g()

    h = f()
    h()
    await checkpoint()
    a = 100
    return h()


async def do_genexp_shares_cell():
    n = 3
    values = [n * x for x in range(3)]
    total = sum(n * x for x in range(3))
    await checkpoint()
    n = 4
    return values, total, any(n == x for x in await quiet([4]))


async def do_comprehension_reads_cell():
    n = 2

    def f():
        return n

    await checkpoint()
    return [n + f() + await quiet(x) for x in range(2)]


async def do_cell_assigned_in_cut_loop():
    functions = []
    for i in range(3):
        x = await quiet(i)
        functions.append(lambda: x)
    return [f() for f in functions]


async def do_except_name_is_cell():
    try:
        boom()
    except ValueError as e:

        def f():
            return str(e)

        await checkpoint()
        inside = f()
    try:
        return f()
    except NameError as error:
        return inside, str(error)


async def do_unpack_into_cells():
    def f():
        return a, b

    a, *b = await quiet([1, 2, 3])
    return f()


async def do_with_target_is_cell():
    from .helpers import Manager

    def f():
        return m

    with Manager('m') as m:
        await checkpoint()
    return f()


async def do_future_annotations_in_nested():
    def f(x: NotThere) -> AlsoNot:  # noqa: F821
        return x

    await checkpoint()
    return f(1), f.__annotations__


async def do_type_of_self_reference():
    items = [1, 2, 3]
    best = max(items, key=lambda x: items.count(x))
    await checkpoint()
    return best


async def do_unbound_cell_caught_natively():
    def f():
        return x

    await checkpoint()
    for i in range(3):
        try:
            say(x)
        except UnboundLocalError as e:
            say((type(e).__name__, str(e)))
        if i == 1:
            x = i
        await checkpoint()
    return f()


async def do_unbound_cell_caught_as_name_error():
    def f():
        return x

    await checkpoint()
    try:
        x += 1
    except NameError as e:
        kept = [type(e).__name__, str(e), e.name]
    try:
        f()
    except NameError as e:
        kept += [type(e).__name__, str(e)]
    x = 1
    return kept


async def do_unbound_cell_seen_by_a_manager():
    from .helpers import Manager

    def f():
        return x

    await checkpoint()
    with Manager('outer', swallow=True), Manager('a'):
        del x
    x = 1
    return f()


async def do_unbound_cell_in_context():
    def f():
        return x

    await checkpoint()
    try:
        try:
            say(x)
        finally:
            boom()
    except ValueError as error:
        context = error.__context__
        print(type(context).__name__, context)
    x = 1


async def do_deleted_cell_caught_natively():
    x = 1
    f = lambda: x
    await checkpoint()
    try:
        say(x)
        del x
        say(x)
    except UnboundLocalError as e:
        return str(e)


async def do_unbound_cell_in_except_clause():
    def f():
        return kind

    await checkpoint()
    try:
        boom()
    except kind:
        pass
    kind = KeyError


async def do_except_name_as_cell_caught_natively():
    await checkpoint()
    try:
        boom()
    except ValueError as e:
        f = lambda: e
    try:
        return e
    except UnboundLocalError as error:
        return str(error)


async def do_unbound_cell_of_a_genexp():
    await checkpoint()
    try:
        total = sum(x + y for y in [1])
    except NameError as e:
        print(type(e).__name__, e)
    try:
        say(x)
    except NameError as e:
        print(type(e).__name__, e)
    x = 1


async def do_bound_cells_stay_native():
    def f():
        return a, b, c, d

    a, b = 1, 2
    import math as c

    if await quiet(True):
        d = 1
    else:
        d = 2
    for a in range(3):
        try:
            b += a
            say((a, b, d))
        except NameError:
            return 'never'
    return f()[:2]


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
