"""The AiiDA data type for a Python value that none of AiiDA's own types can hold exactly.

Its attributes are made to be read by people (`verdi node show`, `verdi node attributes`); arrays lie in its repository as
`.npy` files. The document is kept as text, so that no database changes a number or the order of anything.
"""

from __future__ import annotations

import dataclasses
import json
import pprint
import sys
from collections.abc import Mapping, Set
from math import isfinite
from typing import Any

from aiida import orm

from ..exceptions import FrameError, UntrustedValueError
from . import signing
from .chunks import ChunkCodec
from .entities import EntityCodec, nodes_in
from .homes import known_as
from .records import canonical
from .snapshot import Codec, Snapshot, decode, encode

__all__ = ('DreamData', 'file_name', 'queryable', 'short_repr', 'type_name')

_ROOT = 'value'
_DOCUMENT_FILE = 'document.json'
_DOCUMENT_LIMIT = 100_000
#: How deep a value is shown whose `repr` goes too deep.
_REPR_DEPTH = 20
_REPR_LIMIT = 200
#: How many numbers and texts of a value, and how deep, are kept as JSON for queries.
_QUERY_LIMIT, _QUERY_DEPTH = 30, 8
_LARGEST_INTEGER = 1 << 63
_BRIEF = 50
_NPY_MAGIC = b'\x93NUMPY'


def type_name(value: object) -> str:
    """The full name of the type of a value, ``numpy.float64`` or ``list``."""
    cls = type(value)
    module = known_as(cls.__module__)
    return cls.__qualname__ if module == 'builtins' else f'{module}.{cls.__qualname__}'


def file_name(sha: str, data: bytes) -> str:
    """The name of the file of a blob in the repository of a node.

    :param sha: its sha256.
    :param data: the blob.
    """
    return f'{sha}.npy' if data.startswith(_NPY_MAGIC) else f'{sha}.bin'


def short_repr(value: object, limit: int = _REPR_LIMIT) -> str:
    """A ``repr`` that never fails, fits in one line and any database.

    :param value: anything.
    :param limit: the largest number of characters.
    :returns: the text.
    """
    try:
        text = ' '.join(_repr_to_a_depth(_beginning(value, limit)).split())
    except Exception as error:
        text = f'<{type_name(value)} whose repr raised {type(error).__name__}>'
    return short_text(''.join(char if char.isprintable() else ascii(char)[1:-1] for char in text[: limit + 1]), limit)


def short_text(text: str, limit: int) -> str:
    """A text cut off behind so many characters."""
    return text if len(text) <= limit else f'{text[: limit - 3]}...'


def queryable(value: object) -> Any:
    """A value as JSON that a query can filter on: an approximation, which no code reads back.

    Objects with declared fields are dicts, sets and small arrays lists, what has no place in JSON is a text.

    :param value: anything.
    :returns: the JSON; ``None`` if it would be long.
    """
    try:
        return _as_query(value, _QUERY_DEPTH, [_QUERY_LIMIT])
    except Exception:  # it is long, or its fields raise
        return None


def _as_query(value: Any, depth: int, left: list[int]) -> Any:
    left[0] -= 1
    if left[0] < 0 or not depth:
        raise ValueError('too long')
    numpy: Any = sys.modules.get('numpy')
    if numpy is not None and (isinstance(value, numpy.generic) or type(value) is numpy.ndarray):
        if value.size > left[0]:
            raise ValueError('too long')
        value = value.tolist()  # of a date in nanoseconds an integer, as numpy has it
    if value is None or type(value) is bool:
        return value
    if type(value) is int:
        return value if -_LARGEST_INTEGER <= value < _LARGEST_INTEGER else str(value)
    if type(value) is float:
        return value if isfinite(value) else str(value)
    if isinstance(value, str):
        return short_repr(value)[1:-1] if not value.isprintable() else str(value[:_REPR_LIMIT])
    fields = _fields_of(value)
    if fields is not None:
        return {str(key): _as_query(item, depth - 1, left) for key, item in fields.items()}
    if isinstance(value, (list, tuple, Set)):
        if len(value) > left[0]:
            raise ValueError('too long')
        return [_as_query(item, depth - 1, left) for item in value]
    return short_repr(value)


def _fields_of(value: Any) -> Mapping[Any, Any] | None:
    """Return the items of a mapping, or the declared fields of an object; ``None`` of what has none."""
    if isinstance(value, dict):
        return value
    cls = type(value)
    if dataclasses.is_dataclass(cls):
        names: Any = [field.name for field in dataclasses.fields(value)]
    else:  # of a named tuple, of pydantic, of attrs
        names = getattr(cls, '_fields', None) or getattr(cls, 'model_fields', None)
        names = names or [field.name for field in getattr(cls, '__attrs_attrs__', ())]
    return {name: getattr(value, name) for name in names} or None


