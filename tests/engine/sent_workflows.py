"""Workflows whose function jobs take and give objects of classes: what `test_sent` runs."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from aiida import orm

from aiida_dreamflow import checkpoint, gather, run, submit, workflow

if TYPE_CHECKING:
    from ase import Atoms


class Color(enum.Enum):
    RED = 1
    BLUE = 2


@dataclass
class Inner:
    a: int


@dataclass
class Config:
    x: int
    color: Color
    inner: Inner | None = None


class Pair(NamedTuple):
    config: Config
    n: int


class OwnError(Exception):
    def __init__(self, code, *, hint):
        super().__init__(f'own {code}')
        self.code = code
        self.hint = hint


def stretched(atoms):
    atoms = atoms.copy()
    atoms.set_cell(atoms.cell * 2)
    return atoms


def volume(structure: Atoms):
    return float(structure.get_volume())


def paint(config: Config):
    return Pair(Config(config.x + 1, Color.BLUE, config.inner), 3)


def unpack(pair: Pair):
    return pair.config


def described(frame):
    return frame.describe()


def squared(matrix):
    return (matrix @ matrix.T).tocsr()


def fails():
    try:
        1 / 0
    except ZeroDivisionError as error:
        raise OwnError(3, hint=Config(1, Color.RED)) from error


@workflow
async def own_classes():
    config = Config(1, Color.RED, Inner(3))
    pair = await submit(paint, config=config)
    await checkpoint()
    back = await submit(unpack, pair=pair)
    several = await submit.map(paint, [config, pair.config])
    child = await hands_back(config=back)
    return {
        'are': [type(pair) is Pair, type(back) is Config, back == pair.config, type(several[0]) is Pair, child['is']],
        'x': [pair.config.x, several[1].config.x, child['config'].x],
        'shown': repr(pair),
    }


@workflow
async def hands_back(config):
    await checkpoint()
    return {'config': config, 'is': type(config) is Config}


@workflow
async def packages(structure: orm.StructureData):
    import pandas as pd
    import scipy.sparse
    from ase.build import bulk

    atoms = bulk('Cu', cubic=True)
    first, second = await gather(submit(stretched, atoms=atoms), submit(volume, structure=structure))
    third = await run(volume, structure=structure)
    frame = await submit(described, frame=pd.DataFrame({'a': [1.0, 2.0]}))
    matrix = await submit(squared, matrix=scipy.sparse.csr_matrix(np.eye(2) * 2))
    return {
        'types': [type(first).__name__, type(frame).__name__, type(matrix).__name__],
        'same': second == third == structure.get_ase().get_volume(),
        'numbers': [len(first), float(frame['a']['mean']), float(matrix.sum())],
    }


@workflow
async def raises():
    try:
        await submit(fails)
    except OwnError as error:
        return [error.code, error.hint.x, type(error.hint) is Config, type(error.__cause__).__name__]


@workflow
async def refused(structure: orm.StructureData):
    try:
        await submit(stretched, atoms=structure)
    except ValueError as error:
        return str(error)
