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
        if type(later) is FunctionType:
            return {'annotate': ref(later), 'annotations': ref(function.__annotations__)}
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
    if sys.version_info >= (3, 14) and 'annotate' in content:
        function.__annotate__ = get(content['annotate'])
        if 'annotations' in content:
            _remember(function, get(content['annotations']))
    else:
        function.__annotations__ = get(content['annotations'])


def _remember(function: Any, annotations: dict[str, Any]) -> None:
    """Have a function find that its annotations are this dict.

    To set them would take its ``__annotate__`` away; so that gives them, by another code, for this once.
    """
    later = function.__annotate__
    code = later.__code__
    later.__code__ = _GIVES.replace(co_consts=(annotations,), co_freevars=code.co_freevars)
    try:
        function.__annotations__  # noqa: B018
    finally:
        later.__code__ = code


_GIVES = (lambda form: None).__code__
