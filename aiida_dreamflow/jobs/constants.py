"""The stored form of the global variables that travel with a function: `jobs.world` reads it.

Plain data is written as arguments of jobs are: anybody can read it, and any Python. The rest is pickled. Here the definitions of the
user's own modules, modules, and AiiDA's nodes stand for themselves: they are looked up where the function runs.

Must not import AiiDA. A pickle is code. It travels with source that the same person has written, to where that source is executed.
"""

from __future__ import annotations

import contextvars
import functools
import hashlib
import io
import itertools
import marshal
import pickle
import sys
import threading
import types
import weakref
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from ..compiler.state import State, Stored, identities
from ..values.pinning import is_never_made_again, is_standard
from . import wire
from .world import EARLY_FILE, LATE_FILE

__all__ = ('store',)

KeyOf = Callable[[object], 'str | None']
#: From a value to an object in it: keys of containers, and names of attributes.
Way = tuple[tuple[str, Any], ...]

#: Of the standard library: they have no stored form, and lose nothing when they are made again while nobody uses them.
_MADE_AGAIN = (
    *(threading.Event, threading.Condition, threading.Semaphore, contextvars.ContextVar),
    *(types.FunctionType, types.BuiltinFunctionType, types.ModuleType, type, functools.partial, property),
    *(weakref.WeakValueDictionary, weakref.WeakKeyDictionary, weakref.WeakSet),
)
#: How deep containers are looked into.
_DEPTH = 10
#: Plain values that were encoded last, with the sizes of their pickles; how large these may be together.
_known: dict[bytes, tuple[Any, int]] = {}
_MOST_KNOWN = 4 << 20
_NONE: Mapping[int, tuple[str, Way]] = {}
_ENTITIES = ('Node', 'Computer', 'Group')


class _Makes:
    """Stands for what makes an object, in a pickle: it has other names in other versions of Python."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self) -> None:
        """Do nothing: pickle only wants to see that it could be called."""


_LOCKS = {type(threading.Lock()): _Makes('Lock'), type(threading.RLock()): _Makes('RLock')}


class _Pickler(pickle.Pickler):
    """Pickles values; notes the definitions and the objects that it meets.

    :param key_of: gives the key of a definition.
    :param has_nodes: whether nodes can be had where it is read.
    :param made: objects that are made anew with the value they are in: the key of that, and the way to them, by identity.
    """

    def __init__(self, file: Any, key_of: KeyOf, has_nodes: bool, made: Mapping[int, tuple[str, Way]]) -> None:
        super().__init__(file, protocol=4)
        self._key_of, self._has_nodes, self._made = key_of, has_nodes, made
        self.met: set[str] = set()
        self.ids: set[int] = set()
        self.modules: set[str] = set()

    def persistent_id(self, obj: Any) -> Any:
        kind = type(obj)
        if kind in _ATOMS:
            return None
        if id(obj) in self._made:
            return 'made', self._made[id(obj)]
        if isinstance(obj, _Makes):
            return 'threading', obj.name
        if (key := self._key_of(obj)) is not None:
            self.met.add(key)
            return 'definition', key
        if isinstance(obj, types.ModuleType):
            return 'module', obj.__name__
        if _is_entity(obj):
            return self._entity(obj)
        if isinstance(obj, type) and obj.__module__ == _PINNED:
            raise pickle.PicklingError('it is a workflow that a function has made, which another process does not find')
        if isinstance(obj, types.FunctionType | type):
            self.modules.add(obj.__module__)
        elif kind not in (tuple, frozenset, types.BuiltinFunctionType):
            self.ids.add(id(obj))
        return None

    def reducer_override(self, obj: Any) -> Any:
        """Let locks be made, which have nothing to lose; what is kept for a thread is, for the one that reads it."""
        if type(obj) in _LOCKS:
            return _LOCKS[type(obj)], ()
        return (_Makes('local'), (), vars(obj)) if type(obj) is threading.local else NotImplemented

    def _entity(self, obj: Any) -> Any:
        name = next((name for name in _ENTITIES if isinstance(obj, getattr(sys.modules['aiida.orm'], name))), None)
        if not self._has_nodes:
            raise pickle.PicklingError(
                'it is of AiiDA, and there is no database where the function runs; pass it as an argument'
            )
        if name is None or not obj.is_stored:
            raise pickle.PicklingError('it is not in the database; store it first')
        return name, obj.uuid


def _is_entity(value: object) -> bool:
    """Return whether an object is one of AiiDA's; nobody imports that for this."""
    orm = sys.modules.get('aiida.orm')
    return orm is not None and isinstance(value, orm.Entity)


