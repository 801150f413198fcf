"""`verdi process status` and `show` say how many there are and list the last ones; everybody else is given all."""

from __future__ import annotations

import asyncio
import inspect

import pytest
from aiida import orm
from aiida.cmdline.utils.ascii_vis import format_call_graph
from aiida.cmdline.utils.common import get_node_info
from aiida.common.links import LinkType
from aiida.engine import ProcessState
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager
from engine import link_workflows as workflows
from engine import status_workflows

from aiida_dreamflow.engine import node as nodes


@pytest.fixture(scope='module')
def finished(profile):
    from aiida import engine

    return engine.run_get_node(workflows.handles)[1]


def test_counts_come_first(finished):
    counts = '6 steps; 5 children: 5 finished'
    assert finished.counts() == counts
    first, *lines = format_call_graph(finished).splitlines()
    assert first == f'handles<{finished.pk}> Finished [0] [returned; {counts}]'
    assert len(lines) == 5
    text = get_node_info(finished)
    assert counts in text
    assert text.index(counts) < text.index('Called')
    assert 'step_6' in text


def test_of_many_the_last_ones(finished, monkeypatch):
    monkeypatch.setattr(nodes, '_SHOWN', 3)
    children = sorted(child.pk for child in finished.called)
    assert len(children) == 5
    lines = format_call_graph(finished).splitlines()[1:]
    assert [f'<{pk}>' in line for pk, line in zip(children[-3:], lines, strict=True)] == [True] * 3
    called = get_node_info(finished).partition('Called')[2]
    assert 'child_5' not in called
    assert 'step_6' in called
    assert 'step_3' not in called
    links = finished.base.links.get_outgoing(link_type=(LinkType.CALL_CALC, LinkType.CALL_WORK)).all()
    assert len(links) == 11


def test_nobody_else_is_told(finished):
    assert finished.stepper_state_info == 'returned'
    assert finished.description == ''
    assert orm.load_node(finished.pk).description == ''


def test_the_cost_does_not_grow(finished, monkeypatch):
    """A handful of queries, however many steps and children."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    def counted(shown):
        monkeypatch.setattr(nodes, '_SHOWN', shown)
        statements = []

        def note(*args):
            statements.append(1)

        event.listen(Engine, 'before_cursor_execute', note)
        format_call_graph(finished)
        get_node_info(finished)
        event.remove(Engine, 'before_cursor_execute', note)
        return len(statements)

    assert counted(3) < counted(5)
    assert counted(1) < 100


@pytest.fixture
def waiting(profile):
    """Runs a workflow until it waits; returns its node, and kills it in the end."""

    def waiting(workflow, **inputs):
        runner = get_manager().create_runner(communicator=None)
        process = instantiate_process(runner, workflow, **inputs)
        seen = []

        async def scene():
            running = runner.loop.create_task(process.step_until_terminated())
            while process.state is not ProcessState.WAITING:
                await asyncio.sleep(0.05)
            seen.append(process.node.process_status)
            children = {node.base.links.get_incoming().all_link_labels()[0]: node.pk for node in process.node.called}
            process.kill()
            process.kill()
            await asyncio.wait([running])
            return children

        return seen, runner.loop.run_until_complete(asyncio.wait_for(scene(), 60))

    return waiting


def line_of(function, text):
    lines, first = inspect.getsourcelines(function)
    return first + next(number for number, line in enumerate(lines) if text in line)


def test_the_status_names_line_and_child(waiting):
    (seen,), children = waiting(status_workflows.one)
    line = line_of(status_workflows.one.function, 'submit(sleeper')
    assert seen == f'L{line} sleeper<{children["sleeper_2"]}> (1 done)'


def test_tasks_have_their_own_lines(waiting):
    (seen,), children = waiting(status_workflows.several)
    first = line_of(status_workflows.relaxed, 'hours=1')
    second = line_of(status_workflows.relaxed, 'hours=2')
    assert seen == (
        f'L{first} 2 sleeper<{children["sleeper_1"]}, {children["sleeper_2"]}>, L{second} scf<{children["scf"]}>'
    )


@pytest.mark.parametrize('n', [3, 12, 40])
def test_the_status_is_a_line_however_many_there_are(waiting, n):
    (seen,), _ = waiting(status_workflows.many, n=n)
    assert len(seen) <= 80
    assert f'{n} sleeper' in seen


def test_the_status_of_a_timer(waiting):
    (seen,), _ = waiting(status_workflows.sleeper, hours=1)
    assert seen.startswith(f'L{line_of(status_workflows.sleeper.function, "await")} sleep until 20')


def test_the_status_of_what_has_returned(waiting):
    (seen,), children = waiting(status_workflows.leaves)
    assert seen == f'returned, waits for sleeper<{children["sleeper_2"]}> (1 done)'


def test_no_status_after_the_end(run):
    _, node = run(status_workflows.short)
    assert node.process_status is None


def test_steps_of_tasks_have_the_lines_of_their_functions(run):
    """And not those of the `gather` around them."""
    _, node = run(status_workflows.lines)
    function = status_workflows.helper
    lines = {
        step.label: step.base.attributes.get('function_starting_line_number')
        for step in sorted(node.steps, key=lambda step: step.pk)
    }
    first, last = line_of(function, 'for _'), line_of(function, 'return')
    ran = [*lines.values()][1:-1]
    assert ran
    assert all(first <= line <= last for line in ran), lines
