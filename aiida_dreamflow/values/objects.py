"""Everything that has no form of its own: enum members, and any object through ``__reduce_ex__``.

Also the list of what is refused by name. Knows the standard library only.
"""

from __future__ import annotations

import _thread
import asyncio
import copyreg
import functools
import inspect
import io
import mmap
import os
import socket
import subprocess
import sys
import tempfile
import threading
import types
import warnings
import weakref
from collections.abc import Iterable
from enum import Enum
from typing import Any

from ..exceptions import CannotStoreError
from . import nameless
from .definitions import is_made_by_python, write_attribute
from .derived import attributes_beside, fill_by, make_by, maker_for
from .ended import MAKERS, reduced_when_ended
from .pickling import declares_fields, why_not
from .pinning import is_standard
from .records import Kind, Reader, Record, Writing
from .references import has_name, sentinel_name, write_named
from .standard import REDUCERS, attached_to, process_wide
from .subclasses import VALUES, fill_state, state_of
from .trust import is_pickle

__all__ = ('KINDS', 'begins_anew', 'is_refused', 'write_enum', 'write_object')

_REFUSALS: tuple[tuple[tuple[type, ...], str], ...] = (
    (
        (types.GeneratorType, types.AsyncGeneratorType),
        'a generator keeps its place on the stack of Python, which cannot be stored; make a list of its items before',
    ),
    (
        (types.CoroutineType,),
        'it is the call of an `async def`, not its result: write `await ...`',
    ),
    (
        (asyncio.Future,),
        'a future of an event loop cannot be stored; await it, or use `submit` for something that outlives a restart',
    ),
    (
        (io.IOBase,),
        'an open file cannot be stored; close it before the await and open it again after, or keep its path',
    ),
    (
        (tempfile.TemporaryDirectory,),
        'a temporary directory is removed with the object that made it; make it with `tempfile.mkdtemp()` and keep its path',
    ),
    ((mmap.mmap,), 'a mapped file cannot be stored; close it before the await and open it again after'),
    ((socket.socket,), 'an open connection cannot be stored; close it before the await and connect again after'),
    ((subprocess.Popen,), 'a running program cannot be stored; wait for its end before the await'),
    ((threading.Thread, _thread._local), 'a thread and what is local to it cannot be stored; join it before the await'),
    (
        (types.FrameType, types.TracebackType),
        'a frame or traceback cannot be stored; keep `traceback.format_exc()` instead',
    ),
)
_KINDS_OF_REFUSED = tuple(kind for kinds, _ in _REFUSALS for kind in kinds)
_DESCRIPTORS = (types.DynamicClassAttribute, functools.cached_property)


def is_refused(value: object) -> bool:
    """Whether an object is of a kind that is refused by name: nothing may stand for it, no recipe either."""
    return issubclass(type(value), _KINDS_OF_REFUSED) and not _is_in_memory(type(value))


def begins_anew(value: object) -> bool:
    """Whether an object would begin anew if it were made again: an iterator, or the search that one goes through."""
    cls = type(value)
    return cls is nameless.pattern_scanner or (hasattr(cls, '__next__') and not issubclass(cls, io.IOBase))


def _is_in_memory(cls: Any) -> bool:
    """Whether a class of files has its content in memory: it says itself, in Python, how it is stored."""
    if (
        issubclass(cls, io.StringIO | io.BytesIO)
        or getattr(sys.modules.get('_pyio'), 'StringIO', io.StringIO) in cls.__mro__
    ):
        return True
    return issubclass(cls, io.IOBase) and isinstance(getattr(cls, '__getstate__', None), types.FunctionType)


def _refuse(value: object, reason: str, is_outside: bool = False) -> CannotStoreError:
    return CannotStoreError(type(value).__name__, '', reason, is_outside=is_outside)


def write_enum(value: Enum, w: Writing) -> Record:
    """The record of an enum member: by name, a combination of flags by value."""
    cls = type(value)
    name = value._name_
    if not has_name(cls):
        # A class that is stored with its members: they cannot be asked of it before it is complete.
        base: Any = cls._member_type_  # type: ignore[attr-defined]
        native = next((cls for cls in base.__mro__ if cls in VALUES), None)
        args: tuple[Any, ...]
        if native is not None:
            base, args = native, (VALUES[native](value),)
        else:
            args = () if base.__new__ is object.__new__ else base.__reduce_ex__(value, 4)[1]
        attributes = [w.ref(part) for item in vars(value).items() for part in item]
        return ['member', [w.ref(cls), w.ref(base), [*map(w.ref, args)]], attributes]
    if cls.__members__.get(name) is value:
        return ['enum', [w.ref(cls), name]]
    return ['flag', [w.ref(cls), w.ref(value._value_)]]