def _beginning(value: object, limit: int) -> object:
    """Return the first items of a long list or tuple; the others would be cut off."""
    if type(value) not in (list, tuple):
        return value
    items: Any = value
    count, length = 0, 0
    while count < len(items) and length <= limit:
        length += 3 if type(items[count]) in (list, tuple, dict) else len(repr(items[count])) + 2
        count += 1
    return items[:count] if count < len(items) else value


def _repr_to_a_depth(value: object) -> str:
    try:
        return repr(value)
    except RecursionError:
        return pprint.pformat(value, depth=_REPR_DEPTH, width=1 << 30)


class DreamData(orm.Data):
    """One Python value, of any type that :mod:`aiida_dreamflow.values.snapshot` can store.

    :param value: the value.
    :param snapshot: its snapshot, if there is one already: of one root named ``value``, with long lists in chunks, which
        the node is to find in its repository (see `chunks`).
    :raises CannotStoreError: if the value has no stored form.
    """

    # The address in the `repr` of an object says nothing of its value.
    _hash_ignored_attributes = (*orm.Data._hash_ignored_attributes, 'repr', 'value')

    def __init__(self, value: object = None, *, snapshot: Snapshot | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        entities = EntityCodec()
        if snapshot is None:
            snapshot = encode({_ROOT: value}, [entities])
        self._inside = entities.unstored
        self._nodes_inside = nodes_in(snapshot.document)
        attributes = {'python_type': type_name(value), 'repr': short_repr(value)}
        if (content := queryable(value)) is not None:
            attributes['value'] = content
        if snapshot.runs_code:
            attributes['signature'] = signing.sign(snapshot.document)
        text = canonical(snapshot.document)
        if len(text) > _DOCUMENT_LIMIT:
            self.base.repository.put_object_from_bytes(text, _DOCUMENT_FILE)
        else:
            attributes['document'] = text.decode('ascii')
        for sha, blob in snapshot.blobs.items():
            self.base.repository.put_object_from_bytes(blob, file_name(sha, blob))
        self.base.attributes.set_many(attributes)
        if not self.description:  # `verdi node show` shows this, and no attributes
            self.description = f'{attributes["python_type"]}: {attributes["repr"]}'

    @property
    def value(self) -> Any:
        """The value, a fresh object each time.

        :raises UntrustedValueError: if it would run code and this profile did not sign it, or if it was altered.
        :raises FrameError: if it needs a newer version of this package, or something that is not installed.
        """
        document = self.document()
        codecs: list[Codec] = [*ChunkCodec(self._read_blob).codecs, EntityCodec()]
        signing.require_trust(document, self.base.attributes.get('signature', None), codecs)
        return decode(document, self._read_blob, codecs)[_ROOT]

    def get_description(self) -> str:
        """The value in brief: what a picture of the graph shows."""
        return short_text(str(self.base.attributes.get('repr')), _BRIEF)

    @property
    def python_type(self) -> str:
        """The full name of the type of the value."""
        return str(self.base.attributes.get('python_type'))

    @property
    def nodes_inside(self) -> list[str]:
        """The uuids of the nodes inside of the value."""
        known: list[str] | None = getattr(self, '_nodes_inside', None)
        return nodes_in(self.document()) if known is None else known

    @property
    def unstored_inside(self) -> list[orm.Data]:
        """The data nodes inside of the value that are not stored yet."""
        return [node for node in getattr(self, '_inside', {}).values() if not node.is_stored]

    def load_inside(self) -> list[orm.Data]:
        """Return the data nodes inside of the value, those included that are not stored yet."""
        nodes = self.unstored_inside
        if stored := [uuid for uuid in self.nodes_inside if uuid not in {node.uuid for node in nodes}]:
            builder = orm.QueryBuilder().append(orm.Data, filters={'uuid': {'in': stored}}, tag='node')
            nodes += builder.order_by({'node': 'id'}).all(flat=True)
        return nodes

    def store(self) -> DreamData:
        """Store the node; first the nodes inside of its value.

        :returns: the node.
        """
        for node in self.unstored_inside:
            node.store()
        return super().store()

    def __str__(self) -> str:
        return f'{super().__str__()} value: {self.base.attributes.get("repr")}'

    def document(self) -> dict[str, Any]:
        """The document of the value, as it is stored."""
        text = self.base.attributes.get('document', None)
        if text is None:
            text = self.base.repository.get_object_content(_DOCUMENT_FILE, mode='r')
        try:
            document: dict[str, Any] = json.loads(text)
        except ValueError as error:
            raise FrameError(
                f'the document of node {self.uuid} is damaged ({error}); restore it from a backup'
            ) from error
        return document

    def _read_blob(self, sha: str) -> bytes:
        names = set(self.base.repository.list_object_names())
        for name in (f'{sha}.npy', f'{sha}.bin'):
            if name in names:
                content: bytes = self.base.repository.get_object_content(name, mode='rb')
                return content
        raise UntrustedValueError(
            f'node {self.uuid} lacks the file of its blob {sha[:12]}...; restore it from a backup'
        )
