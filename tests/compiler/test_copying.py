"""What is known of a block: which of its variables are others as they were."""

from __future__ import annotations

import ast

import pytest

from aiida_dreamflow.compiler.copying import copies_in
from aiida_dreamflow.compiler.program import Block


@pytest.mark.parametrize(
    ('source', 'copies'),
    [
        ('x = y', {'x': 'y'}),
        ('x: int = y', {'x': 'y'}),
        ('x = z = y', {'x': 'y', 'z': 'y'}),
        ('z = y\nx = z', {'z': 'y', 'x': 'y'}),
        ('a, b = b, a', {'a': 'b', 'b': 'a'}),
        ('a, (b, c) = y', {'a': 'y[0]'}),
        ('a, *b, c = y', {'a': 'y[0]', 'c': 'y[-1]'}),
        ('z = y\na, b = z', {'z': 'y', 'a': 'y[0]', 'b': 'y[1]'}),
        ('a, *b = c, d, e', {'a': 'c'}),
        ('f((x := y))', {'x': 'y'}),
        ('if (x := y): pass', {'x': 'y'}),
        ('x = y\ny = 1', {}),
        ('x = y\nx = 1', {}),
        ('if a: x = y', {}),
        ('for a in b: x = y', {}),
        ('a or (x := y)', {}),
        ('[(x := y) for a in b]', {}),
        ('x = y + 0', {}),
        ('x, *z = *y, a', {}),
    ],
)
def test_copies(source, copies):
    assert copies_in(Block(body=ast.parse(source).body)) == copies
