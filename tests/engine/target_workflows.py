"""Workflows that submit AiiDA's own processes, in all spellings."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

import numpy as np
from aiida import orm
from aiida.engine import ExitCode, WorkChain, calcfunction, workfunction

from aiida_dreamflow import checkpoint, gather, submit, workflow


@calcfunction
def add(x, y=1):
    return x + y


@calcfunction
def divmod_(x, y):
    return {'quotient': orm.Int(x.value // y.value), 'remainder': orm.Int(x.value % y.value)}


@calcfunction
def fails(x):
    return ExitCode(418, f'no tea for {x.value}')


@calcfunction
def raises(x):
    raise ValueError(f'no {x.value}')


@workfunction
def add_twice(x, y):
    return add(add(x, y), y)


@workflow
async def child(a: int, c: int = 1):
    await checkpoint()
    return {'b': a + c, 'c': c}


@workflow
async def submits(x: int):
    y = await submit(add, x, y=2)
    parts = await submit(divmod_, x=y, y=2)
    z = await submit(add_twice, x, y)
    return {'y': y, 'quotient': parts['quotient'], 'remainder': parts['remainder'], 'z': z}


@workflow
async def calls(x: int):
    """The second call needs what the step before it made of the first one's result."""
    y = add(x, 2)
    doubled = y.value * 2
    z = add(add(doubled, 1), doubled)
    sums = [add(each, x) for each in range(2)]
    if add_twice(x, x) > 5 and (last := add(x)):
        return {'z': z, 'sums': [each.value for each in sums], 'last': last}


@workflow
def calls_plainly(x: int):
    total = 0
    for number in range(3):
        total = add(total, number)
    return {'total': total, 'child': child(a=x).copy(), 'both': [child(x)['b'], child(a=2)['b']]}


async def relax(x):
    return add(x, 1).value + (await child(a=x))['b']


@workflow
async def calls_in_helpers(x: int):
    return {'sums': await gather(relax(x), relax(x + 1)), 'handles': await gather(child(x), child(a=2))}


@workflow
async def calls_child(x: int):
    kind = child
    return {'first': await child(a=x), 'second': await child(x, 5), 'third': await kind(a=x)}


@workflow
def calls_late():
    try:
        return late(a=1)
    except Exception as error:
        return {'message': str(error)}


@workflow
async def late(a: int):
    return a


@workflow
async def wrong_child():
    try:
        await child(d=1)
    except TypeError as error:
        return {'message': str(error)}


@workflow
async def catches():
    found = []
    for function in (fails, raises):
        try:
            await submit(function, x=3)
        except Exception as error:
            found.append((type(error).__name__, error.exit_status, str(error)))
    return found


@workflow
async def uncaught():
    fails(1)


@workflow
async def hidden_call():
    try:
        return list(map(add, [1], [2]))
    except Exception as error:
        return {'kind': type(error).__name__, 'message': str(error)}


@workflow
async def too_many_arguments():
    try:
        await submit(add, 1, 2, 3)
    except TypeError as error:
        return {'message': str(error)}


@calcfunction
def slowly(x, log):
    with open(log.value, 'a') as file:
        file.write('began ')
    time.sleep(1.5)
    return x + 1


@workflow
async def killed_in_a_calcfunction(log: str):
    x = len(log)
    return {'more': slowly(x, log) - x}


@dataclass
class Cell:
    a: float


@workflow
async def annotated(
    number: float,
    choice: Literal['a', 'b'] = 'a',
    values: list[int] | None = None,
    array: np.ndarray | None = None,
    cell: Cell = None,
    node: orm.Int | None = None,
    later: not_imported.Thing = None,  # noqa: F821
    anything=None,
):
    """Takes all sorts of inputs.

    :param number: a number of any kind.
    :param choice: one of two letters.
    """
    return number


@workflow
async def submits_wrong_values():
    try:
        await annotated(number=1, choice='c')
    except ValueError as error:
        return {'message': str(error)}


@workflow
async def by_name(code: orm.AbstractCode):
    inputs = {'x': 1, 'y': 2, 'code': code}
    first = await submit('core.arithmetic.add', **inputs)
    second = await submit('aiida.workflows:core.arithmetic.multiply_add', x=2, y=3, z=4, code=code)
    third = await submit('core.arithmetic.add_multiply', x=1, y=2, z=3)
    return {'first': first['sum'], 'second': second['result'], 'third': third}


@workflow
async def unknown_name():
    try:
        await submit('no.such', x=1)
    except ValueError as error:
        return {'message': str(error)}


class ByHand(WorkChain):
    """Submits a workflow function from a work chain written by hand, with its inputs exposed."""

    @classmethod
    def define(cls, spec):
        super().define(spec)
        spec.expose_inputs(child, namespace='child')
        spec.outline(cls.launch, cls.end)
        spec.output('b', valid_type=orm.Int)

    def launch(self):
        return {'child': self.submit(child, **self.exposed_inputs(child, 'child'))}

    def end(self):
        running = [each for each in self.node.called if each.is_finished_ok]
        self.out('b', running[0].outputs.b)


class WithDefaults(ByHand):
    """Exposes only one input, at the top level."""

    @classmethod
    def define(cls, spec):
        super().define(spec)
        spec.expose_inputs(annotated, include=['number'])
