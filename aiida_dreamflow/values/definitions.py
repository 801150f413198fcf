"""Functions and classes that no name leads to, by what they consist of: those made inside of functions, lambdas included.

A function is its code, its cells, the globals of its module (by the module's name), and what was set on it. A class is
its metaclass, bases and attributes; it is put together without calling anything of the user's: neither a metaclass's
``__new__``, nor ``__init_subclass__``, nor ``__set_name__``. All of them did their work when the class was made.

Code is kept as `marshal` writes it, which only the same version of Python reads. Knows the standard library only.
"""

from __future__ import annotations

import abc
import builtins
import collections.abc
import gc
import marshal
import numbers
import sys
import types
import weakref
from collections.abc import Callable
from types import CellType, CodeType, FunctionType
from typing import Any

from ..exceptions import CannotStoreError, FrameError
from .annotations import annotate, annotations_of
from .containers import read_bytes, why_lost, write_bytes
from .records import Kind, Reader, Record, Writing

__all__ = (
    'KINDS',
    'WRITERS',
    'closure_of',
    'complete',
    'is_made_by_python',
    'parts_of',
    'write_attribute',
    'write_class',
    'write_function',
)

_PYTHON = sys.implementation.cache_tag
#: What `functools.wraps` and others may have changed.
_NAMES = ('__name__', '__qualname__', '__module__', '__doc__')
#: Attributes that mean something on a class itself.
_DESCRIPTORS = types.GetSetDescriptorType | types.MemberDescriptorType
_OF_CLASSES = {name for cls in (object, type) for name, item in vars(cls).items() if isinstance(item, _DESCRIPTORS)}
_OF_CLASSES -= {'__abstractmethods__', '__annotations__', '__annotate__', '__doc__', '__module__', '__type_params__'}
#: Attributes of a class that making it makes.
_MADE_WITH_IT = frozenset({'__slots__', '_abc_impl'})
_MADE_FOR_OBJECTS = frozenset({'__dict__', '__weakref__'})


# -- functions


def _write_code(value: CodeType, w: Writing) -> Record:
    try:
        data = marshal.dumps(value, 2)  # later formats depend on who else holds the constants
    except ValueError:
        data = marshal.dumps(value)
    return ['code', [_PYTHON, write_bytes(data, w)]]


def _read_code(first: Any, r: Reader) -> object:
    if first[0] != _PYTHON:
        raise FrameError(
            f'the frame holds a function that was made inside of a function and compiled by {first[0]}, and this is '
            f'{_PYTHON}: resume with that version of Python'
        )
    return marshal.loads(read_bytes(first[1], r))


def write_function(value: FunctionType, w: Writing) -> Record:
    """The record of a function, by its code and what it closes over."""
    if (reason := why_lost(value.__globals__)) is not None:
        raise CannotStoreError('function', '', reason)
    own = getattr(value, '__builtins__', {})  # none, in those that a named tuple is made with: they use none
    if own and own is not vars(builtins):
        raise CannotStoreError('function', '', 'it was made with builtins of its own, which it does not show again')
    return [
        'function',
        [w.ref(value.__code__), w.ref(value.__globals__), closure_of(value, w.ref)],
        parts_of(value, w.ref),
    ]


def closure_of(value: FunctionType, ref: Callable[[object], Any]) -> list[Any]:
    """What a function closes over, as content. What evaluates annotations closes over the attributes of its class, in a dict."""
    cells = zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)
    return [ref(_namespace_in(cell) or cell if name == '__classdict__' else cell) for name, cell in cells]


class _Namespace:
    """A cell that holds the very dict in which a class has its attributes."""

    def __init__(self, cls: type) -> None:
        self.cls = cls


#: The classes that have been written, by the identity of their dicts.
_NAMESPACES: weakref.WeakValueDictionary[int, type] = weakref.WeakValueDictionary()


def _dict_of(cls: type) -> dict[str, Any]:
    """The dict of a class itself, of which ``__dict__`` gives a view."""
    namespace: dict[str, Any] = gc.get_referents(vars(cls))[0]
    return namespace


def _namespace_in(cell: CellType) -> _Namespace | None:
    try:
        content = cell.cell_contents
    except ValueError:
        return None  # it is empty
    cls = _NAMESPACES.get(id(content))
    return _Namespace(cls) if cls is not None and _dict_of(cls) is content else None


