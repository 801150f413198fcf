"""`verdi process status` and `show` say how many there are and list the last ones; everybody else is given all."""

from __future__ import annotations

import pytest
from aiida import orm
from aiida.cmdline.utils.ascii_vis import format_call_graph
from aiida.cmdline.utils.common import get_node_info
from aiida.common.links import LinkType
from engine import link_workflows as workflows

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
