"""Instances of Python classes that derive from a builtin one: a named tuple, a `dict` with a `__getitem__` of its own.

What the builtin part holds is read and written by the builtin class's own means, so no method of the user's is called:
an ``items`` or ``__iter__`` may tell other things, a ``__new__`` or ``__setitem__`` want other arguments. Classes that say
themselves how they are pickled are left to that. Knows the standard library only.
"""

from __future__ import annotations

import collections
import contextlib
import copyreg
from collections.abc import Callable, Iterable
from typing import Any

from ..exceptions import CannotStoreError
from .containers import check_keys
from .definitions import is_made_by_python, write_attribute
from .records import Kind, Reader, Record, Writing

__all__ = ('KINDS', 'VALUES', 'fill_state', 'state_of', 'writer_for')


def _attribute(base: type, name: str, value: object) -> Any:
    return vars(base)[name].__get__(value)


#: The exact value of what is fixed when it is made.
VALUES: dict[type, Callable[[Any], Any]] = {
    int: int.__int__,
    float: float.__float__,
    complex: lambda value: complex(_attribute(complex, 'real', value), _attribute(complex, 'imag', value)),
    str: str.__str__,
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
    tuple: lambda value: tuple(tuple.__iter__(value)),
    frozenset: lambda value: tuple(frozenset.__iter__(value)),
}
#: What the others hold, how it is put back, and what they are begun with.
_ITEMS: dict[type, tuple[Callable[[Any], Iterable[Any]], Callable[[Any, Any], None]]] = {
    list: (list.__iter__, list.extend),
    set: (set.__iter__, set.update),
    bytearray: (bytearray.__iter__, bytearray.extend),
    collections.deque: (collections.deque.__iter__, collections.deque.extend),
}
_PAIRS: dict[type, tuple[Callable[[Any], Iterable[Any]], Callable[[Any, Any, Any], None]]] = {
    dict: (dict.items, dict.__setitem__),
    collections.OrderedDict: (collections.OrderedDict.items, collections.OrderedDict.__setitem__),
    collections.defaultdict: (dict.items, dict.__setitem__),
}
_BEGIN: dict[type, Callable[[Any], tuple[Any, ...]]] = {
    collections.deque: lambda value: ((), _attribute(collections.deque, 'maxlen', value)),
}
_BASES: dict[str, type] = {base.__name__: base for base in (*VALUES, *_ITEMS, *_PAIRS)}
#: What `collections.Counter` says of itself leaves out the attributes.
_COUNTED: Any = collections.Counter.__reduce__
_OWN_WORDS = ('__reduce_ex__', '__getstate__', '__setstate__')


def writer_for(cls: type) -> Callable[[Any, Writing], Record] | None:
    """The function that writes instances of a class; ``None`` if it is not of this kind.

    :param cls: the class.
    """
    if issubclass(cls, property) and cls.__reduce_ex__ is object.__reduce_ex__ and cls not in copyreg.dispatch_table:
        return _write_property
    base = next((base for base in cls.__mro__ if base in _BASES.values()), None)
    is_counter = cls.__reduce__ is _COUNTED and cls is not collections.Counter
    if (
        base is None
        or base is cls
        or cls in copyreg.dispatch_table
        or (cls.__reduce__ is not base.__reduce__ and not is_counter)
    ):
        return None
    if any(
        getattr(cls, name, None) not in (getattr(base, name, None), getattr(object, name, None)) for name in _OWN_WORDS
    ):
        return None
    return _refuse_widened if _is_widened(cls, base) else lambda value, w: _write(base, value, w)


def _is_widened(cls: type, base: type) -> bool:
    """Whether a class that is written in C keeps more than the builtin one, where nobody can see it."""
    native = next(each for each in cls.__mro__ if issubclass(each, base) and not is_made_by_python(each))
    return native.__basicsize__ > base.__basicsize__


def _refuse_widened(value: object, w: Writing) -> Record:
    reason = 'its class is written in C, and does not say how to store what it keeps beside the items'
    raise CannotStoreError(type(value).__name__, '', reason)


