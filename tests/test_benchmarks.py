"""The benchmarks run; what they measure is not judged here."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.benchmarks


def run(root, name, *arguments):
    done = subprocess.run(
        [sys.executable, f'benchmarks/{name}.py', *arguments], cwd=root, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_lines(root):
    assert 'the package' in run(root, 'lines')


def test_compiling(root):
    output = run(root, 'compiling', '--rounds', '1', '--parts', '2')
    assert 'generate_code' in output


def test_between(root):
    output = run(root, 'between', '--rounds', '1', '--turns', '2000', '--awaits', '10')
    assert 'rare_await' in output
    assert 'with a restart at each' in output


def test_imports(root):
    assert 'import aiida_dreamflow' in run(root, 'imports', '--rounds', '1')


def test_steps(root):
    assert 'plain SQL' in run(root, 'steps', '--steps', '5', '--rounds', '1')


def test_many(root):
    output = run(root, 'many', '--late', '110', '--resumes', '1')
    assert 'A resume' in output


def test_crowd(root):
    assert 'a calcfunction a turn' in run(root, 'crowd', '--processes', '2', '--steps', '2')


@pytest.mark.daemon
def test_children(root):
    output = run(root, 'children', '--children', '1', '--rounds', '1')
    for where in ('engine.run', 'a daemon'):
        assert f'A child under {where}' in output
    assert output.count('a function job that does nothing, awaited by a workflow') == 2


@pytest.mark.daemon
def test_jobs(root):
    few = ['--items', '20', '--single', '1', '--jobs', '2', '--children', '3', '--rounds', '1']
    output = run(root, 'jobs', *few)
    for part in ('submit.map', 'function jobs of one workflow', 'aiida-pythonjob', 'waits_for_each'):
        assert part in output


@pytest.mark.daemon
def test_kills(root):
    assert 'until nothing runs' in run(root, 'kills', '--workflows', '2', '--jobs', '3', '--after', '1')
