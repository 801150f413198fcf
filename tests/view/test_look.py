"""What `look` says of a run."""

from __future__ import annotations

import datetime

import numpy as np
import pytest
from aiida import engine, orm
from view import view_workflows as workflows
from view.many import add_children, count_queries

import aiida_dreamflow
from aiida_dreamflow import look
from aiida_dreamflow.exceptions import DreamflowError, ForkError

pytestmark = pytest.mark.usefixtures('profile')


def launched(process, **inputs):
    try:
        return engine.run_get_node(process, **inputs)[1]
    except KeyError:
        return orm.QueryBuilder().append(orm.WorkChainNode).order_by({orm.WorkChainNode: {'id': 'desc'}}).first()[0]


@pytest.fixture(scope='module')
def optimised(profile):
    return launched(workflows.optimise)


@pytest.fixture(scope='module')
def loops(profile):
    return launched(workflows.kinds_of_loops)


def line_of(text, function):
    first = function.function.__code__.co_firstlineno
    lines = open(workflows.__file__).read().splitlines()
    return next(number for number, line in enumerate(lines, 1) if number > first and text in line)


def test_is_public():
    assert callable(aiida_dreamflow.look)
    assert aiida_dreamflow.look is look


def test_a_run_that_has_ended_well(optimised):
    run = look(optimised.pk)
    assert (run.name, run.status, run.state, run.failure) == ('optimise', 'done', 'finished', None)
    assert run.inputs['n'].text == '3'
    assert run.outputs['found'].text == 'float64 14 [0 0 0 ... 1 4 9]'
    awaits = line_of('await run(square', workflows.optimise)
    assert run.source.hits[awaits] == 4
    assert run.source.filename == workflows.__file__
    assert run.source.lines[awaits].strip() == 'y = await run(square, x=i)'
    assert [step.line for step in run.steps[:4]] == [awaits] * 4
    assert [entry.text for entry in run.report] == ['a gave 0', 'b gave 1', 'c gave 4', 'd gave 9']
    assert run.report_size == 4
    # Where it waited last.
    assert (run.now.step, run.now.line) == (4, awaits)
    assert str(run.loops[0]) == '4 of 4'
    assert run.loops[0].text == 'for i, name in enumerate(names)'


def test_a_run_at_a_step(optimised):
    run = look(optimised)
    moment = run.at(3)
    assert str(moment.loops[0]) == '3 of 4'
    assert moment.variables.keys() == {'found', 'name', 'names', 'n', 'i'} - {'names'}
    assert np.array_equal(moment.variables['found'], [0.0] * 10 + [0.0, 1.0])
    (found,) = [variable for variable in moment.shown if variable.name == 'found']
    assert (found.text, found.kept) == ('float64 12 [0 0 0 ... 0 0 1]', 'node')
    assert (found.shown.node_type, found.shown.shape) == ('ArrayData', (12,))
    assert moment.time is not None
    with pytest.raises(ForkError, match='step 99 is not recorded'):
        run.at(99)


def test_children(optimised):
    run = look(optimised)
    assert run.children.told() == '4 children: 4 done'
    assert [str(child.arguments['x']) for child in run.children] == ['0', '1', '2', '3']
    assert [child.results['result'].plain for child in run.children] == [0, 1, 4, 9]
    child = run.children[2]
    assert (child.name, child.line) == ('square', line_of('await run(square', workflows.optimise))
    assert 0 <= child.duration < 100
    assert child.started <= child.ended
    assert (child.error, child.failed) == ('', False)


def test_children_as_a_table(optimised):
    pytest.importorskip('pandas')
    frame = look(optimised).children.to_frame()
    assert list(frame['arguments.x']) == [0, 1, 2, 3]
    assert list(frame['results.result']) == [0, 1, 4, 9]
    assert set(frame['status']) == {'done'}


def test_a_child_that_failed():
    run = look(launched(workflows.fails))
    assert (run.status, run.failure.line) == ('failed', line_of('await run(square_or_not', workflows.fails))
    assert 'two is too many' in run.failure.message
    assert 'Traceback' in run.failure.traceback
    (failed,) = run.children.failed
    assert failed.arguments['x'].plain == 2
    assert 'ValueError: two is too many' in failed.error
    assert run.children.counts() == {'done': 2, 'failed': 1}


