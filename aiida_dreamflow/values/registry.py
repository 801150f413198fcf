"""Which function writes an object, and which kind rebuilds a record. numpy is loaded only when it is met."""

from __future__ import annotations

import importlib
import sys
from enum import Enum
from typing import Any

from ..exceptions import FrameError
from . import containers, cursors, iterators, objects, references
from .records import Kind

__all__ = ('kind_named', 'writer_for')

_WRITERS: dict[type, Any] = {**containers.WRITERS, **iterators.WRITERS, **cursors.WRITERS, **references.WRITERS}
_KINDS: dict[str, Kind] = {
    kind.name: kind for room in (containers, iterators, cursors, objects, references) for kind in room.KINDS
}
_NUMPY_KINDS = ('array', 'array view', 'memory', 'object array', 'dtype', 'scalar')


def _arrays() -> Any:
    return importlib.import_module('.arrays', __package__)


def writer_for(cls: type) -> Any:
    """The function that writes objects of exactly this class.

    :param cls: the class of the object.
    :returns: a function of the object and the encoder, which returns the record.
    """
    writer = _WRITERS.get(cls)
    if writer is not None:
        return writer
    if 'numpy' in sys.modules:
        writer = _arrays().writer_for(cls)
        if writer is not None and cls.__module__.partition('.')[0] == 'numpy':
            _WRITERS[cls] = writer  # never for a user's class: this table would keep it alive
        if writer is not None:
            return writer
    if issubclass(cls, type):
        return references.write_global
    if issubclass(cls, Enum):
        return objects.write_enum
    return objects.write_exception if issubclass(cls, BaseException) else objects.write_object


def kind_named(name: str) -> Kind:
    """The kind of record that has this name.

    :param name: the first word of a record.
    :returns: its kind.
    :raises FrameError: if there is none, that is, a newer version wrote the document.
    """
    if name in _NUMPY_KINDS and name not in _KINDS:
        _KINDS.update({kind.name: kind for kind in _arrays().KINDS})
    try:
        return _KINDS[name]
    except KeyError:
        raise FrameError(f'a stored value has a part of the unknown kind `{name}`; upgrade aiida-dreamflow') from None