#: The module that the classes of workflows say they are from.
_PINNED = 'aiida_dreamflow.engine.pinned'

_ATOMS = frozenset((type(None), bool, int, float, complex, str, bytes))


def store(values: Mapping[str, Any], key_of: KeyOf, filled: Collection[str] = (), *, has_nodes: bool = False) -> Stored:
    """Return the stored form of the values of global variables, by key.

    :param key_of: gives the key of a definition; raises a `LookupError` for one that cannot be had where the function runs.
    :param has_nodes: whether AiiDA's nodes can be had where the function runs.
    :param filled: those that are made anew where they stand, and then filled.
    """
    stored = Stored()
    files: dict[str, bytes] = {}
    plain: dict[str, Any] = {}
    ids: dict[str, set[int]] = {}
    early: dict[str, Any] = {}
    late: dict[str, Any] = {}
    contents: dict[str, Any] = {}
    made: dict[int, tuple[str, Way]] = {}
    for key, value in values.items():
        if key in filled:
            contents[key] = _content(value)
            if (found := _looked_at(stored, key, contents[key], key_of, has_nodes)) is None:
                made |= {id(part): (key, way) for way, part in _unstorable_in(value, key_of, has_nodes)}
                del stored.refused[key]
                found = _looked_at(stored, key, contents[key], key_of, has_nodes, made)
            ids[key] = found.ids if found is not None else set()
            continue
        ids[key], repeats = identities(value)
        try:
            if repeats:
                raise wire.NotSendableError(value, '', 'two names of one list would arrive as two lists')
            plain[key] = _encoded(value, files)
        except wire.NotSendableError:
            del ids[key]
            found = _looked_at(stored, key, value, key_of, has_nodes)
            if found is not None:
                ids[key] = found.ids
                (late if found.met else early)[key] = value
    for group in _sharing(ids):  # these are stored together
        target = early if group.isdisjoint(late) and group.isdisjoint(contents) else late
        for key in group - target.keys() - contents.keys():
            target[key] = values[key]
            (plain if key in plain else early).pop(key)
    stored.ids = set().union(*ids.values())
    stored.late = {*late, *contents}
    if early:
        files[EARLY_FILE] = _pickled(early, key_of, has_nodes)[0]
    if stored.late and not stored.refused:
        files[LATE_FILE] = _pickled({'values': late, 'contents': contents}, key_of, has_nodes, made)[0]
    used = repr(plain)
    stored.state = State(
        plain, {name: data for name, data in files.items() if not name.endswith('.npy') or name in used}
    )
    return stored


def _sharing(ids: Mapping[str, set[int]]) -> list[set[str]]:
    """Return the groups of keys whose values have an object in common."""
    owners: dict[int, set[str]] = {}
    for key, own in ids.items():
        group = {key}
        for each in own:
            if (other := owners.get(each, group)) is not group:
                group |= other
                owners.update(dict.fromkeys(itertools.chain.from_iterable(ids[name] for name in other), group))
            owners[each] = group
    return [group for group in {id(group): group for group in owners.values()}.values() if len(group) > 1]


