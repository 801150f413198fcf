"""Runs one function on another machine; also the encoding of values that both sides speak.

This file is uploaded as it is and run there by Python 3.8 or later, and imported here for the same encoding. So it must
know the standard library only (numpy when an array appears), nothing of this package, nor AiiDA.

Values are strict JSON, arrays ``.npy`` files beside it. Nothing is ever pickled: what a remote machine sends is data,
and is distrusted when decoded. Copies are made, as with any message: two names of one list arrive as two lists.

Plain JSON stands for ``None``, ``bool``, ``int``, finite ``float``, ``str``, ``list`` and ``dict`` with text keys;
everything else is an object with the key ``!``, whose value says what it is.
"""

from __future__ import annotations
import __future__

import base64
import contextlib
import datetime
import errno
import inspect
import json
import linecache
import math
import os
import pathlib
import re
import shutil
import sys
import traceback
import types
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable

    SaveArray = Callable[[Any], str]
    OpenArray = Callable[[str], BinaryIO]

MINIMUM_PYTHON = (3, 8)
FORMAT = 1
#: The name of the module that the function's source becomes: that of the file, so that child processes can import it.
FUNCTION_MODULE = 'dreamflow_function'
FUNCTION_FILE = FUNCTION_MODULE + '.py'
REMOTE_FILE = 'dreamflow_remote.py'
#: The file that calls a function for many items on all cores; jobs that do so have it.
SPREAD_FILE = 'dreamflow_spread.py'
#: What the name of a folder with returned files ends with.
FILES_SUFFIX = '-files'
INPUTS_FILE = 'inputs.json'
RESULT_FILE = 'result.json'

#: What the function prints, and how many bytes of each are kept.
PRINTED_FILES = ('stdout', 'stderr')
MAX_PRINTED = 2**26

#: How many bytes a result may have, arrays included.
MAX_RESULT = 2**32
MAX_DEPTH = 100
MAX_ITEMS = 20_000_000
_TAG = '!'
_ARRAY_NAME = re.compile(r'(?:input|result)(?:-[0-9]{1,9}){1,2}\.npy')
_SIMPLE_DTYPE = re.compile(r'[<>|=]?[biufcSUmM][0-9]{1,9}(\[[0-9]{0,9}[a-zA-Z]{1,2}\])?')
_EXACT_INTEGER = 2**63
#: Where starters of MPI programs say which of the processes this is.
_RANKS = ('OMPI_COMM_WORLD_RANK', 'PMIX_RANK', 'PMI_RANK', 'MV2_COMM_WORLD_RANK', 'SLURM_PROCID')
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
#: How many bytes are kept for a report on a full disk.
_RESERVED = 2**15
_PATHS: dict[str, Callable[[str], pathlib.PurePath]] = {
    'Path': pathlib.Path,
    'PurePosixPath': pathlib.PurePosixPath,
    'PureWindowsPath': pathlib.PureWindowsPath,
}


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


