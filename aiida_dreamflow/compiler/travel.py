"""What goes along with a function that is launched, out of its own file and the user's other modules, and with which values.

Must not know how values are stored, nor where they go.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Collection, Iterable
from typing import Any

from ..exceptions import WorkflowUsageError
from .modules import PINNED, ModuleSource, Pinned, known_as, modules_below, names_imported, used_modules
from .quietly import parsed
from .reach import MODULE_NAMES, Reach
from .state import State, Store, Stored
from .texts import blanked
from .units import hash_of, units_of

__all__ = ('Travel',)

_NOTHING_MORE = 'pass it as an argument, or make it inside of the function'


class Travel:
    """One function that is about to travel.

    :param function: the function.
    :param reach: what of its own file it needs, so far.
    :param store: gives the stored form of values.
    :param place: the name of its module, and what relative imports in that begin with.
    :param what: what it is to become, for messages.
    :param pinned: the modules that its own was loaded with, if that was made from a stored source.
    :param is_whole: whether all definitions of other modules go along, and not only those that are mentioned.
    """

    def __init__(
        self,
        function: types.FunctionType,
        reach: Reach,
        store: Store,
        place: tuple[str, str],
        what: str,
        pinned: Pinned | None,
        is_whole: bool,
    ) -> None:
        self._function, self._store, self._what, self._pinned = function, store, what, pinned
        self._module, self._package = place
        self._is_whole = is_whole
        self.own = reach
        self._reaches: dict[str, Reach] = {'': reach}
        self._sources: dict[str, ModuleSource] = {}
        self._known: set[str] = set()

    def settle(self) -> State:
        """Find all that is needed; return the values.

        :raises WorkflowUsageError: if one of them cannot go along.
        """
        met: set[str] = set()
        while True:
            before = self._size()
            self._find_modules(met)
            self._need_attributes()
            changes = self._changes()
            stored = self._store({**self._values(), **changes}, self._key_of, self._filled())
            self._refuse(stored, changes)
            for key in stored.met:
                module, _, path = key.partition(':')
                if path:
                    self._reaches[module].need([path.partition('.')[0]])
            asked = self._needed_at_once() if stored.late else set()
            for reach in self._reaches.values():
                reach.share(stored.ids)
                prefix = f'{reach.name}:'
                late = {key.removeprefix(prefix) for key in stored.late if key.startswith(prefix)}
                reach.fill(late & asked)
            met = {known_as(name) for name in stored.modules} - self._known
            if not met and self._size() == before:
                return stored.state

    def made_by(self) -> dict[str, str]:
        """Return a hash of the statements that have made each value, by module and name."""
        return {
            f'{name}:{path}': hash_of(units)
            for name, reach in self._reaches.items()
            for path in reach.values
            if (units := reach.statements_for(path))
        }

    def _size(self) -> list[int]:
        """Return what has grown, or shrunk, when something has changed."""
        reaches = self._reaches.values()
        return [part for each in reaches for part in map(len, (each.kept, each.values, each.filled, each.dropped))]

    def modules(self) -> tuple[ModuleSource, ...]:
        """Return the other modules, of which only what is executed anew is left."""
        found = []
        for name, source in sorted(self._sources.items()):
            kept = self._reaches[name].kept
            text = blanked(source.source.splitlines(keepends=True), kept) if kept else ''
            found.append(ModuleSource(name, source.filename, text, source.is_package))
        return tuple(found)

    # -- other modules

    def _find_modules(self, more: Iterable[str]) -> None:
        pending = [*more]
        for name, reach in self._reaches.items():
            package = self._sources[name].package if name else self._package
            pending += names_imported([node for unit in reach.kept for node in unit.imports], package)
            if package and any(unit.calls_import for unit in reach.kept):
                pending += modules_below(package.partition('.')[0], self._pinned)
        new = set(pending) - self._known
        if not new:
            return
        self._known |= new
        if self._module in new and self._is_whole:
            self.own.need_all()
        for source in used_modules(new, pinned=self._pinned):
            self._known.add(source.name)
            if source.name not in self._reaches and source.name != self._module:
                self._add(source)

    def _add(self, source: ModuleSource) -> None:
        module = self._live(source.name)
        namespace: dict[str, Any] = {} if module is None else vars(module)
        units = units_of(parsed(source.source), True)
        reach = Reach(source.name, units, namespace, source.filename)
        self._sources[source.name] = source
        self._reaches[source.name] = reach
        reach.need_asked_for()
        if module is None:  # it has not been imported: whoever imports it executes it for the first time
            reach.kept = set(units)
        elif self._is_whole:
            reach.need_all()

    def _live(self, name: str) -> types.ModuleType | None:
        if self._pinned is not None and name in self._pinned.sources:
            return self._pinned.modules.get(name)
        return sys.modules.get(name)

    def _need_attributes(self) -> None:
        """Take notice of the names of other modules that may be used through these modules."""
        is_imported = self._module in self._known  # by another module
        others = [reach for name, reach in self._reaches.items() if (name or is_imported) and reach.namespace]
        if not others:
            return
        names = set[str]().union(*(unit.attributes for reach in self._reaches.values() for unit in reach.kept))
        if not self._is_whole and not names.isdisjoint(_BY_NAME):
            self._is_whole = True
            for reach in others:
                reach.need_all()
        for reach in others:
            reach.need(name for name in names & reach.namespace.keys() if not self._is_submodule(reach, name))

    def _is_submodule(self, reach: Reach, name: str) -> bool:
        full = f'{reach.name or self._module}.{name}'
        return name in MODULE_NAMES or name == PINNED or full in self._sources or full == self._module

    def _needed_at_once(self) -> set[str]:
        """Return the names that may be read while the definitions are executed: by decorators, and by what these call."""
        found: set[tuple[str, bool]] = set()  # whether it is one of an attribute: of another module then
        units = [unit for each in self._reaches.values() for unit in each.kept]
        pending = {(name, False) for unit in units for name in unit.read_at_once[0]}
        pending |= {(name, True) for unit in units for name in unit.read_at_once[1]}
        while pending:
            name, is_attribute = entry = pending.pop()
            if entry in found:
                continue
            found.add(entry)
            for module, reach in self._reaches.items():
                if module or not is_attribute:
                    read, attributes = reach.read_by(name)
                    pending |= {(each, False) for each in read} | {(each, True) for each in attributes}
        others = {name for module, reach in self._reaches.items() if module for name in reach.values}
        return {name for name, is_attribute in found if not is_attribute or name in others}

    # -- values

    def _values(self) -> dict[str, Any]:
        return {
            f'{name}:{path}': value for name, reach in self._reaches.items() for path, value in reach.values.items()
        }

    def _changes(self) -> dict[str, Any]:
        asks_subclasses = any(
            '__subclasses__' in unit.attributes for each in self._reaches.values() for unit in each.kept
        )
        found: dict[str, Any] = {}
        for name, reach in self._reaches.items():
            reach.asks_subclasses = asks_subclasses
            found.update((f'{name}:{path}', value) for path, value in reach.changes().items())
        return found

    def _filled(self) -> set[str]:
        return {f'{name}:{path}' for name, reach in self._reaches.items() for path in reach.filled}

    def _key_of(self, value: object) -> str | None:
        for name, reach in self._reaches.items():
            if (key := reach.key_of(value)) is not None:
                return f'{name}:{key}'
        if isinstance(value, types.ModuleType):
            return next((f'{name}:' for name, each in self._reaches.items() if each.namespace is vars(value)), None)
        if isinstance(value, types.FunctionType | type):
            module = value.__module__
            if any(module == reach.module for reach in self._reaches.values()):
                kind = 'class' if isinstance(value, type) else 'function'
                raise LookupError(
                    f'it holds the {kind} `{value.__qualname__}`, which no definition at the top of a file makes'
                )
        return None

    def _refuse(self, stored: Stored, changes: Collection[str]) -> None:
        """See to the values that have no stored form.

        :raises WorkflowUsageError: if one cannot be made anew either.
        """
        for key, (kind, reason, is_never_made) in sorted(stored.refused.items()):
            module, _, name = key.partition(':')
            reach = self._reaches[module]
            if key in changes and not name.endswith('.registry'):
                reach.dropped.add(name)
                continue
            why = 'making it anew is not the same' if is_never_made else reach.remake(name)
            if why is None:
                continue
            line = reach.line_of(name)
            made = f' (line {line} of {reach.filename})' if line is not None else ''
            raise WorkflowUsageError(
                f'`{self._function.__qualname__}` cannot become {self._what}: it uses `{name}`{made}, a `{kind}`, which cannot '
                f'go along: it cannot be stored ({reason}), and {why}; {_NOTHING_MORE}'
            )


#: Where these are used, any definition may be meant.
_BY_NAME = frozenset(
    ('getattr', 'vars', 'dir', 'globals', '__dict__', 'getmembers', 'import_module', '__import__', 'attrgetter')
)
