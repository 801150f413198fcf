"""Objects of classes go to function jobs and come back; exceptions of the function's own file too."""

from __future__ import annotations

import pytest
from aiida import engine, orm
from ase.build import bulk
from engine import sent_workflows as workflows
from engine.helpers import wait_until

from aiida_dreamflow.testing import check_provenance
from aiida_dreamflow.values.nodes import from_node

OWN = {
    'are': [True, True, True, True, True],
    'x': [2, 3, 2],
    'shown': 'Pair(config=Config(x=2, color=<Color.BLUE: 2>, inner=Inner(a=3)), n=3)',
}


@pytest.fixture
def structure(profile):
    return orm.StructureData(ase=bulk('Al'))


def test_own_classes(run):
    outputs, node = run(workflows.own_classes)
    assert outputs == OWN, node.exit_message
    assert check_provenance(node) == []


def test_packages(run, structure):
    outputs, node = run(workflows.packages, structure=structure)
    assert outputs == {
        'types': ['Atoms', 'DataFrame', 'csr_matrix'],
        'same': True,
        'numbers': [4, 1.5, 8.0],
    }, node.exit_message
    assert check_provenance(node) == []


def test_an_exception(run):
    assert run(workflows.raises)[0] == {'result': [3, 1, True, 'ZeroDivisionError']}


def test_a_structure_without_an_annotation(run, structure):
    message = run(workflows.refused, structure=structure)[0]['result']
    assert 'annotate the parameter with `ase.Atoms`' in message


@pytest.mark.slow
def test_under_a_daemon(daemon):
    node = engine.submit(workflows.own_classes)
    wait_until(lambda: node.is_terminated, 'the workflow ends', node)
    assert {label: from_node(node.outputs[label]) for label in OWN} == OWN
