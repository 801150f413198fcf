"""The commands `dreamflow run` and `dreamflow submit`."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from aiida import orm
from click.testing import CliRunner

from aiida_dreamflow.cli import dreamflow

pytestmark = pytest.mark.usefixtures('profile')

SOURCE = '''\
import enum
from typing import Literal, Optional

from aiida import orm
from aiida_dreamflow import checkpoint, workflow


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@workflow
async def scale(values: list, factor: float = 2.0, mode: Literal['up', 'down'] = 'up', dry_run: bool = False,
                limit: Optional[int] = None, colour: Colour = Colour.RED, node: orm.Int = None):
    """Multiply numbers.

    More of it.

    :param values: the numbers.
    :param factor: by what.
    """
    await checkpoint()
    print('scaling', values)
    if dry_run:
        raise RuntimeError('it is dry')
    return {'scaled': [value * factor for value in values], 'said': [mode, limit, colour.name, node.value if node else 0]}
'''


@pytest.fixture
def file(tmp_path):
    path = tmp_path / 'to_be_run.py'
    path.write_text(SOURCE)
    yield path
    sys.modules.pop('to_be_run', None)


def invoke(*arguments):
    return CliRunner().invoke(dreamflow, [*map(str, arguments)])


def test_help(file):
    done = invoke('run', f'{file}:scale', '--help')
    assert done.exit_code == 0, done.output
    text = ' '.join(done.output.split())
    assert 'Multiply numbers.' in text
    assert '--values VALUE the numbers. [required]' in text
    assert '--factor FLOAT by what. [default: 2.0]' in text
    assert '--mode [up|down]' in text
    assert '--dry-run / --no-dry-run' in text
    assert '--limit INTEGER' in text


def test_runs_and_prints_the_result(file):
    stored = orm.Int(7).store()
    options = [
        '--values',
        '[1, 2]',
        '--factor',
        '3',
        '--mode',
        'down',
        '--limit',
        '4',
        '--colour',
        'BLUE',
        '--node',
        f'pk:{stored.pk}',
    ]
    done = invoke('run', file, *options)
    assert done.exit_code == 0, (done.output, done.exception)
    assert done.output.count('scaling [1, 2]') == 1, 'what is printed appears once'
    assert "done, scaled=[3.0, 6.0], said=['down', 4, 'BLUE', 7]" in done.output


def test_what_is_printed_appears_once_in_a_process_of_its_own(file, root):
    environment = {**os.environ}
    done = subprocess.run(
        [sys.executable, '-m', 'aiida_dreamflow.cli', 'run', str(file), '--values', '[1]'],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (done.stdout + done.stderr).count('scaling [1]') == 1
    node = orm.load_node(int(done.stdout.split('scale ')[1].split(':')[0]))
    assert any('scaling [1]' in log.message for log in orm.Log.collection.get_logs_for(node))


@pytest.mark.parametrize(
    ('options', 'code', 'message'),
    [
        ([], 2, "Missing option '--values'"),
        (['--values', '[1, 2'], 2, 'is no Python value'),
        (['--values', '[1]', '--factor', 'x'], 2, 'is not a valid float'),
        (['--values', '[1]', '--fcator', '2'], 2, 'No such option'),
        (['--values', '[1]', '--node', 'pk:999999999'], 1, 'there is no node `pk:999999999`'),
        (['--values', '3'], 1, 'values'),
        (['--values', '[1]', '--dry-run'], 1, 'RuntimeError: it is dry'),
    ],
)
def test_bad_arguments(file, options, code, message):
    done = invoke('run', f'{file}:scale', *options)
    assert done.exit_code == code, done.output
    assert message in ' '.join(done.output.split())
    assert 'Traceback' not in done.output.replace('Traceback (most recent call last)', '') or code == 1


def test_bad_targets(file, tmp_path):
    assert 'its workflows: scale' in invoke('run', f'{file}:scal').output
    empty = tmp_path / 'empty_file.py'
    empty.write_text('')
    assert 'it has none: decorate a function' in ' '.join(invoke('run', empty).output.split())
    assert 'there is no file' in invoke('submit', 'nowhere.py:f').output


@pytest.mark.daemon
def test_submit_and_watch(daemon, file):
    file.write_text(SOURCE.replace(', colour: Colour = Colour.RED', '').replace(', colour.name', ''))
    done = invoke('submit', '--watch', f'{file}:scale', '--values', '[1, 2]')
    assert done.exit_code == 0, (done.output, done.exception)
    assert 'submitted scale' in done.output
    assert 'done' in done.output.splitlines()[-1]
