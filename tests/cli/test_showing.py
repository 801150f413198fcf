"""The commands `dreamflow list`, `show`, `children` and `steps`."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys

import pytest
from aiida import engine, orm
from click.testing import CliRunner

from aiida_dreamflow import run, workflow
from aiida_dreamflow.cli import dreamflow

pytestmark = pytest.mark.usefixtures('profile')


def half(x):
    if x == 3:
        raise ValueError('three has no half')
    return x / 2


@workflow
async def halves(n: int = 5):
    total = 0.0
    for x in range(n):
        try:
            total += await run(half, x=x)
        except ValueError:
            print('no half of', x)
    return {'total': total}


@pytest.fixture(scope='module')
def node(profile):
    return engine.run_get_node(halves)[1]


def invoke(*arguments, width=80):
    return CliRunner(env={'COLUMNS': str(width)}).invoke(dreamflow, [*map(str, arguments)])


def test_list(node):
    done = invoke('list')
    assert done.exit_code == 0, done.output
    assert max(map(len, done.output.splitlines())) <= 80
    wide = invoke('list', width=200).output  # what else has run may take much of eighty columns
    assert re.search(rf'^{node.pk} +halves +done +\S+ s +4/5 done, 1 failed +no half of 3$', wide, re.MULTILINE)
    (found,) = [line for line in json.loads(invoke('list', '--json', '-n', 0).output) if line['pk'] == node.pk]
    assert (found['children'], found['status']) == ({'done': 4, 'failed': 1}, 'done')
    assert str(node.pk) not in invoke('list', '--active').output


@pytest.mark.parametrize('width', [40, 80, 200])
def test_show(node, width):
    done = invoke('show', node.pk, width=width)
    assert done.exit_code == 0, done.output
    text = done.output
    assert max(map(len, text.splitlines())) <= max(width, 60)
    assert text.startswith(f'halves {node.pk}: done, launched ')
    assert re.search(r'^ +5x +\d+  ', text, re.MULTILINE)
    assert '5 of 5' in text
    assert '5 children: 4 done, 1 failed' in text
    assert 'total' in text
    if width == 200:
        assert re.search(r'failed .* half\(x=3\) -> .*ValueError: three has no half', text)
        assert re.search(r'done .* half\(x=4\) -> 2\.0$', text, re.MULTILINE)


def test_children(node):
    done = invoke('children', node.pk)
    assert done.exit_code == 0, done.output
    assert 'half(x=4) -> 2.0\n' in done.output
    assert done.output.endswith('5 children: 4 done, 1 failed\n')
    failed = invoke('children', node.pk, '--failed')
    assert [line.split()[2] for line in failed.output.splitlines()[1:-1]] == ['failed']
    rows = json.loads(invoke('children', node.pk, '--json').output)
    assert [row['arguments']['x'] for row in rows] == [0, 1, 2, 3, 4]
    table = list(csv.DictReader(io.StringIO(invoke('children', node.pk, '--csv').output)))
    assert [row['results.result'] for row in table] == ['0.0', '0.5', '1.0', '', '2.0']


def test_steps(node):
    done = invoke('steps', node.pk)
    assert done.exit_code == 0, done.output
    assert len(done.output.splitlines()) == 6
    assert re.match(r' +1  20\S+ \S+  L\d+ to L\d+: L\d+ for x in range\(n\)', done.output)


def test_what_is_no_run(node):
    child = node.called[0]
    done = invoke('show', child.pk)
    assert done.exit_code == 1
    assert f'it belongs to halves {node.pk}: `dreamflow show {node.pk}`' in done.output
    step = node.steps[0]
    assert f'{step.pk} is the record of a step' in invoke('children', step.pk).output
    chain = orm.WorkChainNode().store()
    assert 'is a process of another kind' in invoke('show', chain.pk).output
    assert invoke('show', 10**9).exit_code == 2


def test_without_a_profile(tmp_path):
    (tmp_path / '.aiida').mkdir()
    environment = {**os.environ, 'AIIDA_PATH': str(tmp_path)}
    for command in (['list'], ['show', '12']):
        done = subprocess.run(
            [sys.executable, '-m', 'aiida_dreamflow.cli', *command],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1, done
        assert 'verdi presto' in done.stderr
        assert 'Traceback' not in done.stderr