def test_an_exception():
    run = look(launched(workflows.breaks))
    assert (run.status, run.state) == ('failed', 'excepted')
    assert run.line == line_of('raise KeyError', workflows.breaks)
    assert 'no such thing' in run.failure.message
    assert str(run.loops[0]) == '3 of 5'


@pytest.mark.parametrize(
    ('text', 'positions'),
    [
        ('for key in mapping', ['1 of 2', '2 of 2']),
        ('for item in {4}', ['1 of 1']),
        ('for pair in zip', ['1 of 3', '2 of 3', '3 of 3']),
        ('for item in reversed', ['1 of 2', '2 of 2']),
        ('for item in np.arange', ['1 of 500', '2 of 500']),
        ('for item in many', ['1 of 200', '2 of 200']),
    ],
)
def test_positions_of_loops(loops, text, positions):
    run = look(loops)
    moments = [run.at(step.number) for step in run.steps[:-1]]
    found = [str(loop) for moment in moments for loop in moment.loops if loop.text.startswith(text)]
    assert found == positions


def test_tasks_and_what_they_wait_for(loops):
    run = look(loops)
    moments = [run.at(step.number) for step in run.steps[:-1]]
    (first, *_) = [moment for moment in moments if len(moment.tasks) == 3]
    main, one, other = first.tasks
    assert (main.waits_for, main.total, main.ended, main.tasks) == ('gather', 2, 0, ['Task-2', 'Task-3'])
    assert [call.function for call in one.calls] == ['helper']
    assert str(one.calls[0].loops[0]) == '1 of 3'
    assert one.calls[0].text == 'for value in values: await checkpoint()'
    assert one.waits_for == 'checkpoint'
    assert run.now.tasks[0].waits_for == 'sleep'
    assert isinstance(run.now.tasks[0].due, datetime.datetime)
    inner = [moment for moment in moments if len(moment.tasks) == 1 and len(moment.tasks[0].calls) == 2]
    assert [call.function for call in inner[0].tasks[0].calls] == ['kinds_of_loops', 'helper']


def test_what_cannot_be_stored_is_shown_by_its_call_and_not_made(loops):
    made = workflows.Unstorable.made[0]
    (variable,) = [each for each in look(loops).at(1).shown if each.name == 'made']
    assert (variable.text, variable.kept) == ('Unstorable(n)', 'recipe')
    assert workflows.Unstorable.made[0] == made
    with pytest.raises(LookupError, match=r'Unstorable\(n\)'):
        look(loops).at(1).variables['made']


def test_a_loop_over_what_ends_and_a_handle():
    run = look(launched(workflows.takes_as_they_end))
    found = [
        (str(loop), task.number)
        for step in run.steps[:-1]
        for task in run.at(step.number).tasks
        for loop in task.calls[0].loops
    ]
    assert ('2 of 3', 0) in found
    handles = [each for each in run.at(1).shown if each.name == 'handle']
    assert [(each.text, each.kept) for each in handles] == [('child square_1', 'handle')]


def test_nothing_of_the_workflow_is_loaded(optimised, monkeypatch):
    """Neither the source, nor a frame, nor a pickle."""
    from aiida_dreamflow.engine import pinned
    from aiida_dreamflow.values import data, frame, nodes, snapshot

    def refuse(*_, **__):
        raise AssertionError('it was loaded')

    for module, name in (
        (pinned, 'class_of'),
        (frame, 'decode'),
        (data, 'decode'),
        (snapshot, 'decode'),
        (nodes, 'from_node'),
    ):
        monkeypatch.setattr(module, name, refuse)
    run = look(optimised)
    assert run.now.shown
    assert [child.arguments['x'].text for child in run.children]