def parts_of(value: FunctionType, ref: Callable[[object], Any]) -> dict[str, Any]:
    """What can be set on a function, as content; see :func:`complete`."""
    return {
        'defaults': ref(value.__defaults__),
        'kwdefaults': ref(value.__kwdefaults__),
        'dict': [ref(part) for item in value.__dict__.items() for part in item],
        'names': [ref(getattr(value, name)) for name in _NAMES],
        **annotations_of(value, ref),
        'type_params': ref(getattr(value, '__type_params__', ())),
    }


def _make_function(first: Any, r: Reader) -> object:
    code, namespace, closure = r.get(first[0]), r.get(first[1]), tuple(map(r.get, first[2]))
    return FunctionType(code, namespace, code.co_name, None, closure)


def complete(obj: Any, rest: Any, get: Callable[[Any], Any]) -> None:
    """Set on a function what :func:`parts_of` found."""
    obj.__defaults__, obj.__kwdefaults__ = get(rest['defaults']), get(rest['kwdefaults'])
    for name, named in zip(_NAMES, rest['names'], strict=True):
        setattr(obj, name, get(named))
    annotate(obj, rest, get)
    if type_params := get(rest['type_params']):
        obj.__type_params__ = type_params
    parts = iter(rest['dict'])
    for key in parts:
        obj.__dict__[get(key)] = get(next(parts))


# -- classes


def is_made_by_python(cls: type) -> bool:
    """Whether a class comes from a ``class`` statement or the like, and not from C."""
    is_heap_type = bool(cls.__flags__ & 1 << 9)
    return is_heap_type and not any(
        isinstance(value, types.MethodDescriptorType | types.WrapperDescriptorType) and value.__objclass__ is cls
        for value in vars(cls).values()
    )


def write_class(value: type, w: Writing) -> Record:
    """The record of a class, by its metaclass, bases and attributes."""
    metas: tuple[type, ...] = type.__dict__['__mro__'].__get__(type(value))
    if any('mro' in vars(meta) for meta in metas if meta is not type):
        reason = 'its metaclass has an `mro` of its own, which would be called before the class is complete'
        raise CannotStoreError(type(value).__name__, '', f'{reason}; define the class in its module')
    if next(meta for meta in metas if not is_made_by_python(meta)) is not type:
        reason = 'its metaclass is written in C, and may keep more of it than can be seen'
        raise CannotStoreError(type(value).__name__, '', f'{reason}; define the class in its module')
    ref = w.ref
    own = vars(value)
    _NAMESPACES[id(_dict_of(value))] = value
    if any(type(name) is not str for name in own):
        raise CannotStoreError(type(value).__name__, '', 'it has an attribute whose name is not a plain text')
    kept = {name: item for name, item in own.items() if not _is_made_with_it(value, name, item)}
    slots = own.get('__slots__')
    if slots is not None and not isinstance(slots, str | tuple | list | dict):
        kept['__slots__'] = slots  # an iterator, say, at whose end the class was made
        slots = tuple(name for name, item in own.items() if _is_slot(value, item))
    first = [ref(type(value)), value.__name__, value.__qualname__, [ref(base) for base in value.__bases__], ref(slots)]
    rest: dict[str, Any] = {'attributes': [part for name, item in kept.items() for part in (name, ref(item))]}
    abstract = [cls for cls in _abstract_classes() if value in _registered(cls)]
    subclasses = _registered(value) if '_abc_impl' in own else []
    if '_abc_impl' in own:
        rest['abstract'] = True
    if abstract or subclasses:
        rest['registrations'] = ref(_Registrations(value, abstract, subclasses))
    return ['class', first, rest]


class _Registrations:
    """The virtual base classes and subclasses of a class: to note them asks classes that must be complete by then."""

    def __init__(self, cls: type, abstract: list[type], subclasses: list[type]) -> None:
        self.cls, self.abstract, self.subclasses = cls, abstract, subclasses


def _write_registrations(value: _Registrations, w: Writing) -> Record:
    return ['registrations', None, [w.ref(value.cls), [*map(w.ref, value.abstract)], [*map(w.ref, value.subclasses)]]]


