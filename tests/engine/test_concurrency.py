"""Tasks, timers and cancellation in workflows that AiiDA runs; a handle's life, sentence by sentence."""

from __future__ import annotations

import sys
import time

import pytest
from aiida import engine, orm
from aiida.cmdline.utils.common import get_workchain_report
from engine import concurrent_workflows as workflows
from engine.helpers import kill_workers, wait_until

from aiida_dreamflow.engine import execution
from aiida_dreamflow.engine.forked import load_step
from aiida_dreamflow.engine.pinned import class_of
from aiida_dreamflow.engine.steps import read_step
from aiida_dreamflow.engine.workchain import FunctionWorkChain
from aiida_dreamflow.jobs.turns import Place
from aiida_dreamflow.testing import check_provenance


def report_of(node):
    return get_workchain_report(node, 'REPORT')


def children_of(node):
    return [child for child in node.called if isinstance(child, orm.WorkChainNode)]


def test_helpers_side_by_side(run):
    outputs, node = run(workflows.relaxes, n=3)
    assert outputs == {'results': [[0, 1], [1, 2], [2, 3]]}
    children = sorted(children_of(node), key=lambda child: child.pk)
    assert [child.inputs.x.value for child in children] == [0, 1, 1, 2, 2, 3]  # the last when a semaphore lets it in
    assert children[4].ctime > min(child.mtime for child in children[2:4])
    assert check_provenance(node) == []


def test_others_have_turns_while_children_are_launched(run, monkeypatch):
    """A child a turn, when turns are short."""
    there = []

    async def linger(self):
        if self.node.process_label == 'at_most':
            there.append(len(children_of(self.node)))
        await linger.original(self)

    linger.original = FunctionWorkChain.linger
    monkeypatch.setattr(FunctionWorkChain, 'linger', linger)
    monkeypatch.setattr(execution, '_TURN', 0.0)
    outputs, node = run(workflows.at_most, n=4, limit=9)
    assert outputs == {'values': [0, 1, 2, 3]}
    assert there[:5] == [0, 1, 2, 3, 4]
    assert len(children_of(node)) == 4


def test_after_others_had_a_turn_it_waits_for_its_own(run, monkeypatch):
    """As it does when it begins, although it waits in the middle of what AiiDA takes for one step."""
    asked, lingered = [], []

    class Noted(Place):
        def turn(self):
            asked.append(True)
            return super().turn()

    async def linger(self):
        before = len(asked)
        await linger.original(self)
        lingered.append(len(asked) - before)

    linger.original = FunctionWorkChain.linger
    monkeypatch.setattr(FunctionWorkChain, 'linger', linger)
    monkeypatch.setattr(FunctionWorkChain, 'place', Noted())
    monkeypatch.setattr(execution, '_TURN', 0.0)
    assert run(workflows.at_most, n=3, limit=9)[1].is_finished_ok
    assert len(lingered) >= 3
    assert min(lingered) >= 1


def test_children_under_way_are_stored_together(run, tmp_path):
    """Those that nothing has happened to are one object, which comes back as so many handles."""
    outputs, node = run(workflows.takes_as_they_end, n=12, sign=str(tmp_path / 'sign'))
    assert outputs == {'result': [*range(12)]}
    steps = [read_step(step) for step in node.steps]
    under_way = []
    for step in steps[:-1]:
        parts = ''.join(str(content) for _, content in step.document['parts'])
        machine = load_step(step, class_of(node), class_of(node))
        if 'codec:crowd' in parts:
            under_way.append([handle.label for handle in machine.pending])
            assert all(len(handle.watchers) == 1 for handle in machine.pending)
    # All of the others, before any of them has been told to end.
    assert {f'ends_when_told_{number}' for number in range(4, 13)} <= set(under_way[0])


def test_results_of_tasks_lead_back_to_the_children(run):
    """What a task computed from its children reaches the workflow function some steps later."""
    _, node = run(workflows.relaxes, n=2)
    seen, waiting = set(), [node.outputs.results]
    while waiting:
        current = waiting.pop()
        for link in current.base.links.get_incoming().all():
            if link.node.pk not in seen and link.link_type.value in ('create', 'input_calc', 'return'):
                seen.add(link.node.pk)
                waiting.append(link.node)
    assert {child.pk for child in children_of(node)} <= seen


def test_as_completed_wakes_on_the_first(run):
    outputs, node = run(workflows.first_wins)
    order = outputs['order']
    assert sorted(order) == [1, 2, 3]
    assert order[0] != 1, 'the first one launched is the last one to end'
    ended = sorted(children_of(node), key=lambda child: child.mtime)
    assert order == [child.inputs.x.value for child in ended]
    assert check_provenance(node) == []


@pytest.mark.parametrize('limit', [1, 3])
def test_limit(run, limit):
    outputs, node = run(workflows.at_most, n=6, limit=limit)
    assert outputs == {'values': list(range(6))}
    assert check_provenance(node) == []
    spans = [(child.ctime, child.mtime) for child in children_of(node)]
    assert max(sum(begin <= moment < end for begin, end in spans) for moment, _ in spans) <= limit
    # The steps: until all are asked for, and the one that has all results.
    assert len(node.steps) == 2


