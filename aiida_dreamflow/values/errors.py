"""Exceptions: what they are made of, what was set on them, and what they came after. Their tracebacks are the frame's.

What of an exception cannot be stored, a lock or a response, becomes a `NotStored` that says what it was; an exception whose class
cannot be stored, or is not there when it is loaded, becomes one of a class that stands for it. So an exception always survives.

Knows the standard library only.
"""

from __future__ import annotations

import builtins
import contextlib
import functools
import re
import types
from typing import Any

from ..exceptions import CannotStoreError
from .objects import write_object
from .records import Kind, LeftOut, Reader, Record, Writing
from .references import has_name
from .subclasses import fill_state, state_of

__all__ = ('KINDS', 'WRITERS', 'NotStored', 'leave_out', 'lost_class', 'write_exception')

_MEMBERS = (types.MemberDescriptorType, types.GetSetDescriptorType)
_NOT_KEPT = {'args', 'exceptions', 'message'}
_PLAIN = (list, tuple, dict, set, frozenset)
_ADDRESS = re.compile(r' at 0x[0-9a-fA-F]+')
_TEXT_LIMIT = 200


class NotStored:
    """Stands for a part of an exception that could not be stored, and says what it was."""

    __slots__ = ('reason', 'text', 'type_name')

    def __init__(self, type_name: str, text: str, reason: str) -> None:
        self.type_name, self.text, self.reason = type_name, text, reason

    def __repr__(self) -> str:
        return f'<not stored: {self.text}>'

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f'no `{name}`: this stands for {self.text}, of type `{self.type_name}`, which an exception held across an await and which '
            f'could not be stored: {self.reason}. Take from it what you need before the await'
        )


def _write_stand_in(value: NotStored, w: Writing) -> Record:
    return ['not stored', [*map(w.ref, (value.type_name, value.text, value.reason))]]


def _stand_in(part: object, reason: str) -> NotStored:
    cls = type(part)
    try:
        text = _ADDRESS.sub('', repr(part))
    except Exception as error:
        text = f'<{cls.__qualname__}, whose repr raised {type(error).__name__}>'
    name = cls.__qualname__ if cls.__module__ == 'builtins' else f'{cls.__module__}.{cls.__qualname__}'
    return NotStored(name, text if len(text) <= _TEXT_LIMIT else f'{text[: _TEXT_LIMIT - 3]}...', reason)


def leave_out(
    error: BaseException, chain: list[object], refusal: CannotStoreError, left_out: dict[int, LeftOut]
) -> bool:
    """Note what of an exception is left out, as it cannot be stored.

    :param error: the exception.
    :param chain: what leads from what was refused to the exception, without that.
    :param refusal: why.
    :param left_out: what is left out already, by the `id` of the exceptions.
    :returns: whether there is something new to leave out.
    """
    known = left_out.setdefault(id(error), LeftOut(error))
    if not chain or chain[-1] is type(error) or type(chain[-1]) is _Reduced:
        is_new = not known.lost
        known.lost = refusal.reason
        return is_new
    # Plain containers stay; anything else has a state of its own, which must not be one in part.
    part = next((part for part in reversed(chain) if type(part) not in _PLAIN), chain[0])
    if id(part) in known.parts or type(part) is NotStored:  # its class stores it in a way of its own
        is_new = not known.lost
        known.lost = refusal.reason
        return is_new
    known.parts[id(part)] = part, _stand_in(part, refusal.reason)
    return True


class _Parts:
    """Gives the parts of an exception, and what stands for those that cannot be stored."""

    def __init__(self, left_out: LeftOut | None) -> None:
        self.parts = {} if left_out is None else left_out.parts
        self.copies: dict[int, Any] = {}

    def get(self, part: Any) -> Any:
        if not self.parts:
            return part
        if id(part) in self.parts:
            return self.parts[id(part)][1]
        if type(part) not in _PLAIN or not self.is_inside(part, set()):
            return part
        if id(part) not in self.copies:
            self.copies[id(part)] = self.copy(part)
        return self.copies[id(part)]

    def copy(self, part: Any) -> Any:
        """Return a copy of a plain container with what stands for what is inside."""
        cls = type(part)
        if cls in (tuple, frozenset):
            return cls(self.get(item) for item in part)
        made = self.copies[id(part)] = cls()
        if cls is dict:
            made.update((self.get(key), self.get(item)) for key, item in part.items())
        elif cls is list:
            made.extend(self.get(item) for item in part)
        else:
            made.update(self.get(item) for item in part)
        return made

    def is_inside(self, part: Any, seen: set[int]) -> bool:
        """Return whether a plain container holds something that cannot be stored."""
        if id(part) in self.parts:
            return True
        if type(part) not in _PLAIN or id(part) in seen:
            return False
        seen.add(id(part))
        items = [*part, *part.values()] if type(part) is dict else [*part]
        return any(self.is_inside(item, seen) for item in items)


