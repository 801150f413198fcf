"""The checker finds each fault that it names. The graphs are made by hand."""

from __future__ import annotations

import pytest

from aiida_dreamflow.testing import check_provenance

pytestmark = pytest.mark.usefixtures('profile')


class Graph:
    """A workflow with an input and an output that a calculation makes of it."""

    def __init__(self):
        from aiida import orm
        from aiida.common.links import LinkType

        self.orm, self.links = orm, LinkType
        self.given = orm.Int(1).store()
        self.workflow = orm.WorkChainNode()
        self.workflow.base.links.add_incoming(self.given, LinkType.INPUT_WORK, 'x')
        self.workflow.store()
        self.calculation = self.calls('step_1', x=self.given)
        self.result = self.makes(self.calculation, 'result')
        self.result.base.links.add_incoming(self.workflow, LinkType.RETURN, 'result')
        self.processes = [self.calculation]

    def calls(self, label, caller=True, attributes=None, **inputs):
        calculation = self.orm.CalcFunctionNode()
        calculation.base.attributes.set_many(attributes or {})
        for name, node in inputs.items():
            calculation.base.links.add_incoming(node, self.links.INPUT_CALC, name)
        if caller:
            calculation.base.links.add_incoming(self.workflow, self.links.CALL_CALC, label)
        return calculation.store()

    def makes(self, calculation, label):
        node = self.orm.Int(2)
        node.base.links.add_incoming(calculation, self.links.CREATE, label)
        return node.store()

    def links_in_the_database(self, source, target, kind, label):
        from aiida.orm.entities import EntityTypes

        row = {'input_id': source.pk, 'output_id': target.pk, 'type': kind.value, 'label': label}
        with source.backend.transaction():
            source.backend.bulk_insert(EntityTypes.LINK, [row])

    def faults(self, sealed=True):
        if sealed:
            for process in (*self.workflow.called, self.workflow):
                process.seal()
        return check_provenance(self.workflow)


@pytest.fixture
def graph():
    return Graph()


def test_nothing_is_wrong(graph):
    assert graph.faults() == []


def test_not_sealed(graph):
    assert [fault.split(': ')[1] for fault in graph.faults(sealed=False)] == ['it has not ended'] * 2


def test_no_creator(graph):
    appeared = graph.orm.Int(5).store()
    graph.calls('step_2', x=appeared)
    (fault,) = graph.faults()
    assert fault.startswith(f'Int {appeared.pk} has no creator; it is an input of')
    assert fault.endswith('(`x`)')


def test_returned_without_a_creator(graph):
    appeared = graph.orm.Int(5).store()
    appeared.base.links.add_incoming(graph.workflow, graph.links.RETURN, 'other')
    assert graph.faults() == [
        f'Int {appeared.pk} has no creator',
        f'from the output `other` ({appeared.pk}) no way leads back to an input of the workflow',
    ]


def test_what_was_there_before_needs_none():
    earlier = Graph().orm.Int(5).store()
    graph = Graph()
    graph.calls('step_2', x=earlier)
    assert graph.faults() == []


def test_output_out_of_nothing(graph):
    result = graph.makes(graph.calls('step_2'), 'result')
    result.base.links.add_incoming(graph.workflow, graph.links.RETURN, 'other')
    assert graph.faults() == [
        f'from the output `other` ({result.pk}) no way leads back to an input of the workflow',
    ]


def test_circle(graph):
    after = graph.calls('step_2', x=graph.result)
    made = graph.makes(after, 'made')
    graph.calls('step_3', x=made)
    graph.links_in_the_database(made, graph.calculation, graph.links.INPUT_CALC, 'y')
    (fault,) = graph.faults()
    assert fault.startswith('the data go in a circle')
    assert [word.rstrip(',') for word in fault.split() if word.rstrip(',').isdigit()] == [
        str(graph.calculation.pk),
        str(after.pk),
    ]


@pytest.mark.parametrize('label', ['_x', 'x_', 'é', 'a.b', ''])
def test_label_that_aiida_refuses(label, graph):
    graph.links_in_the_database(graph.calculation, graph.orm.Int(4).store(), graph.links.CREATE, label)
    (fault,) = graph.faults()
    assert f'has a link with the label `{label}`' in fault


def test_two_calls_with_one_label(graph):
    graph.calls('step_2')
    other = graph.calls('step_3')
    graph.links_in_the_database(graph.workflow, other, graph.links.CALL_CALC, 'step_2')
    assert [fault for fault in graph.faults() if '2 calls with the label `step_2`' in fault]


def test_process_that_nothing_called(graph):
    stray = graph.calls('', caller=False, x=graph.result)
    assert stray.seal()
    assert [f'{stray.pk} works on data of this run, but was not called' in fault for fault in graph.faults()] == [True]


def test_creator_that_nothing_called(graph):
    stray = graph.calls('', caller=False, x=graph.given)
    graph.calls('step_2', x=graph.makes(stray, 'made'))
    assert [f'{stray.pk} works on data of this run' in fault for fault in graph.faults()] == [True]


def test_something_else_than_a_process(graph):
    with pytest.raises(TypeError, match=r'takes the node of a workflow, .* not <Int'):
        check_provenance(graph.given)


def test_inputs_that_grow(graph):
    known = [graph.given]
    for number in range(2, 15):
        attributes = {'process_label': 'L3 x = f(...)', 'dreamflow': {'step': number}}
        inputs = {f'x_{index}': node for index, node in enumerate(known)}
        step = graph.calls(f'step_{number}', attributes=attributes, **inputs)
        known.append(graph.makes(step, 'x'))
        graph.processes.append(step)
    (fault,) = graph.faults()
    assert fault.startswith('the steps `L3 x = f(...)` of ')
    assert fault.endswith(' read more at each turn: 1, 5, 9, 13 nodes')