def test_sleep(run):
    begin = time.time()
    outputs, _ = run(workflows.naps, seconds=1.0)
    assert outputs == {'result': 'slept'}
    assert time.time() - begin >= 1.0


@pytest.mark.parametrize(('seconds', 'waits'), [(0.1, False), (1.3, True)])
def test_short_waits_change_no_state(run, monkeypatch, seconds, waits):
    """AiiDA is told that the workflow waits if it does for longer than a second."""
    entered, original = [], FunctionWorkChain.on_entered

    def on_entered(process, from_state):
        entered.append(process.state.value)
        original(process, from_state)

    monkeypatch.setattr(FunctionWorkChain, 'on_entered', on_entered)
    assert run(workflows.naps, seconds=seconds)[0] == {'result': 'slept'}
    assert entered == ['created', 'running', *(['waiting', 'running'] if waits else []), 'finished']


def test_timeout_kills_the_child(run):
    outputs, node = run(workflows.too_late)
    assert outputs == {'result': 'late'}
    assert [child.is_killed for child in children_of(node)] == [True]


def test_wait_for_kills_the_child(run):
    outputs, node = run(workflows.too_late_for_one)
    assert outputs == {'y': 2}
    first, second = children_of(node)
    assert second.is_killed
    assert node.outputs.y.pk == first.outputs.result.pk


def test_cancel_kills_the_child(run):
    outputs, node = run(workflows.cancels)
    assert outputs == {'result': 'cancelled'}
    assert [child.is_killed for child in children_of(node)] == [True]


def test_cancelled_before_the_launch(run):
    outputs, node = run(workflows.cancels_at_once)
    assert outputs == {'result': True}
    assert children_of(node) == []


def test_uncaught_cancellation(run):
    _, node = run(workflows.uncaught_cancel)
    assert node.exit_status == 401
    assert 'await handle' in report_of(node)
    assert [child.is_killed for child in children_of(node)] == [True]


def test_a_failure_nobody_asked_for_is_reported(run):
    outputs, node = run(workflows.forgets_failures)
    assert outputs == {'result': 'end'}
    report = report_of(node)
    assert 'refuses_1, which was not awaited, failed' in report
    assert "task `Task-2`, which was not awaited, failed: KeyError: 'fallen'" in report


def test_a_failure_asked_for_is_not_reported(run):
    outputs, node = run(workflows.asks_for_failures)
    assert outputs == {'result': ['ChildFailedError', 'KeyError']}
    assert 'which was not awaited' not in report_of(node)


def test_children_of_a_workflow_that_fails_are_listed(profile):
    with pytest.raises(KeyError):
        engine.run(workflows.leaves_children)
    node = (
        orm.QueryBuilder().append(orm.WorkChainNode, filters={'attributes.process_label': 'leaves_children'}).first()[0]
    )
    (child,) = children_of(node)
    assert f'still running, as the workflow did not wait for them: echo {child.pk}' in report_of(node)
    assert not child.is_killed


@pytest.mark.skipif(sys.version_info < (3, 11), reason='ExceptionGroup')
def test_task_group_kills_siblings(run):
    from engine import group_workflows

    _, node = run(group_workflows.kills_siblings)
    assert node.exit_status == 400
    assert 'refuses_2' in node.exit_message
    assert sorted(child.process_state.value for child in children_of(node)) == ['excepted', 'killed']


@pytest.mark.slow
def test_workers_killed_while_tasks_and_timers_run(daemon, tmp_path):
    log = tmp_path / 'log'
    node = engine.submit(workflows.survives, log=str(log), n=3, seconds=1.0)
    for done in (1, 3):
        wait_until(lambda: log.exists() and len(log.read_text().splitlines()) >= done, f'{done} turns', node)  # noqa: B023
        assert kill_workers(daemon)
    wait_until(lambda: node.is_terminated, f'{node} ends', node)
    assert node.is_finished_ok, (node.exception, node.exit_message)
    assert (node.outputs.a.value, node.outputs.b.value) == (3, 3)
    assert len(children_of(node)) == 6, 'each child once'
    turns = {tuple(line.split()[:2]) for line in log.read_text().splitlines()}
    assert turns == {(name, str(number)) for name in 'ab' for number in range(3)}
    assert check_provenance(node) == []


@pytest.mark.slow
def test_a_timer_fires_when_the_daemon_is_back(daemon):
    """The time is that of the end, not that of the restart."""
    node = engine.submit(workflows.naps, seconds=8.0)
    wait_until(lambda: len(node.steps) == 1, 'it sleeps', node)
    kill_workers(daemon)
    wait_until(lambda: node.is_terminated, f'{node} ends', node)
    assert node.is_finished_ok, (node.exception, node.exit_message)
    first, last = sorted(step.ctime for step in node.steps)
    assert (last - first).total_seconds() >= 7.9


def test_a_cancelled_child_is_killed_under_a_daemon(daemon):
    node = engine.submit(workflows.too_late)
    wait_until(lambda: node.is_terminated, f'{node} ends', node)
    assert node.is_finished_ok, (node.exception, node.exit_message)
    assert node.outputs.result.value == 'late'
    assert [child.is_killed for child in children_of(node)] == [True]
