"""Objects of classes cross between machines by form, and come back as what they were."""

from __future__ import annotations

import collections
import dataclasses
import enum
import json
import os
import subprocess
import sys
import types
import uuid
from typing import Any, NamedTuple

import attrs
import numpy as np
import pandas as pd
import pydantic
import pytest
import scipy.sparse
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms
from jobs.test_remote import prepare, working

from aiida_dreamflow.jobs import forms, remote, wire


class Color(enum.Enum):
    RED = 1


class Permission(enum.Flag):
    READ = 1
    WRITE = 2


class Text(str, enum.Enum):
    A = 'a'


@dataclasses.dataclass(frozen=True)
class Config:
    x: int
    inner: Any = None
    made = 0

    def __post_init__(self):
        type(self).made += 1


@dataclasses.dataclass(slots=True)
class Slotted:
    x: int


class Pair(NamedTuple):
    x: int
    y: str


@attrs.define
class Defined:
    x: int
    y: list


@attrs.frozen
class Frozen:
    x: int


class Model(pydantic.BaseModel):
    x: int
    y: list[int] = []
    _z: int = pydantic.PrivateAttr(3)


class Open(pydantic.BaseModel, extra='allow'):
    x: int


class Outer:
    @dataclasses.dataclass
    class Inner:
        x: int


@dataclasses.dataclass
class Counting(dict):
    x: int = 1


class Plain:
    x = 1


def moved(value, names=None, there=None):
    """What arrives of a value; `there` are the names of the file where it does."""
    arrays = wire.ArraysInMemory()
    text = wire.dumps(wire.encode(value, arrays.save, names))
    return wire.decode(wire.loads(text), arrays.open, names if there is None else there)


OWN = [
    *(Color.RED, Permission.READ | Permission.WRITE, Permission(0), Text.A, Config(1, Pair(1, 'a')), Slotted(1), Pair(1, 'a')),
    *(Defined(1, [2]), Frozen(1), Model(x=1, y=[2]), Open(x=1, more=2), Outer.Inner(1)),
    [Color.RED, {Text.A: (Slotted(1), Slotted(1))}],
]  # fmt: skip


class TestOwnClasses:
    @pytest.mark.parametrize('value', OWN, ids=repr)
    def test_come_back(self, value):
        there = moved(value, globals())
        assert type(there) is type(value)
        assert there == value

    @pytest.mark.parametrize('value', OWN, ids=repr)
    def test_where_the_file_is_not_at_hand(self, value):
        arrays = wire.ArraysInMemory()
        kept = wire.decode(wire.encode(value, arrays.save, globals()), arrays.open)
        assert moved(kept, there=globals()) == value

    def test_shown(self):
        kept = wire.decode(wire.encode([Color.RED, Slotted(1), Pair(1, 'a')], None, globals()))
        assert repr(kept) == "[Color.RED, Slotted(x=1), Pair(1, 'a')]"

    def test_nothing_of_theirs_runs(self):
        value, Config.made = Config(1), 0
        assert moved(value, globals()) == value
        assert Config.made == 0

    def test_arrays_inside(self):
        there = moved(Config(1, np.arange(3)), globals())
        assert there.inner.tolist() == [0, 1, 2]

    @pytest.mark.parametrize(
        'name', ['wire.MalformedError', 'Plain', 'os.system', 'nothing', '__builtins__', 'Plain.x']
    )
    def test_other_names_are_refused(self, name):
        data = {'!': 'own', 'kind': 'dataclass', 'name': name, 'parts': {'fields': {}, 'beside': {}}}
        with pytest.raises(wire.MalformedError):
            wire.decode(data, None, globals())

    @pytest.mark.parametrize('field', ['__class__', '__dict__', '__init__'])
    def test_other_fields_are_refused(self, field):
        data = {'!': 'own', 'kind': 'dataclass', 'name': 'Slotted', 'parts': {'fields': {field: 1}, 'beside': {}}}
        with pytest.raises(wire.MalformedError):
            wire.decode(data, None, globals())

    @pytest.mark.parametrize(
        ('value', 'words'), [(Plain(), 'dataclasses, named tuples'), (Counting(), 'derives from one of Python')]
    )
    def test_what_does_not_cross(self, value, words):
        with pytest.raises(wire.NotSendableError, match=words):
            moved(value, globals())


