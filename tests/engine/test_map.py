"""`submit.map`: chunks as single jobs, a node for each result, the failures of items as exceptions of their own."""

from __future__ import annotations

import pytest
from aiida import orm
from engine import map_workflows as workflows

from aiida_dreamflow.testing import check_provenance, run_in_memory


@pytest.mark.parametrize(('chunksize', 'jobs'), [(None, 1), (2, 3)])
def test_results_and_their_nodes(chunksize, jobs, run):
    outputs, node = run(workflows.maps, n=5, chunksize=chunksize)
    assert outputs == {'ys': [0, 1, 4, 9, 16]}
    assert [job.process_label for job in node.called] == ['MapJob<square>'] * jobs
    results = [result for job in node.called for result in job.base.links.get_outgoing().nested()['results'].values()]
    assert sorted(result.value for result in results) == [0, 1, 4, 9, 16]
    assert all(type(result) is orm.Int and result.creator in node.called for result in results)
    assert all(result.base.caching.get_hash() == result.base.caching.compute_hash() for result in results)
    assert check_provenance(node) == []
    if chunksize is None:
        (step,) = [step for step in node.steps if 'xs' in step.outputs]
        assert node.called[0].inputs.arguments.x.pk == step.outputs.xs.pk


def test_several_iterables_in_a_plain_def(run):
    outputs, _ = run(workflows.maps_plainly, n=5)
    assert outputs == {'ys': [0, 1, 8], 'none': []}
    assert run_in_memory(workflows.maps_plainly, n=5) == outputs


def test_failures_are_those_of_items(run):
    outputs, node = run(workflows.collects)
    first, second, third, fourth, last = outputs['found']
    assert (first, last) == ([0, [0]], [4, [4]])
    assert second == "('one', 1)"
    assert outputs['key'] == ['one', 1]
    assert '`object`' in third
    assert 'exit code 7' in fourth
    (job,) = node.called
    assert job.exit_status == 312
    assert '3 of 5 calls' in job.exit_message
    nested = job.base.links.get_outgoing().nested()
    assert sorted(nested['exceptions']) == ['item_1', 'item_2', 'item_3']
    assert sorted(nested['results']) == ['item_0', 'item_4']
    assert 'item 1' in job.outputs.retrieved.base.repository.get_object_content('stdout')
    assert check_provenance(node) == []


def test_results_that_were_there_when_the_job_died(run):
    """They are kept; the other items get the failure of the job. With `limit=1` the second job begins when the first has ended."""
    outputs, node = run(workflows.dies)
    assert [(x, array.tolist()) for x, array in outputs['found']] == [(0, [0, 0]), (1, [1, 1]), (0, [0, 0])]
    assert all('exit status 340' in text for text in outputs['errors'])
    first, second = node.called
    assert (first.exit_status, second.exit_status) == (340, 0)
    assert second.ctime > first.outputs.retrieved.ctime
    assert sorted(first.base.links.get_outgoing().nested()['results']) == ['item_0', 'item_1']
    assert 'items.jsonl' not in second.outputs.retrieved.base.repository.list_object_names()
    assert check_provenance(node) == []


def test_first_failure_is_raised(run):
    outputs, _ = run(workflows.raises)
    assert outputs == {'args': ['one', 1]}
    assert run_in_memory(workflows.raises) == {'args': ('one', 1)}


def test_arrays(run):
    outputs, _ = run(workflows.arrays)
    assert [each.tolist() for each in outputs['sums']] == [[1.0, 1.0]] * 3
    assert outputs['others'] == [25]
    assert outputs['pids'] >= 2


def test_items_that_are_nodes(run):
    """Each is an input of its own."""
    first = orm.SinglefileData.from_string('one')
    outputs, node = run(workflows.nodes, first=first)
    assert outputs == {'texts': ['one', 'two', 3]}
    (job,) = node.called
    items = job.base.links.get_incoming().nested()['items']
    assert items['x_0'].pk == node.inputs.first.pk
    assert items['x_1'].get_content() == 'two'
    assert check_provenance(node) == []


def test_files_out(run):
    outputs, node = run(workflows.files)
    assert outputs['single'].get_content() == outputs['again'] == 'content 1'
    assert outputs['single'].filename == 'file.txt'
    folder = outputs['folder'].base.repository
    assert folder.get_object_content('deep/file.txt') == 'content 2'
    assert folder.list_object_names() == ['deep', 'other']
    assert outputs['path'].name == 'nowhere'
    assert outputs['names'] == ['SinglefileData', 'FolderData']
    assert check_provenance(node) == []


def test_refusals(run):
    outputs, _ = run(workflows.refused)
    too_many, unsendable, nothing = outputs['result']
    assert 'square() takes 1 positional argument' in too_many
    assert '`x`' in unsendable
    assert 'function' in unsendable
    assert nothing == 'submit.map() must have at least one iterable beside the function'
