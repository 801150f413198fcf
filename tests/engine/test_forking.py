"""A new run begins where an old one was."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
from aiida import engine, orm
from engine import fork_workflows, workflows
from engine.helpers import evaluations

from aiida_dreamflow import fork
from aiida_dreamflow.exceptions import ForkError, FrameError, WorkflowUsageError
from aiida_dreamflow.testing import check_provenance
from aiida_dreamflow.values.nodes import from_node


def lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


class Edited:
    """A module in a file of its own, which can be edited."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        path.write_text(text)
        spec = importlib.util.spec_from_file_location(path.stem, path)
        self.module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.module)

    def edit(self, *changes: tuple[str, str]) -> None:
        text = self.path.read_text()
        for before, after in changes:
            assert before in text
            text = text.replace(before, after)
        self.path.write_text(text)


@pytest.fixture
def file(tmp_path):
    text = Path(fork_workflows.__file__).read_text()
    yield Edited(tmp_path / 'edited_workflows.py', text)
    sys.modules.pop('edited_workflows', None)


def execute(process, **inputs):
    """Run a process or a builder, which may fail, and return its node."""

    def newest():
        builder = orm.QueryBuilder().append(orm.WorkChainNode)
        return builder.order_by({orm.WorkChainNode: {'id': 'desc'}}).first(flat=True)

    before = newest()
    try:
        engine.run(process, **inputs)
    except Exception:
        if newest() == before:
            raise
    return newest()


def test_a_typo_after_many_jobs(profile, file, tmp_path):
    """No job runs again; the new run has the nodes of the frame as its inputs."""
    log, n = tmp_path / 'log', 3
    old = execute(file.module.mistyped, n=n, log=str(log))
    assert 'resluts' in old.exception
    file.edit(('resluts.append', 'results.sort'), ('(y)  # noqa: F821', '()'))
    node = execute(fork(old, edited=True))
    assert node.is_finished_ok, node.exception
    assert node.outputs.total.value == sum(i * i for i in range(n))
    assert lines(log) == [str(i) for i in range(n)]
    assert evaluations(node) == []
    assert 'results' in node.inputs.forked_frame
    assert check_provenance(node) == []


def test_any_step_with_the_old_source(profile, tmp_path):
    """Later jobs run again, those up to that step do not."""
    log = tmp_path / 'log'
    old = execute(workflows.survivor, n=3, log=str(log), seconds=0.0)
    node = execute(fork(old.pk, step=2))
    assert node.is_finished_ok, node.exception
    assert lines(log) == ['0', '1', '2', '2']
    assert node.outputs.seen.get_list() == old.outputs.seen.get_list()
    assert len(evaluations(node)) == 1
    assert check_provenance(node) == []
    assert node.description == f'fork of survivor {old.pk}, from step 2'


def test_last_step_of_a_run_that_returned(profile, tmp_path):
    log = tmp_path / 'log'
    old = execute(workflows.survivor, n=2, log=str(log), seconds=0.0)
    node = execute(fork(old))
    assert node.is_finished_ok
    assert lines(log) == ['0', '1']


def test_failed_children_fail_again_unless_retried(profile, file, tmp_path):
    log = tmp_path / 'log'
    old = execute(file.module.picks, n=4, log=str(log))
    assert old.exit_status == 400
    before = sorted(lines(log))
    assert before == ['0', '1', '2', '3']
    same = execute(fork(old))
    assert same.exit_status == 400
    file.edit(('x == 2', 'x > 9'))
    node = execute(fork(old, edited=True, retry=True))
    assert node.is_finished_ok, (node.exception, node.exit_message)
    assert node.outputs.total.value == 6
    assert sorted(lines(log)) == ['0', '1', '2', '2', '3']
    (again,) = evaluations(node)
    assert again.inputs.arguments.x.value == 2
    assert again.inputs.function.is_stored
    assert check_provenance(node) == []


def test_killed_children_are_refused(profile, tmp_path):
    """Unless it is said what is to become of them."""
    old = execute(workflows.survivor, n=2, log=str(tmp_path / 'log'), seconds=0.0)
    (child, *_) = evaluations(old)
    child.backend_entity.set_attribute('process_state', 'killed')
    with pytest.raises(
        ForkError, match=rf'the fork fails at once: survivor {old.pk} waited for .* {child.pk}.*`--retry`'
    ):
        fork(old, 1)
    assert fork(old, 1, retry=True).metadata.fork['retry']
    assert fork(old, 1, retry=False).metadata.fork['children']


def test_a_fork_of_a_fork(profile, file, tmp_path):
    """Also of one that has failed in its first step."""
    log = tmp_path / 'log'
    old = execute(file.module.mistyped, n=2, log=str(log))
    again = execute(fork(old))
    assert 'resluts' in again.exception
    file.edit(('resluts', 'results'))
    node = execute(fork(again, edited=True))
    assert node.is_finished_ok, node.exception
    assert lines(log) == ['0', '1']
    assert check_provenance(node) == []


