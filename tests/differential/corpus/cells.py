"""Variables that nested functions share: read, set, deleted and unbound, in parts with an await and without."""

from __future__ import annotations


from aiida_dreamflow import checkpoint

from .helpers import boom, quiet, say


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
