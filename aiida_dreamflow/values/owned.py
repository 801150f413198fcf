"""Whether a value belongs to one variable alone, so that only code which uses that variable can change it.

Decided by counting references: what nothing but its own place refers to, can be reached through that place only. Only
plain containers and numpy's own arrays are looked into; of all else the answer is no, which costs time and is never wrong.

Out of reach of this, and of any reference count: memory that something changes without a reference to the object
(``ctypes``, a file mapped elsewhere), and code that searches the heap (``gc.get_objects()``, frames of others).
"""

from __future__ import annotations

import sys
import weakref
from typing import Any

__all__ = ('PLAIN', 'is_closed', 'is_frozen', 'is_owned', 'references_to')

#: Immutable, and their identity is not kept.
PLAIN = frozenset({int, float, bool, str, type(None)})
#: Immutable, but two variables that hold the same one do so after a restart.
_FROZEN = frozenset({bytes, complex})


def _count(container: Any, key: Any) -> int:
    return sys.getrefcount(container[key])


#: What is counted of an object that one place refers to: it differs between versions of Python.
_ALONE = _count([object()], 0)


def references_to(container: Any, key: Any) -> int:
    """Return how many references to ``container[key]`` there are beside that one. The caller must hold none."""
    return _count(container, key) - _ALONE


def is_owned(container: Any, key: Any, others: int = 0, inside: bool = True) -> bool:
    """Return whether nothing but ``container[key]`` refers to that value, nor to anything in it from outside of it.

    :param container: a list, tuple or dict. The caller must hold neither the value nor anything in it.
    :param key: the place in it.
    :param others: how many more references to the value there are that cannot change it.
    :param inside: whether to look into the value.
    """
    if not _is_single(type(container[key])) and _count(container, key) != _ALONE + others:
        return False
    return not inside or is_closed(container, key)


def _is_single(kind: type) -> bool:
    """Return whether equal objects of this type need not be told apart, or cannot."""
    return kind in PLAIN or (kind.__module__ == 'numpy' and kind.__name__ in ('bool', 'bool_'))


def is_closed(container: Any, key: Any) -> bool:
    """Return whether nothing refers to anything in ``container[key]`` but from that value itself."""
    places: list[tuple[Any, Any]] = [(container, key)]
    while places:
        container, key = places.pop()
        kind = type(container[key])
        if kind in PLAIN:
            continue
        inner = _places(container[key], kind)
        if inner is None or any(
            not _is_single(type(holder[name])) and _count(holder, name) != _ALONE for holder, name in inner
        ):
            return False
        places.extend(inner)
        del inner
    return True


def _places(value: Any, kind: type) -> list[tuple[Any, Any]] | None:
    """Return the places inside a value; ``None`` for one that cannot be looked into."""
    if kind is list or kind is tuple:
        return [(value, index) for index in range(len(value))]
    if kind is dict:
        return [(value, name) for name in value] if all(type(name) in PLAIN for name in value) else None
    return [] if is_frozen(kind) or _is_lone_array(value, kind) else None


def is_frozen(kind: type) -> bool:
    """Return whether objects of exactly this type are immutable, and nothing mutable can be reached from them."""
    if kind in PLAIN or kind in _FROZEN:
        return True
    numpy: Any = sys.modules.get('numpy')
    return (
        numpy is not None
        and kind.__module__ == 'numpy'
        and issubclass(kind, numpy.generic)
        and not issubclass(kind, numpy.void)
    )


def _is_lone_array(value: Any, kind: type) -> bool:
    numpy: Any = sys.modules.get('numpy')
    if numpy is None or kind is not numpy.ndarray:
        return False
    if value.base is not None or not value.flags.owndata or value.dtype.hasobject:
        return False
    return not weakref.getweakrefcount(value)
