"""A third package that registers workflows as entry points, installed with pip for real."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PYPROJECT = """
[build-system]
requires = ['hatchling']
build-backend = 'hatchling.build'

[project]
name = 'third-party'
version = '1.0'

[project.entry-points.'aiida.workflows']
'third.relax' = 'third_party.workflows:relax'
'third.twice' = 'third_party.workflows:twice'

[tool.hatch.build.targets.wheel]
packages = ['third_party']
"""

WORKFLOWS = '''
from aiida.engine import ExitCode
from aiida_dreamflow import submit, workflow

from .helpers import double


@workflow
async def relax(cell: list[float], steps: int = 3):
    """Relax a cell, step by step.

    :param cell: the lengths of its edges.
    :param steps: how often.
    """
    for step in range(steps):
        cell = await submit(double, values=cell)
    return {'cell': cell, 'steps': steps}


@workflow
async def twice(cell: list[float]):
    first = await submit('third.relax', cell=cell, steps=1)
    second = await relax(cell=first['cell'], steps=1)
    if not second['cell']:
        return ExitCode(410, 'nothing to relax')
    return second['cell']
'''

HELPERS = """
def double(values):
    return [2 * value for value in values]
"""

PROGRAM = """
import throwaway
throwaway.create_profile('citizen')
from aiida import engine, orm
from aiida.plugins import WorkflowFactory
from click.testing import CliRunner
from aiida.cmdline.commands.cmd_verdi import verdi

relax = WorkflowFactory('third.relax')
builder = relax.get_builder()
assert {'cell', 'steps', 'metadata'} <= set(dir(builder)), dir(builder)
assert 'list[float]: the lengths of its edges.' in type(builder).cell.__doc__, type(builder).cell.__doc__
builder.cell = [1.0]
builder.steps = 1
outputs, node = engine.run_get_node(builder)
assert outputs['cell'].get_list() == [2.0]
assert node.process_type == 'aiida.workflows:third.relax', node.process_type
assert node.process_class is relax
outputs, node = engine.run_get_node(WorkflowFactory('third.twice'), cell=[1.0])
assert outputs['result'].get_list() == [4.0]
assert {child.process_type for child in node.called} == {'aiida.workflows:third.relax'}
outputs, node = engine.run_get_node(WorkflowFactory('third.twice'), cell=[])
assert (node.exit_status, node.exit_message) == (410, 'nothing to relax')
for arguments in (['plugin', 'list', 'aiida.workflows'], ['plugin', 'list', 'aiida.workflows', 'third.relax']):
    print(CliRunner().invoke(verdi, arguments, catch_exceptions=False).output)
"""


@pytest.fixture(scope='module')
def installed(tmp_path_factory):
    """The folder in which the package is installed."""
    folder = tmp_path_factory.mktemp('third')
    package = folder / 'third_party'
    package.mkdir()
    (folder / 'pyproject.toml').write_text(PYPROJECT)
    (package / '__init__.py').write_text('')
    (package / 'workflows.py').write_text(WORKFLOWS)
    (package / 'helpers.py').write_text(HELPERS)
    target = folder / 'site'
    command = [sys.executable, '-m', 'pip', 'install', '--quiet', '--no-deps', '--no-build-isolation', '--no-index']
    subprocess.run([*command, '--target', str(target), str(folder)], check=True, capture_output=True)
    return target


@pytest.mark.slow
def test_entry_points_of_a_third_package(installed, root, tmp_path):
    path = os.pathsep.join((str(installed), str(root / 'examples')))
    (tmp_path / '.aiida').mkdir()
    environment = {**os.environ, 'PYTHONPATH': path, 'AIIDA_PATH': str(tmp_path), 'COLUMNS': '200'}
    done = subprocess.run(
        [sys.executable, '-c', PROGRAM], capture_output=True, text=True, env=environment, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for part in (
        '* third.relax',
        'Relax a cell, step by step.',
        'list[float]: the lengths of its edges.',
        'int: how often.',
        'A child failed and nothing caught it',
        'Outputs:',
        'cell = await submit(double, values=cell)',
    ):
        assert part in ' '.join(done.stdout.split()), done.stdout
