"""The global variables of a function's modules, where it runs: set as they were when it was launched.

This file is uploaded beside :mod:`~aiida_dreamflow.jobs.remote` where a job has need of it, and used there by Python 3.8 or later.
So it must know the standard library only. What does not need the user's definitions is set before these are executed, as
decorators and classes may ask for it; the rest when all of them have been.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import io
import json
import os
import pickle
import sys

TYPE_CHECKING = False  # that of `typing` would have to be imported
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType
    from typing import Any

if __package__:
    from . import wire
else:
    import dreamflow_wire as wire  # type: ignore[import-not-found, no-redef]

#: Global name of the names of those variables that were set: whatever the source says of them.
GIVEN = '.given'
#: The files of values that are no plain data: of those that need no definitions, and of the others.
EARLY_FILE, LATE_FILE = 'dreamflow_early.pickle', 'dreamflow_late.pickle'


class World:
    """The values for some modules, and the modules that have got theirs.

    :param plain: plain values, by module and name; the function's own module has no name.
    :param read: gives the bytes of a file.
    :param files: the names of the files.
    :param load: imports one of the modules, and returns it.
    """

    def __init__(
        self,
        plain: Mapping[str, Any],
        read: Callable[[str], bytes],
        files: Any,
        load: Callable[[str], Any] = importlib.import_module,
    ) -> None:
        self._plain, self._read, self._files, self._load = plain, read, frozenset(files), load
        self._early: dict[str, dict[str, Any]] | None = None
        self._late: dict[str, dict[str, Any]] | None = None
        self._modules: dict[str, dict[str, Any]] = {}
        self._depth = 0
        self._is_own_there = False

    def begin(self, module: str, namespace: dict[str, Any]) -> None:
        """Set what the definitions of a module may ask for: they are about to be executed."""
        self._depth += 1
        self._modules[module] = namespace
        if self._early is None:
            self._early = {}
            for key, data in self._plain.items():
                _note(self._early, key, wire.decode(data, lambda name: io.BytesIO(self._read(name))))
            for key, value in self._unpickled(EARLY_FILE).items():
                _note(self._early, key, value)
        for path, value in self._early.get(module, {}).items():
            if path.isidentifier():
                namespace[path] = value

    def end(self, module: str) -> None:
        """Set the values of a module whose definitions have been executed."""
        self._depth -= 1
        self._is_own_there = self._is_own_there or not module
        _set(self._modules[module], (self._early or {}).get(module, {}))
        if self._late is not None:
            _set(self._modules[module], self._late.get(module, {}))
        elif not self._depth and self._is_own_there:  # packages that it is in are executed before it
            self._late = {}
            found = self._unpickled(LATE_FILE)
            late: dict[str, dict[str, Any]] = {}
            for key, value in found.get('values', {}).items():
                _note(late, key, value)
            self._late = late
            for name, values in late.items():
                if name in self._modules:
                    _set(self._modules[name], values)
            for key, content in found.get('contents', {}).items():
                _fill(self._find(key), content)

    def _unpickled(self, name: str) -> Any:
        return _Unpickler(io.BytesIO(self._read(name)), self._find).load() if name in self._files else {}

    def _find(self, key: str) -> Any:
        """Return what a definition has made."""
        module, _, path = key.partition(':')
        if module not in self._modules:
            self._load(module)
        if not path:
            return sys.modules[self._modules[module]['__name__']]
        found = _walked(self._modules[module], path)
        return getattr(found, '__func__', found)


def filling(state: Any, load: Callable[[str], Any]) -> World:
    """Return what sets the values of a bundle's `State`.

    :param load: imports one of the modules.
    """
    return World(state.plain, state.files.__getitem__, state.files, load)


def _note(values: dict[str, dict[str, Any]], key: str, value: Any) -> None:
    module, _, path = key.partition(':')
    values.setdefault(module, {})[path] = value


def _set(namespace: dict[str, Any], values: Mapping[str, Any]) -> None:
    """Set variables, and what has changed of definitions; see `compiler.changes` for the paths."""
    for path, value in values.items():
        if path.isidentifier():
            namespace[path] = value
            namespace.setdefault(GIVEN, set()).add(path)
    for path, value in values.items():
        if path.endswith('>'):
            path, _, name = path[:-1].partition('<')
            function = _walked(namespace, path)
            if name in function.__code__.co_freevars:
                function.__closure__[function.__code__.co_freevars.index(name)].cell_contents = value
        elif path.endswith('!register'):
            for each in value:
                _walked(namespace, path[: -len('!register')]).register(each)
        elif not path.isidentifier():
            path, _, name = path.rpartition('.')
            owner = _walked(namespace, path)
            if name == 'registry' and hasattr(owner, 'dispatch'):
                for kind, function in value.items():
                    owner.register(kind, function)
            elif isinstance(owner, type):
                type.__setattr__(owner, name, value)
            else:
                setattr(owner, name, value)


def _walked(namespace: dict[str, Any], path: str) -> Any:
    first, *rest = path.split('.')
    found = namespace[first]
    for part in rest:
        found = vars(found)[part] if isinstance(found, type) and part in vars(found) else getattr(found, part)
    return found


def _fill(obj: Any, content: Any) -> None:
    """Give an object the content that it had: it was made anew, as definitions needed it."""
    if isinstance(obj, (dict, set)):
        obj.clear()
        obj.update(content)
    elif isinstance(obj, list):
        obj[:] = content
    else:
        vars(obj).clear()
        vars(obj).update(content)


class _Unpickler(pickle.Unpickler):
    """Reads what `constants` has written: where it says so, a module, a definition, or an object of AiiDA's."""

    def __init__(self, file: Any, find: Callable[[str], Any]) -> None:
        super().__init__(file)
        self._find_definition = find

    def persistent_load(self, pid: Any) -> Any:
        kind, content = pid
        if kind == 'definition':
            return self._find_definition(content)
        if kind == 'made':
            key, way = content
            found = self._find_definition(key)
            for how, step in way:
                found = found[step] if how == 'item' else getattr(found, step)
            return found
        if kind == 'threading':
            return getattr(importlib.import_module(kind), content)
        if kind == 'module':
            importlib.import_module(content)
            return sys.modules[content]
        from aiida import orm

        return getattr(orm, kind).collection.get(uuid=content)


