"""Parameters annotated with AiiDA's types: nodes where a node class is named, values where a Python type is."""

from __future__ import annotations

import re

import numpy as np
import pytest
from aiida import engine, orm
from engine import annotated_workflows as workflows
from engine.helpers import wait_until

from aiida_dreamflow import workflow
from aiida_dreamflow.testing import check_provenance, run_in_memory
from aiida_dreamflow.values.nodes import from_node


class Number(int):
    """A class whose values have no node of AiiDA's own types."""


#: A workflow, what makes its argument, and what it is to return.
CASES = {
    'int': (workflows.takes_int, lambda: orm.Int(2), {'said': ['Int', 2], 'double': 4}),
    'int from a value': (workflows.takes_int, lambda: 2, {'said': ['Int', 2], 'double': 4}),
    'int from numpy': (workflows.takes_int, lambda: np.int32(2), {'said': ['Int', 2], 'double': 4}),
    'dict': (workflows.takes_dict, lambda: orm.Dict({'a': 1}), 1),
    'dict from a value': (workflows.takes_dict, lambda: {'a': 1}, 1),
    'list': (workflows.takes_list, lambda: orm.List([5]), [5, 5]),
    'list from a value': (workflows.takes_list, lambda: [5], [5, 5]),
    'array': (workflows.takes_array, lambda: orm.ArrayData(np.ones(3)), 3.0),
    'array from a value': (workflows.takes_array, lambda: np.ones((3, 2))[:, 0], 3.0),
    'float': (workflows.takes_float, lambda: 1, ['Float', 1.0]),
    'float from numpy': (workflows.takes_float, lambda: np.float32(0.5), ['Float', 0.5]),
    'value': (workflows.takes_value, lambda: orm.Int(2), ['int', 2]),
    'alias': (workflows.takes_alias, lambda: orm.Float(2.5), ['Float', 2.5]),
    'alias from a value': (workflows.takes_alias, lambda: 2, ['Int', 2]),
    'either, the node': (workflows.takes_either, lambda: orm.Int(2), ['Int', 2]),
    'either, the value': (workflows.takes_either, lambda: orm.Str('a'), ['str', 'a']),
    'both': (workflows.takes_both, lambda: 2, ['Int', 2]),
    'optional, given': (workflows.takes_optional, lambda: 2, ['Int', 2]),
    'optional, none': (workflows.takes_optional, lambda: None, ['NoneType', None]),
    'old union': (workflows.takes_old_union, lambda: None, ['NoneType', None]),
    'annotated': (workflows.takes_annotated, lambda: 'a', ['Str', 'a']),
    'any data, a node': (workflows.takes_data, lambda: orm.Bool(True), ['Bool', True]),
    'any data, a value': (workflows.takes_data, lambda: 'a', ['Str', 'a']),
    'any node, a computer is none': (workflows.takes_node, lambda: orm.Int(1), 'Int'),
    'any node, a process': (workflows.takes_node, lambda: orm.WorkChainNode().store(), 'WorkChainNode'),
    'type variable': (workflows.takes_bound, lambda: 2, ['Int', 2]),
    'new type': (workflows.takes_length, lambda: orm.Float(2.5), ['float', 2.5]),
    'anything': (workflows.takes_anything, lambda: orm.Int(2), ['int', 2]),
    'partly unknown': (workflows.takes_unknown, lambda: orm.Int(2), ['Int', 2]),
    'unknown': (workflows.takes_only_unknown, lambda: orm.Int(2), ['int', 2]),
    'values from nodes': (
        workflows.takes_values,
        lambda: [orm.Int(1).store(), 2],
        [['int', 1], ['int', 2]],
    ),
    'pair': (workflows.takes_pair, lambda: (orm.Int(1).store(), orm.Str('a').store()), [['Int', 1], ['str', 'a']]),
    'nodes': (workflows.takes_nodes, lambda: [orm.Int(1).store()] * 2, [['Int', 1], ['Int', 1]]),
    'named nodes': (workflows.takes_named_nodes, lambda: {'b': orm.Str('a').store()}, {'b': ['Str', 'a']}),
    'plain': (workflows.bare, lambda: orm.Int(2), ['int', 2]),
}
WRONG = [
    (workflows.takes_int, 'abc', "`x` of `takes_int` takes orm.Int, got Str: 'abc'"),
    (workflows.takes_int, None, '`x` of `takes_int` takes orm.Int, got None'),
    (workflows.takes_int, 2**70, "got int: 1180591620717411303424 (AiiDA's Int cannot hold it as it is)"),
    (workflows.takes_int, True, '`x` of `takes_int` takes orm.Int, got Bool: True'),
    (workflows.takes_float, float('nan'), "got float: nan (AiiDA's Float cannot hold it as it is)"),
    (workflows.takes_float, 2**60 + 1, '`x` of `takes_float` takes orm.Float, got'),
    (workflows.takes_dict, {'a': {1}}, "got dict: {'a': {1}} (AiiDA's Dict cannot hold it as it is)"),
    (workflows.takes_data, None, '`x` of `takes_data` takes orm.Data, got None'),
    (workflows.takes_optional, 'abc', '`x` of `takes_optional` takes Optional[orm.Int], got Str'),
    (workflows.takes_annotated, 1, "`x` of `takes_annotated` takes Annotated[orm.Str, 'a label'], got Int: 1"),
    (workflows.takes_value, 'abc', "`x` of `takes_value` takes int, got str: 'abc'"),
]