class _Encoder:
    """One encoding; knows the way from the whole value to where it is."""

    def __init__(self, save_array: SaveArray | None) -> None:
        self.save_array = save_array
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
            return value if abs(value) < _EXACT_INTEGER else {_TAG: 'int', 'hex': hex(value)}
        if kind is float:
            return value if math.isfinite(value) else {_TAG: 'float', 'value': repr(value)}
        if kind in _ENCODERS:
            return dict(_ENCODERS[kind](value), **{_TAG: _NAMES[kind]})
        if kind in _CONTAINERS:
            return self.container(value)
        numpy = sys.modules.get('numpy')
        if numpy is not None and isinstance(value, (numpy.ndarray, numpy.generic)):
            return self.array(numpy, value)
        if isinstance(value, datetime.tzinfo) and getattr(value, 'key', None):
            return {_TAG: 'zone', 'key': value.key}  # type: ignore[attr-defined]
        raise self.refuse(value, _advice(value))

    def container(self, value: Any) -> Any:
        if id(value) in self.open:
            raise self.refuse(value, 'it contains itself')
        if len(self.open) >= MAX_DEPTH:
            raise self.refuse(value, f'it is nested more than {MAX_DEPTH} levels deep')
        self.open[id(value)] = True
        try:
            return self.members(value)
        finally:
            del self.open[id(value)]

    def members(self, value: Any) -> Any:
        kind = type(value)
        if kind is list:
            return [self.member(f'[{index}]', item) for index, item in enumerate(value)]
        if kind is dict:
            if _TAG not in value and all(type(key) is str for key in value):
                return {key: self.member(f'[{key!r}]', item) for key, item in value.items()}
            pairs = [
                [self.member('.keys()', key), self.member(f'[{_short(key)}]', item)] for key, item in value.items()
            ]
            return {_TAG: 'dict', 'items': pairs}
        if kind is slice:
            return {
                _TAG: 'slice',
                'items': [self.encode(value.start), self.encode(value.stop), self.encode(value.step)],
            }
        if kind is datetime.datetime or kind is datetime.time:
            zone = None if value.tzinfo is None else self.member('.tzinfo', value.tzinfo)
            return {_TAG: kind.__name__, 'iso': value.replace(tzinfo=None).isoformat(), 'fold': value.fold, 'tz': zone}
        items = [self.member(f'[{index}]', item) for index, item in enumerate(value)]
        return {_TAG: kind.__name__, 'items': items}

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
            return {_TAG: 'array', 'file': self.save_array(value)}
        if isinstance(value, numpy.generic) and _SIMPLE_DTYPE.fullmatch(value.dtype.str):
            return {_TAG: 'scalar', 'dtype': value.dtype.str, 'data': _base64(value.tobytes()[: value.dtype.itemsize])}
        raise self.refuse(value, 'convert it with `numpy.asarray`')


def encode(value: object, save_array: SaveArray | None = None) -> Any:
    """Turn a value into strict JSON data.

    :param value: what to send.
    :param save_array: stores a numpy array and gives the name of its file; without it, arrays are refused.
    :returns: data for :func:`json.dumps` (``allow_nan=False``).
    :raises NotSendableError: if something in the value has no encoding.
    """
    return _Encoder(save_array).encode(value)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + '...'


def _base64(data: Any) -> str:
    return base64.b64encode(data).decode('ascii')


def _advice(value: object) -> str:
    """Say what to send in place of an object."""
    kind = type(value)
    if hasattr(kind, '__dataclass_fields__'):
        return 'classes of your own do not cross between machines; use `dataclasses.asdict`'
    if isinstance(value, tuple) and hasattr(kind, '_asdict'):
        return 'classes of your own do not cross between machines; use `._asdict()`'
    if isinstance(value, (types.FunctionType, types.GeneratorType, types.ModuleType, type)):
        return 'only data crosses between machines; return or pass values'
    return 'only plain data crosses between machines: numbers, text, bytes, lists, dicts, sets, dates, paths, arrays'


