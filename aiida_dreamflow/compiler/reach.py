"""What of a module is executed anew where a function travels, and which values of it go along as they are now.

Definitions (``def``, ``class``, with their decorators) and imports are executed anew, and so is an assignment of a literal that
the name still has. Every other global variable that is reached goes along by value. A statement whose value has no stored form
is executed anew if it is one assignment, as a recipe is; otherwise the function is refused.

Must not know how values are stored: that is the caller's `Store`.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any

from .changes import changes_of, implementations_of
from .literals import is_as_written, is_literal, same
from .state import identities
from .units import Unit, first_line

__all__ = ('MODULE_NAMES', 'Reach')

#: What the import system puts into every module.
MODULE_NAMES = frozenset(
    ('__name__', '__file__', '__doc__', '__package__', '__spec__', '__loader__', '__annotations__', '__builtins__')
)
#: Global name of the names of those variables that were set when the module was made from a stored source.
GIVEN = '.given'
_TYPING = (typing.TypeVar, typing.ParamSpec, typing.NewType)


class Reach:
    """Finds out what is needed of one module.

    :param name: the name of the module in keys: empty for the one of the function.
    :param units: the statements of the module.
    :param namespace: the module as it is now.
    :param filename: its file, as code says it.
    :param own: the statement that is, or holds, the function itself, with the name of that.
    :param offsets: how many lines stand before those of each of its files, if it has several: a notebook's cells.
    """

    def __init__(
        self,
        name: str,
        units: list[Unit],
        namespace: dict[str, Any],
        filename: str,
        own: tuple[Unit, str] | None = None,
        offsets: Mapping[str, int] | None = None,
    ) -> None:
        self.name, self.units, self.namespace, self.filename = name, units, namespace, filename
        self._offsets = offsets or {filename: 0}
        self.module = namespace.get('__name__', '')
        self.own = own
        self.kept: set[Unit] = {unit for unit in units if unit.is_star or unit.is_future}
        self.has_star = any(unit.is_star for unit in units)
        self.values: dict[str, Any] = {}
        self.filled: set[str] = set()
        self.missing: set[str] = set()
        #: The paths of changes that have no stored form: what a definition has made, it makes again.
        self.dropped: set[str] = set()
        #: Whether the subclasses of a class may be asked for.
        self.asks_subclasses = False
        self._literals: dict[str, Any] = {}
        self._made: dict[int, str] = {}
        self._seen: set[str] = set()
        self._storing: dict[str, list[Unit]] = {}
        self._changing: dict[str, list[Unit]] = {}
        for unit in units:
            for each in unit.stores:
                self._storing.setdefault(each, []).append(unit)
            for each in (unit.binds | unit.calls) - unit.stores:
                self._changing.setdefault(each, []).append(unit)
        for each, storing in self._storing.items():
            unit = storing[-1]
            if each in unit.defined - unit.imported and not unit.is_main and self._is_as_defined(unit, each):
                self._made[id(namespace[each])] = each
        if own is not None:
            self._keep([own[0]])

    # -- what is needed

    def need(self, names: Iterable[str]) -> None:
        """Take notice that some names are used."""
        pending = set(names)
        while pending:
            name = pending.pop()
            if name not in self._seen:
                self._seen.add(name)
                pending |= self._look(name)

    def need_all(self) -> None:
        """Take notice that all definitions are used, as in a module that is imported."""
        self._keep([unit for unit in self.units if unit.is_definition])

    def need_asked_for(self) -> None:
        """Take notice that the module is imported: what is defined in it for that is used."""
        self.need(name for name in _OF_MODULES if name in self._storing)

    def read_by(self, name: str) -> tuple[set[str], set[str]]:
        """Return the names that may be read by what a name stands for, when it is called: its module's, and attributes."""
        units = [unit for unit in self._storing.get(name, []) if unit in self.kept]
        return set[str]().union(*(unit.mentioned[0] for unit in units)), set[str]().union(
            *(unit.attributes for unit in units)
        )

    def _keep(self, units: Iterable[Unit]) -> set[str]:
        new = {unit for unit in units if unit not in self.kept}
        self.kept |= new
        names = set[str]().union(*(part for unit in new for part in unit.mentioned))
        self.need(names)
        return names

    def _look(self, name: str) -> set[str]:
        """Keep what makes a name; return the names that this needs."""
        if self.own is not None and name == self.own[1]:
            return (
                set()
            )  # who asks for it by name gets this definition, not what the file makes of it later (`f = job(f)`)
        storing = self._storing.get(name, [])
        defining = [unit for unit in storing if name in unit.defined]
        needed = self._keep(defining)
        if name not in self.namespace:
            if not storing and not hasattr(builtins, name) and name not in MODULE_NAMES:
                self.missing.add(name)
            return needed
        if name in self.namespace.get(GIVEN, ()):
            return needed | self._value(name, [])
        if storing and storing[-1] in defining:
            return needed if self._is_as_defined(storing[-1], name) else needed | self._value(name, [])
        if not storing and (self.has_star or name in MODULE_NAMES or hasattr(builtins, name)):
            return needed
        return needed | self._value(name, storing)

    def _is_as_defined(self, unit: Unit, name: str) -> bool:
        """Return whether a name may still stand for what its last definition has made: a function may have put another one there."""
        if name not in self.namespace or name in self.namespace.get(GIVEN, ()):
            return False
        node, value = unit.body[0], self.namespace[name]
        if len(unit.body) > 1 or getattr(node, 'decorator_list', None):
            return True
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Assign):  # that of a lambda
            if not isinstance(value, types.FunctionType) or value.__globals__ is not self.namespace:
                return False
            line = (
                self._line(value.__code__) if isinstance(node, ast.Assign) else None
            )  # reloading may change those of others
            return unit.first <= line <= unit.last if line is not None else value.__qualname__ in (name, '<lambda>')
        return not isinstance(node, ast.ClassDef) or getattr(value, '__qualname__', '') == name

    def _value(self, name: str, storing: list[Unit]) -> set[str]:
        value = self.namespace[name]
        for unit in storing:
            if unit.is_definition and any(same(value, constant) for constant in _constants(unit, name)):
                return self._keep([unit])  # what it says of what could be imported
        alone = storing[0].assigned if len(storing) == 1 and not storing[0].is_main else None
        if alone is not None:
            if is_literal(alone[1], value) and not identities(value)[1]:
                self._literals[name] = value
                return self._keep(storing)
            if self._is_made_by_definition(name, value):
                self._made[id(value)] = name
                return self._keep(storing)
        inside = self._cut_out(value) if isinstance(value, types.FunctionType) else None
        if inside is not None:
            self._made[id(value)] = name
            return self._keep([inside])
        self.values[name] = value
        return set()

    def _is_made_by_definition(self, name: str, value: Any) -> bool:
        """Return whether a call has defined a class or the like: ``Point = namedtuple('Point', 'x y')``."""
        if isinstance(value, _TYPING):
            return True
        return isinstance(value, type) and value.__module__ == self.module and value.__qualname__ == name

    def _cut_out(self, value: types.FunctionType) -> Unit | None:
        """Return the definition of a function inside of a loop or the main block, where it is executed without that."""
        line = self._line(value.__code__)
        if line is None or value.__closure__ or '<locals>' in value.__qualname__:
            return None
        for unit in self.units:
            if unit.first <= line <= unit.last and not unit.is_definition:
                for node in ast.walk(ast.Module(unit.body, [])):
                    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and first_line(node) == line:
                        last = node.end_lineno or node.lineno
                        return Unit([node], line, last, unit.annotations, is_cut_out=True)
        return None

    # -- what is stored

    def changes(self) -> dict[str, Any]:
        """Return what has changed of the definitions that are needed, by path; see to it that what they have registered is."""
        found: dict[str, Any] = {}
        looked: set[str] = set()
        while new := self._defined_names() - looked:
            looked |= new
            for name in sorted(new):
                value = self.namespace[name]
                found.update(changes_of(name, value, self._storing[name][-1], self.module, self._line))
                for function in (implementations_of(value) or {}).values():
                    self._keep_definition(function)
                if isinstance(value, type) and self.asks_subclasses:
                    self.need(filter(None, map(self._made_name, type.__subclasses__(value))))
        for name in looked:
            if implementations := implementations_of(self.namespace[name]):
                registered = {kind: each for kind, each in implementations.items() if self._registered_elsewhere(each)}
                if registered:
                    found[f'{name}.registry'] = registered
        return {path: value for path, value in found.items() if path not in self.dropped}

    def _defined_names(self) -> set[str]:
        """Return the names that the needed definitions have made, and still have."""
        names = {name for unit in self.kept for name in unit.defined - unit.imported}
        return {name for name in names if self._made_name(self.namespace.get(name)) == name}

    def _made_name(self, value: object) -> str | None:
        name = self._made.get(id(value))
        return name if name is not None and self.namespace.get(name) is value and self._storing.get(name) else None

    def _unit_at(self, function: object) -> Unit | None:
        """Return the definition that a function comes from, whatever its name means by now."""
        code = getattr(inspect.unwrap(function), '__code__', None) if callable(function) else None
        line = None if code is None else self._line(code)
        return next((unit for unit in self.units if unit.first == line and unit.is_definition), None)

    def _line(self, code: types.CodeType) -> int | None:
        """Return the line of the module that code begins at, ``None`` if it is of another."""
        offset = self._offsets.get(code.co_filename)
        return None if offset is None else offset + code.co_firstlineno

    def _keep_definition(self, function: object) -> None:
        if (unit := self._unit_at(function)) is not None:
            self._keep([unit])

    def _registered_elsewhere(self, function: object) -> bool:
        """Return whether a function of `functools.singledispatch` was registered by another statement than its decorator."""
        unit = self._unit_at(function)
        return (
            unit is not None
            and not any(
                isinstance(each, ast.Attribute) and each.attr == 'register'
                for decorator in getattr(unit.body[0], 'decorator_list', ())
                for each in ast.walk(decorator)
            )
            and implementations_of(self.namespace.get(getattr(function, '__name__', ''))) is None
        )

    def key_of(self, value: object) -> str | None:
        """Return by which name a definition of this module is found, ``None`` if it is none."""
        name = self._made.get(id(value))
        if name is not None and self.namespace.get(name) is value:
            return name
        if not isinstance(value, types.FunctionType | type):
            return None
        if value.__module__ != self.module or '<locals>' in value.__qualname__:
            return None
        first, *rest = value.__qualname__.split('.')
        found = self.namespace.get(first)
        if id(found) in self._made and _walked(found, rest) is value:
            return value.__qualname__
        if rest or not isinstance(value, types.FunctionType):
            return None
        for unit in self._storing.get(first, []):
            if unit.first == self._line(value.__code__) and first in unit.defined:
                is_wrapped = callable(found) and inspect.unwrap(found) is value and found is not value
                if not getattr(unit.body[0], 'decorator_list', ()):
                    return first  # the file has made something else of it: `f = job(f)`
                return f'{first}.__wrapped__' if is_wrapped else None
        return None

    def share(self, ids: set[int]) -> bool:
        """Store those literals too that other values share; return whether there are any."""
        shared = {name for name, value in self._literals.items() if not ids.isdisjoint(identities(value)[0])}
        for name in shared:
            self.values[name] = self._literals.pop(name)
            self.kept -= {unit for unit in self._storing[name] if unit.assigned is not None}
        return bool(shared)

    def remake(self, name: str) -> str | None:
        """Let a value that has no stored form be made anew, and filled with what has one; return why that cannot be."""
        storing, changing = self._storing.get(name, []), [*self._changing.get(name, [])]
        if len(storing) != 1 or storing[0].assigned is None:
            lines = ' and '.join(str(unit.first) for unit in storing)
            return f'it is made by more than one assignment (line {lines})' if storing else 'no statement makes it'
        changing += [unit for unit in self.units if _is_for_effect(unit) and name in unit.mentioned[0]]
        if changing:
            return f'line {changing[0].first} changes it'
        if not is_as_written(storing[0].assigned[1], self.values[name]):
            return 'its content may have been changed since'
        unit = storing[0]
        if isinstance(storing[0].assigned[1], _DISPLAYS):
            begun = [self._line(function.__code__) for function in _functions_in(self.values[name])]
            if any(line is not None and not unit.first <= line <= unit.last for line in begun):
                return 'another function was put into its place, or into it'
        if name in self.filled or not _can_be_filled(self.values[name]):
            del self.values[name]
            self.filled.discard(name)
        else:
            self.filled.add(name)
        self._made[id(self.namespace[name])] = name
        self._keep(storing)
        return None

    def statements_for(self, name: str) -> list[Unit]:
        """Return what makes and changes a value."""
        found = {*self._storing.get(name, ()), *self._changing.get(name, ())}
        return sorted(found, key=lambda unit: unit.first)

    def line_of(self, name: str) -> int | None:
        """Return the line that makes a value."""
        storing = self._storing.get(name)
        return storing[-1].first if storing else None

    def fill(self, late: Iterable[str]) -> bool:
        """Let those values be made where they stand that definitions need, though they hold definitions themselves.

        :param late: those values.
        :returns: whether there are any.
        """
        new = {name for name in late if name not in self.filled and name in self.values}
        for name in [*new]:
            storing = self._storing.get(name, [])
            if len(storing) != 1 or storing[0].assigned is None:
                new.remove(name)
                continue
            if not _can_be_filled(self.values[name]):
                self._keep(storing)  # for that moment: its value takes its place
                continue
            self.filled.add(name)
            self._made[id(self.values[name])] = name
            self._keep(storing)
        return bool(new)


