"""The package as pip and AiiDA see it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from importlib import metadata

import pytest

import aiida_dreamflow

VERSION = metadata.version('aiida-dreamflow')
ENTRY_POINTS = [
    ('aiida.workflows', 'dreamflow.function', 'aiida_dreamflow.engine.workchain:FunctionWorkChain'),
    ('aiida.calculations', 'dreamflow.function', 'aiida_dreamflow.jobs.calculation:FunctionJob'),
    ('aiida.parsers', 'dreamflow.function', 'aiida_dreamflow.jobs.parser:FunctionParser'),
    ('aiida.data', 'dreamflow.value', 'aiida_dreamflow.values.data:DreamData'),
    ('console_scripts', 'dreamflow', 'aiida_dreamflow.cli:dreamflow'),
]


@pytest.mark.parametrize(('group', 'name', 'target'), ENTRY_POINTS, ids=[entry[0] for entry in ENTRY_POINTS])
def test_entry_point(group, name, target):
    (entry,) = (
        entry
        for entry in metadata.entry_points(group=group, name=name)
        if entry.dist is not None and entry.dist.name == 'aiida-dreamflow'
    )
    assert entry.value == target
    assert callable(entry.load())


def test_metadata():
    about = metadata.metadata('aiida-dreamflow')
    assert 'Framework :: AiiDA' in about.get_all('Classifier')
    assert about['License-Expression'] == 'MIT'


def test_version_is_in_changelog(root):
    assert f'## {VERSION}' in (root / 'CHANGELOG.md').read_text(encoding='utf-8')


def test_public_names():
    """Names come when they are asked for, and all that is promised is there."""
    assert {'submit', 'workflow'} <= set(aiida_dreamflow.__all__) <= set(dir(aiida_dreamflow))
    for name in aiida_dreamflow.__all__:
        assert getattr(aiida_dreamflow, name) is not None
    with pytest.raises(AttributeError, match='no_such_name'):
        aiida_dreamflow.no_such_name  # noqa: B018


def test_is_typed(root):
    assert (root / 'aiida_dreamflow' / 'py.typed').exists()


def test_wheel_has_the_package_and_nothing_else(root, tmp_path):
    subprocess.run(
        [sys.executable, '-m', 'hatchling', 'build', '-t', 'wheel', '-d', str(tmp_path)],
        cwd=root, check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob('*.whl')
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split('/')[0] for name in names} == {'aiida_dreamflow', f'aiida_dreamflow-{VERSION}.dist-info'}
    assert 'aiida_dreamflow/py.typed' in names
