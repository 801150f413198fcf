"""Objects of a class that derives from one of the library's which says how its objects are made: a date, a number, a path.

`date` says that its class is to be called with some bytes. ``class Day(date)`` with a ``__new__`` of its own does not know them, or
takes them for something else. So it is made by `date`, as `object` makes what says nothing of itself, and is given its attributes.
Knows the standard library only.
"""

from __future__ import annotations

import copyreg
import sys
from typing import Any, cast

from .definitions import is_made_by_python
from .records import Reader, Writing
from .standard import REDUCERS
from .subclasses import fill_state, state_of

__all__ = ('attributes_beside', 'fill_by', 'make_by', 'maker_for')


def maker_for(cls: type) -> type | None:
    """Return the class of the library that makes the objects of a class, if the latter takes other arguments.

    :param cls: a class whose objects are said to be made by calling it.
    """
    if cls in copyreg.dispatch_table or cls in REDUCERS or _is_of_library(cls):
        return None
    mro = cls.__mro__
    says = next(base for base in mro if '__reduce__' in vars(base) or '__reduce_ex__' in vars(base))
    derived = mro[: mro.index(says)]
    if not _is_of_library(says) or not any('__new__' in vars(base) or '__init__' in vars(base) for base in derived):
        return None
    return says


def _is_of_library(cls: type) -> bool:
    return not is_made_by_python(cls) or cls.__module__.partition('.')[0] in sys.stdlib_module_names


def attributes_beside(maker: type, value: object, w: Writing) -> dict[str, Any]:
    """Return the attributes of an object that are none of the class that makes it, as content; see :func:`.subclasses.fill_state`.

    :param maker: the class.
    :param value: the object.
    :param w: the encoder.
    """
    private = tuple(f'_{base.__name__.lstrip("_")}__' for base in maker.__mro__)
    slots = copyreg._slotnames(maker)  # type: ignore[attr-defined]
    return state_of(value, w, lambda name: not str(name).startswith(private) and name not in slots)


def make_by(first: Any, r: Reader) -> object:
    """Make an object without its class's `__new__` and `__init__`."""
    cls, maker, args = r.get(first[0]), cast(Any, r.get(first[1])), [*map(r.get, first[2])]
    made: object = maker.__new__(cls) if maker.__new__ is object.__new__ else maker.__new__(cls, *args)
    if maker.__init__ is not object.__init__:
        maker.__init__(made, *args)
    return made


def fill_by(obj: Any, rest: Any, r: Reader) -> None:
    """Fill an object by the words of the class that makes it: those of its own class may want its attributes."""
    maker: Any = maker_for(type(obj))
    fill_state(obj, rest, r)
    for item in rest.get('items', ()):
        maker.append(obj, r.get(item))
    parts = iter(rest.get('pairs', ()))
    for key in parts:
        maker.__setitem__(obj, r.get(key), r.get(next(parts)))
    if 'set state' in rest:
        obj.__setstate__(r.get(rest['set state']))
    elif 'setter' in rest:
        setter, state = map(r.get, rest['setter'])
        setter(obj, state)
