"""Runs the tests that need no AiiDA under every supported Python that this machine has, each in an environment of its own.

``python tests/interpreters.py [--others] [pytest arguments]``. A Python is looked for in the variable
``DREAMFLOW_PYTHONS`` (paths, separated as in ``PATH``), on the ``PATH`` and among those of pyenv. One that is missing is
listed as missing, and no failure.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VERSIONS = ('3.10', '3.11', '3.12', '3.13', '3.14')
PACKAGES = ('hatchling', 'hypothesis>=6.100', 'numpy>=1.24', 'pip', 'pytest>=8', 'pytest-timeout>=2.3')
#: What can be imported without AiiDA.
TESTS = ('compiler', 'differential', 'runtime', 'testing', 'values')
NEED_AIIDA = (
    'differential/test_agreement.py',
    'runtime/test_effects.py',
    'runtime/test_forgotten.py',
    'testing/test_children.py',
    'testing/test_provenance.py',
    'values/test_errors.py',
    'values/test_node_values.py',
    'values/test_nodes.py',
)


def candidates(version: str) -> Iterator[str]:
    """Yield the programs that may be this version of Python."""
    yield from filter(None, os.environ.get('DREAMFLOW_PYTHONS', '').split(os.pathsep))
    if f'{sys.version_info.major}.{sys.version_info.minor}' == version:
        yield sys.executable
    if found := shutil.which(f'python{version}'):
        yield found
    versions = Path(os.environ.get('PYENV_ROOT', Path.home() / '.pyenv')) / 'versions'
    yield from map(str, sorted(versions.glob(f'{version}.*/bin/python')))


def find(version: str) -> tuple[str, str] | None:
    """Return the program that is this version of CPython and its full version."""
    asking = 'import platform, venv; print(platform.python_implementation(), platform.python_version())'
    for program in candidates(version):
        try:
            answer = subprocess.run([program, '-c', asking], capture_output=True, text=True, timeout=60).stdout.split()
        except OSError:
            continue
        if answer[:1] == ['CPython'] and answer[1].startswith(f'{version}.'):
            return program, answer[1]
    return None


def environment(version: str, program: str) -> str:
    """Return the interpreter of an environment that has what the tests need."""
    folder = ROOT / f'.venv-{version}'
    python, ready = folder / 'bin' / 'python', folder / '.ready'
    wanted = '\n'.join([program, *PACKAGES])
    if not ready.exists() or ready.read_text() != wanted:
        venv = [
            program,
            '-m',
            'venv',
            '--clear',
            '--without-pip',
            folder,
        ]  # the pip of the Python that runs this will do
        subprocess.run(venv, check=True, capture_output=True, text=True)
        pip = [sys.executable, '-m', 'pip', '--python', python, '--quiet', '--disable-pip-version-check', '--no-input']
        subprocess.run([*pip, 'install', *PACKAGES], check=True, capture_output=True, text=True)
        ready.write_text(wanted)
    return str(python)


def run(version: str, program: str, arguments: list[str]) -> tuple[bool, str, str]:
    """Run the tests; return whether they passed, the summary, and all that was printed."""
    try:
        python = environment(version, program)
    except subprocess.CalledProcessError as error:
        return False, 'no environment', f'{error.stdout}{error.stderr}'
    tests = [f'tests/{name}' for name in TESTS] + [f'--ignore=tests/{name}' for name in NEED_AIIDA]
    command = [python, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', *(arguments or tests)]
    # These environments lack packages on purpose: what needs them is skipped in continuous integration, too.
    clean = {name: value for name, value in os.environ.items() if name not in ('CI', 'PYTHONHOME', 'VIRTUAL_ENV')}
    begun = time.monotonic()
    done = subprocess.run(
        command, cwd=ROOT, env={**clean, 'PYTHONPATH': str(ROOT)}, capture_output=True, text=True
    )  # fmt: skip
    last = [line for line in done.stdout.splitlines() if ' in ' in line][-1:] or ['no summary']
    summary = last[0].strip('= ').partition(' in ')[0]
    return done.returncode == 0, f'{summary} ({time.monotonic() - begun:.0f} s)', done.stdout + done.stderr


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--others', action='store_true', help='leave out the version that runs this')
    options, arguments = parser.parse_known_args()
    own = f'{sys.version_info.major}.{sys.version_info.minor}' if options.others else ''
    found = {version: find(version) for version in VERSIONS if version != own}
    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        jobs = {v: pool.submit(run, v, place[0], arguments) for v, place in found.items() if place is not None}
    failed = [version for version, job in jobs.items() if not job.result()[0]]
    for version in failed:
        print(f'-- Python {version}\n{jobs[version].result()[2][-6000:]}')
    for version in VERSIONS:
        place = found.get(version)
        if version == own:
            print(f'{version}  left out: it runs all tests')
        elif place is None:
            print(f'{version}  MISSING on this machine, not tested')
        else:
            verdict = 'FAILED' if version in failed else 'ok'
            print(f'{version}  {verdict:6}  {jobs[version].result()[1]}  {place[1]}  {place[0]}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