_TICK = datetime.timedelta(microseconds=1)
# Types without members: how to write them, and how to read them back.
_ENCODERS: dict[type, Callable[[Any], dict[str, Any]]] = {
    complex: lambda value: {'real': repr(value.real), 'imag': repr(value.imag)},
    bytes: lambda value: {'data': _base64(value)},
    bytearray: lambda value: {'data': _base64(value)},
    range: lambda value: {'items': [hex(value.start), hex(value.stop), hex(value.step)]},
    datetime.date: lambda value: {'iso': value.isoformat()},
    datetime.timedelta: lambda value: {'items': [value.days, value.seconds, value.microseconds]},
    datetime.timezone: lambda value: {'offset': value.utcoffset(None) // _TICK, 'name': value.tzname(None)},
    Decimal: lambda value: {'value': str(value)},
    Fraction: lambda value: {'items': [hex(value.numerator), hex(value.denominator)]},
    type(Ellipsis): lambda value: {},
}
_ENCODERS.update(
    {
        kind: lambda value: {'value': str(value)}
        for kind in (type(pathlib.Path()), pathlib.PurePosixPath, pathlib.PureWindowsPath)
    }
)
_NAMES: dict[type, str] = {kind: kind.__name__ for kind in _ENCODERS}
_NAMES[type(pathlib.Path())] = 'Path'
_CONTAINERS = frozenset((list, dict, tuple, set, frozenset, slice, datetime.datetime, datetime.time))


# -- from JSON to values ----------------------------------------------------------------------------------------------


class _Decoder:
    """One decoding; counts what it makes."""

    def __init__(self, open_array: OpenArray | None) -> None:
        self.open_array = open_array
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
        if _TAG not in data:
            return {key: self.decode(item, depth + 1) for key, item in data.items()}
        tag = data[_TAG]
        if tag in _ITEM_DECODERS:
            return _ITEM_DECODERS[tag]([self.decode(item, depth + 1) for item in _items(data)])
        if tag == 'array':
            return self.array(data)
        if tag in ('datetime', 'time'):
            return _moment(data, self.decode(data['tz'], depth + 1))
        if not isinstance(tag, str) or tag not in _DECODERS:
            raise MalformedError(f'unknown tag {_short(tag)}')
        return _DECODERS[tag](data)

    def array(self, data: dict[str, Any]) -> Any:
        name = data['file']
        if self.open_array is None or type(name) is not str or not _ARRAY_NAME.fullmatch(name):
            raise MalformedError(f'no such array: {_short(name)}')
        with self.open_array(name) as handle:
            return read_array(handle)


def decode(data: Any, open_array: OpenArray | None = None) -> Any:
    """Turn JSON data back into a value, trusting nothing.

    :param data: what :func:`json.loads` gave.
    :param open_array: opens the file of an array by its name, which is a plain file name; without it there are none.
    :returns: the value.
    :raises MalformedError: if :func:`encode` did not write this.
    """
    try:
        return _Decoder(open_array).decode(data)
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


def _bytes(data: dict[str, Any]) -> bytes:
    return base64.b64decode(data['data'], validate=True)


def _integers(data: dict[str, Any]) -> list[int]:
    return [int(item, 16) for item in _items(data)]


def _moment(data: dict[str, Any], zone: Any) -> Any:
    kind: Any = {'datetime': datetime.datetime, 'time': datetime.time}[data[_TAG]]
    return kind.fromisoformat(data['iso']).replace(fold=data['fold'], tzinfo=zone)


def _zone(data: dict[str, Any]) -> Any:
    from zoneinfo import ZoneInfo

    return ZoneInfo(data['key'])


def _timezone(data: dict[str, Any]) -> datetime.timezone:
    offset = data['offset'] * _TICK
    plain = datetime.timezone(offset)
    return plain if plain.tzname(None) == data['name'] else datetime.timezone(offset, data['name'])


def _scalar(data: dict[str, Any]) -> Any:
    import numpy

    if not _SIMPLE_DTYPE.fullmatch(data['dtype']):
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
    'timedelta': lambda items: datetime.timedelta(*items),
}
_DECODERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    'int': lambda data: int(data['hex'], 16),
    'float': lambda data: {'nan': math.nan, 'inf': math.inf, '-inf': -math.inf}[data['value']],
    'complex': lambda data: complex(float(data['real']), float(data['imag'])),
    'bytes': _bytes,
    'bytearray': lambda data: bytearray(_bytes(data)),
    'range': lambda data: range(*_integers(data)),
    'date': lambda data: datetime.date.fromisoformat(data['iso']),
    'timezone': _timezone,
    'zone': _zone,
    'Decimal': lambda data: Decimal(data['value']),
    'Fraction': lambda data: Fraction(*_integers(data)),
    'ellipsis': lambda data: Ellipsis,
    'scalar': _scalar,
}
_DECODERS.update({name: lambda data: _PATHS[data[_TAG]](data['value']) for name in _PATHS})


class ArrayFolder:
    """The ``.npy`` files of one message, in a folder.

    :param path: the folder.
    :param prefix: ``input`` or ``result``, with a number if there are several messages.
    """

    def __init__(self, path: str | pathlib.Path, prefix: str) -> None:
        self.path = pathlib.Path(path)
        self.prefix = prefix
        self.names: list[str] = []

    def save(self, array: Any) -> str:
        """Write an array.

        :param array: the numpy array; holds no objects.
        :returns: the name of its file.
        """
        import numpy

        name = f'{self.prefix}-{len(self.names)}.npy'
        numpy.save(str(self.path / name), array, allow_pickle=False)
        self.names.append(name)
        return name

    def open(self, name: str) -> BinaryIO:
        """Open the file of an array.

        :param name: its plain name.
        :returns: the open file.
        """
        return (self.path / name).open('rb')


