"""A type checker sees through the names of this package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip('mypy')


def test_what_mypy_sees():
    file = Path(__file__).with_name('typed_workflows.py')
    command = [sys.executable, '-m', 'mypy', '--strict', '--python-version', '3.11', str(file)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=file.parent.parent, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
