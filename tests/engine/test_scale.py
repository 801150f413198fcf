"""A workflow with ten thousand steps behind it and a hundred children running: by counts of lines and queries."""

from __future__ import annotations

import uuid
from contextlib import contextmanager

import pytest
from engine import local_workflows

STEPS, CHILDREN = 10_000, 100


@pytest.fixture(scope='module')
def long_run(profile):
    """The node of a workflow with so many records of steps, copies of a real one, and so many children that wait."""
    from aiida import engine, orm
    from aiida.common import timezone
    from aiida.orm.entities import EntityTypes

    _, node = engine.run_get_node(local_workflows.quick)
    node = orm.load_node(node.pk)
    (record,) = node.steps
    now = timezone.now()
    attributes, user = record.base.attributes.all, node.user.pk

    def row(**changes):
        content = {
            'uuid': str(uuid.uuid4()),
            'node_type': orm.CalcFunctionNode.class_node_type,
            'process_type': None,
            'label': record.label,
            'description': '',
            'ctime': now,
            'mtime': now,
            'attributes': attributes,
            'extras': {},
            'repository_metadata': {},
            'dbcomputer_id': None,
            'user_id': user,
        }
        return {**content, **changes}

    child = {'process_type': 'aiida_dreamflow.jobs.local.LocalRun', 'label': ''}
    waits = {'process_label': 'f', 'process_state': 'waiting', 'sealed': True}
    rows = [row() for _ in range(STEPS - 1)] + [row(**child, attributes=waits) for _ in range(CHILDREN)]
    with node.backend.transaction():
        pks = node.backend.bulk_insert(EntityTypes.NODE, rows)
        links = [
            {'input_id': node.pk, 'output_id': pk, 'label': f'step_{i}', 'type': 'call_calc'}
            for i, pk in enumerate(pks, 2)
        ]
        node.backend.bulk_insert(EntityTypes.LINK, links)
    return node


@contextmanager
def queries():
    """Count the statements that reach the database."""
    from aiida.manage import get_manager
    from sqlalchemy import event

    seen: list[str] = []
    bind = get_manager().get_profile_storage().get_session().get_bind()

    def note(connection, cursor, statement, *others):
        seen.append(statement)

    event.listen(bind, 'before_cursor_execute', note)
    try:
        yield seen
    finally:
        event.remove(bind, 'before_cursor_execute', note)


@pytest.mark.slow
def test_status(long_run):
    from aiida.cmdline.utils.ascii_vis import format_call_graph

    with queries() as seen:
        text = format_call_graph(long_run)
    first, *children = text.splitlines()
    assert first.startswith('quick<')
    assert f'{CHILDREN} children' in first
    assert len(children) == 25, 'the last ones'
    # What AiiDA asks of each child is its affair; nothing is asked of a step.
    assert len(seen) < 15 * CHILDREN


@pytest.mark.slow
def test_steps_are_there(long_run):
    steps = long_run.steps
    assert len(steps) == STEPS
    assert steps[0].base.attributes.get('dreamflow')['step'] == 1


@pytest.mark.slow
def test_report(long_run):
    from aiida.cmdline.utils.common import get_workchain_report

    with queries() as seen:
        get_workchain_report(long_run, 'REPORT')
    assert len(seen) < 50


@pytest.mark.slow
def test_kill_asks_only_children(long_run):
    from types import SimpleNamespace

    from aiida_dreamflow.engine.children import Children

    with queries() as seen:
        running = Children(SimpleNamespace(node=long_run), {}).running()
        assert len(running) == CHILDREN
    assert len(seen) < 10


def test_without_this_plugin_a_node_can_be_loaded(profile):
    """What AiiDA makes of the type of a node whose plugin is not installed."""
    from aiida import engine, orm
    from aiida.orm.utils.node import load_node_class

    _, node = engine.run_get_node(local_workflows.quick)
    node_type = node.node_type
    assert load_node_class(node_type) is type(orm.load_node(node.pk))
    assert load_node_class(node_type.replace('dreamflow', 'absent')) is orm.ProcessNode
    found = orm.QueryBuilder().append(orm.WorkChainNode, filters={'id': node.pk}).first(flat=True)
    assert isinstance(found, orm.WorkChainNode)


def test_a_step_that_submits_many(profile, monkeypatch):
    """Of each more: its node and the link to it, the node read, and two columns of the computer that AiiDA's validation reads."""
    from aiida import engine
    from engine import concurrent_workflows as workflows

    from aiida_dreamflow.engine.execution import Execution

    counts = []

    def counted(self):
        with queries() as seen:
            outcome = run_step(self)
        counts.append(len(seen))
        return outcome

    run_step = Execution._run_step
    monkeypatch.setattr(Execution, '_run_step', counted)
    first = []
    for n in (2, 2, 12):
        counts.clear()
        assert engine.run_get_node(workflows.jobs_at_once, n=n)[1].is_finished_ok
        first.append(counts[0])
    _, few, many = first
    assert many - few <= 5 * 10, first