# -- on the other machine ---------------------------------------------------------------------------------------------


class _Failure(Exception):
    """The end of the job, not the good one; carries what to report."""

    def __init__(self, report: dict[str, Any]) -> None:
        super().__init__(report)
        self.report = report


def load_function(filename: str, qualname: str, offset: int) -> Any:
    """Execute the function's source and return the function.

    :param filename: what tracebacks call the file.
    :param qualname: the function's qualified name.
    :param offset: how many of its first lines come from elsewhere: line numbers count from there.
    :returns: the function.
    """
    source = pathlib.Path(FUNCTION_FILE).read_bytes().decode('utf-8')
    module = types.ModuleType(FUNCTION_MODULE)
    module.__file__ = str(pathlib.Path(FUNCTION_FILE).resolve())
    sys.modules[FUNCTION_MODULE] = module
    lines = source.splitlines(True)
    for place, text in ((FUNCTION_FILE, lines[:offset]), (filename, lines[offset:])):
        if not text:
            continue
        linecache.cache[place] = (len(text), None, text, place)
        # Annotations stay text: what only they mention did not travel, and an old Python may not know their syntax.
        flags = __future__.annotations.compiler_flag
        exec(compile(''.join(text), place, 'exec', flags=flags, dont_inherit=True), module.__dict__)
    found: Any = module
    for part in qualname.split('.'):
        found = getattr(found, part)
    return found


def call(function: Any, arguments: dict[str, Any]) -> Any:
    """Call a function with arguments by name, as its signature wants them.

    :param function: the function.
    :param arguments: its arguments; that of a ``*args`` parameter is a sequence.
    :returns: what it returns.
    """
    positional: list[Any] = []
    named = dict(arguments)
    parameters = [parameter for name, parameter in inspect.signature(function).parameters.items() if name in named]
    # What precedes `*args` can be given by position only, if there is anything for `*args`.
    is_starred = any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters)
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            positional.extend(named.pop(parameter.name))
        elif parameter.kind is parameter.POSITIONAL_ONLY or (
            is_starred and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        ):
            positional.append(named.pop(parameter.name))
    return function(*positional, **named)


def describe_exception(error: BaseException, phase: str) -> dict[str, Any]:
    """Describe an exception as JSON data.

    :param error: the exception.
    :param phase: ``load`` if the source could not be executed, ``call`` if the function raised it.
    :returns: its type, text, arguments, attributes, notes and traceback in the user's lines.
    """
    kind = type(error)
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
        frames = frames.tb_next
    attributes = {}
    for name, value in vars(error).items():
        if not name.startswith('__'):
            attributes.update(_try_encode(name, value))
    return {
        'phase': phase,
        'type': kind.__qualname__,
        'module': kind.__module__,
        'message': _text(error),
        'args': _try_encode('args', list(_init_args(error))).get('args'),
        'attributes': attributes,
        'notes': [str(note) for note in getattr(error, '__notes__', ())],
        'traceback': ''.join(traceback.format_exception(kind, error.with_traceback(frames), frames)),
    }


def _init_args(error: BaseException) -> Any:
    """Return what makes the exception again: with a file's name, that is not only ``args``."""
    return OSError.__reduce__(error)[1] if isinstance(error, OSError) else error.args


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return '<its text cannot be had>'


def _try_encode(name: str, value: Any) -> dict[str, Any]:
    try:
        return {name: encode(value)}
    except NotSendableError:
        return {}


def run(folder: pathlib.Path) -> dict[str, Any]:
    """Do the job in a folder.

    :param folder: where the files are; also the working directory.
    :returns: the report that becomes ``result.json``.
    """
    if sys.version_info < MINIMUM_PYTHON:
        return {'status': 'python'}
    try:
        inputs = json.loads((folder / INPUTS_FILE).read_text(encoding='ascii'))
        function = _guarded('load', load_function, inputs['filename'], inputs['qualname'], inputs.get('offset', 0))
        arguments = _guarded('load', decode, inputs['arguments'], ArrayFolder(folder, 'input').open)
    except _Failure as failure:
        return failure.report
    limit = inputs.get('limit', MAX_RESULT)
    if 'count' in inputs:
        return _map(folder, function, arguments, inputs['count'], limit)
    return _report(folder, 'result', function, arguments, limit)


