"""The annotations of a stored function: from Python 3.14 on they are evaluated when somebody asks for them (PEP 649).

Storing a function must not ask: they may name what is not there, or not yet.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any

__all__ = ('annotate', 'annotations_of')


def annotations_of(function: FunctionType, ref: Callable[[object], Any]) -> dict[str, Any]:
    """The annotations of a function, as content; see :func:`annotate`.

    :param function: the function.
    :param ref: gives what stands for another object in the content.
    """
    if sys.version_info >= (3, 14):
        later = function.__annotate__
        if later is not None and not _are_known(function):
            return {'annotate': ref(later)}
    return {'annotations': ref(function.__annotations__)}


def _are_known(function: FunctionType) -> bool:
    """Whether somebody has asked for them."""
    names = ('__globals__', '__builtins__', '__dict__', '__kwdefaults__')
    others = [getattr(function, name) for name in names]
    found = [part for part in gc.get_referents(function) if type(part) is dict]
    return any(all(part is not other for other in others) for part in found)


def annotate(function: FunctionType, content: dict[str, Any], get: Callable[[Any], Any]) -> None:
    """Give a function its annotations.

    :param function: a new function.
    :param content: what :func:`annotations_of` found.
    :param get: the object that a ref stands for.
    """
    if 'annotations' in content:
        function.__annotations__ = get(content['annotations'])
    elif sys.version_info >= (3, 14):
        function.__annotate__ = get(content['annotate'])