def atoms():
    made = bulk('Cu', cubic=True)
    made.set_constraint(FixAtoms([0]))
    made.info['data'] = {'a': np.arange(3)}
    made.set_tags([1, 2, 3, 4])
    made.calc = SinglePointCalculator(made, energy=1.5)
    return made


FRAMES = {
    'plain': pd.DataFrame({'a': [1, 2], 'b': [1.5, np.nan], 'c': ['x', None], 'd': [True, False]}),
    'objects': pd.DataFrame({'a': [1, 'x', None, {'k': 1}]}, dtype=object),
    'categories': pd.DataFrame({'a': pd.Categorical(['x', 'y', 'x'], ordered=True)}),
    'times': pd.DataFrame(
        {'a': pd.date_range('2020', periods=2, tz='Europe/Berlin'), 't': pd.to_timedelta([1, 2], unit='s')},
        index=pd.date_range('2021', periods=2, freq='D', name='day'),
    ),
    'missing': pd.DataFrame({'a': pd.array([1, None], dtype='Int64'), 's': pd.array(['a', None], dtype='string')}),
    'levels': pd.DataFrame(np.eye(2), index=pd.MultiIndex.from_tuples([('a', 1), ('b', 1)], names=['x', 'y'])),
    'twice': pd.DataFrame([[1, 2.5]], columns=['a', 'a']),
    'empty': pd.DataFrame(),
}
RECORDS = np.array([(1, 2.5, 'x')], dtype=[('a', 'i4'), ('b', 'f8'), ('c', 'U3')])


class TestPackages:
    def test_atoms(self):
        value, there = atoms(), moved(atoms())
        assert there == value
        assert there.info['data']['a'].tolist() == [0, 1, 2]
        assert there.get_potential_energy() == 1.5
        assert there.constraints[0].todict() == value.constraints[0].todict()
        assert there.arrays.keys() == value.arrays.keys()

    def test_a_calculator(self):
        value = atoms()
        value.calc = EMT()
        with pytest.raises(wire.NotSendableError, match=r'atoms\.calc = None'):
            moved(value)

    def test_another_constraint_is_refused(self):
        data = wire.encode(atoms(), lambda array: 'input-0.npy')
        data['parts']['constraints'] = [{'name': 'dict2constraint', 'kwargs': {}}]
        with pytest.raises(wire.MalformedError):
            wire.decode(data)

    @pytest.mark.parametrize('name', FRAMES)
    def test_frames(self, name):
        value = FRAMES[name]
        pd.testing.assert_frame_equal(moved(value), value, check_freq=True)
        pd.testing.assert_index_equal(moved(value.index), value.index, exact=True)
        for number in range(value.shape[1]):
            pd.testing.assert_series_equal(moved(value.iloc[:, number]), value.iloc[:, number])

    @pytest.mark.parametrize('value', [pd.interval_range(0, 3), pd.period_range('2020', periods=3)], ids=repr)
    def test_other_columns(self, value):
        with pytest.raises(wire.NotSendableError, match='astype'):
            moved(pd.DataFrame({'a': value}))

    @pytest.mark.parametrize('kind', ['matrix', 'array'])
    @pytest.mark.parametrize('form', ['csr', 'csc', 'coo', 'bsr', 'dia', 'dok', 'lil'])
    def test_sparse_matrices(self, form, kind):
        value = getattr(scipy.sparse, f'{form}_{kind}')(scipy.sparse.random(5, 4, 0.4, random_state=1))
        there = moved(value)
        assert type(there) is type(value)
        assert there.dtype == value.dtype
        assert (there.toarray() == value.toarray()).all()

    def test_a_sparse_matrix_that_leads_outside(self):
        arrays = wire.ArraysInMemory()
        value = scipy.sparse.csr_matrix(np.eye(3))
        value.indices[:] = 1000
        data = wire.encode(value, arrays.save)
        with pytest.raises(wire.MalformedError):
            wire.decode(data, arrays.open)

    def test_masked_arrays(self):
        value = np.ma.array([1.0, 2, 3], mask=[0, 1, 0], fill_value=-1.0)
        there = moved(value)
        assert type(there) is type(value)
        assert there.mask.tolist() == value.mask.tolist()
        assert there.data.tolist() == value.data.tolist()
        assert there.fill_value == -1.0
        assert moved(np.ma.array([1])).mask is np.ma.nomask

    @pytest.mark.parametrize('value', [RECORDS, RECORDS[0], RECORDS.view(np.recarray), RECORDS.view(np.recarray)[0]])
    def test_records(self, value):
        there = moved(value)
        assert type(there) is type(value)
        assert there.dtype == value.dtype
        assert there == value


