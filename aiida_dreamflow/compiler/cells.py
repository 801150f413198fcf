"""The other cells of a notebook, which share their names with the one that defines a function.

Relies on what IPython keeps of the cells it has run: their texts in ``linecache``, and in ``shell.compile._filename_map``
(since IPython 7.24) the number of the last run of each. Without it, a cell is alone.
"""

from __future__ import annotations

import ast
import linecache
import types
from collections.abc import Iterator, Mapping
from typing import Any

from .quietly import parsed

__all__ = ('PARTS', 'bodies_of_magics', 'other_cells')

#: Global name of a loaded source for the names of the texts that it was made of.
PARTS = '.parts'


def other_cells(function: types.FunctionType) -> list[tuple[str, list[str]]]:
    """Return names and lines of all cells that were run but the function's own, in the order of their last runs."""
    names = function.__globals__.get(PARTS)
    if names is None:
        numbers = _numbers(function.__globals__)
        names = sorted((name for name in numbers if name in linecache.cache), key=lambda name: numbers[name])
    cells = []
    for name in names:
        text = with_magics_run(''.join(linecache.getlines(name)), function.__globals__)
        if name != function.__code__.co_filename and _parses(text):
            cells.append((name, f'{text}\n'.splitlines(keepends=True)))
    return cells


def bodies_of_magics(namespace: Mapping[str, Any]) -> Iterator[str]:
    """Yield what cells have run by a magic, such as ``%%time``, the last one first: IPython keeps no text for its code."""
    numbers = _numbers(namespace)
    for name in sorted((name for name in numbers if name in linecache.cache), key=lambda name: -numbers[name]):
        text = ''.join(linecache.getlines(name))
        if (body := with_magics_run(text, namespace)) != text:
            yield body


def with_magics_run(text: str, namespace: Mapping[str, Any]) -> str:
    """Return the text of a cell; of one that begins with a magic like ``%%time``, what that runs.

    Relies on this: IPython keeps ``get_ipython().run_cell_magic('time', '', 'the rest of the cell')``.
    """
    if 'run_cell_magic' not in text or not _parses(text):
        return text
    body = parsed(text).body
    call = body[0].value if len(body) == 1 and isinstance(body[0], ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or call.func.attr != 'run_cell_magic':
        return text
    arguments = [each.value for each in call.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    if len(arguments) != 3 or arguments[0] not in _RUN_IT_HERE:
        return text
    shell = namespace.get('get_ipython')
    transformed = getattr(shell() if callable(shell) else None, 'transform_cell', str)(arguments[2])
    return with_magics_run(str(transformed), namespace)


#: Magics that run the rest of the cell as the cell itself would be.
_RUN_IT_HERE = frozenset(('time', 'capture', 'prun', 'memit'))


def _numbers(namespace: Mapping[str, Any]) -> Mapping[str, int]:
    shell = namespace.get('get_ipython')
    found: Mapping[str, int] = (
        getattr(getattr(shell(), 'compile', None), '_filename_map', {}) if callable(shell) else {}
    )
    return found


def _parses(text: str) -> bool:
    try:
        parsed(text)
    except (SyntaxError, ValueError):
        return False
    return True