def _native_members(exception: BaseException) -> dict[str, Any]:
    """What C keeps of an exception outside its args and ``__dict__``, such as ``OSError.filename``."""
    found = {}
    for cls in type(exception).__mro__:
        if cls.__module__ != 'builtins' or cls is BaseException:
            continue
        for name, member in vars(cls).items():
            if isinstance(member, _MEMBERS) and name not in _NOT_KEPT and not name.startswith('_'):
                with contextlib.suppress(AttributeError):
                    found[name] = member.__get__(exception)  # a `__getattr__` of the user's may not be ready for it
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
    cls = type(value)
    left_out = w.left_out_of(value)
    is_lost = issubclass(cls, _Lost) or bool(left_out and left_out.lost)
    if not is_lost and cls.__module__ != 'builtins' and not _is_made_by_native(value):
        return _write_reduced(value, w)
    ref, parts = w.ref, _Parts(left_out)
    made_from = _made_from(value)
    members = _native_members(value)
    if left_out is not None and 'obj' in members and id(members['obj']) in left_out.parts:
        del members['obj']  # it only helps the message
    first = [*([] if is_lost else [ref(cls)]), *(ref(parts.get(part)) for part in made_from)]
    rest = {
        **state_of(value, w, change=parts.get),
        'members': [ref(parts.get(part)) for item in members.items() for part in item],
        'cause': ref(value.__cause__),
        'context': ref(value.__context__),
        'suppress': value.__suppress_context__,
    }
    rest = {key: part for key, part in rest.items() if part}
    if made_from is not value.args:
        rest['args'] = [*(ref(parts.get(part)) for part in value.args)]
    if is_lost:
        return ['lost exception', [*_lost_as(value, left_out, w), first], rest]
    if cls.__module__ != 'builtins':  # should its class be gone when it is loaded
        rest['was'] = [_native(cls).__name__, ref(_said_by(value))]
    return ['exception', first, rest]


def _native(cls: type) -> Any:
    return next(base for base in cls.__mro__ if base.__module__ == 'builtins')


def _is_made_by_native(value: BaseException) -> bool:
    """Whether an exception can be made by the builtin class that its own derives from; one that is written in C may want to do it itself."""
    try:
        _native(type(value)).__new__(type(value), *_made_from(value))
    except TypeError:
        return False
    return True


def _said_by(value: BaseException) -> str:
    try:
        return str(value)
    except Exception as error:
        return f'<{type(value).__qualname__}, whose __str__ raised {type(error).__name__}>'


def _make_exception(first: Any, r: Reader) -> BaseException:
    # Neither `__new__` nor `__init__` of the user's class is called: they rarely take `args` back.
    cls, *args = map(r.get, first)
    return _made(cls, args)


def _made(cls: Any, args: list[Any]) -> BaseException:
    native = _native(cls)
    made: BaseException = native.__new__(cls, *args)
    if native is not OSError:
        with contextlib.suppress(TypeError):
            native.__init__(made, *args)
    made.args = tuple(args)
    return made


# -- exceptions whose class cannot be stored, or is gone


class _Lost(BaseException):
    """Stands for an exception whose class is not there: has its name, message and args."""

    not_stored: str
    said: str

    def __str__(self) -> str:
        return self.said


