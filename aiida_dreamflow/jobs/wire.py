"""The encoding of values that cross between machines: what both sides speak.

This file is uploaded as it is, beside :mod:`~aiida_dreamflow.jobs.remote`, and used there by Python 3.8 or later. So it must
know the standard library only (numpy when an array appears). Each job loads it anew, so what most jobs have no need of is
imported when the first such value appears.

Values are strict JSON, arrays ``.npy`` files beside it. Nothing is ever pickled: what a remote machine sends is data,
and is distrusted when decoded. Copies are made, as with any message: two names of one list arrive as two lists.

Plain JSON stands for ``None``, ``bool``, ``int``, finite ``float``, ``str``, ``list`` and ``dict`` with text keys;
everything else is an object with the key ``!``, whose value says what it is. Objects of classes have forms, which are in
:mod:`~aiida_dreamflow.jobs.forms`.
"""

from __future__ import annotations

import functools
import json
import math
import os
import re
import sys

TYPE_CHECKING = False  # that of `typing` would have to be imported
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType
    from typing import Any, BinaryIO

    SaveArray = Callable[[Any], str]
    OpenArray = Callable[[str], BinaryIO]

MAX_DEPTH = 100
MAX_ITEMS = 20_000_000
#: The key that says what an object stands for.
TAG = '!'
_ARRAY_NAME = r'(?:input|result)(?:-[0-9]{1,9}){1,2}\.npy'
_SIMPLE_DTYPE = r'[<>|=]?[biufcSUmM][0-9]{1,9}(\[[0-9]{0,9}[a-zA-Z]{1,2}\])?'
_EXACT_INTEGER = 2**63


class NotSendableError(TypeError):
    """A value cannot cross between machines.

    :ivar value_type: the name of the type of the culprit.
    :ivar path: how to reach it from the whole value, such as ``[3]['a']``; empty for itself.
    :ivar reason: why not, and what to do.
    """

    def __init__(self, value: object, path: str, reason: str) -> None:
        self.value_type = type(value).__name__
        self.path = path
        self.reason = reason
        where = f' at `{path}`' if path else ''
        super().__init__(f'a `{self.value_type}`{where} cannot be sent: {reason}')


class MalformedError(ValueError):
    """An encoded value that this module did not write."""


# -- from values to JSON ----------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=None)
def _forms() -> ModuleType:
    """Return the module of the forms, which most messages have no need of."""
    if __package__:
        from . import forms

        return forms
    kept, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    import dreamflow_forms  # type: ignore[import-not-found]

    sys.dont_write_bytecode = kept
    found: ModuleType = dreamflow_forms
    return found


