"""Every kind of value through a stored node, as a workflow keeps it, and what a person sees of it."""

from __future__ import annotations

import datetime
import fractions
import math

import numpy as np
import pytest
from values import things

pytestmark = pytest.mark.usefixtures('profile')

DTYPES = [
    '?', 'i1', 'u2', '<i4', '>i4', '>u8', 'f2', '<f4', '>f8', 'g', 'F', '>c16', 'G', 'S3', 'U4', '>U4', 'V5', 'M8[ns]', 'M8[25s]', 'm8[D]',
    [('a', '>i4'), ('b', 'S2')], [('a', 'f4', (2, 2)), ('b', [('c', 'U2'), ('d', '?')])],
]  # fmt: skip
LAYOUTS = {
    'plain': lambda a: a,
    'zero dimensions': lambda a: a.reshape(-1)[:1].reshape(()),
    'empty': lambda a: a[:0],
    'Fortran': np.asfortranarray,
    'transposed': lambda a: np.stack([a, a]).transpose(1, 2, 0),
    'strided': lambda a: a[::2, ::-1],
    'read-only': lambda a: (a.setflags(write=False), a)[1],
    'broadcast': lambda a: np.broadcast_to(a, (2, *a.shape)),
}
SCALARS = [
    math.nan,
    math.inf,
    -math.inf,
    -0.0,
    5e-324,
    2**63,
    -(2**100),
    10**5000,
    0.1 + 0.2,
    '\ud800',
    '\0',
    'é\U0001f600',
    '',
    b'\0',
    None,
    ...,
]
KEYED = {
    1: 'a', '1': 'b', 1.5: 'c', None: 'd', (1, ('x', b'y')): 'e', frozenset({2}): 'f', b'k': 'g', True + 1: 'h', datetime.date(2020, 1, 1): 'i',
    things.Colour.RED: 'j', fractions.Fraction(1, 3): 'k', '\ud800': 'l', int: 'm', things.Point(1, 2): 'n', -0.0: 'o',
}  # fmt: skip


@pytest.fixture(scope='module')
def through(profile):
    """Stores the node of a value and loads it again; returns node and value."""
    from aiida import orm

    from aiida_dreamflow.values.nodes import from_node, to_node

    def through(value):
        node = orm.load_node(to_node(value).store().pk)
        return node, from_node(node)

    return through


def test_every_dtype_in_every_layout(through):
    """In one node for each dtype: the values are many, the database is slow."""
    for dtype in DTYPES:
        base = np.arange(24).astype('u1').reshape(4, 6)
        data = np.zeros((4, 6), dtype)
        data.reshape(-1).view('u1')[: base.size] = base.reshape(-1) % 2 + 1 if data.dtype.kind not in 'US?' else 0
        arrays = {name: change(data.copy()) for name, change in LAYOUTS.items()}
        _, rebuilt = through(arrays)
        for name, array in arrays.items():
            other = rebuilt[name]
            assert other.dtype == array.dtype, (dtype, name)
            assert other.shape == array.shape
            assert other.tobytes() == array.tobytes(), (dtype, name)
            assert other.flags.writeable == array.flags.writeable, (dtype, name)
            assert other.flags.f_contiguous == array.flags.f_contiguous or not array.flags.forc
            _, [scalar] = through([array.reshape(-1)[0]]) if array.size and name == 'plain' else (0, [array.dtype.type])
            assert isinstance(scalar, type) or type(scalar) is array.dtype.type


def test_object_arrays_are_exact(through):
    inside = [1]
    array = np.array([[inside, None], ['a', inside]], object, order='F')
    _, rebuilt = through(array)
    assert rebuilt.tolist() == array.tolist()
    assert rebuilt[0, 0] is rebuilt[1, 1]
    assert rebuilt.flags.f_contiguous


@pytest.mark.parametrize('value', SCALARS, ids=range(len(SCALARS)))
def test_scalars(value, through):
    node, rebuilt = through(value)
    assert type(rebuilt) is type(value)
    assert rebuilt == value or (value != value and rebuilt != rebuilt)
    assert math.copysign(1, rebuilt) == math.copysign(1, value) if isinstance(value, float) else True
    _, [inside] = through([value])
    assert type(inside) is type(value)


def test_keys_of_any_type(through):
    _, rebuilt = through(KEYED)
    assert list(rebuilt.items()) == list(KEYED.items())
    assert [type(key) for key in rebuilt] == [type(key) for key in KEYED]


@pytest.mark.parametrize('wrap', [lambda x: [x], lambda x: {'k': x}, lambda x: (x, 1)], ids=['list', 'dict', 'tuple'])
def test_deep_nesting(wrap, through):
    value = None
    for _ in range(10_000):
        value = wrap(value)
    node, rebuilt = through(value)
    for _ in range(10_000):
        rebuilt = rebuilt['k'] if type(rebuilt) is dict else rebuilt[0]
    assert rebuilt is None
    assert len(node.base.attributes.get('repr')) <= 200
    while value is not None:  # Python frees what is nested so deep with as deep a recursion, if it is left to it
        value = value['k'] if type(value) is dict else value[0]


def test_what_a_person_sees(through):
    from aiida.cmdline.commands.cmd_node import attributes as node_attributes
    from aiida.cmdline.commands.cmd_node import node_show
    from click.testing import CliRunner

    node, _ = through({'energy': -1.5, 'at': (1, 2)})
    shown = CliRunner().invoke(node_show, [str(node.pk)]).output
    assert 'DreamData' in shown
    assert 'dict:' in shown, shown
    assert '-1.5' in shown
    attributes = CliRunner().invoke(node_attributes, [str(node.pk)]).output
    assert 'python_type' in attributes
    assert '-1.5' in attributes
    assert node.value == {'energy': -1.5, 'at': (1, 2)}
