"""What objects written in C know and do not tell: their fields, read from memory as CPython lays them out.

Python 3.14 took `__reduce__` and `__setstate__` away from those of `itertools`, `pairwise` and `batched` never had them, nor
did what `decimal.localcontext` returns. Nothing is ever written there. It relies on the structures in CPython's
``Modules/itertoolsmodule.c`` and ``Modules/_decimal/_decimal.c``, which are compared in size with those of the running
interpreter before they are trusted. Knows the standard library only.
"""

from __future__ import annotations

import itertools
import sys
from functools import cache
from types import SimpleNamespace
from typing import Any

from ..exceptions import CannotStoreError
from . import nameless

__all__ = ('LOCAL_CONTEXT', 'NULL', 'integers_at', 'items_of', 'items_of_tee', 'state_of')

#: Stands for a field without an object.
NULL: Any = object()

_SINCE_12, _SINCE_13, _SINCE_14 = (sys.version_info >= (3, minor) for minor in (12, 13, 14))
#: The class of what `decimal.localcontext` returns.
LOCAL_CONTEXT = nameless.decimal_context_manager
# Name and C type of each field: an object (`o`), an address (`p`), a Py_ssize_t (`n`), an int (`i`), a long (`l`).
_FIELDS = {
    '_grouper': 'parent:o target:o',
    '_tee': 'data:o index:i weak:p' + ' state:p' * _SINCE_12,
    # Of the 57 items only those that were read may be looked at: the rest of the memory is as it was found.
    '_tee_dataobject': 'it:o size:i running:i following:o items:p' + ' -:p' * 56,
    'accumulate': 'total:o it:o function:o initial:o' + ' state:p' * _SINCE_12,
    'batched': 'it:o size:n' + ' strict:i' * _SINCE_13,
    'chain': 'source:o active:o',
    'combinations': 'pool:o indices:p result:o r:n stopped:i',
    'combinations_with_replacement': 'pool:o indices:p result:o r:n stopped:i',
    'compress': 'data:o selectors:o',
    'count': 'number:n value:o step:o',
    'cycle': 'it:o saved:o index:n' + ' copied:i' * (not _SINCE_14),
    'dropwhile': 'function:o it:o started:l',
    'filterfalse': 'function:o it:o',
    'groupby': 'it:o function:o target:o key:o value:o grouper:p' + ' state:p' * _SINCE_12,
    'islice': 'it:o next:n stop:n step:n taken:n',
    'pairwise': 'it:o old:o' + ' result:o' * _SINCE_13,
    'permutations': 'pool:o indices:p cycles:p result:o r:n stopped:i',
    'product': 'pools:o indices:p result:o stopped:i',
    'repeat': 'element:o left:n',
    'starmap': 'function:o it:o',
    'takewhile': 'function:o it:o stopped:l',
    'zip_longest': 'size:n active:n iterators:o result:o fill:o',
    'ContextManager': 'local:o before:o',
}
_CLASSES = {LOCAL_CONTEXT, *(cls for cls in vars(itertools).values() if isinstance(cls, type))}


@cache
def _layout(cls: Any) -> Any:
    """The structure of the objects of a class; ``None`` if this interpreter has another one."""
    import ctypes  # takes a while, and few frames need it

    kinds: dict[str, Any] = {
        'o': ctypes.py_object,
        'p': ctypes.c_void_p,
        'n': ctypes.c_ssize_t,
        'i': ctypes.c_int,
        'l': ctypes.c_long,
    }
    head = ('head', ctypes.c_byte * object.__basicsize__)
    fields = [
        (name, kinds[kind]) for name, _, kind in (field.partition(':') for field in _FIELDS[cls.__name__].split())
    ]
    layout = type(cls.__name__, (ctypes.Structure,), {'_fields_': [head, *fields]})
    known = sys.implementation.name == 'cpython' and cls in _CLASSES
    return layout if known and ctypes.sizeof(layout) == cls.__basicsize__ else None


def state_of(value: object) -> Any:
    """The fields of an object.

    :param value: an object of exactly one of the classes of `itertools`, or `LOCAL_CONTEXT`.
    :returns: a namespace; a field that is an object may be `NULL`.
    :raises CannotStoreError: if this interpreter keeps them differently.
    """
    cls: Any = type(value)
    layout = _layout(cls)
    if layout is None:
        raise CannotStoreError(
            type(value).__name__, '', 'its place is not known in this build of Python; make a list of its items before'
        )
    raw = layout.from_address(id(value))
    fields = {}
    for name, _ in layout._fields_[1:]:
        try:
            fields[name] = getattr(raw, name)
        except ValueError:  # what ctypes says of an object that is not there
            fields[name] = NULL
    return SimpleNamespace(**fields)


def integers_at(address: int | None, size: int) -> list[int]:
    """An array of ``Py_ssize_t``.

    :param address: as found in a field.
    :param size: how many.
    """
    import ctypes

    return [*(ctypes.c_ssize_t * size).from_address(address)] if address and size else []


def _objects_at(address: int, size: int) -> list[Any]:
    import ctypes

    slots = (ctypes.py_object * size).from_address(address)
    found = []
    for index in range(size):
        try:
            found.append(slots[index])
        except ValueError:
            found.append(NULL)
    return found


def items_of(items: tuple[Any, ...]) -> list[Any]:
    """The items of a tuple that may have gaps, which Python itself must not touch; `NULL` for a gap."""
    return _objects_at(id(items) + tuple.__basicsize__, len(items))


def items_of_tee(data: Any) -> list[Any]:
    """The items that one ``_tee_dataobject`` holds."""
    cls: Any = type(data)
    return _objects_at(id(data) + _layout(cls).items.offset, state_of(data).size)
