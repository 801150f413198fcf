"""The command `dreamflow watch`, with a terminal and without."""

from __future__ import annotations

import asyncio

import pytest
from aiida import engine
from click.testing import CliRunner
from view.many import add_children, count_queries

from aiida_dreamflow import checkpoint, gather, run, workflow
from aiida_dreamflow.cli import dreamflow

pytestmark = pytest.mark.usefixtures('profile')


def half(x):
    if x == 3:
        raise ValueError('three has no half')
    return x / 2


async def wait_a_little(n):
    for i in range(n):
        await checkpoint()
    return n


@workflow
async def halves(n: int = 5):
    total = 0.0
    for x in range(n):
        try:
            total += await run(half, x=x)
        except ValueError:
            print('no half of', x)
    pair = await gather(wait_a_little(1), wait_a_little(2))
    return {'total': total + sum(pair)}


@pytest.fixture(scope='module')
def node(profile):
    return engine.run_get_node(halves)[1]


@pytest.fixture(scope='module')
def crowded(profile):
    node = engine.run_get_node(halves, n=1)[1]
    add_children(node, 10_000)
    return node


def seen(node, *keys, size=(80, 24), then=None):
    """Press keys; return what stands on the screen."""
    from aiida_dreamflow.cli.screens import WatchApp

    async def main():
        app = WatchApp(node, 1.0)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            for key in keys:
                await pilot.press(key)
                await pilot.pause()
            if then is not None:
                await then(app, pilot)
            return '\n'.join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())

    return asyncio.run(main())


def test_the_first_picture(node):
    text = seen(node)
    assert f'halves {node.pk}  done' in text
    assert '5 children: 4 done, 1 failed' in text
    assert 'async def halves' in text
    assert 'half(x=4) -> 2.0' in text


def test_back_in_time(node):
    text = seen(node, *['left'] * 5, '2')
    assert 'as it was after step' in text
    assert 'of 5]' in text or ' of 5  L' in text
    assert 'total' in text
    assert 'as it was' not in seen(node, 'left', 'n')
    # From the last step forth it is now again.
    assert 'as it was' not in seen(node, 'left', 'right', 'right', 'right')


def test_tabs_and_tasks(node):
    assert 'no half of 3' in seen(node, '3')
    text = seen(node, 'left', '4')
    assert 'Task-2' in text


def test_only_what_failed(node):
    text = seen(node, 'f')
    assert 'half(x=3)' in text
    assert 'half(x=4)' not in text


def test_a_child_is_opened(node):
    text = seen(node, 'up', 'enter')
    assert 'arguments:' in text
    assert 'half(x=3) -> ' in text
    assert 'three has no half' in text


def test_what_has_ended_is_not_killed(node):
    assert 'has ended: there is nothing to kill' in seen(node, 'k')


def test_a_fork_is_asked_for_first(node, monkeypatch):
    from aiida_dreamflow.cli import screens

    asked = []

    async def note(command):
        asked.append(command[-5:])
        return 'launched'

    monkeypatch.setattr(screens, '_output_of', note)
    assert 'Begin a new run from step' in seen(node, 'left', 'o')
    assert asked == []
    seen(node, 'left', 'o', 'n')
    assert asked == []
    assert 'launched' in seen(node, 'left', 'o', 'y')
    assert asked == [['fork', '--yes', str(node.pk), '--step', str(len(node.steps) - 2)]]


def test_the_list(node):
    text = seen(None)
    assert 'halves' in text
    assert '4/5 done, 1 failed' in text


@pytest.mark.parametrize('size', [(20, 6), (40, 12), (200, 60)])
def test_any_size(node, size):
    assert f'halves {node.pk}' in seen(node, size=size)


def test_the_variables_are_beside_the_source_if_there_is_room(node):
    assert (
        'total'
        in [line for line in seen(node, 'left', size=(160, 40)).splitlines() if 'total' in line and 'Float' in line][0]
    )


def test_of_very_many_children_those_are_asked_for_that_are_seen(crowded):
    sizes = []

    async def move(app, pilot):
        with count_queries() as queries:
            await pilot.press('pageup')
            await pilot.pause()
        sizes.append(len(queries))

    text = seen(crowded, then=move)
    assert '10,001 children: 10,001 done' in text
    assert 'square(x=99' in text
    assert sizes[0] <= 6


def test_without_a_terminal(node):
    done = CliRunner().invoke(dreamflow, ['watch', str(node.pk)])
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[0].startswith(f'halves {node.pk}: ')
    assert lines[1].endswith('| no half of 3')
    assert lines[2].split()[1:] == ['done', '4/5', 'done,', '1', 'failed']


def test_a_line_for_each_change(node, monkeypatch):
    """As it would have been seen while it went on."""
    from aiida_dreamflow import view
    from aiida_dreamflow.cli import watching

    run = view.look(node)
    moments = [run.at(step.number) for step in run.steps[:3]]
    looks = iter([*moments, moments[-1], None])

    def again(self):
        moment = next(looks)
        run.now, run.ended, run.status = (moment, None, 'running') if moment else (run.now, run.created, 'done')
        return run

    monkeypatch.setattr(view, 'look', again)
    monkeypatch.setattr(view.Run, 'again', again)

    done = CliRunner().invoke(dreamflow, ['watch', str(node.pk), '--interval', '0.1'])
    lines = [line for line in done.output.splitlines() if 'running' in line]
    assert [line.partition('[')[2].partition(']')[0] for line in lines] == ['1 of 5', '2 of 5', '3 of 5']
    assert watching.line_of(run).startswith('done')
