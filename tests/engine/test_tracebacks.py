"""What a script shows of an exception that nobody catches."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_SCRIPT = """\
import sys
from aiida import engine, load_profile
load_profile()
from aiida_dreamflow import workflow

@workflow
async def divide(n: int):
    return part(n)

def part(n):
    return 1 / n

{last}
"""


def shown(tmp_path, last, **environment):
    """The error output of a script in a process of its own."""
    script = tmp_path / 'script.py'
    script.write_text(_SCRIPT.format(last=last))
    done = subprocess.run(
        [sys.executable, script], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    return done.stderr[done.stderr.rindex('Traceback (most recent call last)') :].splitlines()


def files_in(lines):
    return {line.split('"')[1].rpartition('/')[2] for line in lines if line.startswith('  File "')}


@pytest.mark.usefixtures('profile')
class TestScript:
    def test_inputs(self, tmp_path):
        lines = shown(tmp_path, 'engine.run(divide, m=1)')
        assert lines[-1].endswith('LaunchError: `divide` has no parameter `m`; it takes `n`')
        assert files_in(lines) == {'script.py'}
        assert len(lines) <= 5

    def test_inside(self, tmp_path):
        lines = shown(tmp_path, 'engine.run(divide, n=0)')
        assert lines[-1] == 'ZeroDivisionError: division by zero'
        assert files_in(lines) == {'script.py'}
        assert [line.split(', in ')[1] for line in lines if line.startswith('  File')] == ['<module>', 'divide', 'part']

    def test_everything(self, tmp_path):
        lines = shown(tmp_path, 'engine.run(divide, m=1)', DREAMFLOW_TRACEBACK='full')
        assert {'script.py', 'launch.py', 'runners.py'} <= files_in(lines)

    def test_excepthook_stays(self, tmp_path):
        lines = shown(
            tmp_path,
            'before = sys.excepthook\ntry: engine.run(divide, m=1)\nexcept ValueError: assert sys.excepthook is before; raise',
        )
        assert lines[-1].endswith('it takes `n`')
