"""The private ground that a step's transaction stands on; these break when aiida-core changes it."""

from __future__ import annotations

import hashlib
import io

import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.orm.entities import EntityTypes

from aiida_dreamflow.engine import transaction
from aiida_dreamflow.engine.transaction import (
    Caller,
    Scalar,
    StepRows,
    delete_lost,
    detach,
    store_step,
    use_files,
)
from aiida_dreamflow.values.nodes import from_node, scalar_node, to_node


@pytest.fixture
def caller(profile):
    return orm.WorkChainNode().store()


def rows(caller, **changes):
    content = dict(caller=Caller(caller), call_label='step_1', label='f:1', attributes={'sealed': True})
    return StepRows(**{**content, **changes})


def test_everything_is_stored(caller):
    read = orm.Int(1).store()
    made = orm.ArrayData(__import__('numpy').arange(3.0))
    key = caller.backend.get_repository().put_object_from_filelike(io.BytesIO(b'abc'))
    pks = store_step(rows(caller, files={'frame/x': key}, inputs={'a': read.pk}, outputs={'b': made}))
    (step,) = caller.called
    assert step.label == 'f:1'
    assert step.is_sealed
    assert step.base.repository.get_object_content('frame/x', mode='rb') == b'abc'
    assert step.inputs.a.pk == read.pk
    assert step.outputs.b.pk == pks[made.uuid]
    assert step.outputs.b.get_array().tolist() == [0.0, 1.0, 2.0]
    assert step.outputs.b.base.caching.get_hash() == step.outputs.b.base.caching.compute_hash()
    assert caller.base.links.get_outgoing(link_type=LinkType.CALL_CALC).all_link_labels() == ['step_1']


def test_nothing_is_stored_when_it_fails(caller, monkeypatch):
    insert = transaction.insert_rows

    def failing(session, backend, entity_type, rows):
        if entity_type is EntityTypes.LINK:
            raise OSError('disk full')
        return insert(session, backend, entity_type, rows)

    monkeypatch.setattr(transaction, 'insert_rows', failing)
    before = orm.QueryBuilder().append(orm.Node).count()
    with pytest.raises(OSError, match='disk full'):
        store_step(rows(caller, outputs={'b': orm.Int(1)}))
    assert orm.QueryBuilder().append(orm.Node).count() == before
    assert caller.called == []


@pytest.mark.parametrize('label', ['_', 'x_', '_tmp', 'é'])
def test_labels_are_validated(caller, label):
    with pytest.raises(ValueError, match='underscore|identifier|label'):
        store_step(rows(caller, outputs={label: orm.Int(1)}))
    assert caller.called == []


def test_one_transaction(caller):
    """One commit a step: what is in the database after a crash is a whole step."""
    from sqlalchemy import event

    commits = []
    engine = caller.backend.get_session().get_bind()
    event.listen(engine, 'commit', lambda connection: commits.append(1))
    store_step(rows(caller, outputs={'b': detach(orm.Int(1)), 'c': detach(orm.Int(2))}))
    assert len(commits) == 1


def test_no_query_before(caller):
    """A step without data begins with its first insert: nothing is read again that a commit made the session forget."""
    from sqlalchemy import event

    owner, statements = Caller(caller), []
    engine = caller.backend.get_session().get_bind()
    caller.backend.get_session().commit()
    event.listen(engine, 'before_cursor_execute', lambda c, cursor, text, *rest: statements.append(text.split()[0]))
    store_step(StepRows(owner, 'step_1', 'f:1', {'sealed': True}))
    assert [word for word in statements if word in ('SELECT', 'INSERT', 'UPDATE')] == ['INSERT', 'INSERT']