def _is_active(value: object) -> bool:
    """Whether this has changed something of the process that is not put back while the workflow waits."""
    # Some objects make their `__dict__` when first asked, and behave otherwise from then on: only these classes are asked.
    cls = type(value)
    # From Python 3.14 on it is defined in the other.
    if any(
        base.__name__ == 'catch_warnings' and base.__module__ in ('warnings', '_py_warnings') for base in cls.__mro__
    ):
        state = vars(value)
        return state.get('_entered', False) and state.get('_module') not in (warnings, sys.modules.get('warnings'))
    if cls.__module__ != 'unittest.mock' or cls.__name__ not in ('_patch_dict', '_patch'):
        return False
    state = vars(value)
    if cls.__name__ == '_patch_dict':
        return state['_original'] is not None and state['in_dict'] is not os.environ
    return 'target' in state and _is_applied(value)


def _is_applied(patch: Any) -> bool:
    original = patch.temp_original
    found = getattr(patch.target, patch.attribute, None), inspect.getattr_static(patch.target, patch.attribute, None)
    return not any(each is original for each in found)


def _reduced(value: object) -> Any:
    if _is_active(value):
        raise _refuse(
            value,
            'it has changed something of the whole process and is to undo it, which a restart cannot carry on; '
            'leave its `with` before the await',
        )
    if (logger := attached_to(value)) is not None:
        raise _refuse(
            value,
            f'the logger `{logger}` of the process uses it, which would not know the copy that a restart makes; call '
            '`removeHandler` or `removeFilter` before the await, or set logging up at the top of the file',
            is_outside=True,
        )
    if issubclass(type(value), weakref.finalize) and getattr(value, 'alive', False):
        raise _refuse(value, 'it is to run when an object dies, which a restart cannot tell; call it before the await')
    if (ended := reduced_when_ended(value)) is not None:
        return ended
    if is_refused(value):
        reason = next(reason for kinds, reason in _REFUSALS if issubclass(type(value), kinds))
        raise _refuse(value, reason, is_outside=True)
    cls = type(value)
    reducer = copyreg.dispatch_table.get(cls) or REDUCERS.get(cls)
    try:
        return reducer(value) if reducer is not None else value.__reduce_ex__(4)
    except CannotStoreError:
        raise
    except Exception as error:
        said = f'{type(error).__name__}: {error}'
        if begins_anew(value):
            reason = f'it does not tell how far it is ({said}); make a list of its items before the loop: `list(...)`'
            raise _refuse(value, reason, is_outside=True) from error
        raise _refuse(value, f'it does not support pickling ({said})', is_outside=is_standard(cls)) from error


def write_object(value: object, w: Writing) -> Record:
    """The record of any object, through ``copyreg`` and ``__reduce_ex__``.

    :param value: the object.
    :param w: the encoder.
    :returns: the record.
    :raises CannotStoreError: if the object is of a refused kind, or its reduction fails.
    """
    if (name := process_wide(value)) is not None:
        return ['global', name]
    if _answers_for_another(type(value)):
        return _write_attributes(value, w)
    if issubclass(type(value), _DESCRIPTORS):
        found = write_attribute(value, _function_of(value), w)
        if found is not None:
            return found
    reduced = _reduced(value)
    if isinstance(reduced, str) and (has_name(value, reduced) or not _is_of_function(type(value))):
        return write_named(value, reduced)
    if (name := sentinel_name(value)) is not None:
        return ['global', name]
    if (reason := _why_another(reduced, value)) is not None:
        if _is_nothing_but_attributes(type(value)):
            return _write_attributes(value, w)
        raise _refuse(value, reason)
    padded: tuple[Any, ...] = (*reduced, *[None] * (6 - len(reduced)))
    function, args, state, items, pairs, setter = padded
    new = function in (copyreg.__newobj__, copyreg.__newobj_ex__)  # type: ignore[attr-defined]
    called = args[0] if new else function
    with_fields = new and called is type(value) and declares_fields(called)
    is_of_library = not is_pickle(f'{called.__module__}:{getattr(called, "__qualname__", "")}')
    if not with_fields and not is_of_library:
        _require_pickles(value)
    rest = _write_rest(value, state, items, pairs, setter, w)
    is_filled_only = new and args[1:] in ((), ((), {})) and called.__new__ is object.__new__
    if not is_of_library and function not in MAKERS and not (is_filled_only and rest.keys() <= {'dict', 'slots'}):
        w.note_code(type(value))
    if function is copyreg.__newobj__:  # type: ignore[attr-defined]
        record: Record = ['object', [w.ref(args[0]), [w.ref(arg) for arg in args[1:]], []]]
        if len(args) == 1 and not _makes_without_arguments(args[0]):
            record = ['bare', [w.ref(args[0])]]
    elif function is copyreg.__newobj_ex__:  # type: ignore[attr-defined]
        cls, positional, named = args
        flat = [part if type(part) is str else w.ref(part) for item in named.items() for part in item]
        record = ['object', [w.ref(cls), [w.ref(arg) for arg in positional], flat]]
    else:
        maker = maker_for(type(value)) if function is type(value) else None
        if maker is not None:
            record = ['made by', [w.ref(function), w.ref(maker), [w.ref(arg) for arg in args]]]
            rest = {**attributes_beside(maker, value, w), **rest}
        else:
            record = ['call', [w.ref(function), [w.ref(arg) for arg in args]]]
            if function not in MAKERS and _leaves_out_attributes(value, state):
                rest = {**rest, **state_of(value, w)}
    if with_fields:
        record[0] = 'fields'
    return [*record, rest] if rest else record


