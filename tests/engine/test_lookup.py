"""What is read below the ORM; these break when aiida-core changes it."""

from __future__ import annotations

import pytest
from aiida import orm
from aiida.common.exceptions import NotExistent
from aiida.common.links import LinkType
from sqlalchemy import event, text

from aiida_dreamflow.engine.lookup import current_node, newest_called, outputs_of
from aiida_dreamflow.engine.node import DreamflowNode
from aiida_dreamflow.engine.transaction import Caller, StepRows, store_step


@pytest.fixture
def caller(profile):
    return orm.WorkChainNode().store()


def test_current_node(caller):
    """As the database has it now, whoever wrote it."""
    backend = caller.backend
    node = current_node(backend, caller.pk)
    assert type(node) is orm.WorkChainNode
    assert node.uuid == caller.uuid
    assert node.base.attributes.get('sealed', None) is None
    with backend.transaction() as session:
        session.execute(text(f'update db_dbnode set attributes = \'{{"sealed": true}}\' where id = {caller.pk}'))
    assert current_node(backend, caller.pk).is_sealed
    assert type(current_node(backend, DreamflowNode().store().pk)) is DreamflowNode
    with pytest.raises(NotExistent):
        current_node(backend, 10**6)


def test_outputs_of(profile):
    calculation = orm.CalculationNode().store()
    made = {'result': orm.Int(1), 'a__b': orm.Float(2.0)}
    for label, node in made.items():
        node.base.links.add_incoming(calculation, LinkType.CREATE, label)
        node.store()
    assert {label: node.value for label, node in outputs_of(calculation).items()} == {'result': 1, 'a__b': 2.0}
    workflow = orm.WorkflowNode().store()
    made['result'].base.links.add_incoming(workflow, LinkType.RETURN, 'given')
    assert {label: node.uuid for label, node in outputs_of(workflow).items()} == {'given': made['result'].uuid}


def test_newest_called(caller):
    """One query of the links alone, whatever there was before; labels are compared as they are."""
    owner = Caller(caller)
    for label in ('step_1', 'stepX2', 'step_2', 'other'):
        store_step(StepRows(owner, label, 'f:1', {'sealed': True}))
    labels = [link.link_label for link in caller.base.links.get_outgoing().all()]
    assert labels == ['step_1', 'stepX2', 'step_2', 'other']
    pks = {link.link_label: link.node.pk for link in caller.base.links.get_outgoing().all()}
    statements = []
    event.listen(
        caller.backend.get_session().get_bind(),
        'before_cursor_execute',
        lambda c, cursor, statement, *rest: statements.append(statement),
    )
    assert next(newest_called(caller, 'step_')) == pks['step_2']
    assert all('db_dbnode' not in statement for statement in statements if 'db_dblink' in statement)
    assert list(newest_called(caller, 'step_')) == [pks['step_2'], pks['step_1']]
