"""Workflows whose parameters are annotated with AiiDA's types: what `test_annotated` runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NewType, Optional, TypeVar, Union

import numpy as np
from aiida import orm
from aiida.engine import calcfunction

from aiida_dreamflow import checkpoint, submit, workflow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiida.orm import Dict as Parameters
    from nowhere import Thing
    from typing_extensions import Unpack  # noqa: F401

Number = orm.Int | orm.Float
Length = NewType('Length', float)
Node = TypeVar('Node', bound=orm.Data)


def said(value):
    """What arrived: its type, and its value where it is a node of one."""
    if isinstance(value, orm.Node):
        return [type(value).__name__, getattr(value, 'value', None)]
    return [type(value).__name__, value]


@workflow
async def takes_int(x: orm.Int):
    await checkpoint()
    return {'said': said(x), 'double': x.value * 2}


@workflow
async def takes_dict(x: Parameters):
    await checkpoint()
    return x.get_dict()['a']


@workflow
async def takes_list(x: orm.List):
    await checkpoint()
    return [x.get_list()[0], x[0]]


@workflow
async def takes_array(x: orm.ArrayData):
    await checkpoint()
    return float(x.get_array().sum())


@workflow
async def takes_float(x: orm.Float):
    return said(x)


@workflow
async def takes_value(x: int):
    return said(x)


@workflow
async def takes_alias(x: Number):
    return said(x)


@workflow
async def takes_either(x: orm.Int | str):
    return said(x)


@workflow
async def takes_both(x: orm.Int | int):
    return said(x)


@workflow
async def takes_optional(x: Optional[orm.Int] = None):  # noqa: UP045
    return said(x)


@workflow
async def takes_old_union(x: Union[orm.Int, None]):  # noqa: UP007
    return said(x)


@workflow
async def takes_annotated(x: Annotated[orm.Str, 'a label']):
    return said(x)


@workflow
async def takes_data(x: orm.Data):
    return said(x)


@workflow
async def takes_node(x: orm.Node):
    return type(x).__name__


@workflow
async def takes_bound(x: Node):
    return said(x)


@workflow
async def takes_length(x: Length):
    return said(x)


@workflow
async def takes_anything(x: Any):
    return said(x)


@workflow
async def takes_unknown(x: Thing | orm.Int | Sequence[Thing]):
    return said(x)


@workflow
async def takes_only_unknown(x: Thing):
    return said(x)


@workflow
async def takes_nodes(xs: list[orm.Int]):
    await checkpoint()
    return [said(x) for x in xs]


@workflow
async def takes_named_nodes(xs: dict[str, orm.Int | orm.Str]):
    await checkpoint()
    return {name: said(x) for name, x in xs.items()}


@workflow
async def takes_values(xs: list[int]):
    return [said(x) for x in xs]


@workflow
async def takes_pair(xs: tuple[orm.Int, str]):
    return [said(x) for x in xs]


@workflow
async def with_plain_default(x: orm.Int = 3):
    return said(x)


@workflow
async def bare(x):
    return said(x)


@calcfunction
def double(x: orm.Int) -> orm.Int:
    return orm.Int(x.value * 2)


@calcfunction
def total(xs: orm.List) -> orm.Int:
    return orm.Int(sum(xs.get_list()))


async def helper(x: orm.Int):
    await checkpoint()
    return said(x)


@workflow
async def passes_on(x: orm.Int, y: int):
    first = double(x)
    second = double(y)
    third = await takes_int(first)
    fourth = await submit(takes_int, x=y)
    fifth = await takes_value(first)
    long = list(range(100))
    await checkpoint()
    sixth = total(long)
    return {
        'values': [first.value, second.value, sixth.value],
        'children': [third, fourth, fifth],
        'helpers': [await helper(x), await helper(y)],
        'lists': await takes_list(long),
    }


@workflow
async def gives_node(x: orm.Int):
    return x


@workflow
async def gives_nodes(x: orm.Int, y: int):
    return {'x': x, 'y': y}


@workflow
async def gets_nodes(x: orm.Int):
    alone = await gives_node(x)
    several = await gives_nodes(x=alone, y=2)
    return [said(alone), said(several['x']), said(several['y'])]


@workflow
async def catches_wrong(x: orm.Int):
    try:
        await takes_int(x='abc')
    except ValueError as error:
        return str(error)


def local_workflow():
    from aiida import orm as nodes

    @workflow
    async def local(x: nodes.Int):
        return said(x)

    return local


array = np.ones(3)