def test_an_archive_that_is_not_imported(optimised, tmp_path):
    """What another profile has written is looked at as well, in whatever storage it is."""
    from aiida.storage.sqlite_zip.backend import SqliteZipBackend
    from aiida.tools.archive import create_archive

    archive = tmp_path / 'run.aiida'
    create_archive([optimised], filename=archive)
    storage = SqliteZipBackend(SqliteZipBackend.create_profile(archive))
    node = orm.QueryBuilder(backend=storage).append(orm.WorkChainNode).first()[0]
    run = look(node)
    assert run.children.told() == '4 children: 4 done'
    assert [str(child.arguments['x']) for child in run.children] == ['0', '1', '2', '3']
    assert {each.name: each.text for each in run.now.shown}['found'] == 'float64 13 [0 0 0 ... 0 1 4]'
    storage.close()


@pytest.fixture(scope='module')
def crowded(profile):
    """Runs with so many more children."""
    nodes = {size: launched(workflows.optimise, n=1) for size in (10, 1000)}
    for size, node in nodes.items():
        add_children(node, size)
    return nodes


def test_the_same_queries_for_10_and_for_1000_children(crowded):
    counts = {}
    for size, node in crowded.items():
        with count_queries() as queries:
            run = look(node)
            run.children.rows()
            assert len(run.now.shown) > 0
        counts[size] = len(queries)
        assert len(run.children) == size + 2
        with count_queries() as queries:
            again = run.again()
        counts[-size] = len(queries)
        assert len(again.children) == size + 2
    assert counts[10] == counts[1000]
    assert counts[-10] == counts[-1000] <= 5


@pytest.fixture(scope='module')
def growing(profile):
    return launched(workflows.optimise, n=1)


def test_again_sees_what_is_new(growing):
    run = look(growing)
    pks = add_children(growing, 3, state='running')
    later = run.again()
    assert later.children.counts() == {'done': 2, 'running': 3}
    child = orm.load_node(pks[-1])
    child.base.attributes.set_many({'process_state': 'finished', 'exit_status': 1})
    assert later.again().children.counts() == {'done': 2, 'running': 2, 'failed': 1}
    assert later.children[-1].started


def test_the_record_of_a_newer_version(optimised, monkeypatch):
    from aiida_dreamflow.view import frames

    monkeypatch.setattr(frames, 'FRAME_VERSION', 99)
    run = look(optimised)
    assert 'this version of aiida-dreamflow reads 99' in run.now.problem
    assert (run.now.tasks, len(run.children), run.status) == ([], 4, 'done')


def test_a_long_report_is_cut(profile):
    from aiida_dreamflow.view import reading

    node = launched(workflows.optimise, n=1)
    for number in range(3):
        node.logger.report(f'{number} ' + 'x' * 200_000)
    entries = look(node).report[-3:]
    assert all(len(entry.text) < 1.1 * reading._ENTRY for entry in entries)
    assert 'characters left out' in entries[0].text


def test_runs_in_a_list(optimised, growing):
    from aiida_dreamflow.view import runs

    add_children(growing, 2, state='waiting')
    with count_queries() as queries:
        lines = {line.pk: line for line in runs(None)}
    assert len(queries) <= 4
    assert (lines[optimised.pk].status, lines[optimised.pk].last) == ('done', 'd gave 9')
    assert lines[growing.pk].counts['waiting'] == 2
    assert runs(1)[0].pk == max(lines)
    assert optimised.pk not in {line.pk for line in runs(None, active=True)}


def test_in_a_notebook(optimised):
    from xml.etree import ElementTree

    page = look(optimised)._repr_html_()
    root = ElementTree.fromstring(page.replace('<details open>', '<details>'))
    text = ' '.join(root.itertext())
    assert 'optimise' in text
    assert '4 children: 4 done' in text
    assert 'square(x=3)' in text
    assert '<script' not in page
    failed = look(launched(workflows.fails))._repr_html_()
    assert 'two is too many' in failed


def test_a_fork_has_the_children_of_the_old_run(profile):
    old = launched(workflows.fails)
    new = launched(aiida_dreamflow.fork(old, retry=True))
    run = look(new)
    assert run.forked_from == (old.pk, 3)
    assert run.now.tasks[0].calls[0].function == 'fails'


def test_refuses_what_is_no_run(profile):
    with pytest.raises(DreamflowError, match='is no run of a workflow function'):
        look(orm.Int(1).store())
