"""The rooms of the package know each other in one direction only (see ``docs/design.md``)."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

ROOMS = ('compiler', 'runtime', 'values', 'jobs', 'engine', 'testing', 'view', 'page', 'cli')


@functools.cache
def import_graph():
    """Which module imports which, by source; modules from outside the package included."""
    return grimp.build_graph('aiida_dreamflow', include_external_packages=True, cache_dir=None)


def modules_of(room: str) -> set[str]:
    name = f'aiida_dreamflow.{room}'
    return {name} | import_graph().find_descendants(name)


def test_contracts_are_kept(root):
    """The contracts of pyproject.toml, checked by `lint-imports`; in a process of its own, as it turns loggers off."""
    command = Path(sys.executable).with_name('lint-imports')
    done = subprocess.run([command, '--no-cache'], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '0 broken' in done.stdout


@pytest.mark.parametrize('room', ['compiler', 'runtime'])
def test_standard_library_only(room):
    graph = import_graph()
    foreign = {
        (module, imported)
        for module in modules_of(room)
        for imported in graph.find_modules_directly_imported_by(module)
        if imported.split('.')[0] not in sys.stdlib_module_names and imported.split('.')[0] != 'aiida_dreamflow'
    }
    assert not foreign


def test_every_module_is_in_a_room():
    children = {name.rpartition('.')[2] for name in import_graph().find_children('aiida_dreamflow')}
    assert children <= {*ROOMS, 'exceptions'}


@pytest.mark.parametrize(
    'statement',
    [
        'import aiida_dreamflow',
        'import aiida_dreamflow.exceptions',
        'import aiida_dreamflow.compiler',
        'import aiida_dreamflow.runtime',
        'import aiida_dreamflow.testing',
        'import aiida_dreamflow.cli',
    ],
)
def test_imports_no_aiida(statement):
    """By what really is imported: AiiDA costs a second, and these can do without."""
    program = f'{statement}; import json, sys; print(json.dumps(sorted(sys.modules)))'
    output = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, check=True).stdout
    top = {name.split('.')[0] for name in json.loads(output)}
    assert not top & {'aiida', 'plumpy', 'kiwipy', 'sqlalchemy'}
