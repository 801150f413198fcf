"""The optimisation as it was first written, under the egobox of its time, in an environment of its own.

The environment is kept in `.venv-egobox030`, so that it is made only once.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def python(root):
    """The Python of an environment with egobox 0.30 and this package."""
    folder = root / '.venv-egobox030'
    python, stamp = folder / 'bin' / 'python', folder / '.complete'
    wanted = f'{sys.version}\n{(root / "pyproject.toml").read_text(encoding="utf-8")}'
    if not stamp.exists() or stamp.read_text(encoding='utf-8') != wanted:
        stamp.unlink(missing_ok=True)
        subprocess.run([sys.executable, '-m', 'venv', '--clear', str(folder)], check=True)
        install = [python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-input']
        done = subprocess.run([*install, 'egobox==0.30.*', '-e', str(root)], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f'pip could not install egobox 0.30: {done.stderr.strip()[-500:]}')
        stamp.write_text(wanted, encoding='utf-8')
    return python


def test_original_calls(python, root):
    done = subprocess.run(
        [python, str(root / 'tests' / 'egobox030' / 'workflow.py')], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout.splitlines()[-1])
    assert results['version'].startswith('0.30')
    assert results['native']['y_opt'] == pytest.approx([-15.1251], abs=1e-3)
    assert results['async'] == results['native']
    assert results['plain'] == results['native']
