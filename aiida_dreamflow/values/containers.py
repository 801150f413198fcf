"""How Python's own plain values and containers are written and rebuilt. Knows the standard library only."""

from __future__ import annotations

import base64
import importlib
import sys
from collections.abc import Iterable, Iterator
from types import CellType, FunctionType, ModuleType
from typing import Any

from ..exceptions import CannotStoreError, FrameError
from .records import Kind, Reader, Record, Writing, float_of, float_text

__all__ = (
    'INLINE_BYTES',
    'KINDS',
    'WRITERS',
    'check_keys',
    'doubles',
    'is_suppress',
    'read_bytes',
    'why_lost',
    'write_bytes',
)

# Bytes up to this length stand in the document, as base64; a file of its own for each would cost more than it saves.
INLINE_BYTES = 1024

_PLAIN_KEYS = frozenset({str, int, float, bool, complex, bytes, type(None)})
_CONSTANTS: dict[str, object] = {'Ellipsis': Ellipsis, 'NotImplemented': NotImplemented}


def write_bytes(data: bytes, w: Writing) -> str:
    """The text that stands for bytes: base64 when short, ``sha256:...`` when they are kept beside the document."""
    return f'sha256:{w.blob(data)}' if len(data) > INLINE_BYTES else base64.b64encode(data).decode('ascii')


def read_bytes(text: str, r: Reader) -> bytes:
    """The inverse of :func:`write_bytes`."""
    return r.blob(text[7:]) if text.startswith('sha256:') else base64.b64decode(text)


def is_suppress(value: str) -> bool:
    """Whether this is the very text by which `argparse` knows what to suppress: every parser of arguments has it."""
    return value == '==SUPPRESS==' and value is getattr(sys.modules.get('argparse'), 'SUPPRESS', None)


def _write_str(value: str, w: Writing) -> Record:
    if is_suppress(value):
        return ['global', 'argparse:SUPPRESS']
    # JSON of some databases has neither NUL nor lone surrogates.
    try:
        value.encode()
    except UnicodeEncodeError:
        return ['str*', value.encode('unicode_escape').decode('ascii')]
    return ['str*', value.encode('unicode_escape').decode('ascii')] if '\0' in value else ['str', value]


def check_keys(keys: Iterable[Any], w: Writing) -> None:
    """Refuse what could not be put into a dict or set again."""
    noted: type | None = None
    for key in [*keys]:  # a hash function may do anything
        kind = type(key)
        if kind not in _PLAIN_KEYS:
            try:
                hash(key)
            except Exception as error:
                reason = f'a dict or set with it cannot be rebuilt: its hash fails ({type(error).__name__}: {error})'
                raise CannotStoreError(kind.__name__, '', reason) from None
            if kind is not noted and type(kind.__hash__) is FunctionType:
                w.note_code(kind)
                noted = kind


def _write_dict(value: dict[Any, Any], w: Writing) -> Record:
    ref = w.ref
    if value is sys.modules:
        return ['global', 'sys:modules']
    check_keys(value, w)
    if '__name__' in value and (module := _module_of(value)) is not None:
        return ['namespace', module]
    if '__builtins__' in value and (place := _place_of(value)) is not None:
        return ['global', place]
    if (reason := why_lost(value)) is not None:
        raise CannotStoreError('dict', '', reason)
    return ['dict', None, [ref(part) for item in value.items() for part in item]]


def why_lost(variables: dict[Any, Any]) -> str | None:
    """Why a dict must not be copied: it has the variables of a module that nobody finds; ``None`` if it may be."""
    if variables.get('__spec__') is None or '__builtins__' not in variables:
        return None
    if _module_of(variables) is not None or _place_of(variables) is not None:
        return None
    return f'it has the variables of a module that `import {variables.get("__name__")}` does not give'


def _module_of(value: dict[Any, Any]) -> str | None:
    """The name of the module whose globals a dict is; ``None`` if it is an ordinary one."""
    name = value.get('__name__')
    module = sys.modules.get(name) if isinstance(name, str) else None
    return name if getattr(module, '__dict__', None) is value else None


def _place_of(value: dict[Any, Any]) -> str | None:
    """The place of the globals of a module that is not the one which `import` gives, from a variable of some module on."""
    name = value.get('__name__')
    if not isinstance(name, str):
        return None
    for place, module in doubles(name):
        if module.__dict__ is value:
            return f'{place}.__dict__'
    # The private part of a module that somebody has replaced is seen through the functions that it has given to that.
    public = name.lstrip('_').removeprefix('py_')
    shown = vars(sys.modules[public]) if public != name and public in sys.modules else {}
    functions = (each for each, found in shown.items() if getattr(found, '__globals__', None) is value)
    return next((f'{public}:{function}.__globals__' for function in functions), None)


def doubles(name: str) -> list[tuple[str, ModuleType]]:
    """The modules of a name that are not the one which `import` gives, each with the place of a variable that holds it."""
    found = _known_doubles.get(name)
    if found is None or found[0] != len(sys.modules):
        found = _known_doubles[name] = len(sys.modules), [*_look_for_doubles(name)]
    return found[1]


