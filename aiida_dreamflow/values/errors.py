"""Exceptions: what they are made of, what was set on them, and what they came after. Their tracebacks are the frame's.

Knows the standard library only.
"""

from __future__ import annotations

import contextlib
import types
from typing import Any

from .records import Kind, Reader, Record, Writing
from .subclasses import fill_state, state_of

__all__ = ('KINDS', 'write_exception')

_MEMBERS = (types.MemberDescriptorType, types.GetSetDescriptorType)
_NOT_KEPT = {'args', 'exceptions', 'message'}


def _native_members(exception: BaseException) -> dict[str, Any]:
    """What C keeps of an exception outside its args and ``__dict__``, such as ``OSError.filename``."""
    found = {}
    for cls in type(exception).__mro__:
        if cls.__module__ != 'builtins' or cls is BaseException:
            continue
        for name, member in vars(cls).items():
            if isinstance(member, _MEMBERS) and name not in _NOT_KEPT and not name.startswith('_'):
                with contextlib.suppress(AttributeError):
                    found[name] = getattr(exception, name)
    return {name: value for name, value in found.items() if value is not None}


def _made_from(value: BaseException) -> tuple[Any, ...]:
    """What C makes an exception from: its args, unless a group's class takes others."""
    if _is_group(type(value)) and len(value.args) != 2:
        return value.message, value.exceptions  # type: ignore[attr-defined]
    return value.args


def _is_group(cls: type) -> bool:
    return any((base.__module__, base.__name__) == ('builtins', 'BaseExceptionGroup') for base in cls.__mro__)


def write_exception(value: BaseException, w: Writing) -> Record:
    """The record of an exception: args, attributes and notes, cause and context."""
    ref = w.ref
    made_from = _made_from(value)
    members = _native_members(value)
    if w.is_left_out(value):
        members.pop('obj', None)
    first = [ref(type(value)), *map(ref, made_from)]
    rest = {
        **state_of(value, w),
        'members': [ref(part) for item in members.items() for part in item],
        'cause': ref(value.__cause__),
        'context': ref(value.__context__),
        'suppress': value.__suppress_context__,
    }
    rest = {key: part for key, part in rest.items() if part}
    if made_from is not value.args:
        rest['args'] = [*map(ref, value.args)]
    return ['exception', first, rest]


def _make_exception(first: Any, r: Reader) -> BaseException:
    # Neither `__new__` nor `__init__` of the user's class is called: they rarely take `args` back.
    cls, *args = map(r.get, first)
    native = next(base for base in cls.__mro__ if base.__module__ == 'builtins')
    made: BaseException = native.__new__(cls, *args)
    if native is not OSError:
        with contextlib.suppress(TypeError):
            native.__init__(made, *args)
    made.args = tuple(args)
    return made


def _fill_exception(obj: BaseException, rest: Any, r: Reader) -> None:
    get = r.get
    if 'args' in rest:
        obj.args = tuple(map(get, rest['args']))
    parts = iter(rest.get('members', ()))
    members = {name: get(next(parts)) for name in parts}
    for name in _native_members(obj).keys() - members.keys():
        with contextlib.suppress(AttributeError, TypeError):
            delattr(obj, name)
    for name, value in members.items():
        with contextlib.suppress(AttributeError, TypeError):
            setattr(obj, name, value)
    fill_state(obj, rest, r)
    obj.__cause__ = get(rest.get('cause'))
    obj.__context__ = get(rest.get('context'))
    obj.__suppress_context__ = rest.get('suppress', False)


KINDS = (Kind('exception', _make_exception, _fill_exception),)
