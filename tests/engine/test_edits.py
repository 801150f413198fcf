"""Files are edited or deleted while a workflow runs: it ends with the source that it was launched with."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest
from aiida import orm
from aiida.cmdline.utils.common import get_workchain_report
from engine.helpers import kill_workers, wait_until

from aiida_dreamflow.testing import check_provenance

FLOW = """
    import sys

    from aiida import engine, load_profile

    import edited_helpers
    from aiida_dreamflow import checkpoint, submit, workflow
    from edited_helpers import Scale, helper

    def slow(x, log):
        import pathlib, time

        with pathlib.Path(log).open('a') as file:
            file.write(f'{x}\\n')
        time.sleep(2)
        return x

    class Word:
        def text(self):
            return 'as launched'

    async def say(word):
        await checkpoint()
        return word.text()

    def count():
        yield 1
        yield 10

    @workflow
    async def flow(log: str):
        def nested(x):
            return x + 1

        scale, word, numbers = Scale(), Word(), count()
        first = next(numbers)
        async def inside(x):
            await checkpoint()
            return x + next(numbers)

        a = await submit(slow, x=1, log=log)
        b = await helper(slow, log)
        c = await edited_helpers.later(scale)
        return {'word': await say(word), 'numbers': [a, b, c, nested(first), await inside(first)]}

    if __name__ == '__main__':
        load_profile()
        print(engine.submit(flow, log=sys.argv[1]).pk)
"""

HELPERS = """
    from aiida_dreamflow import checkpoint, submit

    FACTOR = 2

    class Scale:
        def __call__(self, x):
            return FACTOR * x

    def twice(steps):
        for step in steps:
            yield 2 * step

    async def helper(function, log):
        found = [await submit(function, x=step, log=log) for step in twice([3])]
        return found[0]

    async def later(scale):
        await checkpoint()
        return scale(50)
"""

EDITED = (
    ('as launched', 'as edited'),
    ('x + 1', 'x + 7'),
    ('yield 10', 'yield 70'),
    ('await checkpoint()', 'x = await checkpoint()'),
)
EDITED_HELPERS = (
    ('FACTOR = 2', '# moved\n\nFACTOR = 7'),
    ('2 * step', '7 * step'),
    ('return found[0]', 'return -found[0]'),
)


@pytest.fixture
def submitted(daemon, tmp_path):
    """A run of the flow whose first job runs, its files and its log."""
    flow, helpers, log = tmp_path / 'flow_of_test.py', tmp_path / 'edited_helpers.py', tmp_path / 'log'
    flow.write_text(textwrap.dedent(FLOW))
    helpers.write_text(textwrap.dedent(HELPERS))
    done = subprocess.run([sys.executable, flow, log], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    node = orm.load_node(int(done.stdout.split()[-1]))
    wait_until(lambda: log.exists(), 'the first job runs', node)
    return node, flow, helpers, log


def edit(path, changes):
    text = path.read_text()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    path.write_text(text)


def assert_unchanged(node, how):
    wait_until(lambda: node.is_terminated, 'it ends', node, seconds=120)
    assert node.is_finished_ok, node.exception
    assert node.outputs.word.value == 'as launched'
    assert node.outputs.numbers.get_list() == [1, 6, 100, 2, 11]
    report = get_workchain_report(node, 'REPORT')
    assert report.count('goes on with the source that it was launched with') == 1
    assert all(sentence in report for sentence in how)
    assert check_provenance(node) == []


@pytest.mark.parametrize('restart', [False, True])
def test_edited(submitted, daemon, restart):
    node, flow, helpers, _ = submitted
    edit(flow, EDITED)
    edit(helpers, EDITED_HELPERS)
    if restart:
        kill_workers(daemon)
    assert_unchanged(node, ['flow_of_test.py was edited', 'edited_helpers.py was edited'])


@pytest.mark.parametrize('restart', [False, True])
def test_deleted(submitted, daemon, restart):
    node, flow, helpers, log = submitted
    flow.unlink()
    helpers.unlink()
    wait_until(lambda: len(log.read_text().split()) == 2, 'the job of the helper runs', node)
    if restart:
        kill_workers(daemon)
    assert_unchanged(node, ['flow_of_test.py was deleted', 'edited_helpers.py was deleted'])