def _write(base: Any, value: Any, w: Writing) -> Record:
    ref = w.ref
    first = [ref(type(value)), base.__name__]
    rest = state_of(value, w)
    if base in (frozenset, set, *_PAIRS):
        check_keys(base.__iter__(value), w)
    if base in VALUES:
        first.append(ref(VALUES[base](value)))
    else:
        first.append([*map(ref, _BEGIN.get(base, lambda value: ())(value))])
        if base in _ITEMS:
            rest['items' if base is set else 'sequence'] = [*map(ref, _ITEMS[base][0](value))]
        else:
            if base is collections.defaultdict:
                rest['default'] = ref(_attribute(base, 'default_factory', value))
            rest['pairs'] = [ref(part) for pair in _PAIRS[base][0](value) for part in pair]
    return ['subclass', first, rest]


def _make(first: Any, r: Reader) -> object:
    cls, content = r.get(first[0]), first[2]
    base: Any = _BASES[first[1]]
    if base in VALUES:
        return base.__new__(cls, r.get(content))
    made: object = base.__new__(cls)
    base.__init__(made, *map(r.get, content))
    return made


def _fill(obj: Any, rest: Any, r: Reader) -> None:
    base = next(base for base in type(obj).__mro__ if base in _BASES.values())
    for name in ('items', 'sequence'):
        if name in rest:
            _ITEMS[base][1](obj, [*map(r.get, rest[name])])
    if 'default' in rest:
        vars(collections.defaultdict)['default_factory'].__set__(obj, r.get(rest['default']))
    parts = iter(rest.get('pairs', ()))
    for key in parts:
        _PAIRS[base][1](obj, r.get(key), r.get(next(parts)))
    fill_state(obj, rest, r)


def _rank(rest: Any) -> int:
    """Hashing may run code of the user's."""
    return 3 if any(type(key) is dict for key in (*rest.get('pairs', ())[::2], *rest.get('items', ()))) else 0


def state_of(
    value: object,
    w: Writing,
    is_kept: Callable[[str], bool] = lambda name: True,
    change: Callable[[Any], Any] = lambda part: part,
) -> dict[str, Any]:
    """The attributes of an object, as content; see :func:`fill_state`.

    :param value: the object.
    :param w: the encoder.
    :param is_kept: tells of a name whether it counts.
    :param change: gives what is stored in the place of an attribute's value.
    """
    found: dict[str, Any] = {}
    try:
        attributes = object.__getattribute__(value, '__dict__')
    except AttributeError:
        attributes = None
    items = [item for item in attributes.items() if is_kept(item[0])] if attributes else []
    if items:
        found['dict'] = [w.ref(change(part)) for item in items for part in item]
    slots: list[Any] = []
    names: list[str] = copyreg._slotnames(type(value))  # type: ignore[attr-defined]
    for name in filter(is_kept, names):
        with contextlib.suppress(AttributeError):
            slots += [name, w.ref(change(object.__getattribute__(value, name)))]
    if slots:
        found['slots'] = slots
    return found


def fill_state(obj: Any, rest: Any, r: Reader) -> None:
    """Give an object the attributes that :func:`state_of` found, without a `__setattr__` of the user's."""
    parts = iter(rest.get('dict', ()))
    for key in parts:
        object.__getattribute__(obj, '__dict__')[r.get(key)] = r.get(next(parts))
    slots = iter(rest.get('slots', ()))
    for name in slots:
        object.__setattr__(obj, name, r.get(next(slots)))


# -- properties


def _write_property(value: property, w: Writing) -> Record:
    if (record := write_attribute(value, _attribute(property, 'fget', value), w)) is not None:
        return record
    parts = [w.ref(_attribute(property, name, value)) for name in ('fget', 'fset', 'fdel')]
    return ['property of', w.ref(type(value)), {'parts': parts, **state_of(value, w)}]


def _make_property(first: Any, r: Reader) -> object:
    made: object = property.__new__(r.get(first))
    return made


def _fill_property(obj: Any, rest: Any, r: Reader) -> None:
    with contextlib.suppress(AttributeError):  # it has no place for what the first of them says of itself
        property.__init__(obj, *map(r.get, rest['parts']))
    with contextlib.suppress(AttributeError):
        object.__getattribute__(obj, '__dict__').clear()
    fill_state(obj, rest, r)


KINDS = (Kind('subclass', _make, _fill, _rank), Kind('property of', _make_property, _fill_property))
