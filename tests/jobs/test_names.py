"""Names of Python as labels and ports of AiiDA, and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_dreamflow.jobs.names import port_name, python_name

ODD = [
    '_', '__', 'x_', '_tmp', '__x__', 'é', 'ü_', '変数', 'lambda_', 'class', 'None', 'a__b', 'a___b', 'Z0', 'Z0x', 'Z0Z5fZ', 'Z', 'Z5fZ', '', ' ',
    'a b', 'a.b', '0', '1x', '\0', '\ud800', '\U0001f600', 'x' * 100,
]  # fmt: skip
PLAIN = ['x', 'x_doe', 'X1', 'metadata', 'inputs', 'wait', 'node', 'a_b_c', 'Zebra', 'aZ0']


def accepted(name):
    from aiida.common.links import validate_link_label
    from aiida.engine.processes.ports import PortNamespace

    validate_link_label(name)
    PortNamespace('inputs').validate_port_name(name)
    return True


@pytest.mark.parametrize('name', ODD + PLAIN)
def test_round_trip(name):
    assert python_name(port_name(name)) == name
    assert accepted(port_name(name))


@pytest.mark.parametrize('name', PLAIN)
def test_what_aiida_takes_is_left_as_it_is(name):
    assert port_name(name) == name


@given(st.text(st.characters(exclude_categories=()), max_size=8) | st.text('Z05f_a', max_size=8))
def test_any_text(name):
    assert python_name(port_name(name)) == name
    assert accepted(port_name(name))


@given(st.lists(st.text('Z05f_aé', max_size=6), unique=True))
def test_different_names_stay_different(names):
    assert len({port_name(name) for name in names}) == len(names)
