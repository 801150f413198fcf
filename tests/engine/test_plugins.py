"""Jobs of other plugins as children: the real aiida-shell and aiida-pythonjob."""

from __future__ import annotations

import pytest
from aiida import engine, orm
from engine.helpers import wait_until

from aiida_dreamflow.testing import check_provenance


@pytest.fixture(scope='module')
def workflows(profile):
    """The workflows: aiida-pythonjob cannot be imported without a profile."""
    from engine import plugin_workflows

    return plugin_workflows


def test_shell(run, workflows):
    outputs, node = run(workflows.shell, text='abc')
    assert outputs['count'] == 6
    assert outputs['text'].get_content() == 'abcabc'
    first, second = sorted(node.called, key=lambda child: child.pk)
    assert second.inputs.nodes.file.pk == first.outputs.stdout.pk
    assert first.inputs.nodes.first.creator.pk == node.steps[0].pk
    assert check_provenance(node) == []


def test_shell_fails(run, workflows):
    outputs, _ = run(workflows.shell_fails)
    assert outputs == {'status': 400, 'label': 'ShellJob<false@localhost>'}


def test_pythonjob(run, workflows):
    outputs, node = run(workflows.pythonjob, x=1)
    assert outputs == {'total': 4}
    assert [child.node_type for child in node.called] == [orm.CalcJobNode.class_node_type] * 2
    assert check_provenance(node) == []


def test_pythonjob_fails(run, workflows):
    outputs, _ = run(workflows.pythonjob_fails, x=1)
    assert outputs['status'] != 0
    assert 'no 1' in outputs['message']


@pytest.mark.slow
def test_under_the_daemon(daemon, workflows):
    nodes = [engine.submit(workflows.shell, text='ab'), engine.submit(workflows.pythonjob, x=1)]
    for node in nodes:
        wait_until(lambda: node.is_terminated, 'the workflow ends', node)  # noqa: B023
        assert node.is_finished_ok, node.exit_message or node.exception
    assert [nodes[0].outputs['count'].value, nodes[1].outputs.total.value] == [4, 4]
