"""Values of scientists: other people's classes come back as they were, and unchanged they have unchanged bytes."""

from __future__ import annotations

import collections
import datetime
import decimal
import enum
import fractions
import math
import pathlib
import types
import typing
import uuid
import zoneinfo
from dataclasses import dataclass, field

import numpy as np
import pytest
from values.graphs import back, snapshot_of

attrs = pytest.importorskip('attrs')
pydantic = pytest.importorskip('pydantic')


@attrs.define
class Attrs:
    x: object
    y: list = attrs.field(factory=list)


@attrs.frozen
class AttrsFrozen:
    x: object


@attrs.define(slots=False)
class AttrsWithDict:
    x: object


class Model(pydantic.BaseModel):
    x: int
    y: list[float] = []
    _hidden: int = pydantic.PrivateAttr(3)


class Frozen(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra='allow')
    x: int


@dataclass
class Data:
    x: object
    y: list = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class FrozenSlots:
    x: object


@dataclass(slots=True, kw_only=True)
class Keywords:
    x: object


class Named(typing.NamedTuple):
    a: int
    b: str = 'x'


class Colour(enum.Enum):
    RED = [1, 2]


class Text(str, enum.Enum):
    A = 'a'


class Flags(enum.IntFlag):
    A = 1
    B = 2


BERLIN = zoneinfo.ZoneInfo('Europe/Berlin')
FOLDED = datetime.datetime(2025, 10, 26, 2, 30, fold=1, tzinfo=BERLIN)

DECLARED = [
    Attrs(1, [2]), AttrsFrozen((1,)), AttrsWithDict({1: 2}), Model(x=1, y=[1.5]), Frozen(x=1, z='extra'), Data(1, [2]),
    FrozenSlots(1), Keywords(x=1), Named(1), Colour.RED, Text.A, Flags.A | Flags.B,
]  # fmt: skip
PLAIN = [
    FOLDED, BERLIN, datetime.time(1, 2, 3, 4, tzinfo=datetime.timezone.utc, fold=1), datetime.date.max, datetime.timedelta.min,
    decimal.Decimal('-0E+5'), decimal.Decimal('sNaN12'), fractions.Fraction(-1, 3), pathlib.Path('/a'),
    pathlib.PureWindowsPath('c:/x'), uuid.UUID(int=3), complex(-0.0, math.nan), b'\0\xff', bytearray(b'x'), {1, 'a'}, frozenset({(1, 2)}),
    range(5, -1, -2), slice(None, 3), collections.OrderedDict([(2, 1), (1, 2)]), collections.Counter('aab'),
    collections.defaultdict(list, {1: [2]}), collections.defaultdict(None, {1: 2}), collections.deque([1, [2]], 5), collections.deque(),
    types.SimpleNamespace(a=[1]), np.ma.array([1, 2, 3], mask=[0, 1, 0]), np.ma.array([1.5, 2]), np.ma.masked_invalid([1, math.nan]),
]  # fmt: skip


def same(value, rebuilt):
    assert type(rebuilt) is type(value)
    assert repr(rebuilt) == repr(value)
    assert snapshot_of(rebuilt).digest() == snapshot_of(value).digest(), 'an unchanged value would count as changed'


@pytest.mark.parametrize('value', DECLARED, ids=lambda value: type(value).__name__)
def test_classes_that_declare_their_fields(value):
    same(value, back(value))


@pytest.mark.parametrize('value', PLAIN, ids=lambda value: type(value).__name__)
def test_plain_values(value):
    same(value, back(value))
    assert not snapshot_of(value).runs_code, 'it would not be loaded from an imported archive'


def test_details():
    assert back(FOLDED).fold == 1
    assert back(FOLDED).tzinfo is BERLIN
    assert back(Model(x=1))._hidden == 3
    assert back(collections.deque([1], 5)).maxlen == 5
    assert back(collections.defaultdict(list))['new'] == []


def test_fields_keep_identity():
    shared = [1]
    first, second, again = back([Data(shared), Attrs(shared), shared])
    assert first.x is second.x is again
    circular = Data(None)
    circular.x = circular
    assert back(circular).x.x is not circular
    assert back(circular).x.x.x.x is not None


