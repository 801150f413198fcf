"""Whether a value belongs to one variable alone, so that only code which uses that variable can change it.

Decided by counting references: what nothing but its own place refers to, can be reached through that place only. Only
plain containers, numpy's own arrays and objects that are nothing but their attributes are looked into; of all else the
answer is no, which costs time and is never wrong.

Out of reach of this, and of any reference count: memory that something changes without a reference to the object
(``ctypes``, a file mapped elsewhere), and code that searches the heap (``gc.get_objects()``, frames of others).
"""

from __future__ import annotations

import abc
import copyreg
import enum
import functools
import inspect
import sys
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = (
    'PLAIN',
    'SHARED_BY_ALL',
    'Shared',
    'find_shared',
    'is_closed',
    'is_frozen',
    'is_owned',
    'references_to',
)

#: Immutable, and their identity is not kept.
PLAIN = frozenset({int, float, bool, str, type(None)})
#: Immutable, but two variables that hold the same one do so after a restart.
_FROZEN = frozenset({bytes, complex})
#: Everybody has the same one.
SHARED_BY_ALL: tuple[Any, ...] = ((), b'', frozenset())
#: What a class may have that says how its objects are stored.
_WORDS = ('__getstate__', '__reduce__', '__reduce_ex__', '__getattribute__')
_MORE_WORDS = ('__setstate__', '__getnewargs__', '__getnewargs_ex__', '__del__')


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
        if type(container[key]) in PLAIN:
            continue
        inner = _places(container[key], type(container[key]))
        if inner is None or any(_is_shared(holder, name) for holder, name in inner):
            return False
        places.extend(inner)
        del inner
    return True


@dataclass(eq=False)
class Shared:
    """An object among the items of a list, or inside of one, that something else refers to as well.

    :ivar holder: a list of it alone.
    :ivar is_closed: whether nothing refers to anything in it but from itself.
    :ivar slots: the places that refer to it: the `id` of a list, dict or tuple, and an index or key.
    :ivar lists: the `id` of all long lists that lead to it, if nothing else did in the last frame.
    """

    holder: list[Any]
    is_closed: bool
    slots: list[tuple[int, Any]] = field(default_factory=list)
    lists: frozenset[int] = frozenset()


def find_shared(value: list[Any], start: int, stop: int, counted: Sequence[Any] = ()) -> dict[int, Shared] | None:
    """Find what else than their list refers to, of some of its items; the classes of objects always.

    :param value: the list.
    :param start: the first of them.
    :param stop: behind the last.
    :param counted: a second list, whose references to the items at the same places do not count.
    :returns: the objects by their `id`; ``None`` if there is one that cannot be looked into.
    """
    found: dict[int, Shared] = {}
    work: list[tuple[Any, Any, int]] = [
        (value, place, int(place < len(counted) and counted[place] is value[place])) for place in range(start, stop)
    ]
    while work:
        holder, key, others = work.pop()
        number = id(holder[key])
        if number not in found and not _is_shared(holder, key, others):
            kind: Any = type(holder[key])
            inner = _places(holder[key], kind)
            if inner is None:
                return None
            _note_class(kind, found)
            work.extend((*place, 0) for place in inner)
            del inner
        elif number in found:
            found[number].slots.append((id(holder), key))
        else:
            is_alone = is_closed(holder, key)
            kinds = _classes_in(holder[key])
            if kinds is None:
                return None
            for kind in kinds:
                _note_class(kind, found)
            found[number] = Shared([holder[key]], is_alone, [(id(holder), key)])
    return found


def _note_class(kind: type, found: dict[int, Shared]) -> None:
    if _is_named_tuple(kind) or _is_nothing_but_attributes(kind):
        found.setdefault(id(kind), Shared([kind], is_closed=False))


def _classes_in(value: Any) -> set[type] | None:
    """Return the classes of all that is in a value; ``None`` if some of it cannot be looked into, whoever refers to it."""
    seen, kinds = {id(value)}, set()
    work = [value]
    while work:
        value = work.pop()
        kinds.add(type(value))
        inner = _places(value, type(value))
        if inner is None:
            return None
        for holder, key in inner:
            if type(holder[key]) not in PLAIN and id(holder[key]) not in seen:
                seen.add(id(holder[key]))
                work.append(holder[key])
    return kinds


def _is_shared(holder: Any, key: Any, others: int = 0) -> bool:
    """Return whether something else refers to a value, and that makes a difference."""
    if _count(holder, key) == _ALONE + others or _is_single(type(holder[key])):
        return False
    return not any(holder[key] is value for value in SHARED_BY_ALL)


def _places(value: Any, kind: type) -> list[tuple[Any, Any]] | None:
    """Return the places inside a value; ``None`` for one that cannot be looked into."""
    if kind is list or kind is tuple or _is_named_tuple(kind):
        return [(value, index) for index in range(len(value))]
    if kind is dict:
        return [(value, name) for name in value] if all(type(name) in PLAIN for name in value) else None
    if kind is set or kind is frozenset:
        return [] if all(type(item) in PLAIN for item in value) else None
    if is_frozen(kind) or _is_lone_array(value, kind) or type(kind) is enum.EnumMeta:
        return []
    if not _is_nothing_but_attributes(kind) or weakref.getweakrefcount(value) or _count_of_attributes(value) != _FEW:
        return None
    attributes = value.__dict__
    return [(attributes, name) for name in attributes] if all(type(name) is str for name in attributes) else None


def _count_of_attributes(value: Any) -> int:
    return sys.getrefcount(value.__dict__)


class _Sample:
    pass


#: What is counted of the attributes of an object to which nothing else refers.
_FEW = _count_of_attributes(_Sample())


@functools.lru_cache(256)
def _is_nothing_but_attributes(kind: type) -> bool:
    """Return whether objects of a class are stored as their ``__dict__``, and hold nothing beside."""
    if type(kind) not in (type, abc.ABCMeta) or kind in copyreg.dispatch_table or not kind.__dictoffset__:
        return False
    if any(base.__basicsize__ > _Sample.__basicsize__ or not _is_heap_type(base) for base in kind.__mro__[:-1]):
        return False
    own = {name for base in kind.__mro__[:-1] for name in vars(base)}
    return own.isdisjoint((*_WORDS, *_MORE_WORDS)) and not isinstance(
        inspect.getattr_static(kind, '__dict__', None), property
    )


def _is_heap_type(kind: type) -> bool:
    return bool(kind.__flags__ & 1 << 9)


@functools.lru_cache(256)
def _is_named_tuple(kind: type) -> bool:
    return kind.__bases__ == (tuple,) and hasattr(kind, '_fields') and not kind.__dictoffset__


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
