"""What Python warns of in a user's text, it has said when it compiled the file."""

from __future__ import annotations

import linecache
import warnings

from aiida_dreamflow.compiler import bundle, compile_function

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
