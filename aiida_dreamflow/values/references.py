"""Things that are stored by name, not by content: modules, classes, functions, and the methods bound to objects.

A name is verified while storing: what it leads to must be the very same object. Knows the standard library only.
"""

from __future__ import annotations

import _collections_abc  # noqa: F401  (in which the classes of iterators have names)
import contextlib
import importlib
import pickle
import sys
from collections.abc import Iterator
from importlib.machinery import BuiltinImporter, ExtensionFileLoader
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    FunctionType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
)
from typing import Any

from ..exceptions import CannotStoreError, FrameError
from . import nameless
from .containers import doubles
from .definitions import is_made_by_python, write_class, write_function
from .homes import home, known_as
from .records import Kind, Reader, Record, Writing

__all__ = (
    'KINDS',
    'WRITERS',
    'has_name',
    'name_in_any_module',
    'sentinel_name',
    'write_global',
    'write_module',
    'write_named',
)

# A wrapped function and the function behind a class method share their name with what replaced them.
_DETOURS = ('', '.__func__', '.__wrapped__')
# `type(None)` says that it is `builtins.NoneType`, which does not exist; these modules have names for such classes.
_TYPE_NAMES = {
    id(cls): f'{source}:{name}'
    for source in (nameless.__name__, '_collections_abc', 'types')
    for name, cls in vars(sys.modules[source]).items()
    if isinstance(cls, type)
}


def _walk(module: ModuleType, path: str) -> Any:
    found: Any = module
    for part in path.split('.'):
        found = getattr(found, part)
    return found


def _leads_to(module: str, path: str, value: object) -> bool:
    try:
        return _walk(sys.modules[module], path) is value
    except (KeyError, AttributeError):
        return False


def _named(value: Any, qualname: str) -> str | None:
    owner = getattr(value, '__module__', None)
    if owner is None:
        try:
            owner = pickle.whichmodule(value, qualname)  # type: ignore[attr-defined]
        except pickle.PicklingError:  # from Python 3.14 on; before, it named `__main__`
            owner = '__main__'
    if not isinstance(owner, str):
        return None
    if (own := home.get()) is not None and (at_home := own.name_of(value, owner, qualname)) is not None:
        return at_home
    # A class that a package shows may move between its private modules, as `pathlib.Path` did in Python 3.13 and 3.14.
    for module in dict.fromkeys((owner.partition('._')[0], owner)):
        for detour in _DETOURS:
            if _leads_to(module, qualname + detour, value):
                return f'{module}:{qualname}{detour}'
    if (name := _TYPE_NAMES.get(id(value))) is None and '<locals>' not in qualname:
        name = _in_a_double(owner, qualname, value)
    return name or _under_another_name(owner, value)


def _under_another_name(owner: str, value: object) -> str | None:
    """The name of what is written in C and is called otherwise in its module, or says that it is one of another module.

    As `_json.make_encoder` is, and classes of extensions that say nothing of theirs, which makes it `builtins`.
    """
    if isinstance(value, FunctionType) or (isinstance(value, type) and is_made_by_python(value)):
        return None
    for module, variables in _variables_of(owner, every=isinstance(value, type) and owner == 'builtins'):
        for name, found in [*variables.items()]:
            if found is value:
                return f'{module}:{name}'
    return None


