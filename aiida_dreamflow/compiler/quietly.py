"""`ast.parse` and `compile` for texts that Python has compiled before.

It has said then what it warns of (an unknown escape, a ``return`` in a ``finally``); who looks at the text again says it no more.
"""

from __future__ import annotations

import ast
import types
import warnings
from typing import Any

__all__ = ('compiled', 'parsed')


def parsed(text: str, filename: str = '<unknown>') -> ast.Module:
    """Return the tree of a text.

    :raises SyntaxError: if it is no Python.
    """
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        return ast.parse(text, filename)


def compiled(source: Any, filename: str, flags: int = 0) -> types.CodeType:
    """Return the code of a module, of its text or its tree.

    :raises SyntaxError: if it is no Python.
    """
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        code: types.CodeType = compile(source, filename, 'exec', flags, dont_inherit=True)
        return code
