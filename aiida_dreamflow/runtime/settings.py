"""The settings of libraries that a step may change for all that runs beside it: decimal's context, numpy's errors and printing.

Knows numpy only when somebody else has imported it, or a frame that comes back needs it.
"""

from __future__ import annotations

import decimal
import importlib
import operator
import sys
from collections.abc import Callable, Collection, Mapping
from typing import Any

__all__ = ('Outside', 'bring_in', 'changed_since', 'outside', 'put_back')

#: The settings as they were before a step, by place.
Outside = dict[str, Any]

_of_context: Callable[[Any], tuple[Any, ...]] = operator.attrgetter(
    'prec', 'rounding', 'Emin', 'Emax', 'capitals', 'clamp', 'flags', 'traps'
)
_CONTEXT = 'decimal.context'
#: What a `with` of a context holds.
_MANAGER = type(decimal.localcontext())
#: What gives and what takes settings that are plain values.
_NUMPY = {'numpy.errors': ('geterr', 'seterr'), 'numpy.printing': ('get_printoptions', 'set_printoptions')}


def outside() -> Outside:
    """Return the settings that are in force, and let the step have a context of `decimal` of its own.

    It may change attributes of the context that it gets, which others have too, also in other tasks of the event loop.
    """
    found: Outside = {_CONTEXT: decimal.getcontext()}
    decimal.setcontext(found[_CONTEXT].copy())
    if (numpy := _numpy()) is not None:
        found.update((place, getattr(numpy, names[0])()) for place, names in _NUMPY.items())
    return found


def changed_since(before: Outside, values: Collection[Any]) -> Mapping[str, Any]:
    """Return the settings that a step has changed, by place.

    :param before: what was in force before it.
    :param values: the values of the variables of the workflow: a context that it, or a `with`, has in its hands is its own.
    """
    changed: dict[str, Any] = {}
    context = decimal.getcontext()
    is_own = any(value is context or type(value) is _MANAGER for value in values)
    if is_own or _of_context(context) != _of_context(before[_CONTEXT]):
        changed[_CONTEXT] = context
    if (numpy := _numpy()) is not None:
        for place, names in _NUMPY.items():
            if place in before and (now := getattr(numpy, names[0])()) != before[place]:
                changed[place] = now
    return changed


def put_back(before: Outside, changed: Collection[str]) -> None:
    """Put settings in force again that were so before a step.

    :param before: those.
    :param changed: the places of what the step has changed.
    """
    for place in (_CONTEXT, *changed):
        if place in before:
            bring_in(place, before[place])


def bring_in(place: str, value: Any) -> bool:
    """Put a setting in force.

    :returns: whether the place is that of a setting.
    """
    if place == _CONTEXT:
        decimal.setcontext(value)
    elif place in _NUMPY:  # in a worker that has not imported it yet, too
        getattr(importlib.import_module('numpy'), _NUMPY[place][1])(**value)
    return place == _CONTEXT or place in _NUMPY


def _numpy() -> Any:
    return sys.modules.get('numpy')
