"""What is measured: the same work as a workflow function and as a hand-written work chain."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from aiida.calculations.arithmetic.add import ArithmeticAddCalculation
from aiida.engine import ToContext, WorkChain, calcfunction, while_
from aiida.orm import Int, load_code

from aiida_dreamflow import as_completed, checkpoint, gather, sleep, submit, workflow

from measuring import tick

CODE = 'add@localhost'

# -- steps


@workflow
async def nothing_changes(n: int):
    for _ in range(n):
        tick()
        await checkpoint()


@workflow
async def one_changes(n: int):
    total = 0
    for _ in range(n):
        tick()
        total += 2
        await checkpoint()
    return total


@workflow
async def two_change(n: int):
    total, other = 0, 1
    for _ in range(n):
        tick()
        total += 2
        other += total
        await checkpoint()
    return {'total': total, 'other': other}


@workflow
async def list_grows(n: int):
    seen = []
    for i in range(n):
        tick()
        seen.append(i * 0.5)
        await checkpoint()
    return len(seen)


@workflow
async def array_untouched(n: int, size: int):
    array = np.arange(size, dtype=float)
    for _ in range(n):
        tick()
        await checkpoint()
    return array[0]


@workflow
async def array_changed(n: int, size: int):
    # Other numbers each time: the repository reads a file again that it has already.
    array = np.arange(size, dtype=float) + np.random.default_rng().random()
    for i in range(n):
        tick()
        array[i] += 0.5
        await checkpoint()
    return array[0]


class Optimiser:
    """Has no stored form, as egobox's, but takes no time."""

    def __init__(self, limits: Any) -> None:
        self.limits = limits

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError('it has no stored form')

    def suggest(self, xs: Any, ys: Any) -> Any:
        low, high = self.limits
        return low + (high - low) * ((xs[-1:] * 7.1 + ys[-1:]) % 1)


async def evaluation(x: Any):
    await checkpoint()
    return x * x


@workflow
async def optimises(n: int):
    """The loop of the README, two steps a turn: a helper takes the place of the job, a quick optimiser that of egobox."""
    optimiser = Optimiser([0.0, 25.0])
    x_doe, y_doe = np.array([1.0]), np.array([2.0])
    for _ in range(n):
        tick()
        x = optimiser.suggest(x_doe, y_doe)
        x_doe = np.concatenate((x_doe, x))
        y = await evaluation(x)
        y_doe = np.concatenate((y_doe, y))
    return y_doe[-1]


def totals():
    total = 0
    while True:
        y = yield total
        total += y


@workflow
async def generator_sent(n: int):
    generator = totals()
    x = next(generator)
    for _ in range(n):
        tick()
        await checkpoint()
        x = generator.send(x % 7 + 1)
    return x


class Loop(WorkChain):
    """A loop by hand: a counter in the context, and a method for the body."""

    tick = staticmethod(tick)

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.input('n', valid_type=Int)
        spec.outputs.dynamic = True
        spec.outline(cls.start, while_(cls.more)(cls.turn))

    def start(self) -> None:
        self.ctx.i, self.ctx.n, self.ctx.total = 0, self.inputs.n.value, 0

    def more(self) -> bool:
        return bool(self.ctx.i < self.ctx.n)

    def turn(self) -> Any:
        self.tick()
        self.ctx.i += 1
        self.ctx.total += 2


@calcfunction
def plus_two(total: Int) -> Int:
    return Int(total + 2)


class CalcfunctionLoop(Loop):
    """The same with provenance: the body is a calculation function."""

    def start(self) -> None:
        super().start()
        self.ctx.total = Int(0)

    def turn(self) -> Any:
        self.tick()
        self.ctx.i += 1
        self.ctx.total = plus_two(self.ctx.total)


# -- children


class Nothing(WorkChain):
    """A child that does nothing."""

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.outline(cls.only)

    def only(self) -> None:
        pass


@workflow
async def nothing():
    pass


def no_op():
    return 1


@workflow
async def await_nothing(n: int):
    for _ in range(n):
        await submit(Nothing)


@workflow
async def await_workflow(n: int):
    for _ in range(n):
        await submit(nothing)


@workflow
async def await_add(n: int):
    code = load_code('add@localhost')
    for _ in range(n):
        await submit(ArithmeticAddCalculation, x=Int(1), y=Int(2), code=code)


@workflow
async def await_no_op(n: int):
    for _ in range(n):
        await submit(no_op)


class NothingLoop(Loop):
    """Children one after the other, by hand."""

    def turn(self) -> Any:
        self.ctx.i += 1
        return ToContext(child=self.submit(Nothing))


class AddLoop(Loop):
    """The same with a calculation job."""

    def turn(self) -> Any:
        self.ctx.i += 1
        return ToContext(child=self.submit(ArithmeticAddCalculation, x=Int(1), y=Int(2), code=load_code(CODE)))


# -- many jobs


class PythonCalculation(ArithmeticAddCalculation):
    """A calculation job by hand that runs a line of Python."""

    def prepare_for_submission(self, folder: Any) -> Any:
        prepared = super().prepare_for_submission(folder)
        with folder.open(self.options.input_filename, 'w') as file:
            file.write(f'print({self.inputs.x.value} + {self.inputs.y.value})\n')
        return prepared


def ten_milliseconds(x: int) -> int:
    """Keep a core busy for so long."""
    end = time.perf_counter() + 0.01
    while time.perf_counter() < end:
        pass
    return x


@workflow
async def one_job_each(n: int):
    return len(await gather(*[submit(ten_milliseconds, x=number) for number in range(n)]))


@workflow
async def mapped(n: int):
    return len(await submit.map(ten_milliseconds, range(n)))


@workflow
async def many_no_ops(n: int):
    await gather(*[submit(no_op) for _ in range(n)])


@workflow
async def naps(until: float):
    await sleep(until - time.time())


@workflow
async def waits_for_all(n: int, until: float, apart: float):
    await gather(*[submit(naps, until=until + apart * number) for number in range(n)])


@workflow
async def waits_for_each(n: int, until: float, apart: float):
    async for handle in as_completed([submit(naps, until=until + apart * number) for number in range(n)]):
        tick()
        await handle