def test_files_that_are_there(caller):
    """A node may name a file that the repository has; its hash for caching is what AiiDA computes."""
    key = caller.backend.get_repository().put_object_from_filelike(io.BytesIO(b'abc'))
    sha = hashlib.sha256(b'abc').hexdigest()
    node = detach(orm.FolderData())
    use_files(node, {'x.bin': sha, 'y.bin': sha}, {sha: key})
    (pk,) = store_step(rows(caller, outputs={'b': node})).values()
    stored = orm.load_node(pk)
    assert stored.base.repository.get_object_content('y.bin', mode='rb') == b'abc'
    assert stored.base.caching.get_hash() == stored.base.caching.compute_hash()


def test_exact_floats(caller):
    """AiiDA rounds what it stores; the project's nodes keep the exact value beside it."""
    pks = store_step(rows(caller, outputs={'b': to_node(0.1 + 0.2), 'c': to_node({'x': 0.1 + 0.2})}))
    assert sorted(map(str, (from_node(orm.load_node(pk)) for pk in pks.values()))) == [
        '0.30000000000000004',
        "{'x': 0.30000000000000004}",
    ]


def test_unstarted_child_is_removed(caller):
    """Only itself: its inputs, its caller and its siblings stay."""
    n = orm.Int(1).store()
    children = []
    for label in ('a', 'b'):
        child = orm.CalcFunctionNode()
        child.base.links.add_incoming(caller, LinkType.CALL_CALC, label)
        child.base.links.add_incoming(n, LinkType.INPUT_CALC, 'x')
        children.append(child.store())
    delete_lost(children[0])
    assert caller.called == children[1:]
    assert orm.load_node(n.pk).base.links.get_outgoing().all_nodes() == children[1:]


SCALARS = [True, False, 0, -(2**63), 2**63 - 1, 0.0, -0.0, 0.1 + 0.2, 1e20, 5e-324, '', 'é\n', '😀', 'x' * 500]


def columns(node, *ignored):
    row = {column.name: getattr(node.backend_entity.bare_model, column.name) for column in node_table(node).columns}
    return {name: value for name, value in row.items() if name not in ('id', 'uuid', 'ctime', 'mtime', *ignored)}


def node_table(node):
    return node.backend._get_mapper_from_entity(EntityTypes.NODE, False)[0].local_table


@pytest.mark.parametrize('value', SCALARS, ids=repr)
def test_scalars_are_rows_as_aiida_writes_them(caller, value):
    """A row of a `Scalar` is the one that AiiDA writes for the node, in all columns, its hash included."""
    scalar = Scalar(*scalar_node(value))
    pks = store_step(rows(caller, outputs={'b': scalar}))
    found, expected = orm.load_node(pks[scalar.uuid]), to_node(value).store()
    assert columns(found) == columns(expected)
    assert found.uuid == scalar.uuid
    found._validate()
    assert found.base.caching.get_hash() == found.base.caching.compute_hash() == expected.base.caching.get_hash()
    back = from_node(found)
    assert (type(back), repr(back)) == (type(value), repr(value))


@pytest.mark.parametrize(
    'value', [*SCALARS, float('nan'), float('inf'), 2**63, 'a\0b', '\ud800', None, 1j, [1], {}], ids=repr
)
def test_scalars_are_what_becomes_a_node_of_aiida(profile, value):
    """Exactly the values whose node has nothing but attributes."""
    node = to_node(value)
    scalar = scalar_node(value)
    assert (scalar is not None) is isinstance(node, (orm.Bool, orm.Int, orm.Float, orm.Str))
    if scalar is not None:
        assert scalar == (type(node), node.base.attributes.all)


def test_a_scalar_becomes_a_node(caller):
    """The node that stands for a `Scalar` is the one that is stored."""
    scalar = Scalar(*scalar_node(0.1 + 0.2))
    node = scalar.node()
    assert columns(node, 'user_id') == columns(to_node(0.1 + 0.2), 'user_id')
    pks = store_step(rows(caller, outputs={'b': node}))
    assert orm.load_node(pks[scalar.uuid]).uuid == scalar.uuid
