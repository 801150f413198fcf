"""Functions and classes inside of functions; helpers: how they are called, and what they are given and give back."""

from __future__ import annotations

import functools

from aiida_dreamflow import checkpoint

from .helpers import quiet, t


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


async def do_methods_written_in_c_behind_others():
    class Numbers(list):
        def append(self, number):
            return super().append

    class Table(dict):
        @classmethod
        def fromkeys(cls, keys):
            return super().fromkeys

    class Base:
        pass

    before = Base.__init_subclass__
    Base.__init_subclass__ = lambda *args, **kwargs: before(*args, **kwargs)
    numbers = Numbers([1])
    append, extend, fromkeys = numbers.append(2), numbers.extend, Table.fromkeys(())
    await checkpoint()
    append(3)
    extend([4])

    class Derived(Base):
        pass

    return [*numbers], append.__self__ is numbers, type(fromkeys('ab')).__name__, before.__self__ is Base