def test_what_an_edit_must_leave(profile, file, tmp_path):
    old = execute(file.module.mistyped, n=1, log=str(tmp_path / 'log'))
    text = file.path.read_text()
    begin, append = 'results = []\n    for', 'resluts.append(y)'

    def forked(*changes):
        file.path.write_text(text)
        file.edit(*changes)
        return fork(old, edited=True)

    # What has been done may differ, also in lines that move the await, and a block may be put around it.
    forked((begin, '"""More."""\n    results = []\n    for _ in range(3):\n        [*map(print, results)]\n    for'))
    forked(
        ('    for i in range(n):', '    if True:\n      for i in range(n):'),
        ('        y =', '          y ='),
        ('        if i', '          if i'),
        ('        results.a', '          results.a'),
    )
    # What is in progress may not.
    for changes, message in (
        ([('= await submit', '= 2 * await submit')], 'no longer'),
        ([('for i in range(n):', 'for i in range(n + 1):')], 'no longer'),
        ([('y = await', 'await submit(square, x=i, log=log)\n        y = await')], None),
        ([(begin, 'results, scale = [], 2\n    for'), (append, 'results.append(y * scale)')], 'it needs `scale`'),
    ):
        if message is None:
            forked(*changes)
            continue
        with pytest.raises(FrameError, match=message) as caught:
            forked(*changes)
        assert all('+' + line in str(caught.value) for line in file.path.read_text().splitlines() if line not in text)
    file.path.unlink()
    with pytest.raises(ForkError, match='cannot be read'):
        fork(old, edited=True)


TABLES = """
from aiida_dreamflow import checkpoint, submit, workflow

POINT = [1]
POINT.append(2)

def fails(x):
    raise ValueError(POINT)

@workflow
async def tables():
    return await submit(fails, x=1)
"""


def test_values_of_an_edited_job(profile, tmp_path):
    file = Edited(tmp_path / 'edited_tables.py', TABLES)
    old = execute(file.module.tables)
    file.edit(('raise ValueError(POINT)', 'return POINT'))
    node = execute(fork(old, edited=True, retry=True))
    assert node.outputs.result.get_list() == [1, 2]
    file.edit(('append(2)', 'append(3)'))
    with pytest.raises(WorkflowUsageError, match='line 4: `POINT` was edited'):
        fork(old, edited=True, retry=True)


VALUES = """
import random
from aiida_dreamflow import checkpoint, workflow

def note(x):
    with open(LOG, 'a') as file: file.write(f'{x} ')
    return x

LOG = LOGFILE
SCALE = 3
OLD = note('old')
POINT = note(random.random())
TABLE = {}
for i in range(2): TABLE[str(i)] = note(i)

def helper():
    return 'first'

@workflow
async def values():
    await checkpoint()
    await checkpoint()
    return [SCALE, POINT, TABLE, helper()]
"""


def test_values_of_an_edited_source(profile, tmp_path):
    """They are those of the old run: of the edited file only definitions and imports are executed, and what is a literal."""
    log = tmp_path / 'log'
    log.touch()
    file = Edited(tmp_path / 'edited_values.py', VALUES.replace('LOGFILE', repr(str(log))))
    said = log.read_text()
    old = execute(file.module.values)
    expected = old.outputs.result.get_list()
    text = file.path.read_text()

    def forked(*changes):
        file.path.write_text(text)
        file.edit(*changes)
        return fork(old, step=1, edited=True)

    node = execute(forked(('SCALE = 3', 'SCALE = 4'), ("'first'", "'second'"), ("OLD = note('old')", 'OLD = None')))
    assert node.is_finished_ok, node.exception
    assert node.outputs.result.get_list() == [4, *expected[1:3], 'second']
    again = execute(fork(node, step=1, edited=True))
    assert again.outputs.result.get_list() == node.outputs.result.get_list()
    for changes in (
        [('POINT = note(random.random())', 'POINT = note(random.gauss(0, 1))')],
        [('range(2): T', 'range(3): T')],
        [('POINT = ', 'NEW = note(1)\nPOINT = '), ('helper()]', 'helper(), NEW]')],
    ):
        with pytest.raises(
            WorkflowUsageError, match=r'edited_values.py, line \d+: `\w+` was edited, or is new, and is no literal'
        ):
            forked(*changes)
    node = execute(forked(('POINT = note(random.random())', 'POINT = 5')))
    assert node.outputs.result.get_list()[1] == 5
    assert log.read_text() == said


def test_no_such_step(profile, tmp_path):
    old = execute(workflows.survivor, n=1, log=str(tmp_path / 'log'), seconds=0.0)
    with pytest.raises(ForkError, match='step 7 is not recorded'):
        fork(old, step=7)
    with pytest.raises(ForkError, match='it returned'):
        fork(old, step=2)


# -- other values of variables


def test_variables_with_other_values(run):
    _, node = run(fork_workflows.scales, n=4, factor=1.0)
    # After step 2, i is 1: 0 is in the total, and 1, 2, 3 are to come.
    outputs, new = run(fork(node, 2, variables={'factor': 10.0, 'shared': [2.0]}))
    assert outputs == {'total': 60.0, 'shared': [2.0], 'same': [1.0]}
    given = {label: data for label, data in new.inputs.forked_frame.items() if label.startswith('set_')}
    assert {label: from_node(data) for label, data in given.items()} == {'set_factor': 10.0, 'set_shared': [2.0]}
    assert given['set_factor'].creator is None
    # What is given comes back as it is, and the old value is none of the inputs.
    assert new.outputs.shared.uuid == given['set_shared'].uuid
    assert node.inputs.factor.uuid not in {data.uuid for data in new.inputs.forked_frame.values()}


def test_a_node_as_another_value(run):
    _, node = run(fork_workflows.scales, n=3, factor=1.0)
    factor = orm.Float(5.0).store()
    outputs, new = run(fork(node, 1, variables={'factor': factor}))
    assert outputs['total'] == 15.0
    assert factor.uuid in {data.uuid for data in new.inputs.forked_frame.values()}


def test_a_variable_that_nothing_needs_any_more(run):
    _, node = run(fork_workflows.scales, n=3, factor=1.0)
    with pytest.raises(
        ForkError,
        match=r'`n` is no variable that scales \d+ still needs after step 2, so a new value would change nothing',
    ):
        fork(node, 2, variables={'n': 40})
