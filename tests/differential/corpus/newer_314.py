"""What Python 3.13 does not parse: template strings, `except` without parentheses."""

from aiida_dreamflow import checkpoint

from .helpers import boom, fail, quiet, say, t


def shown(template):
    return template.strings, [(i.value, i.expression, i.conversion, i.format_spec) for i in template.interpolations]


async def do_template():
    return shown(t'a{await t(1)}b{say(2)!r}c')


async def do_template_order():
    return shown(t'{say(1)}{await t(2):>{say(3)}}{say(4)!r:{await t(5)}}{say(6)}')


async def do_template_saved_parts():
    x = [1]
    return shown(t'{x}{x.append(2)!s:a{say(1)}}{await quiet(x)}{x}')


async def do_template_raises():
    return shown(t'{say(1)}{boom()}{await t(2)}')


async def do_template_nested():
    return shown(t'{f"{await t(1)}"}{shown(t"{await quiet(2)}")}')


async def do_template_in_step():
    x = await quiet(1)
    text = shown(t'{x=}')
    await checkpoint()
    return text


async def do_except_without_parentheses():
    try:
        await fail(KeyError(1))
    except ValueError, KeyError:
        return await quiet('caught')


async def do_except_star_without_parentheses():
    try:
        await fail(KeyError(1))
    except* ValueError, KeyError:
        print(await quiet('caught'))


async def do_annotations_are_lazy():
    def f(x: not_there_yet):
        return x

    await checkpoint()
    return f(await quiet(2))
