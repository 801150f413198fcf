"""The command `dreamflow stack`."""

from __future__ import annotations

import re

import pytest
from aiida import engine
from click.testing import CliRunner

from aiida_dreamflow import checkpoint, gather, workflow
from aiida_dreamflow.cli import dreamflow

pytestmark = pytest.mark.usefixtures('profile')


#: Deeper than a trial looks, which would refuse to make again what counts itself.
COUNTS = {'made': [0]}


class Unstorable:
    """Cannot be stored; must not be made by one who only looks."""

    def __init__(self, size):
        COUNTS['made'][0] += 1
        self.size = size

    def __reduce_ex__(self, protocol):
        raise TypeError('not to be pickled')


async def relax(n):
    total = 0
    for i in range(n):
        await checkpoint()
        total += i
    return total


@workflow
async def looked_at(n: int):
    made = Unstorable(n)
    text = 'an ångström'
    found = await gather(relax(n), relax(n + 1))
    await checkpoint()
    return f'{text} {found} {made.size}'


async def quickly(what):
    await checkpoint()
    if what == 'raise':
        raise ValueError('no such path')
    return {'nothing': None, 'a list': [1, 2]}[what]


@workflow
async def partly_done(n: int):
    calls = [quickly('a list'), quickly('nothing'), quickly('raise'), relax(n), relax(6)]
    found = await gather(*calls, return_exceptions=True)
    return len(found)


@pytest.fixture(scope='module')
def node(profile):
    return engine.run_get_node(looked_at, n=2)[1]


def stack(*arguments):
    return CliRunner().invoke(dreamflow, ['stack', *map(str, arguments)])


def test_shows_each_task_with_its_variables(node):
    made = COUNTS['made'][0]
    done = stack(node.pk, '--step', 1)
    assert done.exit_code == 0, done.output
    assert f'looked_at {node.pk}, done: after step 1 (20' in done.output
    main, first, second = done.output.split('\n\n')[1:]
    assert main.startswith('Task-1 waits for gather of 2 tasks, 0 of which have ended: Task-2, Task-3\n')
    assert re.search(r'test_stack\.py", line \d+, in looked_at\n    found = await gather\(relax\(n\)', main)
    assert re.search(r"text = 'an ångström'   # Str \d+$", main, re.MULTILINE)
    assert re.search(r'made = Unstorable\(n\)   # made again at each await$', main, re.MULTILINE)
    assert first.startswith('Task-2 waits for checkpoint\n')
    assert 'for i in range(n): await checkpoint()\n    [1 of 2]  L' in first
    assert re.search(r'^      i     = 0   # Int \d+$', first, re.MULTILINE)
    assert re.search(r'^      total = 0   # Int \d+$', first, re.MULTILINE)
    assert second.startswith('Task-3 waits')
    assert COUNTS['made'][0] == made, 'looking has run something'


def test_what_finished_tasks_have_returned(profile):
    node = engine.run_get_node(partly_done, n=2)[1]
    shown = stack(node.pk, '--step', 4).output
    main = shown.split('\n\n')[1]
    assert main.startswith('Task-1 waits for gather of 5 tasks, 4 of which have ended: Task-6\n')
    _, _, returned = main.partition('    returned:\n')
    first, second, third, fourth = returned.splitlines()
    assert re.fullmatch(r'      quickly_1        = \[1, 2\]   # List \d+', first)
    assert second == '      quickly_2        = None'
    assert third == "      quickly_3 raised = ValueError('no such path')"
    assert re.fullmatch(r'      relax_4          = 1   # Int \d+', fourth)


def test_the_last_await_is_the_default(node):
    done = stack(node.uuid)
    assert '    await checkpoint()\n' in done.output
    assert '[1, 3]' in done.output


def test_refusals(node):
    done = stack(node.pk, '--step', 99)
    assert done.exit_code == 1
    assert 'step 99 is not recorded' in done.output
    assert 'Traceback' not in done.output
    assert stack(10**9).exit_code == 2
    done = stack(node.inputs.n.pk)
    assert done.exit_code == 1
    assert 'is no process, but data of the type `Int`' in done.output