@pytest.mark.parametrize(
    'value',
    [
        collections.OrderedDict(b=1, a=2),
        collections.Counter('aab'),
        collections.defaultdict(list, {1: [2]}),
        collections.deque([1, 2], 5),
        types.SimpleNamespace(x=1, y=[2]),
        uuid.UUID(int=3),
    ],
)
def test_classes_of_python(value):
    there = moved(value)
    assert type(there) is type(value)
    assert there == value
    assert getattr(there, 'maxlen', None) == getattr(value, 'maxlen', None)


@pytest.mark.parametrize('form', ['os.system', 'builtins.eval', '', 'numpy', 3, None, ['a']])
def test_other_forms_are_refused(form):
    with pytest.raises(wire.MalformedError):
        wire.decode({'!': 'form', 'form': form, 'parts': {}})


@pytest.mark.optional
class TestAnOldPython:
    """Python 3.8 without any package."""

    SOURCE = """
import dataclasses, enum
from typing import NamedTuple

class Color(enum.Enum):
    RED = 1

@dataclasses.dataclass
class Config:
    x: int
    color: Color

class Pair(NamedTuple):
    x: int
    y: Config

def f(c):
    assert type(c) is Config and c.color is Color.RED
    return [Pair(c.x + 1, c), {c.color: 1}]
"""

    def run(self, folder, source, arguments):
        prepare(folder, source, arguments=None)
        inputs = json.loads((folder / remote.INPUTS_FILE).read_text())
        inputs['arguments'] = arguments
        (folder / remote.INPUTS_FILE).write_text(wire.dumps(inputs))
        command = [working('3.8'), remote.REMOTE_FILE]
        subprocess.run(command, cwd=folder, check=False, env={**os.environ, 'PYTHONPATH': ''})
        return json.loads((folder / remote.RESULT_FILE).read_text())

    def test_own_classes(self, tmp_path):
        module = types.ModuleType('script')
        sys.modules['script'] = module
        try:
            exec(self.SOURCE, vars(module))
            config = module.Config(1, module.Color.RED)
            report = self.run(tmp_path, self.SOURCE, wire.encode({'c': config}, None, vars(module)))
            assert report['status'] == 'returned', report
            value = wire.decode(report['value'], None, vars(module))
        finally:
            del sys.modules['script']
        assert value == [module.Pair(2, config), {module.Color.RED: 1}]
        assert type(value[0]) is module.Pair

    def test_a_package_that_is_not_there(self, tmp_path):
        arguments = wire.encode({'a': atoms()}, lambda array: 'input-0.npy')
        (tmp_path / 'input-0.npy').touch()
        report = self.run(tmp_path, 'def f(a): return 1\n', {'a': arguments['a']})
        assert (report['status'], report['missing']) == ('module', 'numpy')

    def test_they_know_the_same(self):
        assert forms.FORMS.keys() >= {'ase.Atoms', 'pandas.DataFrame', 'scipy.sparse'}