_known_doubles: dict[str, tuple[int, list[tuple[str, ModuleType]]]] = {}


def _look_for_doubles(name: str) -> Iterator[tuple[str, ModuleType]]:
    for holder, module in [*sys.modules.items()]:
        for variable, found in [*getattr(module, '__dict__', {}).items()]:
            if type(found) is ModuleType and found.__name__ == name and sys.modules.get(name) is not found:
                yield f'{holder}:{variable}', found
    package, _, last = name.rpartition('.')
    for place, module in doubles(package) if package else ():
        found = module.__dict__.get(last)
        if type(found) is ModuleType and found.__name__ == name and sys.modules.get(name) is not found:
            yield f'{place}.{last}', found


def _read_namespace(first: str, r: Reader) -> object:
    try:
        return importlib.import_module(first).__dict__
    except ImportError as error:
        raise FrameError(f'a stored value needs the module `{first}`, which cannot be imported ({error})') from error


def _fill_dict(obj: dict[Any, Any], rest: Any, r: Reader) -> None:
    get = r.get
    parts = iter(rest)
    for key in parts:
        obj[get(key)] = get(next(parts))


def _plain_key(value: object) -> tuple[str, str]:
    """A sort key that does not depend on the hash seed; ``TypeError`` if `value` has none."""
    kind = type(value)
    if kind in (tuple, frozenset):
        keys = [_plain_key(item) for item in value]  # type: ignore[attr-defined]
        return kind.__name__, repr(keys if kind is tuple else sorted(keys))
    if kind in (bool, int, float, complex, str, bytes, type(None)):
        return kind.__name__, repr(value)
    raise TypeError


def _write_items(value: set[Any] | frozenset[Any], w: Writing) -> list[Any]:
    check_keys(value, w)
    # Sorted where possible, so that an untouched set gives the same bytes in a worker with another hash seed.
    try:
        items = sorted(value, key=_plain_key)
    except TypeError:
        items = list(value)
    return [w.ref(item) for item in items]


def _fill_set(obj: set[Any], rest: Any, r: Reader) -> None:
    obj.update(map(r.get, rest))


def _write_cell(value: CellType, w: Writing) -> Record:
    try:
        return ['cell', None, [w.ref(value.cell_contents)]]
    except ValueError:
        return ['cell', None]


def _fill_cell(obj: CellType, rest: Any, r: Reader) -> None:
    obj.cell_contents = r.get(rest[0])


def _fill_list(obj: list[Any], rest: Any, r: Reader) -> None:
    get = r.get
    obj.extend(map(get, rest))


WRITERS: dict[type, Any] = {
    str: _write_str,
    int: lambda value, w: ['int', hex(value)],
    float: lambda value, w: ['float', float_text(value)],
    complex: lambda value, w: ['complex', [float_text(value.real), float_text(value.imag)]],
    bytes: lambda value, w: ['bytes', write_bytes(value, w)],
    bytearray: lambda value, w: ['bytearray', write_bytes(bytes(value), w)],
    type(Ellipsis): lambda value, w: ['constant', 'Ellipsis'],
    type(NotImplemented): lambda value, w: ['constant', 'NotImplemented'],
    list: lambda value, w: ['list', None, [*map(w.ref, value)]],
    tuple: lambda value, w: ['tuple', [*map(w.ref, value)]],
    dict: _write_dict,
    set: lambda value, w: ['set', None, _write_items(value, w)],
    frozenset: lambda value, w: ['frozenset', _write_items(value, w)],
    range: lambda value, w: ['range', [w.ref(value.start), w.ref(value.stop), w.ref(value.step)]],
    slice: lambda value, w: ['slice', [w.ref(value.start), w.ref(value.stop), w.ref(value.step)]],
    CellType: _write_cell,
}

KINDS = (
    Kind('str', lambda first, r: first),
    Kind('str*', lambda first, r: first.encode('ascii').decode('unicode_escape')),
    Kind('int', lambda first, r: int(first, 16)),
    Kind('float', lambda first, r: float_of(first)),
    Kind('complex', lambda first, r: complex(float_of(first[0]), float_of(first[1]))),
    Kind('bytes', lambda first, r: read_bytes(first, r)),
    Kind('bytearray', lambda first, r: bytearray(read_bytes(first, r))),
    Kind('constant', lambda first, r: _CONSTANTS[first]),
    Kind('list', lambda first, r: [], _fill_list),
    # On Python 3.10 `tuple` of an iterator makes another empty one.
    Kind('tuple', lambda first, r: (*map(r.get, first),)),
    Kind('dict', lambda first, r: {}, _fill_dict, lambda rest: 3 if any(type(key) is dict for key in rest[::2]) else 0),
    Kind('namespace', _read_namespace),
    Kind('set', lambda first, r: set(), _fill_set, lambda rest: 3),
    Kind('frozenset', lambda first, r: frozenset(map(r.get, first)), late=1),
    Kind('range', lambda first, r: range(*map(r.get, first))),
    Kind('slice', lambda first, r: slice(*map(r.get, first))),
    Kind('cell', lambda first, r: CellType(), _fill_cell),
)