def outcome(node):
    values = {label: from_node(output) for label, output in node.outputs._get_keys_and_values()}
    return values


@pytest.mark.parametrize('case', CASES)
class TestArrives:
    def test_in_a_run(self, case, run):
        process, make, expected = CASES[case]
        name = 'xs' if 'xs' in process.spec().inputs else 'x'
        outputs, node = run(process, **{name: make()})
        assert outputs == (expected if isinstance(expected, dict) else {'result': expected}), node.exit_message

    @pytest.mark.parametrize('restart', [True, False])
    def test_in_memory(self, case, restart, profile):
        process, make, expected = CASES[case]
        name = 'xs' if 'xs' in process.spec().inputs else 'x'
        assert run_in_memory(process, restart=restart, **{name: make()}) == expected


class TestWrong:
    @pytest.mark.parametrize(('process', 'value', 'message'), WRONG)
    def test_in_a_run(self, process, value, message, profile):
        with pytest.raises(ValueError, match=re.escape(message)):
            engine.run(process, x=value)

    @pytest.mark.parametrize(('process', 'value', 'message'), WRONG)
    def test_in_memory(self, process, value, message, profile):
        with pytest.raises(ValueError, match=re.escape(message)):
            run_in_memory(process, x=value)

    def test_an_item(self, profile):
        message = '`xs` of `takes_nodes` takes list[orm.Int], got int at `xs[1]`, where orm.Int is wanted: 2'
        for launch in (engine.run, run_in_memory):
            with pytest.raises(ValueError, match=re.escape(message)):
                launch(workflows.takes_nodes, xs=[orm.Int(1).store(), 2])

    def test_for_a_child(self, run):
        outputs, _ = run(workflows.catches_wrong, x=1)
        assert '`x` of `takes_int` takes orm.Int, got Str' in outputs['result']
        assert '`x` of `takes_int` takes orm.Int, got Str' in run_in_memory(workflows.catches_wrong, x=1)

    def test_in_a_builder(self, profile):
        builder = workflows.takes_int.get_builder()
        with pytest.raises(ValueError, match='takes orm.Int, got Str'):
            builder.x = 'abc'
        builder.x = 3
        assert engine.run(builder)['double'] == 6


class TestDefaults:
    def test_a_value_for_a_node(self, run):
        assert run(workflows.with_plain_default)[0] == {'result': ['Int', 3]}
        assert run_in_memory(workflows.with_plain_default) == ['Int', 3]

    def test_a_node_for_a_value(self, run):
        @workflow
        async def local(x: int = orm.Int(3), y: orm.Int = orm.Int(4), z=orm.Int(5)):  # noqa: B008
            return [type(x).__name__, type(y).__name__, type(z).__name__]

        assert run_in_memory(local) == ['int', 'Int', 'int']

    def test_of_a_submitted_child(self, run):
        outputs, _ = run(calls_defaults)
        assert outputs == {'result': [['Int', 3], ['Int', 3]]}


@workflow
async def calls_defaults():
    return [await workflows.with_plain_default(), await workflows.with_plain_default()]


class TestHandedOn:
    EXPECTED = {  # noqa: RUF012
        'values': [4, 6, 4950],
        'children': [{'said': ['Int', 4], 'double': 8}, {'said': ['Int', 3], 'double': 6}, ['int', 4]],
        'helpers': [['Int', 2], ['int', 3]],
        'lists': [0, 0],
    }

    def test_in_a_run(self, run):
        outputs, node = run(workflows.passes_on, x=2, y=3)
        assert outputs == self.EXPECTED, node.exit_message
        assert check_provenance(node) == []
        called = sorted(node.called, key=lambda child: child.pk)
        assert called[0].inputs.x.pk == node.inputs.x.pk
        assert called[1].inputs.x.pk == node.inputs.y.pk

    def test_returned(self, run):
        outputs, node = run(workflows.gets_nodes, x=1)
        assert outputs == {'result': [['Int', 1], ['Int', 1], ['int', 2]]}
        assert run_in_memory(workflows.gets_nodes, x=1) == outputs['result']
        assert check_provenance(node) == []

    def test_names_of_a_function_around(self, run):
        assert run_in_memory(workflows.local_workflow(), x=1) == ['Int', 1]


def test_under_a_daemon(daemon):
    nodes = [
        engine.submit(workflows.takes_int, x=2),
        engine.submit(workflows.takes_dict, x={'a': 1}),
        engine.submit(workflows.takes_nodes, xs=[orm.Int(1).store()]),
        engine.submit(workflows.takes_unknown, x=2),
        engine.submit(workflows.passes_on, x=2, y=3),
    ]
    for node in nodes:
        wait_until(lambda node=node: node.is_terminated, 'the workflow ends', node)
        assert node.is_finished_ok, node.exception or node.exit_message
    assert from_node(nodes[0].outputs.double) == 4
    assert from_node(nodes[1].outputs.result) == 1
    assert from_node(nodes[2].outputs.result) == [['Int', 1]]
    assert from_node(nodes[3].outputs.result) == ['Int', 2]
    assert from_node(nodes[4].outputs.values) == [4, 6, 4950]