def test_masked_array_shares_memory():
    data = np.arange(3)
    masked, plain = back([np.ma.array(data, mask=[0, 1, 0], copy=False), data])
    plain[0] = 7
    assert masked[0] == 7
    assert masked[1] is np.ma.masked


@pytest.mark.skipif(not hasattr(np, 'dtypes') or not hasattr(np.dtypes, 'StringDType'), reason='came with numpy 2')
@pytest.mark.optional
@pytest.mark.parametrize('options', [{}, {'na_object': None}, {'na_object': math.nan, 'coerce': False}])
def test_strings_of_any_length(options):
    dtype = np.dtypes.StringDType(**options)
    missing = options.get('na_object', '')
    array = np.array([['a', 'b' * 1000, 'é\0'], ['', 'x', missing]], dtype=dtype, order='F')
    rebuilt = back(array)
    assert rebuilt.dtype == array.dtype
    assert rebuilt.flags.f_contiguous
    assert repr(rebuilt) == repr(array)
    assert not snapshot_of(array).runs_code


# -- pandas

pd = pytest.importorskip('pandas')

INDICES = [
    pd.RangeIndex(2, 8, 3, name='r'),
    pd.Index([3, 1], name=('a', 1)),
    pd.Index([1.5, math.nan]),
    pd.Index(['a', 'b']),
    pd.Index([(1, 2), 'b'], tupleize_cols=False, dtype=object),
    pd.MultiIndex.from_tuples([('a', 1), ('b', 2)], names=['x', None]),
    pd.date_range('2020', periods=2),
    pd.date_range('2020', periods=2, tz='Europe/Berlin', freq='h'),
    pd.DatetimeIndex(['2020-01-01', None]),
    pd.timedelta_range('1h', periods=2),
    pd.CategoricalIndex(['u', 'v'], name='c'),
    pd.period_range('2020', periods=2, freq='W-MON', name='p'),
    pd.interval_range(0, 2, closed='both', name='i'),
]
COLUMNS = [
    [1, 2],
    [True, False],
    [1.5, -0.0],
    [1j, 2],
    ['x', None],
    np.array(['x', 'y'], object),
    [[1], {2}],
    np.array([1, 2], 'u1'),
    np.array([1, 2], 'f2'),
    pd.to_datetime(['2020-01-01', None]),
    pd.to_datetime(['2020-01-01', None]).tz_localize('UTC'),
    pd.to_timedelta(['1h', None]),
    pd.Categorical(['u', None], ['u', 'v'], ordered=True),
    pd.array([1, None]),
    pd.array([1.5, None]),
    pd.array([True, None]),
    pd.array(['a', None], dtype='string'),
    pd.array(['2020-01', None], dtype='period[M]'),
    pd.arrays.IntervalArray.from_tuples([(0, 1), None], closed='left'),
    pd.arrays.IntervalArray.from_breaks(pd.to_datetime(['2020', '2021', '2022'])),
    pd.arrays.SparseArray([0, 2]),
    pd.arrays.SparseArray([1.5, math.nan], kind='block'),
    pd.arrays.SparseArray([True, False], fill_value=False),
]


def same_frame(value, rebuilt):
    check = pd.testing.assert_frame_equal if isinstance(value, pd.DataFrame) else pd.testing.assert_series_equal
    check(value, rebuilt, check_exact=True, check_index_type=True, check_freq=True, check_flags=True)
    assert rebuilt.attrs == value.attrs
    assert snapshot_of(rebuilt).digest() == snapshot_of(value).digest(), 'an unchanged value would count as changed'
    assert not snapshot_of(value).runs_code


@pytest.mark.parametrize('column', COLUMNS, ids=str)
def test_columns(column):
    series = pd.Series(column, name=('a', 1))
    same_frame(series, back(series))
    frame = pd.DataFrame({'n': [1, 2], 'c': column, 'd': column})
    same_frame(frame, back(frame))


