"""Where an `await` was forgotten, as far as the source tells."""

from __future__ import annotations

import linecache

import pytest

from aiida_dreamflow import create_task, gather, run, submit, wait  # noqa: F401  (in the texts below)
from aiida_dreamflow.compiler import compile_function


def f(x):
    return x


async def helper(x=1):
    return x


def found_in(body):
    text = 'async def workflow(n, items):\n' + ''.join(f'    {line}\n' for line in body.splitlines())
    filename = f'<forgotten {body}>'
    linecache.cache[filename] = len(text), None, text.splitlines(keepends=True), filename
    namespace = dict(globals())
    exec(compile(text, filename, 'exec'), namespace)
    return [(each.line, each.text, each.in_return) for each in compile_function(namespace['workflow']).forgotten]


USED = [
    'if submit(f, x=0): pass',
    'while submit(f, x=0): pass',
    'assert submit(f, x=0)',
    'y = 1 if submit(f, x=0) else 2',
    'y = not submit(f, x=0)',
    'y = submit(f, x=0) or 1',
    'y = submit(f, x=0) + 1',
    'y = 1 - submit(f, x=0)',
    'y = -submit(f, x=0)',
    'y = submit(f, x=0) == 1',
    'y = submit(f, x=0) < n',
    'y = n in submit(f, x=0)',
    'y = submit(f, x=0)[0]',
    'y = submit(f, x=0).value',
    'y = submit(f, x=0).energy()',
    'for y in submit(f, x=0): pass',
    'y = [x for x in submit(f, x=0)]',
    'n += submit(f, x=0)',
    'y = float(submit(f, x=0))',
    'y = await submit(f, x=submit(f, x=0))',
    'y = await submit(f, x=[submit(f, x=0)])',
    'y = await run(f, submit(f, x=0))',
]


@pytest.mark.parametrize('line', USED)
@pytest.mark.parametrize('call', ['submit(f, x=0)', 'run(f, 1)', 'submit.map(f, items)', 'gather(*items)', 'helper(1)'])
def test_used_at_once(line, call):
    ((number, text, in_return),) = found_in(line.replace('submit(f, x=0)', call))
    name = call.partition('(')[0]
    assert (number, in_return) == (2, False)
    assert text == f'`{name}(...)` is used, not its result: write `await {name}(...)`'


@pytest.mark.parametrize(
    'line', ['if y: pass', 'z = y + 1', 'z = y == 1', 'z = y[0]', 'z = y.value', 'z = await submit(f, x=y)']
)
@pytest.mark.parametrize('call', ['submit(f, x=0)', 'create_task(helper(1))', 'helper()'])
def test_used_through_a_variable(call, line):
    ((number, text, _),) = found_in(f'y = {call}\n{line}')
    assert number == 3
    assert text.startswith('`y` is what `')
    assert text.endswith('gives, not its result: write `await y`')


@pytest.mark.parametrize(
    'value', ['submit(f, x=0)', "{'a': submit(f, x=0)}", '[1, (submit(f, x=0), 2)]', '[submit(f, x=i) for i in items]']
)
def test_returned(value):
    assert [(line, in_return) for line, _, in_return in found_in(f'return {value}')] == [(2, True)]


def test_never_runs():
    assert found_in('helper(2)') == [
        (2, '`helper(...)` is not awaited, so it does not run: write `await helper(...)`', False)
    ]


@pytest.mark.parametrize(
    'body',
    [
        'y = submit(f, x=0)\ny = await y\nreturn y + 1',
        'y = submit(f, x=0)\nz = await y\nreturn z + 1',
        'y = submit(f, x=0)\ndone = {y: 1}\nreturn y in done and y.done() and y is not None and y.result()',
        'y, z = submit(f, x=0), submit(f, x=1)\nreturn y == z',
        'y = z = submit(f, x=0)\nreturn y == z',
        'n = submit(f, x=0)\nreturn n + 1',
        'submit(f, x=0)',
        'return await gather(submit(f, x=0), helper(1))',
        'return await gather(*[submit(f, x=i) for i in items])',
        'y = submit(f, x=0)\nprint(y, f"{y}")',
        'y = helper(1)\ny.close()',
        'task = create_task(helper(1))\ntask.cancel()\nawait wait([task])',
        'for y in items:\n    y = submit(f, x=y)\n    z = await y',
        'return [await submit(f, x=i) for i in items]',
        'return {"a": await submit(f, x=0)}',
        'def inner():\n    return y + 1\ny = submit(f, x=0)\nawait y',
    ],
)
def test_nothing_forgotten(body):
    assert found_in(body) == []
