"""Which variables a value was made from, as far as the source says so."""

from __future__ import annotations

import pytest

from aiida_dreamflow.compiler import compile_function, reads_in
from aiida_dreamflow.compiler.sources import only_looked_at


async def example(xs, ys, g, it):
    a = f(xs, ys)  # noqa: F821
    b = a + 1
    xs = []
    c = [x for x in ys if x > a]
    d, e = b, c
    if e:
        h = 1
    k = (b := 3)
    xs.append(a)
    m = xs[0]
    n = next(g)
    p = sum(y for y in it)
    del d
    return h, k, m, n, p


@pytest.fixture(scope='module')
def block():
    (block,) = compile_function(example).blocks
    return block


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('a', {('xs', False), ('ys', True), ('f', True)}),
        ('c', {('x', True), ('ys', True), ('a', True)}),
        ('e', None),  # from a `b` that the block has assigned again
        ('h', None),
        ('k', None),
        ('d', None),
        ('m', {('xs', True)}),
    ],
)
def test_reads(block, name, expected):
    assert reads_in(block)[name] == (None if expected is None else frozenset(expected))


def test_looked_at(block):
    assert {'g', 'it', 'ys'} & only_looked_at(block) == {'g', 'it'}
    assert 'xs' not in only_looked_at(block)
