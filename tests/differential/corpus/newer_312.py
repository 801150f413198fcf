"""What Python 3.11 does not parse: type parameters, quotes and lines inside of f-strings."""

from aiida_dreamflow import checkpoint

from .helpers import Noisy, quiet, say, t


async def do_type_parameters_of_a_function():
    def first[T](xs: list[T], default: T | None = None) -> T | None:
        return xs[0] if xs else default

    await checkpoint()
    return first([1]), first([], 2), [str(p) for p in first.__type_params__]


async def do_type_parameters_and_defaults():
    def f[T: (int, str)](x: T = 1, *, y: T = say(2)) -> tuple[T, T]:
        return x, y

    await checkpoint()
    return f(), f(5, y='a'), str(f.__annotations__['x'])


async def do_type_parameters_of_a_class():
    class Box[T]:
        def __init__(self, value: T):
            self.value = value

        def get(self) -> T:
            return self.value

    box = Box[int](await quiet(3))
    print(box.get(), [str(p) for p in Box.__type_params__])


async def do_type_parameter_bound_reads_locals():
    kind = int

    def f[T: kind](x: T):
        return f.__type_params__[0].__bound__

    class A[T: kind]:
        pass

    await checkpoint()
    return f(1).__name__, A.__type_params__[0].__bound__.__name__


async def do_type_parameter_of_a_helper():
    async def helper[T](x: T) -> T:
        await checkpoint()
        return x

    return await helper(1), await helper('a')


async def top_level[T](x: T, *, y: int = 2) -> T:
    await checkpoint()
    z: T = x
    return z, y


async def do_generic_helper():
    return await top_level(1), await top_level('a', y=3)


async def do_type_parameters_used_in_body():
    async def helper[T](x):
        await checkpoint()
        return str(T), [str(T) for _ in await quiet([x])]

    return await helper(1)


async def do_same_name_as_a_type_parameter():
    T = 1

    def f[T](x: T):
        return str(T)

    T = await quiet(2)
    return f(1), T


async def do_type_alias():
    value = await quiet(int)
    type Pair = tuple[value, value]
    print(str(Pair.__value__), Pair)
    del Pair
    await checkpoint()
    type Pairs[T] = list[tuple[T, T]]
    say(str(Pairs[int]))
    del Pairs
    await checkpoint()


async def do_type_alias_reads_later():
    def make():
        type Late = list[kind]
        return Late

    kind = int
    await checkpoint()
    print(make().__value__)


async def do_fstring_same_quotes():
    d = {'k': 1}
    return f'{d["k"]}-{await quiet(d["k"])}-{f"{await t('a')}"}'


async def do_fstring_multi_line():
    return f'{
        await t(1)  # a comment
    } and {say("}")!r:>{await t(5)}}'


async def do_fstring_backslash():
    return f'{"\n".join([await quiet("a"), "b"])}{await quiet("\t")!r}'


async def do_fstring_debug():
    x = 3
    return f'{x = } {await quiet(x) = } {await quiet(x)=:>5}'


async def do_fstring_nested_deep():
    return f'{f"{f'{await t(1)}{say(2)}'}{await t(3)}":>{await t(8)}}'


async def do_fstring_error_line():
    return f'{await quiet(1)}{1 // await quiet(0)}'


async def do_star_annotation():
    def f(*args: *tuple[int, str]):
        return args

    await checkpoint()
    return f(1, 'a')


async def do_comprehension_in_class():
    noisy = Noisy()

    class A:
        x = 1
        y = [x for x in range(3)]
        z = noisy[1]

    await checkpoint()
    return A.x, A.y


async def do_type_alias_of_no_module():
    space = {}
    exec('type Alias = int', space, space)
    alias = space['Alias']
    await checkpoint()
    return alias.__name__, alias.__value__, alias.__module__
