"""What a step leaves open in the database: loops over queries go on, all else is undone and refused."""

from __future__ import annotations

import pytest
from engine import query_workflows
from engine.helpers import kill_workers, wait_until

from aiida_dreamflow.exceptions import CannotStoreError, WorkflowUsageError
from aiida_dreamflow.testing import run_in_memory
from aiida_dreamflow.values.nodes import from_node


@pytest.fixture
def session(profile):
    """The session of the profile, in which a group of three numbers is stored; nothing may be open in it at the end."""
    yield from session_with_group()


@pytest.fixture
def pair_session(pair):
    """The same on each pair of database and broker."""
    yield from session_with_group()


def session_with_group():
    from aiida import orm

    group, is_new = orm.Group.collection.get_or_create(query_workflows.LABEL)
    if is_new:
        group.add_nodes([orm.Int(number).store() for number in range(3)])
    session = group.backend.get_session()
    yield session
    query_workflows.kept.clear()
    assert session._trans_context_manager is None
    assert not session.in_nested_transaction()
    pk = orm.Int(1).store().pk
    session.rollback()
    assert orm.load_node(pk).value == 1


def last_run():
    from aiida import orm

    return orm.QueryBuilder().append(orm.WorkChainNode, tag='run').order_by({'run': {'id': 'desc'}}).first()[0]


WORKING = {
    'iterall': [0, 1, 2],
    'built': [0, 0, 1, 2],
    'iterdict': [[0, 0], [1, 1], [2, 2]],
    'of_group': [[0, 1, 2], 3, 0],
    'nested': [0, 1, 2, 10, 11, 12, 20, 21, 22],
    'in_helper': [0, 2, 4],
    'by_hand': [0, 1],
    'stores_meanwhile': 102,
    'left_early': 0,
    'caught': [True, 2],
    'dead_proxy': True,
}


@pytest.mark.parametrize('name', WORKING)
def test_a_loop_goes_on(run, session, name):
    outputs, node = run(getattr(query_workflows, name))
    assert node.is_finished_ok
    assert outputs['result'] == WORKING[name]


@pytest.mark.parametrize('restart', [False, True])
@pytest.mark.parametrize('name', [name for name in WORKING if name != 'caught'])
def test_in_memory_as_well(session, name, restart):
    found = run_in_memory(getattr(query_workflows, name), restart=restart)
    assert (found if isinstance(found, int | list) else from_node(found)) == WORKING[name]


REFUSED = {
    'with_transaction': (CannotStoreError, 'open in the database'),
    'with_savepoint': (CannotStoreError, 'open in the database'),
    'kept_iterator': (WorkflowUsageError, r'query_workflows.py, line \d+: .*use `all\(\)`'),
    'kept_savepoint': (WorkflowUsageError, 'transaction of the database'),
    'kept_to_the_end': (WorkflowUsageError, 'transaction of the database'),
    'raises': (KeyError, 'in the loop'),
}


@pytest.mark.parametrize('name', REFUSED)
def test_what_is_open_is_undone(session, name):
    from aiida import engine, orm

    error, text = REFUSED[name]
    before = orm.QueryBuilder().append(orm.Int, filters={'attributes.value': 77}).count()
    with pytest.raises(error, match=text):
        engine.run(getattr(query_workflows, name))
    assert last_run().is_excepted
    assert orm.QueryBuilder().append(orm.Int, filters={'attributes.value': 77}).count() == before
    assert orm.QueryBuilder().append(orm.Int, filters={'extras': {'has_key': 'undone'}}).count() == 0


@pytest.mark.parametrize('name', REFUSED)
def test_it_is_refused_in_memory_as_well(session, name):
    error, text = REFUSED[name]
    with pytest.raises(error, match=text):
        run_in_memory(getattr(query_workflows, name))


def test_no_launch_inside_of_a_transaction(session):
    from aiida import engine, orm

    before = orm.QueryBuilder().append(orm.WorkChainNode).count()
    rows = query_workflows.nodes().iterall()
    next(rows)
    with pytest.raises(WorkflowUsageError, match=r'`iterall` cannot be launched while .* loop over `all\(\)`'):
        engine.run(query_workflows.iterall)
    rows.close()
    assert orm.QueryBuilder().append(orm.WorkChainNode).count() == before
    assert engine.run(query_workflows.left_early)['result'].value == 0


def test_a_step_does_not_write_a_long_group_anew(run, session):
    from aiida import orm

    label = 'many nodes'
    orm.Group(label).store().add_nodes([orm.Int(number).store() for number in range(100)])
    outputs, node = run(query_workflows.some_of_many, label=label)
    assert outputs['result'] == 4
    frames = [len(step.base.attributes.get('dreamflow')['frame']) for step in node.steps]
    assert max(frames) < 4000


@pytest.mark.servers
@pytest.mark.parametrize('name', [*WORKING, *REFUSED])
def test_on_each_database(pair_session, name):
    from aiida import engine, orm

    if name in WORKING:
        result = engine.run(getattr(query_workflows, name))['result']
        assert from_node(result) == WORKING[name]
        return
    error, text = REFUSED[name]
    with pytest.raises(error, match=text):
        engine.run(getattr(query_workflows, name))
    assert last_run().is_excepted
    assert orm.QueryBuilder().append(orm.Int, filters={'attributes.value': 77}).count() == 0


@pytest.mark.daemon
@pytest.mark.servers
def test_a_killed_worker_goes_on_with_the_loop(pair_session, pair_daemon):
    """Meanwhile others store, and nobody waits for the database."""
    from aiida import engine, orm

    node = engine.submit(query_workflows.slowly)
    for count in (1, 2):
        wait_until(lambda: len(node.steps) > count, 'the next turn', node)  # noqa: B023
        assert orm.Int(count).store().is_stored
        assert kill_workers(pair_daemon)
    wait_until(lambda: node.is_terminated, 'it ends', node)
    assert node.is_finished_ok, (node.exception, node.exit_message)
    assert from_node(node.outputs.result) == [0, 1, 2]
