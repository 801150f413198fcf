"""Type variables, and what annotations are made of that has a name: those of a module by name, those of a function by content.

What a type variable is bound to, and what a type alias stands for, Python finds out when it is first asked, and it may be made of
the variable or alias itself. So they are made again by the statement that makes such. Knows the standard library only.
"""

from __future__ import annotations

import contextlib
import keyword
import typing
from typing import Any, cast

from ..exceptions import CannotStoreError, FrameError
from .records import Kind, Reader, Record, Writing
from .references import has_name, write_named

__all__ = ('KINDS', 'WRITERS')


def _names(*names: str) -> tuple[Any, ...]:
    return tuple(getattr(typing, name) for name in names if hasattr(typing, name))


_VARIABLES = _names('TypeVar', 'ParamSpec', 'TypeVarTuple')
_NAMED = (*_VARIABLES, *_names('NewType', 'TypeAliasType'))
_ALIASES = _names('TypeAliasType')
_FLAGS = ('covariant', 'contravariant', 'infer_variance')


def _write_typing(value: Any, w: Writing) -> Record:
    """The record of a type variable or the like: those of a module by name, those of a function by content."""
    if has_name(value):
        return write_named(value, value.__name__)
    cls = type(value)
    if cls in _ALIASES and not value.__type_params__:
        return ['type alias', [value.__name__, w.ref(value.__module__)], w.ref(_found_out(value, '__value__'))]
    if cls.__dictoffset__ and not _is_native(cls):
        state = [part for name, item in _attributes(value).items() for part in (name, w.ref(item))]
        return ['of typing', [w.ref(cls), None], state]
    given: dict[str, Any] = {'name': value.__name__}
    args: tuple[Any, ...] = ()
    if _may_be_of_a_statement(value):
        return _write_by_statement(value, w)
    if cls in _VARIABLES:
        args = getattr(value, '__constraints__', ())
        given.update({flag: True for flag in _FLAGS if getattr(value, f'__{flag}__', False)})
        if (bound := getattr(value, '__bound__', None)) is not None:
            given['bound'] = bound
        if getattr(value, 'has_default', bool)():
            given['default'] = value.__default__
    else:
        given['value'] = _found_out(value, '__value__')
        given['type_params'] = value.__type_params__
    flat = [part for key, item in given.items() for part in (key, w.ref(item))]
    module = w.ref(value.__module__)
    return ['of typing', [w.ref(cls), [*map(w.ref, args)], flat, module], ['__module__', module]]


def _is_native(cls: Any) -> bool:
    return '__init__' not in vars(cls)


def _attributes(value: Any) -> dict[str, Any]:
    slots = [name for name in getattr(type(value), '__slots__', ()) if name not in ('__dict__', '__weakref__')]
    return {**{name: getattr(value, name) for name in slots if hasattr(value, name)}, **vars(value)}


def _make_typing(first: Any, r: Reader) -> object:
    cls, args = r.get(first[0]), first[1]
    if args is None:
        return cls.__new__(cls)
    parts = iter(first[2])
    given = {key: r.get(next(parts)) for key in parts}

    def make() -> object:
        return cls(given.pop('name'), *map(r.get, args), **given)

    if len(first) > 3:  # older frames have it in the second part alone
        make.__module__ = r.get(first[3])  # a type alias takes that of the function which makes it, for good
    return make()


def _fill_typing(obj: Any, rest: Any, r: Reader) -> None:
    parts = iter(rest)
    for name in parts:
        with contextlib.suppress(AttributeError):  # a type alias has the module that it was made in
            setattr(obj, name, r.get(next(parts)))


def _found_out(value: Any, attribute: str) -> Any:
    """Return what Python finds out when it is first asked: what a type alias stands for, or a type variable is bound to."""
    try:
        return getattr(value, attribute)
    except Exception as error:
        reason = f'its `{attribute}` cannot be found out: {type(error).__name__}: {error}; define that before the await'
        raise CannotStoreError(type(value).__name__, '', reason) from None


# -- by the statement that makes such


#: The names that such a statement sees, and that have no value yet, by the ``id`` of what it has made.
_unfilled: dict[int, dict[str, Any]] = {}


def _run(statement: str, name: str, module: str) -> dict[str, Any]:
    """Run a statement that makes something of this name; returns its namespace."""
    if not name.isidentifier() or keyword.iskeyword(name):  # it becomes a piece of a program
        raise FrameError(f'a stored type alias or variable is called `{name}`; the stored document is damaged')
    scope: dict[str, Any] = {'__name__': module}
    exec(statement, scope)
    return scope


def _make_alias(first: Any, r: Reader) -> object:
    """Make a type alias without its value."""
    name, module = first
    scope = _run(f'type {name} = not_{name}', name, r.get(module))
    alias = scope.pop(name)
    _unfilled[id(alias)] = scope
    return alias


def _fill_alias(obj: Any, value: Any, r: Reader) -> None:
    _unfilled.pop(id(obj))[f'not_{obj.__name__}'] = r.get(value)
    obj.__value__  # noqa: B018  (Python keeps it from now on)


def _may_be_of_a_statement(value: Any) -> bool:
    """Whether ``def f[T]()`` makes such a type variable."""
    if not getattr(value, '__infer_variance__', False) or value.__covariant__ or value.__contravariant__:
        return False
    return type(value) is typing.TypeVar or getattr(value, '__bound__', None) is None


def _write_by_statement(value: Any, w: Writing) -> Record:
    parts: dict[str, Any] = {}
    if type(value) is typing.TypeVar:
        parts = {str(number): part for number, part in enumerate(_found_out(value, '__constraints__'))}
        if (bound := _found_out(value, '__bound__')) is not None:
            parts['bound'] = bound
    if getattr(value, 'has_default', bool)():
        parts['default'] = _found_out(value, '__default__')
    stars = '' if type(value) is typing.TypeVar else '**'
    rest = [w.ref(value.__module__), {name: w.ref(part) for name, part in parts.items()}]
    return ['type variable', [value.__name__, stars, [*parts]], rest]


def _make_variable(first: Any, r: Reader) -> object:
    """Make a type variable that nobody has asked yet what it is bound to."""
    name, stars, parts = first
    if not all(part.isdecimal() or part in ('bound', 'default') for part in parts):
        raise FrameError('a stored type variable has parts that are none; the stored document is damaged')
    constraints = ''.join(f'{name}_{part}, ' for part in parts if part.isdecimal())
    bound = f': {name}_bound' if 'bound' in parts else f': ({constraints})' if constraints else ''
    default = f' = {name}_default' if 'default' in parts else ''
    scope = _run(f'def of_{name}[{"**" if stars else ""}{name}{bound}{default}](): pass', name, '')
    (variable,) = scope.pop(f'of_{name}').__type_params__
    _unfilled[id(variable)] = scope
    return cast(object, variable)


def _fill_variable(obj: Any, rest: Any, r: Reader) -> None:
    scope = _unfilled.pop(id(obj))
    scope.update({f'{obj.__name__}_{name}': r.get(part) for name, part in rest[1].items()})
    for name in ('__constraints__', '__bound__', '__default__'):
        getattr(obj, name, None)  # Python keeps it from now on
    obj.__module__ = r.get(rest[0])


WRITERS: dict[type, Any] = dict.fromkeys(_NAMED, _write_typing)
KINDS = (
    Kind('of typing', _make_typing, _fill_typing),
    Kind('type alias', _make_alias, _fill_alias),
    Kind('type variable', _make_variable, _fill_variable),
)
