"""What is asked of the database, on each of the databases that AiiDA has."""

from __future__ import annotations

import pytest
from aiida import engine
from servers.fixtures import POSTGRESQL_RABBITMQ
from view import view_workflows as workflows
from view.many import add_children

from aiida_dreamflow import look
from aiida_dreamflow.view import runs

pytestmark = pytest.mark.servers


@pytest.fixture(scope='module')
def node(pair):
    node = engine.run_get_node(workflows.optimise)[1]
    add_children(node, 600, state='running', kind='function')
    return node


def test_a_run(pair, node):
    run = look(node)
    assert (run.status, run.children.counts()) == ('done', {'done': 4, 'running': 600})
    rows = run.children.rows()
    assert [row['arguments']['x'] for row in rows[:5]] == [0, 1, 2, 3, 0]
    assert rows[3]['results'] == {'result': 9}
    assert run.inputs['n'].plain == 3
    assert str(run.at(2).loops[0]) == '2 of 4'
    assert [entry.text for entry in run.report] == ['a gave 0', 'b gave 1', 'c gave 4', 'd gave 9']
    add_children(node, 1, kind='function')
    assert run.again().children.counts() == {'done': 5, 'running': 600}
    (line,) = [line for line in runs(None) if line.pk == node.pk]
    assert line.counts == {'done': 5, 'running': 600}
    assert line.last == 'd gave 9'
    assert runs(None, active=True) == []
    assert pair in ('sqlite-zeromq', POSTGRESQL_RABBITMQ)