def _report(
    folder: pathlib.Path, prefix: str, function: Callable[..., Any], arguments: dict[str, Any], limit: int
) -> dict[str, Any]:
    """Call the function; return the report of how that ended."""
    try:
        return _returned(folder, prefix, _guarded('call', call, function, arguments), limit)
    except _Failure as failure:
        return failure.report
    except NotSendableError as error:
        return {'status': 'unsendable', 'type': error.value_type, 'path': error.path, 'reason': error.reason}


def _map(
    folder: pathlib.Path, function: Callable[..., Any], columns: dict[str, Any], count: int, limit: int
) -> dict[str, Any]:
    """Call the function for each item, on all cores; return the report with a report for each.

    :param columns: the arguments for all items, by the name of the parameter.
    """
    import dreamflow_spread as other  # type: ignore[import-not-found]

    def evaluate(index: int) -> str:
        arguments = {name: column[index] for name, column in columns.items()}
        report = _report(folder, 'result-%d' % index, function, arguments, limit)
        if 'exception' in report:
            sys.stderr.write('item %d: %s' % (index, report['exception']['traceback']))
        return dumps(report)

    texts = other.spread(evaluate, count, other.cores())
    size = sum(path.stat().st_size for path in folder.glob('result-*') if path.is_file())
    size += sum(path.stat().st_size for path in folder.glob('result-*' + FILES_SUFFIX + '/**/*') if path.is_file())
    size += sum(len(text) for text in texts if isinstance(text, str))
    if size > limit:
        _remove(folder, 'result')
        return {'status': 'large', 'size': size, 'limit': limit}
    items = [json.loads(text) if isinstance(text, str) else {'status': 'died', 'exit': text} for text in texts]
    return {'status': 'mapped', 'items': items}


def _guarded(phase: str, action: Callable[..., Any], *args: Any) -> Any:
    try:
        return action(*args)
    except BaseException as error:  # SystemExit and KeyboardInterrupt too: the job ends here, and says why
        report = {'status': 'raised', 'exception': describe_exception(error, phase)}
        if isinstance(error, ModuleNotFoundError):
            report.update(status='module', missing=str(error.name))
        elif isinstance(error, OSError) and error.errno in _DISK_FULL:
            report.update(status='disk', reason=str(error))
        raise _Failure(report) from None


def _returned(folder: pathlib.Path, prefix: str, value: Any, limit: int) -> dict[str, Any]:
    """Write the arrays of what the function returned; the report of it, unless it is too large or the disk full."""
    arrays = ArrayFolder(folder, prefix)
    try:
        kept = _kept_files(folder, prefix, value)
        report = {'status': 'returned', 'value': kept or encode(value, arrays.save)}
    except OSError as error:  # numpy does not always say which
        report = {'status': 'disk', 'reason': str(error)}
    else:
        sent = [folder / name for name in arrays.names]
        if kept:
            sent = [path for path in (folder / kept['name']).rglob('*') if path.is_file()]
        size = len(dumps(report)) + sum(path.stat().st_size for path in sent)
        if size > limit:
            report = {'status': 'large', 'size': size, 'limit': limit}
    if report['status'] != 'returned':
        _remove(folder, prefix)
    return report


def _kept_files(folder: pathlib.Path, prefix: str, value: Any) -> dict[str, Any] | None:
    """Put the file or the folder that a function returned the path of where it is brought away from; what stands for it.

    :returns: ``None`` if the value is no path of something in the folder of the job.
    """
    if not isinstance(value, pathlib.Path):
        return None
    path, place = (folder / value).resolve(), folder.resolve()
    if place not in path.parents or not path.exists():
        return None
    target = folder / (prefix + FILES_SUFFIX)
    if path.is_dir():
        shutil.copytree(str(path), str(target), copy_function=_link)
    else:
        target.mkdir()
        _link(str(path), str(target / path.name))
    return {_TAG: 'folder' if path.is_dir() else 'file', 'name': target.name}


