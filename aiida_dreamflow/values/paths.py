"""How to reach one object from another, in the words of Python: ``[3].left['k']``. For messages only, so never hurried."""

from __future__ import annotations

from itertools import pairwise
from types import CellType, MethodType
from typing import Any

__all__ = ('path_between',)

_ATTRIBUTES = ('__cause__', '__context__', 'args', '__self__', '__func__', 'func', 'keywords')


def path_between(chain: list[object]) -> str:
    """The path along a chain of objects, each found inside the one before it.

    :param chain: the objects, outermost first.
    :returns: the path; empty if there is one object only.
    """
    path = ''
    owner = chain[0]  # the last object that has a place in the path; what only storing made, such as a state, has none
    for parent, child in pairwise(chain):
        step = _step(owner, child)
        if step is None and parent is not owner and isinstance(parent, dict):
            step = next((f'.{key}' for key, item in parent.items() if item is child), None)
        if step is not None:
            path, owner = path + step, child
    return path


def _step(parent: Any, child: object) -> str | None:
    """One step of a path; ``None`` if it goes through something that has no name."""
    kind = type(parent)
    if issubclass(kind, dict):
        for key, item in dict.items(parent):
            if item is child:
                return f'[{_short(key)}]'
            if key is child:
                return f'.key({_short(key)})'
    if issubclass(kind, (list, tuple)) or (kind.__module__, kind.__name__) == ('collections', 'deque'):
        for index, item in enumerate(parent):
            if item is child:
                name = getattr(kind, '_fields', ())[index : index + 1]
                return f'.{name[0]}' if name else f'[{index}]'
    if issubclass(kind, (set, frozenset)):
        return f'.item({_short(child)})'
    if kind is CellType:
        return '.cell_contents'
    for name, item in _attributes_of(parent):
        if item is child:
            return f'.{name}'
    if issubclass(kind, BaseException) and any(item is child for item in parent.args):
        return f'.args[{[item is child for item in parent.args].index(True)}]'
    return _array_step(parent, child) if kind.__name__ == 'ndarray' else None


def _attributes_of(parent: Any) -> list[tuple[str, object]]:
    names = list(getattr(parent, '__dict__', ()))
    for cls in type(parent).__mro__:
        slots = cls.__dict__.get('__slots__', ())
        names.extend([slots] if isinstance(slots, str) else slots)
    if isinstance(parent, (BaseException, MethodType)) or type(parent).__name__ == 'partial':
        names.extend(_ATTRIBUTES)
    found = []
    for name in names:
        try:
            found.append((name, object.__getattribute__(parent, name)))
        except (AttributeError, TypeError):
            continue
    return found


def _array_step(parent: Any, child: object) -> str | None:
    return next((f'.flat[{index}]' for index, item in enumerate(parent.flat) if item is child), None)


def _short(value: object) -> str:
    text = repr(value) if type(value) in (str, int, float, bool, tuple, bytes) else type(value).__name__
    return text if len(text) <= 40 else f'{text[:37]}...'
