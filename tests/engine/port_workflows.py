"""Workflows with ports as those of a work chain: what `test_ports` runs."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple, TypedDict

import numpy as np
from aiida import orm
from aiida.calculations.arithmetic.add import ArithmeticAddCalculation
from aiida.engine import ExitCode

from aiida_dreamflow import checkpoint, expose_inputs, submit, workflow


def positive(x):
    return None if x > 0 else f'must be positive, not {x}'


def ordered(low, high):
    return None if low <= high else 'they are not in order'


class Report(TypedDict):
    parameters: orm.Dict


class Found(TypedDict, total=False):
    """What is found.

    :param energy: in eV.
    """

    energy: float
    is_metal: bool
    scf: Report


class Pair(NamedTuple):
    first: float
    second: str


@workflow
async def typed(
    n: int,
    structure: orm.StructureData | None = None,
    name: str = 'a',
    points: list[orm.Int] | None = None,
    limit: float | None = None,
    anything=1,
) -> Found:
    await checkpoint()
    return {'energy': np.float64(n), 'is_metal': np.bool_(True), 'scf': {'parameters': orm.Dict({'a': n})}}


@workflow
async def pair(first: Any) -> Pair | ExitCode:
    if first == 'none':
        return ExitCode(410, 'there is none')
    return Pair(first, 'b')


@workflow
async def lacks(n: int) -> Pair:
    return {'first': 1.0, 'secnd': 'b'}


@workflow
async def number(n: int) -> float | None:
    return n if n else None


@workflow(validators=[positive, ordered])
async def validated(x: float, low: int = 0, high: int = 10):
    return x


@workflow
async def asks(x: float):
    return await validated(x=x)


def even(add):
    return None if add['x'].value % 2 == 0 else '`x` is odd'


@workflow(validators=[even])
async def adds(y: int, add: Annotated[dict[str, Any], expose_inputs(ArithmeticAddCalculation, exclude=('y',))]):
    """Add twice.

    :param add: what is added.
    """
    first = await submit(ArithmeticAddCalculation, y=y, **add)
    second = await submit(ArithmeticAddCalculation, y=first['sum'], **add)
    return {'sum': second['sum'], 'walltime': add['metadata']['options']['max_wallclock_seconds']}


@workflow
async def adds_or_not(
    y: int, add: Annotated[dict[str, Any], expose_inputs('core.arithmetic.add', exclude=('y',))] | None = None
):
    return y if add is None else (await submit('core.arithmetic.add', y=y, **add))['sum']


@workflow
async def around(inner: Annotated[dict[str, Any], expose_inputs(adds)]):
    return await submit(adds, **inner)


@workflow
async def coded(code: orm.AbstractCode, computer: orm.Computer, label: str):
    await checkpoint()
    total = await submit(ArithmeticAddCalculation, code=label, x=1, y=2, metadata={'computer': None})
    return {'code': code.label, 'computer': computer.label, 'total': total['sum']}
