"""What can be told of the objects of a class without having one: that they have no stored form.

Serves those who look at a workflow before it runs. Silence means nothing: of most classes only an object shows it.
"""

from __future__ import annotations

import copyreg
import struct
from collections.abc import Callable
from typing import Any

from . import objects
from .pinning import is_never_made_again
from .registry import writer_for

__all__ = ('is_unstorable',)

_POINTER = struct.calcsize('P')
#: These give what `object.__reduce_ex__` cannot see.
_SPEAKERS = ('__getnewargs__', '__getnewargs_ex__')


def is_unstorable(cls: type) -> bool:
    """Return whether no object of a class has a stored form.

    True for classes of extensions that keep what Python cannot see and have no word for `pickle`, and for files,
    threads and the like.
    """
    if is_never_made_again(cls):
        return True
    if writer_for(cls) is not objects.write_object or cls in copyreg.dispatch_table:
        return False
    own: list[Callable[[type], Any]] = [lambda kind: kind.__reduce_ex__, lambda kind: kind.__reduce__]
    own.append(lambda kind: getattr(kind, '__getstate__', None))
    if any(look(cls) is not look(object) for look in own) or any(hasattr(cls, name) for name in _SPEAKERS):
        return False
    return not issubclass(cls, list | dict) and _hides_something(cls)


def _hides_something(cls: type) -> bool:
    """Return whether the objects of a class have room for more than their attributes.

    As ``object.__reduce_ex__`` decides it. Source: ``object_getstate_default`` in ``Objects/typeobject.c``.
    """
    known = object.__basicsize__ + _POINTER * sum(len(_slots(kind)) for kind in cls.__mro__)
    known += _POINTER * ((cls.__dictoffset__ > 0) + (cls.__weakrefoffset__ > 0))
    return cls.__itemsize__ != 0 or cls.__basicsize__ > known


def _slots(cls: type) -> list[str]:
    slots = vars(cls).get('__slots__', ())
    names = [slots] if isinstance(slots, str) else list(slots)
    return [name for name in names if name not in ('__dict__', '__weakref__')]