class _Encoder:
    """One encoding; knows the way from the whole value to where it is."""

    def __init__(
        self, save_array: SaveArray | None, namespace: Mapping[str, Any] | None, convert: Callable[[Any], Any] | None
    ) -> None:
        self.save_array = save_array
        self.namespace = namespace
        self.convert = convert
        self.path: list[str] = []
        self.open: dict[int, bool] = {}
        self.items = 0

    def refuse(self, value: object, reason: str) -> NotSendableError:
        return NotSendableError(value, ''.join(self.path), reason)

    def encode(self, value: Any) -> Any:
        self.items += 1
        if self.items > MAX_ITEMS:
            raise self.refuse(value, f'there are more than {MAX_ITEMS} values in it; use a numpy array')
        kind = type(value)
        if value is None or kind is bool or kind is str:
            return value
        if kind is int:
            # Beyond 4300 digits Python refuses decimal text.
            return value if abs(value) < _EXACT_INTEGER else {TAG: 'int', 'hex': hex(value)}
        if kind is float:
            return value if math.isfinite(value) else {TAG: 'float', 'value': repr(value)}
        if kind in _CONTAINERS:
            return self.container(value)
        numpy = sys.modules.get('numpy')
        if numpy is not None and (kind is numpy.ndarray or isinstance(value, numpy.generic)):
            return self.array(numpy, value)
        fields = _fields(value)
        if fields is None:
            return self.object(value)
        if fields.get('tz') is not None:
            fields['tz'] = self.member('.tzinfo', fields['tz'])
        return fields

    def object(self, value: Any) -> Any:
        if self.convert is not None:
            converted = self.convert(value)
            if converted is not value:
                return self.encode(converted)
        forms = _forms()
        try:
            data, parts = forms.write(value, self.namespace)
        except forms.NoFormError as error:
            raise self.refuse(value, str(error) or _advice(value)) from None
        return {**data, 'parts': self.within(value, lambda: self.parts(parts))}

    def parts(self, parts: dict[str, Any]) -> dict[str, Any]:
        return {name: self.member(f'.{name}', part) for name, part in parts.items()}

    def container(self, value: Any) -> Any:
        return self.within(value, lambda: self.members(value))

    def within(self, value: Any, action: Callable[[], Any]) -> Any:
        if id(value) in self.open:
            raise self.refuse(value, 'it contains itself')
        if len(self.open) >= MAX_DEPTH:
            raise self.refuse(value, f'it is nested more than {MAX_DEPTH} levels deep')
        self.open[id(value)] = True
        try:
            return action()
        finally:
            del self.open[id(value)]

    def members(self, value: Any) -> Any:
        kind = type(value)
        if kind is list:
            return [self.member(f'[{index}]', item) for index, item in enumerate(value)]
        if kind is dict:
            if TAG not in value and all(type(key) is str for key in value):
                return {key: self.member(f'[{key!r}]', item) for key, item in value.items()}
            pairs = [
                [self.member('.keys()', key), self.member(f'[{_short(key)}]', item)] for key, item in value.items()
            ]
            return {TAG: 'dict', 'items': pairs}
        if kind is slice:
            return {
                TAG: 'slice',
                'items': [self.encode(value.start), self.encode(value.stop), self.encode(value.step)],
            }
        items = [self.member(f'[{index}]', item) for index, item in enumerate(value)]
        return {TAG: kind.__name__, 'items': items}

    def member(self, step: str, value: Any) -> Any:
        self.path.append(step)
        encoded = self.encode(value)
        self.path.pop()
        return encoded

    def array(self, numpy: Any, value: Any) -> Any:
        if value.dtype.hasobject:
            raise self.refuse(value, 'an array of Python objects; give it a numeric or text dtype, or use a list')
        if type(value) is numpy.ndarray:
            if self.save_array is None:
                raise self.refuse(value, 'arrays have no place here')
            return {TAG: 'array', 'file': self.save_array(value)}
        if isinstance(value, numpy.generic) and re.fullmatch(_SIMPLE_DTYPE, value.dtype.str):
            return {TAG: 'scalar', 'dtype': value.dtype.str, 'data': _base64(value.tobytes()[: value.dtype.itemsize])}
        return self.object(value)


def encode(
    value: object,
    save_array: SaveArray | None = None,
    namespace: Mapping[str, Any] | None = None,
    convert: Callable[[Any], Any] | None = None,
) -> Any:
    """Turn a value into strict JSON data.

    :param value: what to send.
    :param save_array: stores a numpy array and gives the name of its file; without it, arrays are refused.
    :param namespace: the names of the function's file: objects of classes that it has can be sent.
    :param convert: gives what to send in place of an object that is no plain value; the object itself if that is it.
    :returns: data for :func:`json.dumps` (``allow_nan=False``).
    :raises NotSendableError: if something in the value has no encoding.
    """
    return _Encoder(save_array, namespace, convert).encode(value)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + '...'


def _base64(data: Any) -> str:
    import base64

    return base64.b64encode(data).decode('ascii')