def _variables_of(owner: str, every: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the variables of a module, or those of every extension that is loaded."""
    for name in [*sys.modules] if every else [owner]:
        module = sys.modules.get(name)
        if not every or isinstance(getattr(module, '__loader__', None), ExtensionFileLoader):
            yield name, getattr(module, '__dict__', {})


def _in_a_double(owner: str, qualname: str, value: object) -> str | None:
    """The name of something in a module that was imported past `sys.modules`, or of what such a module shows of its private part."""
    public = owner.lstrip('_')
    for name in dict.fromkeys((owner, public, public.removeprefix('py_'))):
        if _leads_to(name, qualname, value):
            return f'{name}:{qualname}'
        for place, module in doubles(name):
            with contextlib.suppress(AttributeError):
                if _walk(module, qualname) is value:
                    return f'{place}.{qualname}'
    return None


def write_named(value: object, qualname: str) -> Record:
    """The record of an object that its module holds under `qualname`.

    :param value: the object.
    :param qualname: its dotted name inside its module.
    :returns: the record.
    :raises CannotStoreError: if the name does not lead back to `value`.
    """
    name = _named(value, qualname)
    if name is not None:
        return ['global', name]
    owner = getattr(value, '__module__', None)
    reason = f'the name `{owner}.{qualname}` does not lead to this object; give it a name in its module'
    raise CannotStoreError(type(value).__name__, '', reason)


def sentinel_name(value: object) -> str | None:
    """The name under which its class's module holds an object that is there for its identity: at most it has a name."""
    cls = type(value)
    if cls is object:
        return name_in_any_module(value)
    # Some of what is written in C makes its `__dict__` when it is asked for it, and behaves otherwise from then on.
    state = getattr(value, '__dict__', {}) if is_made_by_python(cls) else {}
    if any('__eq__' in vars(base) for base in cls.__mro__[:-1]) or any(
        type(part) is not str for part in state.values()
    ):
        return None
    module = sys.modules.get(cls.__module__)
    for name, found in vars(module).items() if module is not None else ():
        if found is value:
            return f'{known_as(cls.__module__)}:{name}'
    return None


def name_in_any_module(value: object) -> str | None:
    """The name of what is nothing but itself, as a plain `object()`: any module may have made it."""
    if id(value) in _nameless:
        return None
    for holder, module in [*sys.modules.items()]:
        variables = getattr(module, '__dict__', None)
        # A worker has another `__main__`.
        if type(variables) is dict and holder != '__main__' and id(value) in map(id, variables.values()):
            return f'{known_as(holder)}:{next(name for name, found in variables.items() if found is value)}'
    if len(_nameless) >= _REMEMBERED:
        _nameless.clear()
    _nameless[id(value)] = value
    return None


#: Plain objects that no module has: to look for them takes milliseconds.
_nameless: dict[int, object] = {}
_REMEMBERED = 1000


def _qualname(value: Any) -> str:
    return str(getattr(value, '__qualname__', None) or getattr(value, '__name__', None))


def has_name(value: Any, qualname: str = '') -> bool:
    """Whether a name leads to a class or function, or another one in its module to it."""
    return _named(value, qualname or _qualname(value)) is not None


def write_global(value: Any, w: Writing) -> Record:
    """The record of a class or function: its name, or what it consists of if no name leads to it."""
    if not has_name(value):
        if isinstance(value, FunctionType):
            return write_function(value, w)
        if isinstance(value, type) and is_made_by_python(value):
            return write_class(value, w)
    return write_named(value, _qualname(value))


def _read_global(first: str, r: Reader) -> object:
    module, _, path = first.partition(':')
    own = home.get()
    try:
        if own is not None and module in own:
            return own.find(module, path)
        return _walk(importlib.import_module(module), path)
    except (ImportError, AttributeError) as error:
        if module == '__main__':
            raise FrameError(
                f'a stored value needs `{path}` of a script or notebook, which this session does not have: define it here as it '
                'was there, or move it to a module that both import'
            ) from error
        raise FrameError(
            f'a stored value needs `{module}.{path}`, which is not there any more ({error}); install or restore it'
        ) from error


def write_module(value: ModuleType, w: Writing) -> Record:
    """The record of a module: its name, or what it consists of if it was made and not imported."""
    name = _namespace(value).get('__name__')
    if not isinstance(name, str):
        raise CannotStoreError('module', '', 'it is a module without a name')
    if sys.modules.get(name) is not value:
        if place := next((place for place, module in doubles(name) if module is value), None):
            return ['global', place]
        if _is_own(value):
            return [
                'own module',
                w.ref(type(value)),
                [w.ref(part) for item in _namespace(value).items() for part in item],
            ]
        raise CannotStoreError('module', '', f'`import {name}` does not give this module object')
    return ['module', name]


def _namespace(module: ModuleType) -> dict[str, Any]:
    """Return the variables of a module, whatever its class says of them."""
    found: dict[str, Any] = vars(ModuleType)['__dict__'].__get__(module)
    return found


def _is_own(module: ModuleType) -> bool:
    """Return whether a module was not imported, but made, and nothing but the module itself leads to its variables."""
    variables = _namespace(module)
    spec = variables.get('__spec__')
    loaders = (variables.get('__loader__'), getattr(spec, 'loader', None))
    is_of_c = any(loader is BuiltinImporter or isinstance(loader, ExtensionFileLoader) for loader in loaders)
    functions = (value for value in variables.values() if isinstance(value, FunctionType))
    # What runs the text of a module puts the builtins there.
    return not is_of_c and '__builtins__' not in variables and not any(f.__globals__ is variables for f in functions)


def _make_own_module(first: Any, r: Reader) -> object:
    module = ModuleType.__new__(r.get(first))
    ModuleType.__init__(module, '')  # until then it has no variables on Python 3.10
    _namespace(module).clear()
    return module


def _fill_own_module(obj: Any, rest: Any, r: Reader) -> None:
    parts = iter(rest)
    for key in parts:
        _namespace(obj)[r.get(key)] = r.get(next(parts))


def _read_module(first: str, r: Reader) -> object:
    try:
        return importlib.import_module(first)
    except ImportError as error:
        raise FrameError(
            f'a stored value needs the module `{first}`, which cannot be imported here ({error})'
        ) from error


def _write_method(value: MethodType, w: Writing) -> Record:
    return ['method', [w.ref(value.__func__), w.ref(value.__self__)]]


def _write_builtin(value: BuiltinFunctionType, w: Writing) -> Record:
    owner = value.__self__
    if owner is None or isinstance(owner, ModuleType):
        return write_global(value, w)
    hidden = _hidden_behind(owner, value.__name__)
    return ['builtin method', [w.ref(owner), value.__name__, *([] if hidden is None else [w.ref(hidden)])]]


_IN_C = (MethodDescriptorType, ClassMethodDescriptorType)
#: A metaclass may say something else.
_MRO = type.__dict__['__mro__'].__get__


def _hidden_behind(owner: Any, name: str) -> type | None:
    """The class that a method written in C is of, if a class derived from it has something else of that name by now."""
    mro: tuple[type, ...] = _MRO(type(owner))
    if isinstance(owner, type):
        mro = (*_MRO(owner), *mro)
    holders = [base for base in mro if name in vars(base)]
    if not holders or isinstance(vars(holders[0])[name], (*_IN_C, BuiltinFunctionType)):
        return None
    return next((base for base in holders if isinstance(vars(base)[name], _IN_C)), None)


def _read_builtin(first: Any, r: Reader) -> object:
    owner, name, *hidden = r.get(first[0]), first[1], *map(r.get, first[2:])
    descriptor = vars(hidden[0]).get(name) if hidden else None
    if isinstance(descriptor, _IN_C):
        of_class = isinstance(descriptor, ClassMethodDescriptorType)
        return descriptor.__get__(None, owner) if of_class else descriptor.__get__(owner)
    found = getattr(owner, name)
    if not isinstance(found, BuiltinFunctionType):
        raise FrameError(f'`{name}` is not a built-in method any more; the stored value cannot be rebuilt')
    return found


def _write_slot(value: MethodWrapperType, w: Writing) -> Record:
    """The record of a method of C like ``(5).__add__``; that of a class need not be what the class has under this name."""
    return ['slot method', [w.ref(value.__self__), w.ref(value.__objclass__), value.__name__]]


def _read_slot(first: Any, r: Reader) -> object:
    owner, cls = r.get(first[0]), r.get(first[1])
    found: object = vars(cls)[first[2]].__get__(owner, type(owner))
    return found


WRITERS: dict[type, Any] = {
    MethodWrapperType: _write_slot,
    type: write_global,
    FunctionType: write_global,
    BuiltinFunctionType: _write_builtin,
    MethodType: _write_method,
    ModuleType: write_module,
}

KINDS = (
    Kind('global', _read_global),
    Kind('module', _read_module),
    Kind('own module', _make_own_module, _fill_own_module),
    Kind('method', lambda first, r: MethodType(*map(r.get, first))),
    Kind('builtin method', _read_builtin, late=1),
    Kind('slot method', _read_slot, late=1),
)
