"""The user's own modules that a source imports, as they are now, and how to load them again when they have been edited.

The user's own are those that lie neither in the standard library nor among the installed packages. What they import of each
other is followed. Knows Python's imports; must not know where their texts are kept.
"""

from __future__ import annotations

import ast
import builtins
import importlib.util
import linecache
import pkgutil
import sys
import sysconfig
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from ..exceptions import WorkflowUsageError
from .quietly import parsed
from .texts import is_text_of, text_now, text_of
from .trees import statements_in

__all__ = (
    'HOME',
    'PINNED',
    'Filling',
    'ModuleSource',
    'Pinned',
    'is_installed',
    'known_as',
    'modules_below',
    'names_imported',
    'used_modules',
)


class Filling(Protocol):
    """Sets the values of a module before and after its definitions are executed (see `jobs.world`)."""

    def begin(self, module: str, namespace: dict[str, Any]) -> None:
        """Set what the definitions may ask for."""

    def end(self, module: str) -> None:
        """Set the rest."""


#: Packages that may lie anywhere, and are no user's.
_OTHERS = frozenset({'aiida', 'aiida_dreamflow', 'plumpy', 'kiwipy'})
_INSTALLED = frozenset(
    str(Path(sysconfig.get_path(kind)).resolve()) for kind in ('stdlib', 'platstdlib', 'purelib', 'platlib')
)


@dataclass(frozen=True)
class ModuleSource:
    """The source of a module.

    :ivar name: its name.
    :ivar filename: its file.
    :ivar source: its text.
    :ivar is_package: whether it is a package.
    """

    name: str
    filename: str
    source: str
    is_package: bool = False

    @property
    def package(self) -> str:
        """What relative imports in it begin with."""
        return self.name if self.is_package else self.name.rpartition('.')[0]


def used_modules(names: Iterable[str], edited: bool = False, pinned: Pinned | None = None) -> tuple[ModuleSource, ...]:
    """Return which of some modules are the user's own, and those that these import, in the order of their names.

    :param names: their names; they are not imported for this.
    :param edited: whether they are to be as their files are now, and not as they were imported.
    :param pinned: modules made from kept sources, which stand before all others.
    :raises WorkflowUsageError: if one was edited since it was imported, and what was imported is nowhere to be had.
    """
    found: dict[str, ModuleSource | None] = {}
    pending = list(names)
    while pending:
        name = pending.pop()
        if name not in found:
            found[name] = module = (pinned and pinned.sources.get(name)) or _read(name, edited)
            if module is not None:
                pending.extend(_imported(module.source, module.package))
    return tuple(module for _, module in sorted(found.items()) if module is not None)


def names_imported(nodes: Iterable[ast.AST], package: str) -> Iterator[str]:
    """Yield the names of the modules that ``import`` statements may import, and those of the packages that they are in.

    :param nodes: the statements, and calls like ``import_module('a.b')``.
    :param package: what relative imports in them begin with.
    """
    for node in nodes:
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node.module or '', package, node.level)
            names = [base, *(f'{base}.{alias.name}' for alias in node.names if alias.name != '*')]
        elif isinstance(node, ast.Call) and isinstance(node.args[0], ast.Constant):
            name = str(node.args[0].value)
            names = [_absolute(name.lstrip('.'), package, len(name) - len(name.lstrip('.')))]
        for name in names:
            parts = name.split('.')
            yield from ('.'.join(parts[:count]) for count in range(1, len(parts) + 1))


def modules_below(package: str, pinned: Pinned | None) -> list[str]:
    """Return the names of the modules in a package, whether they have been imported or not.

    :param pinned: as for `used_modules`.
    """
    if pinned is not None and package in pinned:
        return [name for name in pinned.sources if name.startswith(f'{package}.')]
    found, pending = [], [package]
    while pending:
        name = pending.pop()
        for _, part, is_package in pkgutil.iter_modules(getattr(sys.modules.get(name), '__path__', ())):
            found.append(f'{name}.{part}')
            pending += [found[-1]] if is_package else []
    return found


@lru_cache(maxsize=256)
def _imported(source: str, package: str) -> tuple[str, ...]:
    """Return the names of the modules that a module may import."""
    return tuple(names_imported(statements_in(parsed(source)), package)) if 'import' in source else ()


def _absolute(name: str, package: str, level: int) -> str:
    if not level:
        return name
    parts = package.split('.')
    return '.'.join([*parts[: len(parts) - level + 1], *([name] if name else [])])


def _read(name: str, edited: bool) -> ModuleSource | None:
    """Return the source of a module of the user's own, ``None`` if it is none."""
    first = name.partition('.')[0]
    if first in _OTHERS or first in sys.stdlib_module_names:
        return None
    module = sys.modules.get(name)
    spec = getattr(module, '__spec__', None)
    if module is None and ('.' not in name or name.rpartition('.')[0] in sys.modules):
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError, AttributeError):
            return None
    filename = getattr(module, '__file__', None) or getattr(spec, 'origin', None)
    if filename is None and (places := [*(getattr(spec, 'submodule_search_locations', None) or ())]):
        return None if any(map(is_installed, places)) else ModuleSource(name, '', '', is_package=True)
    if not isinstance(filename, str) or not filename.endswith('.py') or is_installed(filename):
        return None
    text = text_now(filename) if module is None or edited else text_of(module, filename)
    if text is None:
        raise WorkflowUsageError(
            f'{filename} was edited since this session imported it: a workflow launched now would go on with other functions '
            f'than those that are loaded here. Start Python again, or load it anew first: `importlib.reload({name})`'
        )
    is_package = Path(filename).name == '__init__.py'
    return ModuleSource(name, filename, text, is_package) if text or is_package or Path(filename).exists() else None


