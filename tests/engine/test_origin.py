"""Where a value came from, whether it changed, and what a step stores of it."""

from __future__ import annotations

import platform

import numpy as np
import pytest
from aiida import orm
from aiida.common.links import LinkType
from engine import origin_workflows as workflows

from aiida_dreamflow.exceptions import UntrustedValueError


def steps_of(node):
    """The records of a workflow's steps, first to last."""
    return node.steps


def children_of(node):
    return sorted((n for n in node.called if isinstance(n, orm.WorkChainNode)), key=lambda n: n.pk)


def made_by(step, name):
    """The node of a variable that a step made or changed; ``None`` if it did not."""
    links = step.base.links.get_outgoing(link_type=LinkType.CREATE).all()
    return next((link.node for link in links if link.link_label == name), None)


class TestOrigin:
    def test_two_children_that_return_the_same(self, run):
        outputs, node = run(workflows.returns_two)
        assert outputs == {'a': 1, 'b': 1}
        first, second = children_of(node)
        assert [node.outputs.a.pk, node.outputs.b.pk] == [first.outputs.result.pk, second.outputs.result.pk]

    def test_the_last_child_counts(self, run):
        _, node = run(workflows.overwrites)
        assert node.outputs.result.pk == children_of(node)[1].outputs.result.pk

    def test_copied_and_handed_on(self, run):
        _, node = run(workflows.hands_on)
        first, second = children_of(node)
        assert second.inputs.x.pk == first.outputs.result.pk == node.outputs.y.pk
        assert node.outputs.z.pk == second.outputs.result.pk

    def test_part_of_an_expression(self, run):
        """What a part of an expression was made from is read by the step that uses it, across another await."""
        outputs, node = run(workflows.takes_apart)
        assert outputs == {'result': 2}
        read = {entry.node.pk for entry in steps_of(node)[-1].base.links.get_incoming(link_type=LinkType.INPUT_CALC)}
        assert {child.outputs.result.pk for child in children_of(node)} <= read

    def test_arguments_of_tasks(self, run):
        """The helper of a task reads the node of the variable that it is given."""
        _, node = run(workflows.into_tasks)
        given = {child.outputs.result.uuid: name for child, name in zip(children_of(node), 'abc', strict=True)}
        found = {}
        for step in steps_of(node):
            for root, (uuid, _) in step.base.attributes.get('dreamflow')['nodes'].items():
                if root[0] != '0':
                    found.setdefault(root, given.get(uuid))
        # How a partial passes on what it is given is not known.
        assert found == {
            **{'1.0:x': 'a', '1.0:other': None, '2.0:x': 'b', '2.0:other': 'a', '3.0:x': None, '3.0:other': None},
            **{'4.0:x': 'c', '4.0:other': None, '5.0:x': 'b', '5.0:other': None, '6.0:x': 'a', '6.0:other': None},
            **{'7.0:x': 'c', '7.0:other': None, '8.0:x': 'b', '8.0:other': None},
        }

    def test_whatever_way_it_takes(self, run):
        """Unpacked, walrus, swapped, through helpers and tasks; they are told apart though all children give the same."""
        outputs, node = run(workflows.many_ways)
        assert set(outputs.values()) == {1}
        given = [child.outputs.result.pk for child in children_of(node)]
        found = {name: given.index(node.outputs[name].pk) for name in outputs}
        # `same` returns its argument, which is another child's.
        assert found == {'a': 2, 'c': 0, 'd': 3, 'e': 3, 'f': 2, 'g': 6, 'h': 7, 'i': 8, 'j': 3}
        made = [entry.link_label for step in steps_of(node) for entry in step.base.links.get_outgoing()]
        assert made == ['x', 'one_2_x', 'one_3_x', 'x', 'x', 'one_8_x', 'x'], 'nothing but the arguments not given'


