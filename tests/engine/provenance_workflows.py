"""Workflows whose data take ways that are easily lost: nodes inside of values, gathered results, nested inputs."""

import time

from aiida import orm
from aiida.engine import WorkChain, calcfunction
from aiida.plugins import CalculationFactory

from aiida_dreamflow import checkpoint, gather, job, submit, workflow

Add = CalculationFactory('core.arithmetic.add')


def square(x):
    return x * x


def fail(x):
    raise ValueError(f'no {x}')


@calcfunction
def plus(a, b):
    return a + b


class Chain(WorkChain):
    """A hand-written one, with nested inputs, defaults and outputs."""

    @classmethod
    def define(cls, spec):
        super().define(spec)
        spec.input('x', valid_type=orm.Int, default=lambda: orm.Int(3))
        spec.input('ns.y', valid_type=orm.Int, serializer=orm.to_aiida_type)
        spec.input('ns.z', valid_type=orm.Int, default=lambda: orm.Int(9))
        spec.input('ns.option', non_db=True, required=False)
        spec.outputs.dynamic = True
        spec.outline(cls.go)

    def go(self):
        self.out('r', plus(self.inputs.x, self.inputs.ns.y))
        self.out('sub.r', plus(self.inputs.x, self.inputs.ns.z))


@workflow
async def node_made(x: int = 1):
    node = orm.Int(x + 2)
    await checkpoint()
    assert node.is_stored
    same = node
    await checkpoint()
    return {'node': node, 'same': same is node}


@workflow
async def nodes_inside(x: int = 1):
    shared = orm.Int(x)
    values = {'made': [shared, shared], 'computer': orm.load_computer('localhost')}
    await checkpoint()
    first, second = values['made']
    return {'same': first is second, 'sum': first.value + 1, 'all': values, 'label': values['computer'].label}


@workflow
async def returns_nodes_inside(x: int = 1):
    return {'pair': (orm.Int(x), [orm.Str('a')])}


@workflow
async def made_of_nothing(x: int = 1):
    await checkpoint()
    return time.time()


@workflow
async def gathers(x: int = 1):
    a, *b = await gather(submit(square, x=x), submit(square, x=x + 1))
    return {'a': a, 'b': b}


@workflow
async def ignores(x: int = 1):
    await submit(square, x=x)
    return 'done'


@workflow
async def catches(x: int = 1):
    try:
        await submit(fail, x=x)
    except ValueError as error:
        await checkpoint()
        return str(error)


@workflow
async def inner(n: int = 3, m: int = 4):
    await checkpoint()
    return n * m


@workflow
async def outer(x: int = 2):
    return await submit(inner, n=x)


@workflow
async def calculation(code: orm.Code, x: int = 1):
    out = await submit(Add, code=code, x=orm.Int(x), y=orm.Int(5))
    await checkpoint()
    return {'more': out['sum'].value + 1, 'sum': out['sum']}


@workflow
async def builder(code: orm.Code, x: int = 1):
    add = Add.get_builder()
    add.code = code
    add.y = orm.Int(5)
    add.metadata.options.resources = {'num_machines': 1}
    await checkpoint()
    add.x = orm.Int(x)
    out = await submit(add)
    again = await submit(add, x=out['sum'])
    return {'sum': again['sum'], 'y': add.y}


@workflow
async def chain(x: int = 1):
    out = await submit(Chain, ns={'y': x + 1, 'option': {'a': 1}})
    return {'r': out['r'].value, 'sub': out['sub']['r']}


def _odd(_a, b_, é, metadata, inputs, wait, code, function, arguments, lambda_):
    return [_a, b_, é, metadata, inputs, wait, code, function, arguments, lambda_]


@workflow
async def odd_names(
    _: int = 1,
    x_: int = 2,
    _tmp: int = 3,
    é: int = 4,
    lambda_: int = 5,
    a__b: int = 6,
    a___b: int = 7,
    Z0: int = 8,
    Z0x: int = 9,
):
    result_ = await submit(
        job(_odd),
        _a=_,
        b_=x_,
        é=_tmp,
        metadata=é,
        inputs=lambda_,
        wait=a__b,
        code=a___b,
        function=Z0,
        arguments=Z0x,
        lambda_=10,
    )
    ü, _y, y_, label, description, options, node, called, CALL, attributes = result_
    await checkpoint()
    return {
        'ü': ü, '_y': _y, 'y_': y_, 'metadata': label, 'inputs': description, 'wait': options, 'a b': node, 'a.b': called, '': CALL,
        '_': attributes, 'Z0': 0, 'Z0Z5fZ': 1,
    }  # fmt: skip
