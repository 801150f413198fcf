"""A type checker sees through the names of this package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip('mypy')

# What no type in the file depends on is not read, which takes two thirds of the time.
CONFIGURATION = """
[mypy]
strict = true
python_version = 3.11

[mypy-aiida.*]
ignore_missing_imports = true

[mypy-sqlalchemy.*,pydantic.*,click.*,rich.*,disk_objectstore.*,aiida.brokers.*,aiida.cmdline.*,aiida.manage.*,\
aiida.orm.implementation.*,aiida.orm.querybuilder,aiida.repository.*,aiida.schedulers.*,aiida.storage.*,aiida.tools.*,\
aiida.transports.*]
follow_imports = skip
"""


def test_what_mypy_sees(tmp_path):
    configuration = tmp_path / 'mypy.ini'
    configuration.write_text(CONFIGURATION)
    file = Path(__file__).with_name('typed_workflows.py')
    command = [sys.executable, '-m', 'mypy', '--config-file', str(configuration), str(file)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=file.parent.parent, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
