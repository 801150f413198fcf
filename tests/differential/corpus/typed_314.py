"""What Python 3.13 does not parse: `except` without parentheses and template strings; annotations nobody asked for."""

from typing import Protocol, runtime_checkable

from aiida_dreamflow import checkpoint

from .helpers import boom, quiet, say, t


async def do_except_without_parentheses_native():
    await checkpoint()
    try:
        boom()
    except KeyError, ValueError:
        return await t('caught')


async def do_template_string():
    a, b = await quiet(1), 'x'
    template = t'{a} and {b!r:>{a + 4}} {a=}'
    return template.strings, [(i.value, i.expression, i.conversion, i.format_spec) for i in template.interpolations]


async def do_template_string_kept():
    a = await quiet(1)
    template = t'{a:>3}-{say(a)!s}'
    await checkpoint()
    return template.strings, template.values, repr(template), type(template).__name__


async def do_template_string_in_nested_function():
    x = await quiet([1])

    def template():
        return t'{x}'

    await checkpoint()
    return template().values[0] is x


async def do_template_interpolation_kept():
    a = await quiet([1])
    (interpolation,) = t'{a!r}'.interpolations
    await checkpoint()
    return interpolation.value is a, repr(interpolation)


async def do_annotations_name_what_is_not_there():
    def inner(x: Missing, y: not_.there = 1) -> 1 / 0:
        z: Missing = x
        return z, y

    class Point:
        x: Missing
        y: int = 2

    await checkpoint()
    try:
        inner.__annotations__
    except NameError as error:
        return inner(1), Point.y, str(error)


async def do_annotations_are_evaluated_later():
    def inner(x: kind) -> kind:
        return x

    kind = await quiet('first')
    await checkpoint()
    kind = 'second'
    return inner.__annotate__(1), inner.__annotations__, kind


async def do_annotations_are_evaluated_once():
    kind = 'first'

    def inner(x: kind) -> kind:
        return x

    first = inner.__annotations__
    await checkpoint()
    kind = 'second'
    inner.__annotations__['y'] = 1
    return first, inner.__annotations__ is first


async def do_annotations_of_a_class():
    kind = await quiet(int)

    class Point:
        x: kind
        y: list['Point'] = ()

        def move(self, by: Point) -> Point:
            return self

    await checkpoint()
    return Point.__annotations__['x'], Point.move.__annotations__['by'] is Point


async def do_annotations_with_helper(x: Missing = 3) -> Missing:
    async def helper(y: Missing) -> Missing:
        y: Missing = await t(y)
        return y

    return await helper(x)


async def do_break_in_finally():
    for i in range(3):
        try:
            await quiet(1 / (i - 1))
        finally:
            if i == 1:
                break
    return i


async def do_annotations_of_an_abstract_class():
    """What evaluates them holds the attributes of the class, also what makes it abstract."""
    size = int

    @runtime_checkable
    class Sized(Protocol):
        length: size
        width: unit

        def measure(self) -> size: ...

    await checkpoint()
    Sized.unit = float
    await checkpoint()

    class Rod:
        length = width = 1

        def measure(self):
            return 1

    return isinstance(Rod(), Sized), Sized.__annotations__, Sized.measure.__annotations__


async def do_annotations_ask_for_an_attribute_set_later():
    class Sized:
        width: unit

    await checkpoint()
    Sized.unit = float
    evaluate = Sized.__annotate__
    await checkpoint()
    return Sized.__annotations__, evaluate(1)