# -- the modules in the folder of a job


def load(module: ModuleType, folder: str, inputs: dict[str, Any], execute: Callable[[], None]) -> None:
    """Make the user's other modules known, whose files are in a folder, and execute the function's own.

    :param module: the function's own module, empty.
    :param folder: the folder.
    :param inputs: ``modules``: the name of each, and that of its file in the folder, ``None`` for a package that has none;
        ``module``: the name of the function's own; ``state``: the plain values, and ``files``: the names of those of others.
    :param execute: executes the source of the function's own module.
    """

    def read(name: str) -> bytes:
        with open(os.path.join(folder, name), 'rb') as file:
            return file.read()

    def fill() -> None:
        world.begin('', vars(module))
        execute()
        world.end('')

    state = inputs.get('state') or {}
    world = World(state.get('plain', {}), read, state.get('files', ()))
    if folder not in sys.path:
        sys.path.insert(0, folder)
    modules, own = dict(inputs.get('modules', ())), inputs.get('module', '__main__')
    finder = _Finder(world, folder, modules)
    sys.meta_path.insert(0, finder)
    if own.rpartition('.')[0] in modules:  # a package, which is executed before, and may import its module
        finder.own = own, _OwnLoader(module, fill)
        importlib.import_module(own)
    else:
        if own != '__main__':
            sys.modules[own] = module  # for other modules that import it
        fill()


def install_in_child(folder: str) -> None:
    """Make the function's module known in a process that a job has spawned."""
    import dreamflow_remote  # type: ignore[import-not-found]

    sys.meta_path.insert(0, _FunctionFinder(dreamflow_remote.FUNCTION_MODULE, lambda: load_in_child(folder)))


def load_in_child(folder: str) -> ModuleType:
    """Load the function's module, and make the others known, in a process that a job has spawned."""
    import dreamflow_remote

    with open(os.path.join(folder, dreamflow_remote.INPUTS_FILE), encoding='ascii') as file:
        module: ModuleType = dreamflow_remote.load_module(folder, json.load(file))
        return module


class _Finder(importlib.abc.MetaPathFinder):
    """Finds modules in the folder of a job, before all others."""

    def __init__(self, world: World, folder: str, modules: dict[str, str | None]) -> None:
        self._world, self._folder, self._modules = world, folder, modules
        self.own: tuple[str, _OwnLoader] | None = None

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if self.own is not None and name == self.own[0]:
            return importlib.machinery.ModuleSpec(name, self.own[1])
        if name not in self._modules:
            return None
        file = self._modules[name]
        if file is None:
            spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = [os.path.join(self._folder, *name.split('.'))]
            return spec
        place = os.path.join(self._folder, file)
        loader = _Loader(name, place)
        loader.world = self._world
        is_package = os.path.basename(file) == '__init__.py'
        locations = [os.path.dirname(place)] if is_package else None
        return importlib.util.spec_from_file_location(name, place, loader=loader, submodule_search_locations=locations)


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads a module, and sets its variables."""

    world: World

    def exec_module(self, module: ModuleType) -> None:
        self.world.begin(module.__name__, vars(module))
        super().exec_module(module)
        self.world.end(module.__name__)


class _OwnLoader(importlib.abc.Loader):
    """Loads the function's own module, which others import by the name that it had."""

    def __init__(self, module: ModuleType, fill: Callable[[], None]) -> None:
        self._module, self._fill = module, fill

    def create_module(self, spec: Any) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        self._fill()


class _FunctionFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the module of the function in a process that has been spawned."""

    def __init__(self, name: str, load_module: Callable[[], ModuleType]) -> None:
        self._name, self._load_module = name, load_module

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        return importlib.machinery.ModuleSpec(name, self) if name == self._name else None

    def create_module(self, spec: Any) -> ModuleType:
        return self._load_module()

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing more."""
