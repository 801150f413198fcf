"""Patches of `unittest.mock` that a workflow has applied: taken off while it waits, and put on again before the next step.

Relies on what a patch keeps of itself while it is applied (``target``, ``temp_original``, ``is_local``), as its own
``__exit__`` does.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

__all__ = ('applied_in', 'put_on', 'taken_off')


def applied_in(values: Iterable[Any]) -> list[Any]:
    """Return the patches among some values that are applied, in order."""
    mock = sys.modules.get('unittest.mock')
    if mock is None:
        return []
    found = (value for value in values if type(value) is mock._patch)
    every = (patch for each in found for patch in (each, *each.additional_patchers))
    return [patch for patch in every if 'target' in vars(patch)]


def taken_off(patch: Any) -> tuple[Any, Any]:
    """Take a patch off; return it with what it had put there."""
    target, name = patch.target, patch.attribute
    put = vars(target)[name] if name in getattr(target, '__dict__', {}) else getattr(target, name)
    if patch.is_local and patch.temp_original is not sys.modules['unittest.mock'].DEFAULT:
        setattr(target, name, patch.temp_original)
    else:
        delattr(target, name)
        if not patch.create and not hasattr(target, name):
            setattr(target, name, patch.temp_original)
    return patch, put


def put_on(patch: Any, put: Any) -> None:
    """Put a patch on again."""
    setattr(patch.target, patch.attribute, put)