def _fill_registrations(obj: object, rest: Any, r: Reader) -> None:
    cls = r.get(rest[0])
    for ref in rest[1]:
        r.get(ref).register(cls)
    for ref in rest[2]:
        abc.ABCMeta.register(cls, r.get(ref))  # a protocol looks at who asks: `abc` may


def _abstract_classes() -> list[type]:
    """The abstract classes that many register with."""
    return [
        cls for module in (collections.abc, numbers) for cls in vars(module).values() if isinstance(cls, abc.ABCMeta)
    ]


def _registered(cls: type) -> list[type]:
    found = (entry() for entry in abc._get_dump(cls)[0])  # type: ignore[attr-defined]
    return [each for each in found if each is not None]


def _is_made_with_it(cls: type, name: str, item: object) -> bool:
    """Whether making the class makes this attribute; a `__dict__` or `__weakref__` of its own, a property say, is kept."""
    if name in _MADE_FOR_OBJECTS:
        return isinstance(item, types.GetSetDescriptorType) and item.__objclass__ is cls
    return name in _MADE_WITH_IT or _is_slot(cls, item)


def _is_slot(cls: type, item: object) -> bool:
    return isinstance(item, types.MemberDescriptorType) and item.__objclass__ is cls


class _Slim:
    """Keeps a base's ``__init_subclass__`` from being called; for classes whose instances have no ``__dict__``."""

    __slots__ = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        pass


class _Quiet:
    """The same for other classes: instances must look the same before and after a class changes its bases."""

    __init_subclass__ = vars(_Slim)['__init_subclass__']


def _make_class(first: Any, r: Reader) -> object:
    name, qualname = first[1:3]
    meta, bases, slots = r.get(first[0]), tuple(map(r.get, first[3])), r.get(first[4])
    namespace = {'__module__': '', '__qualname__': qualname}
    if slots is not None:
        namespace['__slots__'] = slots
    if all('__init_subclass__' not in vars(cls) for base in bases for cls in base.__mro__ if cls is not object):
        return type.__new__(meta, name, bases, namespace)
    shield = _Quiet if any(base.__dictoffset__ for base in bases) else _Slim
    made = type.__new__(meta, name, (shield, *bases), namespace)
    try:
        type.__setattr__(made, '__bases__', bases)
    except TypeError:  # the bases are laid out in yet another way
        return _made_unnoticed(meta, name, bases, namespace)
    return made