def _advice(value: object) -> str:
    """Say what to send in place of an object."""
    import types

    kind = type(value)
    if isinstance(value, (types.FunctionType, types.GeneratorType, types.ModuleType, type)):
        return 'only data crosses between machines; return or pass values'
    if any(base.__name__ == 'ndarray' for base in kind.__mro__):
        return 'convert it with `numpy.asarray`'
    return (
        'send what it consists of: numbers, text, lists, dicts, arrays. Objects of classes of your own cross if these are '
        'dataclasses, named tuples, enumerations, or of attrs or pydantic'
    )


_CONTAINERS = frozenset((list, dict, tuple, set, frozenset, slice))


def _fields(value: Any) -> dict[str, Any] | None:
    """Return the object for a value without members, its tag included; ``None`` if there is none."""
    import datetime

    kind = type(value)
    if kind in _writers():
        name, write = _writers()[kind]
        return dict(write(value), **{TAG: name})
    if isinstance(value, datetime.tzinfo) and getattr(value, 'key', None):
        return {TAG: 'zone', 'key': value.key}  # type: ignore[attr-defined]
    return None


@functools.lru_cache(maxsize=None)
def _writers() -> dict[type, tuple[str, Callable[[Any], dict[str, Any]]]]:
    """Return for each type without members what it is called, and how it is written."""
    import datetime
    import pathlib
    from decimal import Decimal
    from fractions import Fraction

    def moment(value: Any) -> dict[str, Any]:
        return {'iso': value.replace(tzinfo=None).isoformat(), 'fold': value.fold, 'tz': value.tzinfo}

    def zone(value: Any) -> dict[str, Any]:
        tick = datetime.timedelta(microseconds=1)
        return {'offset': value.utcoffset(None) // tick, 'name': value.tzname(None)}

    writers: dict[type, Callable[[Any], dict[str, Any]]] = {
        complex: lambda value: {'real': repr(value.real), 'imag': repr(value.imag)},
        bytes: lambda value: {'data': _base64(value)},
        bytearray: lambda value: {'data': _base64(value)},
        range: lambda value: {'items': [hex(value.start), hex(value.stop), hex(value.step)]},
        datetime.date: lambda value: {'iso': value.isoformat()},
        datetime.datetime: moment,
        datetime.time: moment,
        datetime.timedelta: lambda value: {'items': [value.days, value.seconds, value.microseconds]},
        datetime.timezone: zone,
        Decimal: lambda value: {'value': str(value)},
        Fraction: lambda value: {'items': [hex(value.numerator), hex(value.denominator)]},
        type(Ellipsis): lambda value: {},
        pathlib.PurePosixPath: lambda value: {'value': str(value)},
        pathlib.PureWindowsPath: lambda value: {'value': str(value)},
    }
    named = {kind: (kind.__name__, write) for kind, write in writers.items()}
    return {**named, type(pathlib.Path()): ('Path', lambda value: {'value': str(value)})}


# -- from JSON to values ----------------------------------------------------------------------------------------------


class _Decoder:
    """One decoding; counts what it makes."""

    def __init__(self, open_array: OpenArray | None, namespace: Mapping[str, Any] | None) -> None:
        self.open_array = open_array
        self.namespace = namespace
        self.items = 0

    def decode(self, data: Any, depth: int = 0) -> Any:
        self.items += 1
        # A slice or a date holds members one level further down than it counts itself.
        if self.items > MAX_ITEMS or depth > 2 * MAX_DEPTH:
            raise MalformedError('too many values, or nested too deeply')
        if data is None or type(data) in (bool, int, float, str):
            return data
        if type(data) is list:
            return [self.decode(item, depth + 1) for item in data]
        if type(data) is not dict:
            raise MalformedError('not JSON data')
        if TAG not in data:
            return {key: self.decode(item, depth + 1) for key, item in data.items()}
        tag = data[TAG]
        if tag in _ITEM_DECODERS:
            return _ITEM_DECODERS[tag]([self.decode(item, depth + 1) for item in _items(data)])
        if tag == 'array':
            return self.array(data)
        if tag in ('form', 'own'):
            return self.object(data, depth)
        if tag in ('datetime', 'time'):
            return _moment(data, self.decode(data['tz'], depth + 1))
        if not isinstance(tag, str) or tag not in _DECODERS:
            raise MalformedError(f'unknown tag {_short(tag)}')
        return _DECODERS[tag](data)

    def object(self, data: dict[str, Any], depth: int) -> Any:
        forms = _forms()
        if type(data['parts']) is not dict:
            raise MalformedError('no parts')
        parts = {name: self.decode(part, depth + 1) for name, part in data['parts'].items()}
        try:
            return forms.read(data, parts, self.namespace)
        except ImportError:
            raise
        except Exception as error:  # whatever a package says of what does not fit
            raise MalformedError(f'{type(error).__name__}: {error}') from error

    def array(self, data: dict[str, Any]) -> Any:
        name = data['file']
        if self.open_array is None or type(name) is not str or not re.fullmatch(_ARRAY_NAME, name):
            raise MalformedError(f'no such array: {_short(name)}')
        with self.open_array(name) as handle:
            return read_array(handle)


def decode(data: Any, open_array: OpenArray | None = None, namespace: Mapping[str, Any] | None = None) -> Any:
    """Turn JSON data back into a value, trusting nothing.

    :param data: what :func:`json.loads` gave.
    :param open_array: opens the file of an array by its name, which is a plain file name; without it there are none.
    :param namespace: the names of the function's file; without, a `forms.Own` stands for objects of the classes that it has.
    :returns: the value.
    :raises MalformedError: if :func:`encode` did not write this.
    :raises ModuleNotFoundError: if the package of an object is not installed here.
    """
    try:
        return _Decoder(open_array, namespace).decode(data)
    except MalformedError:
        raise
    except (ArithmeticError, AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError) as error:
        raise MalformedError(f'{type(error).__name__}: {error}') from error


def loads(text: str) -> Any:
    """Parse strict JSON.

    :param text: the text of a file.
    :returns: the data.
    :raises MalformedError: if it isn't strict JSON.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (RecursionError, ValueError) as error:
        raise MalformedError(f'not strict JSON: {error}') from error


def dumps(data: Any) -> str:
    """Write strict JSON, in ASCII.

    :param data: what :func:`encode` gave.
    :returns: the text.
    """
    return json.dumps(data, allow_nan=False)


def read_array(handle: BinaryIO) -> Any:
    """Read an array from a ``.npy`` file without trusting its header.

    :param handle: the open file; must be seekable.
    :returns: the array.
    :raises MalformedError: if it holds objects or its size is not what the header says.
    """
    import numpy
    from numpy.lib import format as npy

    version = npy.read_magic(handle)
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise MalformedError('unknown version of the .npy format')
    # Version 3 differs from 2 in the header's encoding only, and then for names of fields that are not ASCII.
    read_header: Any = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read_header(handle)
    start = handle.tell()
    size = handle.seek(0, os.SEEK_END) - start
    if dtype.hasobject or size != math.prod(shape) * dtype.itemsize:
        raise MalformedError('an array of objects, or one whose size is not what its header says')
    handle.seek(0)
    return numpy.load(handle, allow_pickle=False)


def _refuse_constant(name: str) -> Any:
    raise MalformedError(f'{name} is not JSON')


def _items(data: dict[str, Any]) -> list[Any]:
    items = data['items']
    if type(items) is not list:
        raise MalformedError('not a list')
    return items


def _integers(data: dict[str, Any]) -> list[int]:
    return [int(item, 16) for item in _items(data)]


def _bytes(data: dict[str, Any]) -> bytes:
    import base64

    return base64.b64decode(data['data'], validate=True)


def _date(data: dict[str, Any]) -> Any:
    import datetime

    return datetime.date.fromisoformat(data['iso'])


def _moment(data: dict[str, Any], zone: Any) -> Any:
    import datetime

    kind: Any = {'datetime': datetime.datetime, 'time': datetime.time}[data[TAG]]
    return kind.fromisoformat(data['iso']).replace(fold=data['fold'], tzinfo=zone)


def _duration(items: list[Any]) -> Any:
    import datetime

    return datetime.timedelta(*items)


def _zone(data: dict[str, Any]) -> Any:
    from zoneinfo import ZoneInfo

    return ZoneInfo(data['key'])


def _timezone(data: dict[str, Any]) -> Any:
    import datetime

    offset = datetime.timedelta(microseconds=1) * data['offset']
    plain = datetime.timezone(offset)
    return plain if plain.tzname(None) == data['name'] else datetime.timezone(offset, data['name'])


def _decimal(data: dict[str, Any]) -> Any:
    from decimal import Decimal

    return Decimal(data['value'])


def _fraction(data: dict[str, Any]) -> Any:
    from fractions import Fraction

    return Fraction(*_integers(data))


def _path(data: dict[str, Any]) -> Any:
    import pathlib

    return getattr(pathlib, data[TAG])(data['value'])


def _scalar(data: dict[str, Any]) -> Any:
    import numpy

    if not re.fullmatch(_SIMPLE_DTYPE, data['dtype']):
        raise MalformedError('not a simple dtype')
    dtype, content = numpy.dtype(data['dtype']), _bytes(data)
    if len(content) != dtype.itemsize:
        raise MalformedError('a number of the wrong size')
    return numpy.ndarray((), dtype, content)[()] if content else dtype.type()


_ITEM_DECODERS: dict[str, Callable[[list[Any]], Any]] = {
    'tuple': tuple,
    'set': set,
    'frozenset': frozenset,
    'slice': lambda items: slice(*items),
    'dict': lambda items: {key: value for key, value in items},  # noqa: C416  (dict() would take other things too)
    'timedelta': _duration,
}
_DECODERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    'int': lambda data: int(data['hex'], 16),
    'float': lambda data: {'nan': math.nan, 'inf': math.inf, '-inf': -math.inf}[data['value']],
    'complex': lambda data: complex(float(data['real']), float(data['imag'])),
    'bytes': _bytes,
    'bytearray': lambda data: bytearray(_bytes(data)),
    'range': lambda data: range(*_integers(data)),
    'date': _date,
    'timezone': _timezone,
    'zone': _zone,
    'Decimal': _decimal,
    'Fraction': _fraction,
    'ellipsis': lambda data: Ellipsis,
    'scalar': _scalar,
    'Path': _path,
    'PurePosixPath': _path,
    'PureWindowsPath': _path,
}


class ArrayFolder:
    """The ``.npy`` files of one message, in a folder.

    :param path: the folder.
    :param prefix: ``input`` or ``result``, with a number if there are several messages.
    """

    def __init__(self, path: str | os.PathLike[str], prefix: str) -> None:
        self.path = os.fspath(path)
        self.prefix = prefix
        self.names: list[str] = []

    def save(self, array: Any) -> str:
        """Write an array.

        :param array: the numpy array; holds no objects.
        :returns: the name of its file.
        """
        import numpy

        name = f'{self.prefix}-{len(self.names)}.npy'
        numpy.save(os.path.join(self.path, name), array, allow_pickle=False)
        self.names.append(name)
        return name

    def open(self, name: str) -> BinaryIO:
        """Open the file of an array.

        :param name: its plain name.
        :returns: the open file.
        """
        return open(os.path.join(self.path, name), 'rb')


class ArraysInMemory:
    """The ``.npy`` files of a message that goes nowhere."""

    def __init__(self) -> None:
        self.files: list[bytes] = []

    def save(self, array: Any) -> str:
        """Keep an array; returns the name of its file."""
        import io

        import numpy

        file = io.BytesIO()
        numpy.save(file, array, allow_pickle=False)
        self.files.append(file.getvalue())
        return f'input-{len(self.files) - 1}.npy'

    def open(self, name: str) -> BinaryIO:
        """Open the file of an array."""
        import io

        return io.BytesIO(self.files[int(name[len('input-') : -len('.npy')])])
