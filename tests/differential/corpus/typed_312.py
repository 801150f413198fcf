"""What Python 3.11 does not parse: type parameters, `type` statements, f-strings with anything in them."""

from aiida_dreamflow import checkpoint

from .helpers import quiet, say, t


async def do_generic[T](x: T | None = None):
    await checkpoint()
    return x, T.__name__


async def do_generic_function_inside():
    limit = await quiet(3)

    def first[T: int, *Ts, **P](items: list[T], *rest: *Ts) -> T:
        return items[0] + limit

    await checkpoint()
    return first([1]), [p.__name__ for p in first.__type_params__], first.__annotations__['items']


async def do_generic_helper():
    async def helper[T](x: T) -> T:
        await checkpoint()
        return x

    return await helper(await t(1)), await helper(2)


async def do_generic_class_inside():
    base = await quiet(dict)

    class Box[T](base):
        item: T | None = None

        def put[U](self, item: U) -> U:
            self.item = item
            return item

    await checkpoint()
    box = Box(a=1)
    return box.put(5), box.item, dict(box), Box.__type_params__[0].__name__


async def do_type_statement():
    element = await quiet(int)
    type Alias = list[element]
    type Pair[T] = tuple[T, element]
    return Alias.__value__, str(Pair[str]), Alias.__name__


async def do_type_statement_is_lazy():
    type Later = missing
    try:
        Later.__value__
    except NameError as error:
        await checkpoint()
        return str(error)


async def do_f_string_with_anything():
    words = {'a': await quiet('x')}
    return f'{words["a"]!r:>{await quiet(6)}} {f"{f'{await t(1)}'}"} {"\n".join([say("p"), await t("q")])} {
        # a comment
        await t(2)
    }'


async def do_comprehension_in_class_body():
    n = await quiet(3)

    class C:
        k = 2
        values = [i * n for i in range(n)]

    await checkpoint()
    return C.values


async def do_alias_without_parameters():
    type Alias = int
    await checkpoint()
    try:
        Alias[int]
    except TypeError as error:
        return str(error)


async def do_aliases_made_of_themselves():
    type Json = dict[str, Json] | list[Json] | int
    type Odd = list[Even]
    type Even = tuple[Odd, ...]
    same = Json
    await checkpoint()
    args = Odd.__value__.__args__[0] is Even, Even.__value__.__args__[0] is Odd
    return repr(Json.__value__), Json.__module__, same is Json, Json.__type_params__, args