@functools.cache
def lost_class(base: Any, module: str, name: str) -> Any:
    """Return the class that stands for one that is not there.

    :param base: what it is derived from; the name of a builtin exception if that is all that is known.
    :param module: of the class.
    :param name: its qualified name.
    """
    base = getattr(builtins, base, Exception) if isinstance(base, str) else base
    bases = (_Lost, base) if issubclass(base, BaseException) else (_Lost, Exception)
    return type(name.rpartition('.')[2], bases, {'__module__': module, '__qualname__': name})


def _lost_as(value: BaseException, left_out: LeftOut | None, w: Writing) -> list[Any]:
    """What the record of such an exception begins with: base, module and name of its class, its message, and why it is not itself."""
    cls: Any = type(value)
    if isinstance(value, _Lost):
        return [w.ref(cls.__bases__[1]), cls.__module__, cls.__qualname__, w.ref(value.said), w.ref(value.not_stored)]
    base = next(base for base in cls.__mro__[1:] if base.__module__ == 'builtins' or _can_stand_in(base, value))
    return [
        w.ref(base),
        str(cls.__module__),
        cls.__qualname__,
        w.ref(_said_by(value)),
        w.ref(left_out.lost if left_out else ''),
    ]


def _can_stand_in(base: Any, value: BaseException) -> bool:
    """Whether a class that the lost one derives from can be stored and made."""
    if not issubclass(base, BaseException) or not has_name(base):
        return False
    try:
        _native(base).__new__(base, *_made_from(value))
    except TypeError:
        return False
    return True


def _make_lost(first: Any, r: Reader) -> BaseException:
    base, module, name, said, reason, args = first
    made = _made(lost_class(r.get(base), module, name), [*map(r.get, args)])
    made.said, made.not_stored = r.get(said), r.get(reason)  # type: ignore[attr-defined]
    return made


def _fill_exception(obj: BaseException, rest: Any, r: Reader) -> None:
    get = r.get
    if 'args' in rest:
        obj.args = tuple(map(get, rest['args']))
    parts = iter(rest.get('members', ()))
    members = {name: get(next(parts)) for name in parts}
    for name in _native_members(obj).keys() - members.keys():
        with contextlib.suppress(AttributeError, TypeError):
            BaseException.__delattr__(obj, name)
    for name, value in members.items():
        with contextlib.suppress(AttributeError, TypeError):
            BaseException.__setattr__(obj, name, value)
    fill_state(obj, rest, r)
    if 'was' in rest and isinstance(obj, _Lost):
        obj.said = get(rest['was'][1])
        obj.not_stored = f'`{type(obj).__module__}.{type(obj).__qualname__}` could not be imported when it was loaded'
    _fill_origin(obj, rest, r)


def _fill_origin(obj: BaseException, rest: Any, r: Reader) -> None:
    for name, value in (('cause', r.get(rest.get('cause'))), ('context', r.get(rest.get('context')))):
        BaseException.__setattr__(obj, f'__{name}__', value)
    BaseException.__setattr__(obj, '__suppress_context__', rest.get('suppress', False))


# -- exceptions of classes written in C that say themselves how they are made


class _Reduced:
    """An exception as its own class stores it."""

    def __init__(self, value: BaseException) -> None:
        self.value = value


def _write_reduced(value: BaseException, w: Writing) -> Record:
    rest = {
        'args': [*map(w.ref, value.args)],
        'notes': w.ref(getattr(value, '__notes__', None)),
        'cause': w.ref(value.__cause__),
        'context': w.ref(value.__context__),
        'suppress': value.__suppress_context__,
    }
    return ['reduced exception', w.ref(_Reduced(value)), rest]


def _fill_reduced(obj: BaseException, rest: Any, r: Reader) -> None:
    obj.args = tuple(map(r.get, rest['args']))
    if (notes := r.get(rest['notes'])) is not None:
        obj.__notes__ = notes  # type: ignore[attr-defined]
    _fill_origin(obj, rest, r)


WRITERS: dict[type, Any] = {
    NotStored: _write_stand_in,
    _Reduced: lambda value, w: write_object(value.value, w),
}
KINDS = (
    Kind('exception', _make_exception, _fill_exception),
    Kind('reduced exception', lambda first, r: r.get(first), _fill_reduced),
    Kind('lost exception', _make_lost, _fill_exception),
    Kind('not stored', lambda first, r: NotStored(*map(r.get, first))),
)