def _made_unnoticed(meta: type, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> object:
    """Make a class while its bases have no ``__init_subclass__``."""
    every = dict.fromkeys(cls for base in bases for cls in base.__mro__ if cls is not object)
    own = {cls: vars(cls)['__init_subclass__'] for cls in every if '__init_subclass__' in vars(cls)}
    try:
        for cls in own:
            type.__setattr__(cls, '__init_subclass__', vars(_Slim)['__init_subclass__'])
        made: object = type.__new__(meta, name, bases, namespace)
    finally:
        for cls, hook in own.items():
            type.__setattr__(cls, '__init_subclass__', hook)
    return made


def _set_attribute(cls: type, name: str, value: object) -> None:
    """Set an attribute of a class, also one of a name that means something to Python, such as `__bases__`."""
    metas: tuple[type, ...] = type.__dict__['__mro__'].__get__(type(cls))
    # A class statement that sets these has them in the class; set from outside, Python 3.14 would keep them elsewhere.
    is_kept_apart = name in ('__annotations__', '__annotate__')
    if (
        name in _OF_CLASSES
        or is_kept_apart
        or any(hasattr(type(vars(meta).get(name)), '__set__') for meta in metas if meta not in (type, object))
    ):
        _dict_of(cls)[name] = value
        type.__setattr__(cls, '__doc__', vars(cls).get('__doc__'))  # which tells Python that the class has changed
    else:
        type.__setattr__(cls, name, value)


def _fill_class(obj: type, rest: Any, r: Reader) -> None:
    parts = iter(rest['attributes'])
    for name in parts:
        value = r.get(next(parts))
        _set_attribute(obj, name, value)
        if sys.version_info < (3, 13) and issubclass(type(value), property):
            # It does not show its name, but says it in its errors.
            property.__set_name__(value, obj, name)  # type: ignore[attr-defined]
    if 'abstract' in rest:
        abstract = vars(obj)['__abstractmethods__']
        abc._abc_init(obj)  # type: ignore[attr-defined]
        type.__setattr__(obj, '__abstractmethods__', abstract)


# -- what is found in classes


def write_attribute(value: object, function: Any, w: Writing) -> Record | None:
    """The record of what a module, or a class that is found by its name, has as an attribute; ``None`` for anything else.

    :param value: a property or the like.
    :param function: the function in it, which bears the name of both.
    """
    path, _, name = getattr(function, '__qualname__', '').rpartition('.')
    module = getattr(function, '__module__', None) or ''
    cls: Any = sys.modules.get(module)
    if not path:
        return ['global', f'{module}:{name}'] if getattr(cls, '__dict__', {}).get(name) is value else None
    for part in path.split('.'):
        cls = getattr(cls, part, None)
    if not isinstance(cls, type) or vars(cls).get(name) is not value:
        return None
    return ['descriptor', [w.ref(cls), name]]


def _write_wrapping(value: Any, w: Writing) -> Record:
    if (record := write_attribute(value, value.__func__, w)) is not None:
        return record
    attributes = [w.ref(part) for item in vars(value).items() for part in item]
    return [type(value).__name__, w.ref(value.__func__), attributes]


def _fill_wrapping(obj: Any, rest: Any, r: Reader) -> None:
    parts = iter(rest)
    vars(obj).clear()
    for key in parts:
        vars(obj)[r.get(key)] = r.get(next(parts))


def _write_property(value: property, w: Writing) -> Record:
    if (record := write_attribute(value, value.fget, w)) is not None:
        return record
    record = ['property', [*map(w.ref, (value.fget, value.fset, value.fdel, value.__doc__))]]
    if sys.version_info >= (3, 13) and (name := getattr(value, '__name__', None)) is not None:
        record.append(w.ref(name))
    return record


def _fill_property(obj: Any, rest: Any, r: Reader) -> None:
    obj.__name__ = r.get(rest)


def _write_descriptor(value: Any, w: Writing) -> Record:
    return ['descriptor', [w.ref(value.__objclass__), value.__name__]]


def _read_descriptor(first: Any, r: Reader) -> object:
    return vars(r.get(first[0]))[first[1]]


def _write_super(value: Any, w: Writing) -> Record:
    # Attributes of a `super` object are those of the object it stands for, but for these.
    return ['super', [*map(w.ref, (value.__thisclass__, value.__self__))]]


def _write_proxy(value: types.MappingProxyType[Any, Any], w: Writing) -> Record:
    return ['mapping proxy', w.ref(gc.get_referents(value)[0])]


WRITERS: dict[type, Any] = {
    _Registrations: _write_registrations,
    _Namespace: lambda value, w: ['class namespace', w.ref(value.cls)],
    CodeType: _write_code,
    staticmethod: _write_wrapping,
    classmethod: _write_wrapping,
    property: _write_property,
    types.GetSetDescriptorType: _write_descriptor,
    types.MemberDescriptorType: _write_descriptor,
    types.ClassMethodDescriptorType: _write_descriptor,
    types.MappingProxyType: _write_proxy,
    super: _write_super,
}

KINDS = (
    Kind('code', _read_code),
    Kind('function', _make_function, lambda obj, rest, r: complete(obj, rest, r.get)),
    Kind('class', _make_class, _fill_class),
    Kind('class namespace', lambda first, r: CellType(_dict_of(r.get(first)))),
    Kind('registrations', lambda first, r: _Registrations(type, [], []), _fill_registrations, lambda rest: 3),
    Kind('staticmethod', lambda first, r: staticmethod(r.get(first)), _fill_wrapping),
    Kind('classmethod', lambda first, r: classmethod(r.get(first)), _fill_wrapping),
    Kind('property', lambda first, r: property(*map(r.get, first)), _fill_property),
    Kind('descriptor', _read_descriptor),
    Kind('super', lambda first, r: super(*map(r.get, first)), late=1),
    Kind('mapping proxy', lambda first, r: types.MappingProxyType(r.get(first))),
)
