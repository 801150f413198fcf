"""``verdi data dreamflow``."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import numpy as np
import pytest
from click.testing import CliRunner

from aiida_dreamflow.values import signing

pytestmark = pytest.mark.usefixtures('profile')


@pytest.fixture
def verdi(profile):
    from aiida_dreamflow.cli.data import dreamflow_data

    def verdi(*arguments):
        done = CliRunner().invoke(dreamflow_data, [*map(str, arguments)], catch_exceptions=False)
        return done.output

    return verdi


class Thing:
    def __repr__(self):
        return '<a thing>'


@pytest.fixture
def to_node(profile):
    from aiida_dreamflow.values.nodes import to_node

    return to_node


@pytest.mark.optional
def test_entry_point(root):
    """The table of this checkout; what is installed may be another."""
    tomllib = pytest.importorskip('tomllib')

    table = tomllib.loads((root / 'pyproject.toml').read_text())['project']['entry-points']['aiida.cmdline.data']
    assert EntryPoint('dreamflow', table['dreamflow'], 'aiida.cmdline.data').load().name == 'dreamflow'


def test_show(verdi, to_node):
    node = to_node(({'k': 1.5, 'l': [None] * 200}, np.arange(1000))).store()
    text = verdi('show', node.pk)
    assert f'tuple, node {node.pk}' in text
    assert text.count('None') == 200
    assert 'file: ' in text
    assert '.npy' in text
    other = verdi('show', node.pk, to_node(Thing()).store().pk)
    assert '<a thing>' in other
    assert 'Thing, node' in other


def test_show_what_is_nested_deep(verdi, to_node):
    deep: list = []
    for _ in range(10_000):
        deep = [deep]
    node = to_node(deep).store()
    assert node.description.startswith('list: [[[[')
    assert '[[[[' in verdi('show', node.pk)


def test_show_what_may_not_be_loaded(verdi, to_node, monkeypatch):
    node = to_node(Thing()).store()
    monkeypatch.setattr(signing, 'require_trust', signing.Signer(lambda: b'other' * 7).require_trust)
    text = verdi('show', node.pk)
    assert '<a thing>' in text
    assert 'not signed by this profile' in text


def test_other_nodes_are_refused(verdi, to_node):
    assert 'Error' in verdi('show', to_node(1).store().pk)


def test_pickles(verdi, to_node):
    assert verdi('pickles') == 'pickles are on\n'
    assert verdi('pickles', 'off') == 'pickles are off\n'
    try:
        assert verdi('pickles') == 'pickles are off\n'
        with pytest.raises(TypeError, match='turned off'):
            to_node(Thing())
    finally:
        assert verdi('pickles', 'on') == 'pickles are on\n'
    to_node(Thing())