@pytest.mark.parametrize('index', INDICES, ids=str)
def test_indices(index):
    rebuilt = back(index)
    pd.testing.assert_index_equal(index, rebuilt, exact=True)
    assert getattr(rebuilt, 'freq', None) == getattr(index, 'freq', None)
    assert snapshot_of(rebuilt).digest() == snapshot_of(index).digest()
    frame = pd.DataFrame(np.arange(4).reshape(2, 2), index=index, columns=index)
    same_frame(frame, back(frame))


def test_odd_frames():
    for frame in (
        pd.DataFrame(),
        pd.DataFrame(index=[1, 2]),
        pd.DataFrame(columns=['a']),
        pd.DataFrame([[1, 'a', 2.5]], columns=['x', 'x', 'x']),
        pd.DataFrame({'a': [1]}).set_flags(allows_duplicate_labels=False),
        pd.DataFrame(np.arange(6).reshape(2, 3))[[2, 0]],
        pd.concat([pd.DataFrame({'a': [1]}), pd.DataFrame({'a': [2]})]),
    ):
        same_frame(frame, back(frame))
    frame = pd.DataFrame({'a': [1]})
    frame.attrs['unit'] = ['eV']
    same_frame(frame, back(frame))
    index = pd.Index(['a'])
    first, second = back([pd.Series([1], index), pd.Series([2], index)])
    assert first.index is second.index or first.index.equals(second.index)


def test_frame_is_writeable():
    frame = back(pd.DataFrame({'a': [1, 2], 'b': [1.5, 2]}))
    frame.loc[0, 'a'] = 7
    assert frame['a'].tolist() == [7, 2]


@pytest.mark.parametrize(
    'value',
    [pd.NA, pd.NaT, pd.Timestamp('2020-01-01 12:00:00.123456'), pd.Timestamp(FOLDED), pd.Timedelta('1h'), pd.Period('2020-01'), pd.Period('2020', 'W-MON'), pd.Interval(0, 1), pd.Interval(-0.0, 1.5, 'neither')],
    ids=str,
)  # fmt: skip
def test_scalars(value):
    same(value, back(value))
    assert not snapshot_of(value).runs_code


# -- ASE and pymatgen


def test_atoms():
    build = pytest.importorskip('ase.build')
    from ase.calculators.emt import EMT
    from ase.calculators.singlepoint import SinglePointCalculator
    from ase.constraints import FixAtoms

    atoms = build.molecule('H2O', vacuum=3)
    atoms.set_constraint(FixAtoms([0]))
    atoms.info['tags'] = [1]
    atoms.calc = SinglePointCalculator(atoms, energy=-1.5, forces=np.ones((3, 3)))
    rebuilt, positions, info = back([atoms, atoms.positions, atoms.info])
    assert rebuilt == atoms
    assert rebuilt.get_potential_energy() == -1.5
    assert rebuilt.constraints[0].index.tolist() == [0]
    assert rebuilt.positions is positions
    assert rebuilt.info is info
    assert snapshot_of(rebuilt).digest() == snapshot_of(atoms).digest()
    assert not snapshot_of(atoms).runs_code
    rebuilt.calc = EMT()
    rebuilt.set_constraint()
    energy = rebuilt.get_potential_energy()
    assert snapshot_of(rebuilt).runs_code  # the calculator is an object like any other
    assert back(rebuilt).get_potential_energy() == energy


@pytest.mark.optional
def test_pymatgen():
    core = pytest.importorskip('pymatgen.core')
    lattice = core.Lattice.cubic(5.43)
    positions = [[0, 0, 0], [0.25, 0.25, 0.25]]
    structure = core.Structure(lattice, ['Si', 'Si'], positions, site_properties={'magmom': [1, 2]})
    for value in (structure, lattice, core.Molecule(['H', 'H'], [[0, 0, 0], [0, 0, 1]]), core.Composition('Fe2O3')):
        rebuilt = back(value)
        assert type(rebuilt) is type(value)
        assert rebuilt == value
        assert snapshot_of(rebuilt).digest() == snapshot_of(value).digest()
        assert not snapshot_of(value).runs_code
    assert back(core.Element('Fe')) is core.Element('Fe')
    assert back(core.Species('Fe', 2)) == core.Species('Fe', 2)
