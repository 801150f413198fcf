"""What Python warns of in a user's text, it has said when it compiled the file."""

from __future__ import annotations

import ast
import contextlib
import gc
import linecache
import warnings

from aiida_dreamflow.compiler import bundle, compile_function
from aiida_dreamflow.compiler.quietly import parsed

TEXT = r"""
async def f(x):
    try:
        return await x, '\d'
    finally:
        return 1 is 1


def g(x):
    return x is '\d'
"""


def test_a_text_is_looked_at_in_silence():
    linecache.cache['<doubtful>'] = (len(TEXT), None, TEXT.splitlines(keepends=True), '<doubtful>')
    scope = {'__name__': '__main__'}
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter('always')
        exec(compile(TEXT, '<doubtful>', 'exec'), scope)
    assert said
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        compile_function(scope['f'])
        made = bundle(scope['g'])
    assert 'def g' in made.source


def test_garbage_that_is_parsed_meanwhile():
    """A finalizer that logs a traceback parses the lines of it."""
    text = ''.join(f'x{i} = f({i}, [a, b, (c, d)])\n' for i in range(400))
    nested = []

    def collect(phase, info):
        if not nested:
            nested.append(phase)
            with contextlib.suppress(SystemError):  # of Python 3.11.7
                ast.parse('(((a+b)+c)+d)')
            nested.clear()

    before = gc.get_threshold()
    gc.callbacks.append(collect)
    gc.set_threshold(50)
    try:
        for _ in range(10):
            assert len(parsed(text).body) == 400
    finally:
        gc.set_threshold(*before)
        gc.callbacks.remove(collect)