class TestChange:
    def test_one_ulp(self, run):
        outputs, node = run(workflows.one_ulp, x=1.0)
        assert outputs == {'result': 1.0000000000000002}
        assert node.outputs.result.pk != node.inputs.x.pk

    def test_type(self, run):
        _, node = run(workflows.kinds)
        assert [type(made_by(step, 'x')) for step in steps_of(node)[:3]] == [orm.Int, orm.Bool, orm.Float]

    @pytest.mark.parametrize(
        'process',
        [
            workflows.through_an_alias,
            workflows.through_a_container,
            workflows.through_a_default,
            workflows.through_a_cell,
        ],
    )
    def test_array_changed_without_its_name(self, run, process):
        outputs, node = run(process)
        assert outputs['result'][7] == 1.0
        second = made_by(steps_of(node)[1], 'a')
        assert second is not None, 'the change must be seen by the step that made it'
        assert second.get_array('default')[7] == 1.0

    def test_unchanged_array_keeps_its_node(self, run):
        _, node = run(workflows.untouched, n=3)
        assert [made_by(step, 'a') is not None for step in steps_of(node)] == [True, False, False, False]


class TestCost:
    def test_an_untouched_array_is_not_looked_at(self, run, monkeypatch):
        """Its bytes are read in the step that makes it, and by none of those that do not use it."""
        from aiida_dreamflow.values import parts

        looked = []
        original = parts.PartWriter._array_form

        def noted(self, name, array):
            looked.append(name)
            return original(self, name, array)

        monkeypatch.setattr(parts.PartWriter, '_array_form', noted)
        run(workflows.untouched, n=5)
        assert looked == ['0:a']

    def test_an_array_is_written_once(self, run):
        _, node = run(workflows.untouched, n=2)
        first, second, *_ = steps_of(node)
        (array,) = (key for key in keys_of(made_by(first, 'a')))
        assert array in keys_of(first), 'the frame and the node of the variable share the file'
        assert array in keys_of(second)
        assert made_by(first, 'a').get_array('default').shape == (300_000,)
        assert made_by(first, 'a').base.caching.get_hash() == made_by(first, 'a').base.caching.compute_hash()

    def test_a_list_that_grows(self, run):
        """The bytes of a step stay the same, whatever the length of the list."""
        outputs, node = run(workflows.grows, n=200)
        assert outputs['result'] == [i * 0.5 for i in range(200)]
        assert sum(written_for(node, 'seen', 200)) < 4 * len(str(outputs['result']))
        assert made_by(steps_of(node)[199], 'seen').value == outputs['result']

    def test_a_list_that_grows_in_a_closure(self, run):
        outputs, node = run(workflows.grows_in_a_closure, n=130)
        assert_flat(written_for(node, 'seen', 130))
        assert made_by(steps_of(node)[129], 'seen').value == [i * 0.5 for i in range(130)] == outputs['result']
        assert_flat(written_for(node, 'add', 130))  # the function holds the list as well

    def test_a_list_that_grows_in_a_dict(self, run):
        outputs, node = run(workflows.grows_in_a_dict, n=130)
        assert_flat(written_for(node, 'seen', 130))
        assert made_by(steps_of(node)[129], 'seen').value == {'ys': [i * 0.5 for i in range(130)]} == outputs['result']

    def test_a_list_of_objects_that_grows(self, run):
        """Making these runs code, so the node is signed."""
        outputs, node = run(workflows.grows_with_objects, n=130)
        assert_flat(written_for(node, 'seen', 130))
        seen = made_by(steps_of(node)[129], 'seen')
        assert seen.value == [workflows.Found(i * 0.5, [i]) for i in range(130)] == outputs['result']
        other = seen.clone()
        other.base.attributes.delete('signature')
        with pytest.raises(UntrustedValueError):
            other.value  # noqa: B018

    def test_a_list_whose_items_share_something(self, run):
        outputs, node = run(workflows.grows_with_something_shared, n=130)
        assert_flat(written_for(node, 'seen', 130))
        seen = made_by(steps_of(node)[129], 'seen').value
        assert [item['x'] for item in seen] == [i * 0.5 for i in range(130)]
        assert all(np.array_equal(item['base'], np.arange(20.0)) for item in seen)

    def test_a_list_that_grows_in_a_cell(self, run):
        """From short to long: a long one is put into words at its beginning only."""
        outputs, node = run(workflows.grows_in_a_cell, first=62, n=66)
        assert [array.tolist() for array in outputs['result']] == [[i] * 200 for i in range(66)]
        for step, length in (steps_of(node)[0], 63), (steps_of(node)[2], 65):
            assert [array.tolist() for array in made_by(step, 'seen').value] == [[i] * 200 for i in range(length)]

    def test_a_change_inside_of_a_long_list(self, run):
        outputs, node = run(workflows.grows_and_changes, n=100)
        assert outputs['changed'].tolist() == [3.0, 7.0]
        assert outputs['last'].tolist() == [99.0, 0.5]
        step = steps_of(node)[91]
        assert made_by(step, 'seen').value[3].tolist() == [3.0, 7.0]