def _why_another(reduced: Any, value: object) -> str | None:
    """Why a reduction does not lead back to its object, if it is plain that it does not."""
    if not isinstance(reduced, tuple) or not 2 <= len(reduced) <= 6:
        return f'its `__reduce_ex__` gave {type(reduced).__name__}, neither a name nor 2 to 6 parts'
    function, args = reduced[:2]
    called = args[0] if function in (copyreg.__newobj__, copyreg.__newobj_ex__) else function  # type: ignore[attr-defined]
    if not isinstance(called, type) or called is type(value) or type(called).__call__ is not type.__call__:
        return None
    if any(called.__new__ is base.__new__ for base in (object, *VALUES, list, dict, set)):
        return (
            f'its `__reduce_ex__` makes an object of the class `{called.__qualname__}` of it, so its type would be lost'
        )
    return None


def _write_attributes(value: object, w: Writing) -> Record:
    """The record of an object that is nothing but its attributes, whatever its class says of how it is made."""
    cls, rest = type(value), state_of(value, w)
    record = ['object', [w.ref(cls), [], []]] if cls.__new__ is object.__new__ else ['bare', [w.ref(cls)]]
    return [*record, rest] if rest else record


def _is_nothing_but_attributes(cls: Any) -> bool:
    return all(base.__basicsize__ == object.__basicsize__ or is_made_by_python(base) for base in cls.__mro__)


def _is_of_function(cls: type) -> bool:
    """Whether objects of a class are attributes only, and no module can have one that is there for its identity."""
    return '<locals>' in cls.__qualname__ and _is_nothing_but_attributes(cls)


def _leaves_out_attributes(value: Any, state: Any) -> bool:
    """Whether a class written in C has said how its objects are made, and forgot what a class derived from it has added.

    The iterators do, and dates: ``class Numbered(enumerate)`` with attributes of its own. Who writes a ``__reduce__`` in Python
    has chosen what to leave out.
    """
    cls = type(value)
    own = (inspect.getattr_static(cls, name) for name in ('__reduce_ex__', '__reduce__'))
    if not is_made_by_python(cls) or cls in copyreg.dispatch_table or cls in REDUCERS:
        return False
    if any(isinstance(each, types.FunctionType) for each in own):
        return False
    attributes = getattr(value, '__dict__', None)
    if attributes is None:
        return state is None
    parts = state if type(state) is tuple else (state,)
    return not any(part is attributes or (part == attributes and type(part) is dict) for part in parts)


def _function_of(descriptor: Any) -> Any:
    return descriptor.func if isinstance(descriptor, functools.cached_property) else descriptor.fget


def _answers_for_another(cls: Any) -> bool:
    """Whether objects of a class may hand on what they are asked, `__reduce_ex__` too, and are nothing but attributes."""
    # Before Python 3.11 an object was asked for a `__getstate__` that `object` did not have.
    asks_it = sys.version_info < (3, 11) and any('__getattr__' in vars(base) for base in cls.__mro__)
    if cls.__getattribute__ is object.__getattribute__ and not asks_it:
        return False
    if cls in copyreg.dispatch_table or cls in REDUCERS:
        return False
    own = any(name in vars(base) for base in cls.__mro__[:-1] for name in _OWN_WORDS)
    return _is_nothing_but_attributes(cls) and not own and cls.__new__ is object.__new__


