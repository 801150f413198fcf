"""In continuous integration, no test is skipped silently."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

SOURCE = """\
import pytest

def test_skips():
    pytest.skip('no server here')

@pytest.mark.optional
def test_may_skip():
    pytest.skip('no such luxury here')

@pytest.mark.xfail(reason='known', strict=True)
def test_known_failure():
    assert False
"""


@pytest.fixture
def suite(tmp_path, root):
    """A small test suite with the `conftest.py` of this one."""
    shutil.copy(root / 'tests' / 'conftest.py', tmp_path)
    (tmp_path / 'pytest.ini').write_text(f'[pytest]\nmarkers = optional\npythonpath = {root}/tests\n')
    (tmp_path / 'test_some.py').write_text(SOURCE)
    return tmp_path


def run(suite, **environment):
    return subprocess.run(
        [sys.executable, '-m', 'pytest', '-q', '-rs', '-p', 'no:cacheprovider', '-p', 'no:xdist', '-p', 'no:timeout'],
        cwd=suite, env={**os.environ, **environment}, capture_output=True, text=True,
    )  # fmt: skip


def test_outside(suite):
    done = run(suite, CI='')
    assert done.returncode == 0, done.stdout
    assert '2 skipped, 1 xfailed' in done.stdout


def test_in_continuous_integration(suite):
    done = run(suite, CI='true')
    assert done.returncode == 1
    assert 'test_some.py::test_skips is not marked `optional`' in done.stdout
    assert 'no server here' in done.stdout
    assert '1 failed, 1 skipped, 1 xfailed' in done.stdout


def test_module_in_continuous_integration(suite):
    (suite / 'test_some.py').write_text("import pytest\npytest.importorskip('no_such_module')\n")
    done = run(suite, CI='true')
    assert done.returncode != 0
    assert 'may not be skipped as a whole' in done.stdout