def written_for(node, name, n):
    """Return how many bytes of files each of so many steps wrote, with the node of a list; all else is the same in each."""
    steps = steps_of(node)[:n]
    sizes = [size_of(step) for step in steps]
    # Eight chunks have become one by then.
    assert max(sizes[-10:]) < 1.3 * max(sizes[64:100])
    lists = orm.QueryBuilder().append(
        orm.CalcFunctionNode, filters={'id': {'in': [step.pk for step in steps]}}, tag='step'
    )
    lists.append(orm.Data, with_incoming='step', edge_filters={'label': name}).order_by({orm.Data: 'id'})
    found = lists.all(flat=True)
    assert max(len(str(each.base.attributes.all)) for each in found[-10:]) < 10_000
    known: set[str] = set()
    written = []
    for step, each in zip(steps, found, strict=True):
        new = (keys_of(step) | keys_of(each)) - known
        written.append(sum(len(content(node, key)) for key in new))
        known |= new
    return written


def assert_flat(written):
    """A list of 82 items on average, and one of 114: whole, the second would be 1.4 times as much."""
    assert sum(written[98:130]) < 1.2 * sum(written[66:98])


def keys_of(node):
    return {
        key
        for path, key in type(node.base.repository._repository).flatten(node.base.repository.metadata).items()
        if key and path != 'source_file'
    }


def content(node, key):
    with node.backend.get_repository().open(key) as handle:
        return handle.read()


def size_of(step):
    return len(str(step.base.attributes.all)) + len(str(step.base.repository.metadata))


class TestRecord:
    def test_label_lines_and_version(self, run):
        _, node = run(workflows.hands_on)
        step = steps_of(node)[1]
        first = step.base.attributes.get('function_starting_line_number')
        last = first + step.base.attributes.get('function_number_of_lines') - 1
        lines = step.get_function_source_code().splitlines()
        assert 'y = await submit(one)' in lines[first - 1]
        assert 'await checkpoint()' in lines[last - 1]
        assert step.label == step.process_label == f'L{first + 1} copy = y'
        assert step.base.attributes.get('python_version') == platform.python_version()

    def test_source_once_a_run(self, run):
        """All steps name one and the same file: that of the process."""
        _, node = run(workflows.kinds)
        sources = {step.base.repository._repository.get_file('source_file').key for step in steps_of(node)}
        assert sources == {node.base.repository._repository.get_file('dreamflow/workflow.py').key}

    def test_one_commit_a_step(self, run):
        from sqlalchemy import event
        from sqlalchemy.engine import Engine

        def counted(n):
            commits = []

            def note(connection):
                commits.append(1)

            event.listen(Engine, 'commit', note)
            run(workflows.grows, n=n)
            event.remove(Engine, 'commit', note)
            return len(commits)

        # What the process itself commits is a matter of seconds, not of steps.
        few, many = counted(1), counted(41)
        assert 40 <= many - few < 80
