"""The command `dreamflow program`."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from aiida_dreamflow.cli import dreamflow

SOURCE = """\
async def double(x):
    y = await other(x)
    return 2 * y

def bad():
    yield 1

NUMBER = 7
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / 'functions_to_show.py'
    path.write_text(SOURCE)
    yield path
    sys.modules.pop('functions_to_show', None)


def invoke(*arguments):
    return CliRunner().invoke(dreamflow, ['program', *map(str, arguments)])


def test_prints_the_program(file):
    from aiida_dreamflow.compiler import compile_function

    result = invoke(f'{file}:double')
    assert result.exit_code == 0, result.output
    assert result.output.rstrip() == str(compile_function(sys.modules['functions_to_show'].double)).rstrip()


def test_example(root):
    pytest.importorskip('egobox', reason='the example needs egobox')
    result = invoke(f'{root}/examples/optimize.py:opt_workflow')
    assert result.exit_code == 0, result.output
    assert 'submit(xsinx, x=x)' in result.output


def test_refused_function_shows_the_line(file):
    result = invoke(f'{file}:bad')
    assert result.exit_code == 1
    assert 'functions_to_show.py' in result.output
    assert 'yield' in result.output


@pytest.mark.parametrize(
    ('target', 'message'),
    [
        ('nowhere.py:f', 'there is no file `nowhere.py`'),
        ('nowhere.py', 'write FILE.py:FUNCTION'),
        ('{file}:missing', 'has no `missing`; its functions: double, bad'),
        ('{file}:NUMBER', '`NUMBER` is no Python function'),
    ],
)
def test_bad_target(file, target, message):
    result = invoke(target.format(file=file))
    assert result.exit_code == 2
    assert message in ' '.join(result.output.split())


def test_file_that_raises(tmp_path):
    path = tmp_path / 'raises.py'
    path.write_text('1 / 0\n')
    result = invoke(f'{path}:f')
    assert result.exit_code == 1
    assert 'ZeroDivisionError: division by zero' in result.output
    assert 'Traceback' not in result.output


def test_help_imports_little():
    program = 'import sys, aiida_dreamflow.cli; print(*sorted({name.split(".")[0] for name in sys.modules}))'
    modules = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, check=True).stdout.split()
    assert 'click' in modules
    assert not {'aiida', 'numpy', 'rich'} & set(modules)
