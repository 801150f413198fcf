"""The workflows of `test_outputs`."""

from __future__ import annotations

import json

from aiida import orm
from aiida.engine import WorkChain, calcfunction

from aiida_dreamflow import checkpoint, gather, submit, workflow


@calcfunction
def make(x):
    names = ('parameters', 'bands', 'trajectory', 'remote')
    return {name: orm.Dict({'energy': x.value, 'name': name}) for name in names}


class Pw(WorkChain):
    """Gives what a simulation code gives."""

    @classmethod
    def define(cls, spec):
        super().define(spec)
        spec.input('x', valid_type=orm.Float)
        spec.outputs.dynamic = True
        spec.output_namespace('more', dynamic=True)
        spec.outline(cls.work)

    def work(self):
        given = make(self.inputs.x)
        self.out('more.bands', given.pop('bands'))
        for name, value in given.items():
            self.out(name, value)


@workflow
async def takes_one(x: float):
    out = await submit(Pw, x=x)
    energy = out['parameters']['energy']
    await checkpoint()
    return {'energy': energy}


@workflow
async def takes_later(x: float):
    out = await submit(Pw, x=x)
    await checkpoint()
    energy = out.get('parameters')['energy']
    await checkpoint()
    name = out['more']['bands']['name']
    await checkpoint()
    return {'energy': energy, 'name': name}


@workflow
async def takes_none(x: float):
    await submit(Pw, x=x)
    return {'x': x}


@workflow
async def many(n: int):
    outs = await gather(*(submit(Pw, x=float(i)) for i in range(n)))
    await checkpoint()
    energies = [out['parameters']['energy'] for out in outs]
    await checkpoint()
    return {'energies': energies, 'n': len(outs)}


async def relaxed(x):
    out = await submit(Pw, x=x)
    return await submit(Pw, x=x + out['parameters']['energy'])


@workflow
async def helpers(n: int):
    outs = await gather(*(relaxed(float(i)) for i in range(n)))
    return {'energies': [out['parameters']['energy'] for out in outs]}


async def pair(x):
    out = await submit(Pw, x=x)
    return x, out


@workflow
async def pairs(n: int):
    found = await gather(*(pair(float(i)) for i in range(n)))
    await checkpoint()
    return {'energies': [out['parameters']['energy'] + x for x, out in found]}


@workflow
async def loops(x: float):
    found = []
    for name, node in (await submit(Pw, x=x)).items():
        await checkpoint()
        if name != 'more':
            found.append(node['name'])
    return {'found': found}


@workflow
async def hands_on(x: float):
    out = await submit(Pw, x=x)
    await checkpoint()
    return out


@workflow
async def gives_all(x: float):
    out = await submit(make, x=x)
    texts = json.dumps(dict(**out), default=lambda node: node['name'])
    await checkpoint()
    return {'texts': texts, 'type': type(out).__name__}
