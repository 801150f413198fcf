"""What compiled code asks of the runtime by name (`HIDDEN` in the compiler): each in a cell that blocks close over.

Must not know activations nor machines.
"""

from __future__ import annotations

import sys
import types
from typing import Any

from ..compiler.program import HIDDEN

__all__ = ('END', 'SUPPLIED', 'supply')

#: What ``next`` gives when a loop's iterator is exhausted.
END = object()


def _require_manager(manager: Any, is_async: bool) -> None:
    """Raise what ``with`` raises for something that is no context manager: ``with`` itself says it best."""
    kind = type(manager)
    if is_async and not (hasattr(kind, '__aenter__') and hasattr(kind, '__aexit__')):
        _enter_async(manager).send(None)
    if not is_async and not (hasattr(kind, '__enter__') and hasattr(kind, '__exit__')):
        with manager:
            pass


async def _enter_async(manager: Any) -> None:
    async with manager:
        pass


def _exc_info() -> tuple[Any, Any, Any]:
    """Return `sys.exc_info()`, with the traceback as the exception has it.

    Before Python 3.11 the traceback is kept a second time, there with the machinery's frames.
    """
    error = sys.exc_info()[1]
    return type(error), error, error.__traceback__ if error is not None else None


_VALUES = {
    '.locals': locals,
    '.iter': iter,
    '.next': next,
    '.end': END,
    '.type': type,
    '.exc_info': _exc_info,
    '.manager': _require_manager,
    '.AssertionError': AssertionError,
}

#: What compiled code closes over. Cells of what this module must not know are empty until `supply`.
SUPPLIED = {name: types.CellType(_VALUES[name]) if name in _VALUES else types.CellType() for name in HIDDEN}


def supply(name: str, value: Any) -> None:
    """Fill the cell of a name: the modules above this one do so when they are imported."""
    SUPPLIED[name].cell_contents = value