def _encoded(value: Any, files: dict[str, bytes]) -> Any:
    """Return a value as arguments of jobs are encoded; what has been encoded before, and is the same byte by byte, is not anew."""
    try:
        marshal.dumps(value)  # refuses what is not plain
        data = pickle.dumps(value, protocol=4)
        key, size = hashlib.sha256(data).digest(), len(data)
    except Exception:
        return wire.encode(value, partial(_save, files))
    if (known := _known.pop(key, None)) is None:
        count, encoded = len(files), wire.encode(value, partial(_save, files))
        if len(files) > count:
            return encoded  # the names of its arrays are those of this launch
        known = encoded, size
    _known[key] = known
    while sum(size for _, size in _known.values()) > _MOST_KNOWN:
        del _known[next(iter(_known))]
    return known[0]


def _save(files: dict[str, bytes], array: Any) -> str:
    import numpy

    name = f'input-0-{len(files)}.npy'
    stream = io.BytesIO()
    numpy.save(stream, array, allow_pickle=False)
    files[name] = stream.getvalue()
    return name


def _content(value: Any) -> Any:
    if isinstance(value, dict):
        return [*value.items()]
    return [*value] if isinstance(value, list | set) else dict(vars(value))


def _looked_at(
    stored: Stored, key: str, value: Any, key_of: KeyOf, has_nodes: bool, made: Mapping[int, tuple[str, Way]] = _NONE
) -> _Pickler | None:
    """Pickle one value by itself; note why it cannot be."""
    try:
        pickler = _pickled(value, key_of, has_nodes, made)[1]
    except Exception as error:  # whatever the classes of the user raise
        is_lost = any(_is_never_made_again(part, way) for way, part in _unstorable_in(value, key_of, has_nodes))
        stored.refused[key] = (type(value).__name__, str(error) or type(error).__name__, is_lost)
        return None
    stored.met |= pickler.met
    stored.modules |= pickler.modules
    return pickler


def _is_never_made_again(value: Any, way: Way) -> bool:
    """Return whether something in a value is lost when that is made a second time."""
    kind = type(value)
    if way and isinstance(value, types.FunctionType) and value.__closure__:
        return True  # it holds what is around it, which would be another one
    if isinstance(value, _MADE_AGAIN):
        return False
    return is_never_made_again(kind) or is_standard(kind) or _is_entity(value)


def _unstorable_in(value: Any, key_of: KeyOf, has_nodes: bool) -> list[tuple[Way, Any]]:
    """Return what has no stored form in a value that has none, with the way to it: the value itself, if it can't be looked into."""
    found: list[tuple[Way, Any]] = []
    pending: list[tuple[Way, Any]] = [((), value)]
    seen = set[int]()
    while pending:
        way, each = pending.pop()
        parts = _parts(each) if len(way) < _DEPTH else None
        if parts is None:
            found.append((way, each))
            continue
        for step, part in parts:
            if id(part) in seen or type(part) in _ATOMS:
                continue
            seen.add(id(part))
            try:
                _pickled(part, key_of, has_nodes)
            except Exception:
                pending.append(((*way, step), part))
    return found


def _parts(value: Any) -> list[tuple[tuple[str, Any], Any]] | None:
    """Return the parts of a container, or of an object that is nothing but its attributes, each with the step to it."""
    kind = type(value)
    if kind is dict and all(type(key) in _ATOMS for key in value):
        return [(('item', key), part) for key, part in value.items()]
    if kind in (list, tuple):
        return [(('item', index), part) for index, part in enumerate(value)]
    if isinstance(value, _MADE_AGAIN) or is_standard(kind) or not hasattr(value, '__dict__'):
        return None
    if any(getattr(kind, name, None) is not getattr(object, name, None) for name in _PICKLING):
        return None
    return [(('attribute', name), part) for name, part in vars(value).items()]


_PICKLING = ('__reduce_ex__', '__reduce__', '__getstate__', '__setstate__')


def _pickled(
    value: Any, key_of: KeyOf, has_nodes: bool, made: Mapping[int, tuple[str, Way]] = _NONE
) -> tuple[bytes, _Pickler]:
    stream = io.BytesIO()
    pickler = _Pickler(stream, key_of, has_nodes, made)
    pickler.dump(value)
    return stream.getvalue(), pickler
