"""`ast.parse` and `compile` for texts that Python has compiled before.

It has said then what it warns of (an unknown escape, a ``return`` in a ``finally``); who looks at the text again says it no more.

On Python 3.11, until 3.11.8, they fail with a ``SystemError`` if a garbage collection in their middle comes to use them too, as
the logging of a traceback does (`gh-106905 <https://github.com/python/cpython/issues/106905>`__). So it has to wait there.
"""

from __future__ import annotations

import ast
import gc
import sys
import types
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ('compiled', 'parsed')


def parsed(text: str, filename: str = '<unknown>') -> ast.Module:
    """Return the tree of a text.

    :raises SyntaxError: if it is no Python.
    """
    with _quietly():
        return ast.parse(text, filename)


def compiled(source: Any, filename: str, flags: int = 0) -> types.CodeType:
    """Return the code of a module, of its text or its tree.

    :raises SyntaxError: if it is no Python.
    """
    with _quietly():
        code: types.CodeType = compile(source, filename, 'exec', flags, dont_inherit=True)
        return code


@contextmanager
def _quietly() -> Iterator[None]:
    waits = sys.version_info[:2] == (3, 11) and gc.isenabled()
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        if waits:
            gc.disable()
        try:
            yield
        finally:
            if waits:
                gc.enable()