#: What the import system asks a module for.
_OF_MODULES = ('__all__', '__getattr__', '__dir__', '__path__')


def _walked(found: Any, path: list[str]) -> Any:
    for part in path:
        found = inspect.getattr_static(found, part, None)
        found = getattr(found, '__func__', found)
    return found


#: Expressions that have in them all functions without a name that are in their values.
_DISPLAYS = (ast.Dict, ast.List, ast.Tuple, ast.Set, ast.Lambda)


def _functions_in(value: object) -> list[types.FunctionType]:
    """Return the functions without a name of their own in a container, or the value itself if it is one."""
    found: list[types.FunctionType] = []
    pending, seen = [value], set[int]()
    while pending:
        each = pending.pop()
        if isinstance(each, types.FunctionType) and '<' in each.__qualname__:
            found.append(each)
        elif id(each) not in seen and isinstance(each, dict | list | tuple | set | frozenset):
            seen.add(id(each))
            pending.extend(each.values() if isinstance(each, dict) else each)
    return found


def _can_be_filled(value: object) -> bool:
    """Return whether an object that is there can be given another content."""
    if isinstance(value, type | types.FunctionType | types.ModuleType):
        return False
    return isinstance(value, dict | list | set) or hasattr(value, '__dict__')


def _is_for_effect(unit: Unit) -> bool:
    return any(isinstance(node, ast.Expr) for node in unit.body) and not unit.is_definition and not unit.is_main


def _constants(unit: Unit, name: str) -> list[Any]:
    """Return the constants that an ``if`` or ``try`` may give a name."""
    nodes = (node for node in ast.walk(ast.Module(unit.body, [])) if isinstance(node, ast.Assign))
    return [
        node.value.value
        for node in nodes
        if isinstance(node.value, ast.Constant) and any(getattr(target, 'id', None) == name for target in node.targets)
    ]