def _link(source: str, target: str) -> None:
    """Give a file a second name, or copy it where that is impossible."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _remove(folder: pathlib.Path, prefix: str) -> None:
    """Remove the arrays and files that were to be brought away."""
    for path in folder.glob(prefix + '-*.npy'):
        path.unlink()
    for path in folder.glob(prefix + '*' + FILES_SUFFIX):
        shutil.rmtree(str(path))


def _write_report(path: pathlib.Path, report: dict[str, Any]) -> None:
    """Write the report into a file that holds some blanks: there is room for a few words when the disk is full."""
    with path.open('r+b', buffering=0) as file:
        try:
            _write(file, dumps(report))
        except OSError as error:
            file.seek(0)
            _write(file, dumps(dict(report, status='disk', reason=str(error), value=None, exception=None)))
        file.truncate()


def _write(file: Any, text: str) -> None:
    data = text.encode('ascii')
    while data:
        data = data[file.write(data) :]


def _wait_for_other(folder: pathlib.Path) -> Any:
    """Wait until no other copy of the job runs; return the lock, on the file of the inputs.

    A worker that dies when it has submitted the job, and has not noted that, is followed by one that submits it again.
    """
    try:
        import fcntl

        lock = (folder / INPUTS_FILE).open('rb')
        fcntl.flock(lock, fcntl.LOCK_EX)
    except (ImportError, OSError):  # Windows, or a file system without locks
        return None
    return lock


def _rank(folder: pathlib.Path) -> int:
    """Return the rank of this process if the job was started by MPI, otherwise 0."""
    with contextlib.suppress(OSError, ValueError):
        if json.loads((folder / INPUTS_FILE).read_text(encoding='ascii')).get('mpi'):
            return next((int(os.environ[name]) for name in _RANKS if os.environ.get(name, '').isdigit()), 0)
    return 0


def _take_part(folder: pathlib.Path) -> int:
    """Call the function under MPI, in another process than the first: what it returns is the first one's to tell."""
    try:
        inputs = json.loads((folder / INPUTS_FILE).read_text(encoding='ascii'))
        if 'count' not in inputs:
            function = load_function(inputs['filename'], inputs['qualname'], inputs.get('offset', 0))
            call(function, decode(inputs['arguments'], ArrayFolder(folder, 'input').open))
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _shorten(path: pathlib.Path) -> None:
    """Cut the middle out of a file of gigabytes, which would be brought here whole."""
    with contextlib.suppress(OSError):
        size = path.stat().st_size
        if size > MAX_PRINTED:
            with path.open('r+b') as file:
                file.seek(size - MAX_PRINTED // 2)
                end = file.read()
                file.seek(MAX_PRINTED // 2)
                file.write(b'\n[... %d bytes were left out ...]\n' % (size - MAX_PRINTED))
                file.write(end)
                file.truncate()


def main() -> int:
    """Run the job of the current directory and write its result.

    :returns: the exit status: 0 if the function returned.
    """
    folder = pathlib.Path.cwd()
    if _rank(folder):
        return _take_part(folder)
    lock = _wait_for_other(folder)  # held until the end of this process
    if (folder / RESULT_FILE).exists():
        return 0
    # Renaming is atomic: the file is there whole or not at all, whenever the job is killed.
    temporary = folder / (RESULT_FILE + '.tmp')
    temporary.write_text(' ' * _RESERVED, encoding='ascii')
    report = dict(run(folder), format=FORMAT, python='.'.join(map(str, sys.version_info[:3])))
    with contextlib.suppress(OSError):  # on a full disk the result matters more
        if 'exception' in report:
            sys.stderr.write(report['exception']['traceback'])
        sys.stdout.flush()
        sys.stderr.flush()
    _write_report(temporary, report)
    temporary.replace(folder / RESULT_FILE)
    for name in PRINTED_FILES:
        _shorten(folder / name)
    del lock
    return 0 if report['status'] in ('returned', 'mapped') else 1


if __name__ == '__main__':
    sys.exit(main())