_OWN_WORDS = ('__reduce_ex__', '__reduce__', '__getstate__', '__setstate__', '__getnewargs__', '__getnewargs_ex__')


def _makes_without_arguments(cls: Any) -> bool:
    """Whether a class's ``__new__`` can be called without arguments; one that is written in C is left to say so itself."""
    if not isinstance(cls.__new__, types.FunctionType):
        return True
    try:
        inspect.signature(cls.__new__).bind(cls)
    except TypeError:
        return False
    return True


def _make_bare(first: Any, r: Reader) -> object:
    cls = r.get(first[0])
    native = next(base for base in cls.__mro__ if isinstance(vars(base).get('__new__'), types.BuiltinFunctionType))
    made: object = native.__new__(cls)
    return made


def _require_pickles(value: object) -> None:
    if (reason := why_not()) is not None:
        raise CannotStoreError(
            type(value).__name__,
            '',
            f'it could only be pickled, and {reason}; make its class a dataclass, give it a codec (entry point group '
            '`dreamflow.codecs`), or keep what it holds in plain values',
            by_choice=True,
        )


def _flat(pairs: Iterable[tuple[Any, Any]], w: Writing) -> list[Any]:
    return [w.ref(part) for pair in pairs for part in pair]


def _write_rest(value: object, state: Any, items: Any, pairs: Any, setter: Any, w: Writing) -> dict[str, Any]:
    rest: dict[str, Any] = {}
    if items is not None:
        rest['items'] = [w.ref(item) for item in items]
    if pairs is not None:
        rest['pairs'] = _flat(pairs, w)
    if state is None:
        return rest
    if setter is not None:
        rest['setter'] = [w.ref(setter), w.ref(state)]
    elif hasattr(type(value), '__setstate__'):
        rest['set state'] = w.ref(state)
    else:
        attributes, slots = state if type(state) is tuple and len(state) == 2 else (state, None)
        for name, part in (('dict', attributes), ('slots', slots)):
            if part and not isinstance(part, dict):
                raise _refuse(value, f'its state is of type `{type(part).__name__}`, and it has no `__setstate__`')
            if part:
                rest[name] = _flat(part.items(), w)
    return rest


def _update(target: Any, flat: Iterable[Any], r: Reader) -> None:
    get = r.get
    parts = iter(flat)
    for key in parts:
        target[get(key)] = get(next(parts))


def _make_object(first: Any, r: Reader) -> object:
    cls, args, named = first
    keywords: dict[str, Any] = {}
    _update(keywords, named, r)
    kind = r.get(cls)
    return kind.__new__(kind, *map(r.get, args), **keywords)


def _fill_object(obj: Any, rest: Any, r: Reader) -> None:
    get = r.get
    if 'items' in rest:
        items = [get(item) for item in rest['items']]
        if hasattr(obj, 'extend'):
            obj.extend(items)
        else:
            for item in items:
                obj.append(item)
    _update(obj, rest.get('pairs', ()), r)
    if 'setter' in rest:
        setter, state = rest['setter']
        get(setter)(obj, get(state))
    elif 'set state' in rest:
        obj.__setstate__(get(rest['set state']))
    fill_state(obj, rest, r)


def _rank(rest: Any) -> int:
    """Which part of the filling may run user code, and what that code will look at."""
    if any(type(key) is dict for key in rest.get('pairs', ())[::2]):
        return 3
    return 2 if 'set state' in rest or 'setter' in rest or 'items' in rest else 0


def _make_member(first: Any, r: Reader) -> object:
    cls, base, args = first
    return r.get(base).__new__(r.get(cls), *map(r.get, args))


KINDS = (
    Kind('member', _make_member, lambda obj, rest, r: _update(vars(obj), rest, r)),
    Kind('enum', lambda first, r: r.get(first[0])[first[1]], late=1),
    Kind('flag', lambda first, r: r.get(first[0])(r.get(first[1])), late=1),
    Kind('object', _make_object, _fill_object, _rank, late=1),
    Kind('bare', _make_bare, _fill_object, _rank, late=1),
    Kind('fields', _make_object, _fill_object, _rank, late=1),
    Kind('made by', make_by, fill_by, _rank, late=1),
    Kind('call', lambda first, r: r.get(first[0])(*map(r.get, first[1])), _fill_object, _rank, late=1),
)
