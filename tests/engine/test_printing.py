"""`print` and `logging` inside a workflow: into the report of the right process, once a step."""

from __future__ import annotations

import asyncio
import io
import logging
import sys

import pytest
from engine import printing_workflows

from aiida_dreamflow.engine import execution
from aiida_dreamflow.engine.printing import captured
from aiida_dreamflow.exceptions import WorkflowUsageError


def reports(node) -> list[str]:
    """The messages in the report of a process, without what it is called."""
    from aiida import orm

    return [log.message.partition(']: ')[2] for log in orm.Log.collection.get_logs_for(node)]


def test_in_the_order_in_which_it_happened(run):
    node = run(printing_workflows.tells, name='a')[1]
    first, second, third = reports(node)
    assert first == 'a prints 0\nINFO engine.printing_workflows: a logs 0'
    assert second == 'a prints 1\nINFO engine.printing_workflows: a logs 1'
    assert third.startswith('half a line\nERROR root: a fails')
    assert third.endswith('ZeroDivisionError: division by zero')


def test_interleaved(profile):
    """Two workflows take turns in one runner."""
    from aiida.engine.utils import instantiate_process
    from aiida.manage import get_manager

    runner = get_manager().create_runner(communicator=None)
    names = ['a', 'b']
    processes = [
        instantiate_process(runner, printing_workflows.turns, name=name, others=[n for n in names if n != name])
        for name in names
    ]

    async def all_of_them():
        await asyncio.gather(*(process.step_until_terminated() for process in processes))

    printing_workflows.seen.clear()
    runner.loop.run_until_complete(all_of_them())
    order = list(printing_workflows.seen)
    assert order not in (['a'] * 4 + ['b'] * 4, ['b'] * 4 + ['a'] * 4), f'they took no turns: {order}'
    for name, process in zip(names, processes, strict=True):
        assert process.node.is_finished_ok
        assert reports(process.node) == [
            f'{name} prints {i}\nWARNING engine.printing_workflows: {name} logs {i}' for i in range(4)
        ]


def test_other_handlers_get_what_they_would_have_got():
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root, quiet, loud = logging.getLogger(), logging.getLogger('printing.quiet'), logging.getLogger('printing.loud')
    before, level = list(root.handlers), root.level
    loud.setLevel(logging.DEBUG)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    try:
        with captured() as text:
            quiet.debug('no')
            quiet.info('report only')
            quiet.warning('both')
            loud.debug('both too')
        assert ''.join(text).splitlines() == [
            'INFO printing.quiet: report only',
            'WARNING printing.quiet: both',
            'DEBUG printing.loud: both too',
        ]
        assert stream.getvalue().splitlines() == ['both', 'both too']
        assert root.level == logging.WARNING
        quiet.info('outside of a step')
        assert root.handlers == [*before, handler]
        assert not handler.filters
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        loud.setLevel(logging.NOTSET)


def test_records_of_aiida_are_left_to_it():
    from aiida.common.log import AIIDA_LOGGER

    with captured() as text:
        AIIDA_LOGGER.getChild('some').warning('of its own')
    assert text == []


def test_a_step_that_takes_long_says_so_once(run, monkeypatch):
    monkeypatch.setattr(execution, '_LONG', 0.2)
    node = run(printing_workflows.slow)[1]
    (told,) = [message for message in reports(node) if 'await run(f' in message]
    import inspect

    lines, start = inspect.getsourcelines(printing_workflows.slow.function)
    first = start + next(i for i, line in enumerate(lines) if 'for _ in' in line)
    assert told.startswith(f'L{first} to L{start + len(lines) - 1}: this step took ')


def test_quick_steps_say_nothing(run):
    assert reports(run(printing_workflows.slow)[1]) == []


@pytest.mark.parametrize('level', ['INFO', 'WARNING'])
def test_a_step_may_set_the_level(level):
    root = logging.getLogger()
    before = root.level
    try:
        root.setLevel(logging.ERROR)
        with captured():
            root.setLevel(level if level != 'INFO' else logging.CRITICAL)
        assert root.level == (logging.CRITICAL if level == 'INFO' else logging.WARNING)
    finally:
        root.setLevel(before)


def test_text_that_no_database_takes(run):
    node = run(printing_workflows.prints_no_text)[1]
    assert node.is_finished_ok
    assert reports(node) == ['caf\\udce9 a\\x00b\nWARNING engine.printing_workflows: caf\\udce9']


def test_an_exception_with_such_a_text(profile):
    from aiida import engine, orm

    with pytest.raises(FileNotFoundError, match='caf\udce9\0'):
        engine.run(printing_workflows.raises_no_text)
    node = orm.QueryBuilder().append(orm.WorkChainNode, tag='run').order_by({'run': {'id': 'desc'}}).first()[0]
    assert node.is_excepted
    assert node.is_sealed
    assert node.exception == 'FileNotFoundError: caf\\udce9\\x00'
    assert reports(node)[-1].endswith('FileNotFoundError: caf\\udce9\\x00\n')


def test_an_exit_code_with_such_a_text(run):
    node = run(printing_workflows.exits_with_no_text)[1]
    assert (node.exit_status, node.exit_message) == (7, 'caf\\udce9\\x00')
    failed = run(printing_workflows.child_without_text)[1]
    assert failed.exit_status == 400
    assert failed.exit_message.endswith('FileNotFoundError: caf\\udce9')


def test_values_with_such_a_text(run):
    text = printing_workflows.name_of_file()
    outputs, node = run(printing_workflows.returns_no_text, x=text)
    assert node.is_finished_ok
    assert outputs == {'result': {'x': text, 'y': [text, 'a\0b'], text: 1}}  # one key is no name of an output


def test_a_terminal_that_does_not_take_it():
    stream, before = io.TextIOWrapper(io.BytesIO(), encoding='utf-8'), sys.stdout
    sys.stdout = stream
    try:
        with captured() as printed:
            print(printing_workflows.name_of_file())
    finally:
        sys.stdout = before
    stream.flush()
    assert stream.buffer.getvalue() == b'caf\\udce9\n'
    assert ''.join(printed) == 'caf\udce9\n'


@pytest.mark.parametrize(
    ('metadata', 'text'),
    [
        ({'label': 'caf\udce9'}, r'`metadata.label` is .caf.udce9., which no database takes'),
        ({'description': 'a\0b'}, r'`metadata.description` is .a.x00b.'),
        ({'store_provenance': False}, r'`tells` cannot run with `store_provenance=False`.*run_in_memory'),
    ],
)
def test_what_cannot_be_launched(profile, metadata, text):
    from aiida import engine, orm

    before = orm.QueryBuilder().append(orm.ProcessNode).count()
    with pytest.raises(WorkflowUsageError, match=text):
        engine.run(printing_workflows.tells, name='a', metadata=metadata)
    assert orm.QueryBuilder().append(orm.ProcessNode).count() == before
