"""The other cells of a notebook, which share their names with the one that defines a function.

Relies on what IPython keeps of the cells it has run: their texts in ``linecache``, and in ``shell.compile._filename_map``
(since IPython 7.24) the number of the last run of each. Without it, a cell is alone.
"""

from __future__ import annotations

import linecache
import types

from .quietly import parsed

__all__ = ('PARTS', 'other_cells')

#: Global name of a loaded source for the names of the texts that it was made of.
PARTS = '.parts'


def other_cells(function: types.FunctionType) -> list[tuple[str, list[str]]]:
    """Return names and lines of all cells that were run but the function's own, in the order of their last runs."""
    names = function.__globals__.get(PARTS)
    if names is None:
        shell = function.__globals__.get('get_ipython')
        numbers = getattr(getattr(shell(), 'compile', None), '_filename_map', {}) if callable(shell) else {}
        names = sorted((name for name in numbers if name in linecache.cache), key=lambda name: numbers[name])
    cells = []
    for name in names:
        text = ''.join(linecache.getlines(name))
        if name != function.__code__.co_filename and _parses(text):
            cells.append((name, f'{text}\n'.splitlines(keepends=True)))
    return cells


def _parses(text: str) -> bool:
    try:
        parsed(text)
    except (SyntaxError, ValueError):
        return False
    return True
