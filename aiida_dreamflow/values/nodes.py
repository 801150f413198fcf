"""Which AiiDA node a Python value becomes, and which value a node stands for.

AiiDA's own types for what they are made for, :class:`DreamData` for all else. AiiDA rounds each float in the database to
14 digits, makes an ``int`` of ``1e20``, and on PostgreSQL forgets the sign of zero and the order of keys. Where that would
change a value, its node carries the exact JSON text as well: a ``Float`` or ``List`` in the attribute ``exact``, a ``Dict``,
whose attributes are its content, in the file ``exact.json``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from enum import Enum
from math import isfinite
from typing import Any

from aiida import orm

from .data import DreamData, short_repr
from .entities import EntityCodec
from .homes import home, known_as
from .snapshot import Snapshot, encode

__all__ = ('digest_of', 'from_node', 'lone_array', 'natural', 'node_repr', 'scalar_node', 'to_node')

_INT_LIMIT = 1 << 63
_DEPTH_LIMIT = 50
_ARRAY = 'default'
_EXACT = 'exact'
_EXACT_FILE = 'exact.json'


def to_node(value: Any) -> Any:
    """The natural node for a value, not stored yet.

    :param value: the value; a data node stays itself.
    :returns: the node.
    :raises CannotStoreError: if the value has no stored form.
    """
    if issubclass(type(value), orm.Data):
        return value
    kind = type(value)
    if kind in _SCALARS:
        return _exact(_SCALARS[kind](value), value) if _is_plain_scalar(value) else DreamData(value)
    if kind in (list, dict):
        if not _is_plain_json(value):
            return DreamData(value)
        return _exact((orm.List if kind is list else orm.Dict)(value), value)
    if issubclass(kind, Enum):
        return _enum_node(value) if _is_plain_enum(value) else DreamData(value)
    return orm.ArrayData(value) if _is_plain_array(value) else DreamData(value)


def natural(value: Any) -> Any:
    """The value of one of AiiDA's own types that says the same to a person or a query as this one.

    numpy's scalars become Python's, tuples lists, all mappings with text as keys dicts, an array one in C order.

    :param value: the value.
    :returns: the value itself where it is of such a type, or where none says the same.
    """
    if type(value) in _SCALARS or issubclass(type(value), (orm.Data, Enum)):
        return value
    numpy: Any = sys.modules.get('numpy')
    if numpy is not None and type(value) is numpy.ndarray and value.ndim:
        if value.dtype.kind not in 'biufc' or _is_plain_array(value):
            return value
        return numpy.array(value, dtype=numpy.dtype(value.dtype.str), order='C')
    try:
        plain = _as_json(value, _DEPTH_LIMIT)
    except (TypeError, ValueError):
        return value
    if type(plain) in (list, dict):
        return value if (type(plain) is type(value) and _is_plain_json(value)) or not _is_plain_json(plain) else plain
    return plain if type(plain) in _SCALARS and _is_plain_scalar(plain) else value


def scalar_node(value: Any) -> tuple[type[orm.Data], dict[str, Any]] | None:
    """The node of a plain number or text: such a node has attributes and nothing else.

    :param value: the value.
    :returns: its class and its attributes; ``None`` if this is no such value.
    """
    kind = type(value)
    if kind not in _SCALARS or not _is_plain_scalar(value):
        return None
    return _SCALARS[kind], {'value': value} if _survives(value) else {'value': value, _EXACT: _text_of(value)}


def lone_array(value: Any, snapshot: Snapshot) -> str:
    """The sha256 of the file of an array whose node is an ``ArrayData``; empty for all else.

    :param value: the value.
    :param snapshot: its snapshot.
    """
    records = snapshot.document['objects']
    if len(snapshot.blobs) != 1 or len(records) != 1 or records[0][0] != 'array' or not _is_plain_array(value):
        return ''
    return next(iter(snapshot.blobs))


def from_node(node: Any) -> Any:
    """The value that a node stands for.

    :param node: any node.
    :returns: the value, a fresh object; of a node that stands for no Python value, the node itself.
    :raises UntrustedValueError: if it is a value of this package that may not be loaded here.
    """
    kind = type(node)
    if kind in _VALUES:
        return _VALUES[kind](node)
    if kind is orm.ArrayData and node.get_arraynames() == [_ARRAY]:
        return node.get_array(_ARRAY).copy(order='K')  # a stored node hands out its cache
    return node.value if isinstance(node, DreamData) else node


def digest_of(value: object) -> str:
    """The sha256 of the exact bytes and types of a value; unlike AiiDA's hash it tells floats 1e-14 apart.

    :param value: the value.
    :returns: hexadecimal digits.
    :raises CannotStoreError: if the value has no stored form.
    """
    return encode({'': value}, [EntityCodec()]).digest()


def node_repr(value: object) -> str:
    """One short line for a value or a data node, for reports and lists.

    :param value: a value or a node.
    :returns: at most 200 characters.
    """
    if isinstance(value, DreamData):
        return str(value.base.attributes.get('repr'))
    if isinstance(value, orm.Data):
        found = from_node(value)
        return f'{type(value).__name__}<{value.uuid[:8]}>' if found is value else short_repr(found)
    return short_repr(value)


def _as_json(value: Any, depth: int) -> Any:
    """Return a copy of a value in which everything is of the types that JSON has.

    :param depth: how many levels deep it may be.
    :raises TypeError: if something is of another type.
    :raises ValueError: if it is deeper, or a number would change.
    """
    kind = type(value)
    if kind in _SCALARS or value is None:
        return value
    if not depth:
        raise ValueError('too deep')
    numpy: Any = sys.modules.get('numpy')
    if numpy is not None and (issubclass(kind, numpy.generic) or (kind is numpy.ndarray and not value.ndim)):
        if value.dtype.kind not in 'biufU':
            raise TypeError(kind)
        number = float(value) if value.dtype.kind == 'f' else value.item()
        if value.dtype.kind == 'f' and number != value and value == value:  # a long double
            raise ValueError('a number would change')
        return number
    if issubclass(kind, (list, tuple)):
        return [_as_json(item, depth - 1) for item in value]
    if issubclass(kind, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError(kind)
        return {str(key): _as_json(item, depth - 1) for key, item in value.items()}
    raise TypeError(kind)


def _exact(node: Any, value: Any) -> Any:
    """Add the exact text to a node whose database would change the value."""
    if not _survives(value):
        if type(value) is dict:
            node.base.repository.put_object_from_bytes(_text_of(value).encode('ascii'), _EXACT_FILE)
        else:
            node.base.attributes.set(_EXACT, _text_of(value))
    return node


def _text_of(value: Any) -> str:
    return json.dumps(value, allow_nan=False)


def _exact_of(node: Any, stored: Any) -> Any:
    text = node.base.attributes.get(_EXACT, None)
    return stored if text is None else json.loads(text)


def _dict_of(node: Any) -> Any:
    if _EXACT_FILE in node.base.repository.list_object_names():
        return json.loads(node.base.repository.get_object_content(_EXACT_FILE))
    return node.get_dict()


def _survives(value: Any) -> bool:
    """Whether AiiDA and any database give back this plain value exactly."""
    stack = [value]
    while stack:
        item = stack.pop()
        kind = type(item)
        if kind is float:
            text = f'{item:.14g}'
            if float(text) != item or 'e+' in text or text == '-0':
                return False
        elif kind is list:
            stack.extend(item)
        elif kind is dict:
            keys = [(len(key.encode()), key.encode()) for key in item]
            if keys != sorted(keys):  # the order in which PostgreSQL gives them
                return False
            stack.extend(item.values())
    return True


def _is_plain_text(value: str) -> bool:
    return '\0' not in value and (value.isascii() or not any('\ud800' <= char <= '\udfff' for char in value))


def _is_plain_scalar(value: Any) -> bool:
    kind = type(value)
    if kind is float:
        return isfinite(value)
    if kind is str:
        return _is_plain_text(value)
    return kind is bool or -_INT_LIMIT <= value < _INT_LIMIT


def _is_plain_json(value: Any) -> bool:
    """Whether a list or dict is exactly what JSON says, nothing shared inside, on any database."""
    if type(value) is dict and not all(type(key) is str and key and '.' not in key for key in value):
        return False  # AiiDA's rule for attributes
    seen = {id(value)}
    level = [value]
    for _ in range(_DEPTH_LIMIT):
        below = []
        for container in level:
            if type(container) is dict and not all(type(key) is str and _is_plain_text(key) for key in container):
                return False
            for item in container.values() if type(container) is dict else container:
                kind = type(item)
                if kind in (list, dict):
                    if id(item) in seen:
                        return False
                    seen.add(id(item))
                    below.append(item)
                elif item is not None and (kind not in _SCALARS or not _is_plain_scalar(item)):
                    return False
        if not below:
            return True
        level = below
    return False


def _enum_node(value: Enum) -> orm.EnumData:
    """Return the node of a member; its class has the name that its author knows it by."""
    node, cls = orm.EnumData(value), type(value)
    if (module := known_as(cls.__module__)) != cls.__module__:
        node.base.attributes.set(node.KEY_IDENTIFIER, node.identifier.replace(cls.__module__, module, 1))
    return node


def _member_of(node: orm.EnumData) -> Enum:
    """Return the member of a node, of the class that is at home."""
    module, _, name = node.identifier.partition(':')
    if (own := home.get()) is not None and module in own:
        return own.find(module, name)(node.value)  # type: ignore[no-any-return]
    return node.get_member()


def _is_plain_enum(value: Enum) -> bool:
    cls = type(value)
    # AiiDA keeps a class by module and bare name, and a member by a value that it rounds.
    found = getattr(sys.modules.get(cls.__module__), cls.__qualname__, None)
    if found is not cls or known_as(cls.__module__) == '__main__' or cls.__name__ != cls.__qualname__:
        return False
    try:
        return _is_plain_json([value.value]) and _survives(value.value) and cls(value.value) is value
    except ValueError:
        return False


def _is_plain_array(value: Any) -> bool:
    numpy: Any = sys.modules.get('numpy')
    return (
        numpy is not None
        and type(value) is numpy.ndarray
        and value.dtype.kind in 'biufc'
        and value.dtype.metadata is None
        and value.ndim >= 1
        and bool(value.flags.c_contiguous and value.flags.writeable)
    )


_SCALARS: dict[type, Any] = {bool: orm.Bool, int: orm.Int, float: orm.Float, str: orm.Str}
_VALUES: dict[type, Any] = {
    orm.Bool: lambda node: bool(node.value),
    orm.Int: lambda node: int(node.value),
    orm.Float: lambda node: float(_exact_of(node, node.value)),
    orm.Str: lambda node: str(node.value),
    orm.List: lambda node: _exact_of(node, node.get_list()),
    orm.Dict: _dict_of,
    orm.EnumData: _member_of,
}
