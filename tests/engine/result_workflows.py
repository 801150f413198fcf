"""What workflows return, for `test_results.py`."""

from __future__ import annotations

import collections
import dataclasses
from typing import Any, NamedTuple

import numpy as np
from aiida import orm
from aiida.engine import WorkChain, calcfunction

from aiida_dreamflow import checkpoint, submit, workflow


class Fit(NamedTuple):
    slope: Any
    offset: Any


@dataclasses.dataclass
class Report:
    title: str
    error: float


@workflow
async def statistics():
    energies = np.array([1.0, 2.0, 6.0])
    return {
        'mean': np.mean(energies),
        'n': np.int64(3),
        'ok': np.bool_(True),
        'label': np.str_('Si'),
        'single': np.float32(0.5),
        'zero_d': np.array(4.0),
        'pair': (1, np.float64(2.5)),
        'fit': {'e0': np.float64(1), 'inside': [(1, 2)]},
        'ordered': collections.OrderedDict(b=1, a=np.int8(2)),
        'columns': np.asfortranarray([[1.0, 2.0], [3.0, 4.0]]),
    }


@workflow
async def crossed():
    mean = np.float64(0.1) * 3
    await checkpoint()
    return {'mean': mean, 'again': mean}


@workflow
async def gives(kind: str):
    values = {
        'scalar': np.float64(0.1),
        'tuple': (1, 2),
        'ordered': collections.OrderedDict(b=np.int8(1), a=2),
        'fit': Fit(np.float64(1.0), (1, 2)),
        'columns': (np.asfortranarray([[1.0, 2.0], [3.0, 4.0]]), 1),
        'long': tuple(range(50_000)),
        'nested': {'scf': {'energy': orm.Float(1.0), 'n': np.int64(2)}, 'x': 1},
        'odd': {'10.0': 1.0, 'a b': 2},
    }
    return values[kind]


@workflow
async def receives(kind: str):
    value = await gives(kind)
    expected = await gives.function(kind)
    return {'types': type(value) is type(expected), 'text': repr(value), 'expected': repr(expected)}


@calcfunction
def double(x):
    return {'twice': orm.Float(2 * x.value), 'parameters': orm.Dict({'energy': x.value})}


class Doubles(WorkChain):
    """A work chain by hand, with a namespace of outputs."""

    @classmethod
    def define(cls, spec):
        super().define(spec)
        spec.input('x', valid_type=orm.Float)
        spec.output('scf.twice', valid_type=orm.Float)
        spec.output('parameters', valid_type=orm.Dict)
        spec.outline(cls.compute)

    def compute(self):
        outputs = double(self.inputs.x)
        self.out('scf.twice', outputs['twice'])
        self.out('parameters', outputs['parameters'])


@workflow
async def forwards():
    return await submit(Doubles, x=orm.Float(2.0))


@workflow
async def forwards_below():
    outputs = await submit(Doubles, x=orm.Float(2.0))
    again = await submit(Doubles, x=orm.Float(3.0))
    return {'first': outputs, 'all': {'second': again, 'energy': np.float64(1.5)}}


class Attributed(Doubles):
    """A class with a property of the name of what builders have, as aiida-quantumespresso's base work chains are."""

    @property
    def process_class(self):
        return Doubles


@workflow
async def labelled():
    named = {'call_link_label': 'scf'}
    first = submit(Doubles, x=orm.Float(1.0), metadata=named)
    again = submit(Doubles, x=orm.Float(2.0), metadata=named)
    await first
    await again
    builder = Doubles.get_builder()
    builder.x = orm.Float(3.0)
    builder.metadata.call_link_label = 'scf'
    await submit(builder)
    await submit(Doubles, x=orm.Float(4.0), metadata={'call_link_label': 'step_1', 'label': 'mine'})
    await submit(Attributed, x=orm.Float(5.0))


@workflow
async def odd_keys(inner: bool = False):
    energies = {'10 nm': np.float64(-1.0), '11 nm': -2.0}
    return {'energies': energies} if inner else energies


@workflow
async def dotted_keys():
    return {'10.0': -1.0, '11.0': -2.0}


@workflow
async def opaque():
    return {
        'report': Report('ends well', 0.5),
        'sizes': {1: float('inf'), 2: 3},
        'chosen': {3},
        'small': [np.array([1, 2])],
        'long': [float('nan')] * 1000,
    }


def _figure():
    import matplotlib
    from matplotlib.figure import Figure

    matplotlib.use('Agg')
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([1, 3, 2])
    return figure


@workflow
async def draws():
    return {'plot': _figure(), 'n': 1}


@workflow(figures='pdf')
async def prints_on_paper():
    figure = _figure()
    return figure


@workflow(exit_codes={'ERROR_NOT_CONVERGED': (410, 'not converged after {n} steps')})
async def converges(n: int):
    await checkpoint()
    if n > 3:
        return converges.exit_codes.ERROR_NOT_CONVERGED.format(n=n)
    return {'n': n}
