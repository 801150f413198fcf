"""Real notebooks, run by nbclient: what their cells define is submitted to a daemon that has never seen them."""

from __future__ import annotations

import os
import subprocess
import sys

import nbformat
import pytest
from aiida import orm
from aiida.cmdline.utils.common import get_workchain_report
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

CELLS = [
    '%load_ext aiida\n%aiida',
    """import math
from dataclasses import dataclass
import numpy as np
from aiida import engine
from aiida_dreamflow import gather, run, submit, workflow
SCALE = 1""",
    """SCALE = 10

@dataclass
class Point:
    x: float

def scale(x):
    return x * SCALE""",
    """def root(x):
    return math.sqrt(scale(x))

async def both(x):
    return await gather(submit(root, x=x), run(scale, x))""",
    """# a comment above

@workflow
async def in_a_notebook(x: float):
    point = Point(x)
    first, second = await both(point.x)
    again = await submit(fails, x=first) if x < 0 else await submit(scale, x=second)
    return {'found': np.array([first, second, again]), 'point': point}

def fails(x):
    raise ValueError(SCALE)""",
    """import time
def wait(node):
    while not node.is_terminated:
        time.sleep(0.1)
    assert node.is_finished_ok, (node.exit_message, node.exception)
    return node
node = wait(engine.submit(in_a_notebook, x=10.0))
print(node.pk, node.outputs.found.get_array().tolist())""",
    """def made(n):
    @workflow
    async def in_a_function_body(x: float):
        return await submit(scale, x=x)
    return in_a_function_body
print(wait(engine.submit(made(1), x=2.0)).outputs.result.value)""",
    """outputs, node = engine.run_get_node(in_a_notebook, x=10.0)
print(outputs['point'].value.x)""",
]


@pytest.fixture
def execute(tmp_path, monkeypatch):
    """Runs cells in a kernel of its own that has the profile of the tests; returns what they print."""
    monkeypatch.setenv('JUPYTER_PLATFORM_DIRS', '1')
    monkeypatch.setenv('IPYTHONDIR', str(tmp_path / 'ipython'))
    monkeypatch.setenv('JUPYTER_CONFIG_DIR', str(tmp_path / 'jupyter'))
    monkeypatch.setenv('PYTHONDONTWRITEBYTECODE', '')

    def execute(cells: list[str]) -> list[str]:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        NotebookClient(notebook, timeout=120, kernel_name='python3').execute(cwd=os.fspath(tmp_path))
        return [''.join(each.get('text', '') for each in cell.outputs) for cell in notebook.cells]

    return execute


@pytest.mark.slow
def test_submitted_to_the_daemon(daemon, execute):
    printed = execute(CELLS)
    pk, _, values = printed[5].partition(' ')
    assert values.strip() == '[10.0, 100.0, 1000.0]'
    assert printed[6].strip() == '20.0'
    assert printed[7].strip().endswith('10.0')
    node = orm.load_node(int(pk))
    assert node.process_class.function.__name__ == 'in_a_notebook'
    (job,) = [child for child in node.called if child.process_label == 'FunctionJob<root>']
    assert 'def scale' in job.inputs.function.get_content()
    assert 'in_a_notebook' not in job.inputs.function.get_content()


@pytest.mark.slow
def test_lines_of_the_cell(daemon, execute):
    """The traceback of a failure in the daemon has the line as it is in its cell."""
    with pytest.raises(CellExecutionError, match='ValueError: math domain error'):
        execute([*CELLS[:5], CELLS[5].replace('x=10.0', 'x=-1.0')])
    builder = orm.QueryBuilder().append(
        orm.WorkChainNode, filters={'attributes.process_label': 'in_a_notebook'}, tag='w'
    )
    node = builder.order_by({'w': {'id': 'desc'}}).first(flat=True)
    report = get_workchain_report(node, 'REPORT')
    assert ', line 6, in in_a_notebook\n    first, second = await both(point.x)' in report, report
    assert ', line 5, in both\n    return await gather(' in report, report
    (job,) = [child for child in node.called if child.process_label == 'FunctionJob<root>']
    assert ', line 2, in root\n' in job.outputs.exception['traceback']


SCRIPT = """
import time
from aiida import engine, load_profile
from aiida_dreamflow import submit, workflow

FACTOR = 3

def triple(x):
    return x * FACTOR

@workflow
async def in_main(x: int):
    return await submit(triple, x=x) + await in_a_body(x=1)

def body():
    @workflow
    async def in_a_body(x: int):
        return await submit(triple, x=x)
    return in_a_body

in_a_body = body()

if __name__ == '__main__':
    load_profile('tests')
    for process in (in_main, in_a_body):
        node = engine.submit(process, x=2)
        while not node.is_terminated:
            time.sleep(0.1)
        print(node.exit_message or node.exception or node.outputs.result.value)
"""


@pytest.mark.slow
def test_a_script_that_the_daemon_has_never_seen(daemon, tmp_path):
    script = tmp_path / 'script.py'
    script.write_text(SCRIPT)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.stdout.split('\n') == ['9', '6', ''], done.stdout + done.stderr
