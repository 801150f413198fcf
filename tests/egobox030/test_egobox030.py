"""The optimisation as it was first written, under the egobox of its time.

That egobox is kept in `.egobox030`, so that it is installed only once. A Python that finds this folder first, and then what the
tests run with, is an environment of its own: egobox needs nothing but numpy.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def environment(root):
    """The environment variables for a Python that imports egobox 0.30."""
    folder = root / '.egobox030'
    stamp = folder / '.complete'
    if not stamp.exists() or stamp.read_text(encoding='utf-8') != sys.version:
        shutil.rmtree(folder, ignore_errors=True)
        install = [sys.executable, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-input']
        install += ['--no-deps', '--target', str(folder), 'egobox==0.30.*']
        done = subprocess.run(install, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f'pip could not install egobox 0.30: {done.stderr.strip()[-500:]}')
        stamp.write_text(sys.version, encoding='utf-8')
    return {**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, (str(folder), os.environ.get('PYTHONPATH'))))}


def test_original_calls(environment, root):
    command = [sys.executable, str(root / 'tests' / 'egobox030' / 'workflow.py')]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout.splitlines()[-1])
    assert results['version'].startswith('0.30')
    assert results['native']['y_opt'] == pytest.approx([-15.1251], abs=1e-3)
    assert results['async'] == results['native']
    assert results['plain'] == results['native']
