"""Files are edited or deleted while a workflow runs: it ends with the source that it was launched with."""

from __future__ import annotations

import importlib
import textwrap
from pathlib import Path

import pytest
from aiida import engine, orm
from aiida.cmdline.utils.common import get_workchain_report
from engine.helpers import kill_workers, wait_until

from aiida_dreamflow.testing import check_provenance

FLOW = """
    import pathlib

    import HELPERS
    from aiida_dreamflow import checkpoint, sleep, submit, workflow
    from HELPERS import Scale, helper

    def slow(x, log, seconds):
        import pathlib, time

        pathlib.Path(log).write_text(f'{x}')
        time.sleep(seconds)
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

    async def gate(path):
        while not pathlib.Path(path).exists():
            await sleep(0.1)
        return 1

    @workflow
    async def flow(log: str, seconds: float):
        def nested(x):
            return x + 1

        scale, word, numbers = Scale(), Word(), count()
        first = next(numbers)
        async def inside(x):
            await checkpoint()
            return x + next(numbers)

        a = await gate(log + '.go')
        b = await helper(slow, log, seconds)
        c = await HELPERS.later(scale)
        return {'word': await say(word), 'numbers': [a, b, c, nested(first), await inside(first)]}
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

    async def helper(function, log, seconds):
        found = [await submit(function, x=step, log=log, seconds=seconds) for step in twice([3])]
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


class Run:
    """A run of the flow from files of its own, which waits at the gate."""

    def __init__(self, folder: Path, name: str, seconds: float) -> None:
        self.flow, self.helpers, self.log = folder / f'{name}.py', folder / f'{name}_helpers.py', folder / name
        self.flow.write_text(textwrap.dedent(FLOW).replace('HELPERS', self.helpers.stem))
        self.helpers.write_text(textwrap.dedent(HELPERS))
        module = importlib.import_module(name)
        self.node = engine.submit(module.flow, log=str(self.log), seconds=seconds)
        wait_until(lambda: self.node.steps, 'it waits', self.node)

    def go_on(self) -> None:
        Path(f'{self.log}.go').touch()

    def assert_unchanged(self, how: str) -> None:
        node = self.node
        wait_until(lambda: node.is_terminated, 'it ends', node, seconds=120)
        assert node.is_finished_ok, node.exception
        assert node.outputs.word.value == 'as launched'
        assert node.outputs.numbers.get_list() == [1, 6, 100, 2, 11]
        assert sum(isinstance(child, orm.CalcJobNode) for child in node.called) == 1
        report = get_workchain_report(node, 'REPORT')
        assert report.count('goes on with the source that it was launched with') == 1
        assert all(f'{path.name} {how}' in report for path in (self.flow, self.helpers))
        assert check_provenance(node) == []


def edit(path, changes):
    text = path.read_text()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    path.write_text(text)


@pytest.mark.slow
@pytest.mark.parametrize('restart', [False, True])
def test_edited_and_deleted(daemon, tmp_path, monkeypatch, restart):
    monkeypatch.syspath_prepend(tmp_path)
    edited, deleted = (Run(tmp_path, f'{how}_{restart}', 1.0 if restart else 0.0) for how in ('edited', 'deleted'))
    edit(edited.flow, EDITED)
    edit(edited.helpers, EDITED_HELPERS)
    deleted.flow.unlink()
    deleted.helpers.unlink()
    for run in (edited, deleted):
        run.go_on()
        wait_until(run.log.exists, 'the job of the helper runs', run.node)
    if restart:
        kill_workers(daemon)
    edited.assert_unchanged('was edited')
    deleted.assert_unchanged('was deleted')