def texts_of(filename: str) -> tuple[str, str]:
    """Return the text of a file as Python has read it for tracebacks, and as it is now."""
    return ''.join(linecache.getlines(filename)), text_now(filename)


def is_installed(filename: str) -> bool:
    """Return whether a file is of the standard library or of an installed package."""
    path = Path(filename).resolve()
    return any(
        str(parent) in _INSTALLED or parent.name in ('site-packages', 'dist-packages') for parent in path.parents
    )


#: Global name of what is made from kept sources for its modules.
PINNED = '.pinned'
#: In a module made from a stored source: the name by which its author knows it.
HOME = '.home'


def known_as(module: str) -> str:
    """Return the name by which its author knows a module, from the one that it has in this process."""
    return str(vars(sys.modules.get(module, types)).get(HOME, module))


class Pinned:
    """Modules made from kept sources. What they import of each other is these, not what the files have become.

    :param prefix: what their names in ``sys.modules`` begin with.
    :param sources: the sources.
    :param own: the name of the module of the function itself, and what executes that.
    """

    def __init__(
        self,
        prefix: str,
        sources: Iterable[ModuleSource],
        own: tuple[str, Callable[[], types.ModuleType]] | None = None,
    ) -> None:
        self._prefix = prefix
        self._own = own
        self.sources = {source.name: source for source in sources}
        self.filling: Filling | None = None
        self.modules: dict[str, types.ModuleType] = {}
        self.builtins = {**vars(builtins), '__import__': self._import}

    def __contains__(self, name: str) -> bool:
        return name in self.sources or (self._own is not None and name == self._own[0])

    def load(self, name: str) -> types.ModuleType:
        """Return a module, executed once; the packages that it is in are executed before."""
        parent, _, own = name.rpartition('.')
        if parent in self:
            self.load(parent)
        if name not in self.modules:
            if self._own is not None and name == self._own[0]:
                self.modules[name] = self._own[1]()
            else:
                self._load(self.sources[name])
            if parent in self:
                setattr(self.modules[parent], own, self.modules[name])
        return self.modules[name]

    def _load(self, source: ModuleSource) -> None:
        name = f'{self._prefix}.{source.name}'
        filename = source.filename
        if filename and not all(is_text_of(source.source, text) for text in texts_of(filename)):
            filename = f'{filename} <as launched, {self._prefix[-8:]}>'
            linecache.cache[filename] = (len(source.source), None, source.source.splitlines(keepends=True), filename)
        module = types.ModuleType(name)
        module.__file__, module.__package__ = source.filename, source.package
        if source.is_package:
            module.__path__ = [str(Path(source.filename).parent)] if source.filename else []
        vars(module)['__builtins__'] = self.builtins
        vars(module)[PINNED], vars(module)[HOME] = self, source.name
        sys.modules[name] = self.modules[source.name] = module
        try:
            if self.filling is not None:
                self.filling.begin(source.name, vars(module))
            exec(compile(source.source, filename or '<namespace>', 'exec', dont_inherit=True), vars(module))
            if self.filling is not None:
                self.filling.end(source.name)
        except BaseException:
            del sys.modules[name], self.modules[source.name]
            raise

    def _names(self) -> Iterable[str]:
        return [*self.sources, *([] if self._own is None else [self._own[0]])]

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: tuple[str, ...] | None = (),
        level: int = 0,
    ) -> types.ModuleType:
        """Do what ``__import__`` does."""
        full = _absolute(name, (globals or {}).get('__package__') or '', level)
        if fromlist:
            inside = [each for each in (f'{full}.{item}' for item in fromlist) if each in self]
            if full in self:
                module = self.load(full)
            else:
                module = __import__(full, fromlist=[item for item in fromlist if f'{full}.{item}' not in self])
                if inside:
                    module = _copy(module)
                if full == 'importlib':
                    module = self._importlib()
            for each in inside:
                if each.rpartition('.')[2] not in vars(module):
                    setattr(module, each.rpartition('.')[2], self.load(each))
            return module
        if full in self:
            self.load(full)
        elif not level:
            importlib.import_module(full)
        first, *rest = full.split('.')
        if first == 'importlib':
            return self._importlib()
        if not any(each.partition('.')[0] == first for each in self._names()):
            return sys.modules[first]
        # `import a.b` binds `a`; what is kept is reached through it.
        path, top = first, self.load(first) if first in self else _copy(importlib.import_module(first))
        module = top
        for part in rest:
            path = f'{path}.{part}'
            following = self.load(path) if path in self else sys.modules[path]
            setattr(module, part, following)
            module = following
        return top

    def _importlib(self) -> types.ModuleType:
        """Return `importlib`, whose `import_module` knows the modules, too."""
        found = _copy(importlib)
        vars(found)['import_module'] = self._import_module
        return found

    def _import_module(self, name: str, package: str | None = None) -> types.ModuleType:
        full = importlib.util.resolve_name(name, known_as(package or ''))
        return self.load(full) if full in self else importlib.import_module(full)


def _copy(module: types.ModuleType) -> types.ModuleType:
    copy = types.ModuleType(module.__name__)
    vars(copy).update(vars(module))
    return copy
