"""Which function writes an object, and which kind rebuilds a record. numpy is loaded only when it is met."""

from __future__ import annotations

import importlib
import sys
import types
import weakref
from enum import Enum
from typing import Any

from ..exceptions import FrameError
from . import (
    addresses,
    buffers,
    caches,
    containers,
    cursors,
    definitions,
    errors,
    folders,
    iterators,
    objects,
    plugins,
    references,
    referents,
    searches,
    standard,
    subclasses,
    tables,
    type_variables,
    weak,
)
from .records import CODEC, Kind, Record, Staged, Writing

__all__ = ('kind_named', 'kind_of', 'writer_for')

_ROOMS: tuple[Any, ...] = (
    addresses,
    buffers,
    caches,
    containers,
    cursors,
    definitions,
    errors,
    folders,
    iterators,
    objects,
    references,
    referents,
    searches,
    standard,
    subclasses,
    tables,
    type_variables,
    weak,
)
_WRITERS: dict[type, Any] = {cls: writer for room in _ROOMS for cls, writer in getattr(room, 'WRITERS', {}).items()}
_KINDS: dict[str, Kind] = {kind.name: kind for room in _ROOMS for kind in room.KINDS}
_NUMPY_KINDS = ('array', 'array view', 'memory', 'object array', 'text array', 'flat', 'index', 'dtype', 'scalar')


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
    name = plugins.codec_for(cls)
    writer = _without_codec(cls) if name is None else _writer_of(name, _without_codec(cls))
    if str(cls.__module__).partition('.')[0] == 'numpy':
        _WRITERS[cls] = writer  # never for a user's class: this table would keep it alive
    return writer


def _writer_of(name: str, otherwise: Any) -> Any:
    """The function that lets a codec write, or leaves it to another if that says "not mine"."""

    def write(value: object, w: Writing) -> Record:
        content = plugins.encode(name, value, w.ref)
        if content is None:
            record: Record = otherwise(value, w)
            return record
        return [CODEC + name, *(content if type(content) is Staged else (content,))]

    return write


def kind_of(codec: Any, name: str = '') -> Kind:
    """The kind of the records that a codec writes.

    :param codec: the codec.
    :param name: its name, if not the one it gives itself.
    """
    return Kind(
        CODEC + (name or codec.name),
        lambda first, reader: codec.decode(first, reader.get),
        lambda obj, rest, reader: codec.fill(obj, rest, reader.get),
        rank=lambda rest: 2,
        late=1,
    )


def _without_codec(cls: type) -> Any:
    if 'numpy' in sys.modules:
        writer = _arrays().writer_for(cls)
        if writer is not None:
            return writer
    if issubclass(cls, type):
        return references.write_global
    if issubclass(cls, types.ModuleType):
        return references.write_module
    if issubclass(cls, Enum):
        return objects.write_enum
    if issubclass(cls, BaseException):
        return errors.write_exception
    if issubclass(cls, weakref.ref):
        return weak.write_reference
    return subclasses.writer_for(cls) or objects.write_object


def kind_named(name: str) -> Kind:
    """The kind of record that has this name.

    :param name: the first word of a record.
    :returns: its kind.
    :raises FrameError: if there is none, that is, a newer version wrote the document.
    """
    if name in _NUMPY_KINDS and name not in _KINDS:
        _KINDS.update({kind.name: kind for kind in _arrays().KINDS})
    if name.startswith(CODEC) and name not in _KINDS:
        codec_name = name[len(CODEC) :]
        _KINDS[name] = kind_of(plugins.codec_named(codec_name), codec_name)
    try:
        return _KINDS[name]
    except KeyError:
        raise FrameError(f'a stored value has a part of the unknown kind `{name}`; upgrade aiida-dreamflow') from None
