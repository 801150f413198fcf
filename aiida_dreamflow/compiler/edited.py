"""The source of a function out of its file as it was edited, of which nothing is executed for this.

Definitions, imports and literals are the edited ones. The values of other global variables are those with which the function was
launched: no statement is executed a second time. One whose statement was edited is refused, unless it is a literal now.

Must not know where a bundle goes.
"""

from __future__ import annotations

import ast
import io
from collections.abc import Iterable
from dataclasses import replace

from ..exceptions import WorkflowUsageError
from .bundle import Bundle, closure_of, own_name, with_modules
from .files import FunctionNode
from .modules import ModuleSource
from .quietly import parsed
from .texts import blanked
from .units import Unit, first_line, hash_of, units_of

__all__ = ('bundle_again',)


def bundle_again(bundle: Bundle, text: str, modules: bool = False) -> Bundle:
    """Bundle the same function out of an edited file, which is not executed for this.

    :param bundle: the function as it was.
    :param text: the text of the file.
    :param modules: whether to include the user's other modules that the source imports, as their files are now.
    :raises WorkflowUsageError: if the text is no Python, or does not define the function.
    """
    try:
        tree = parsed(text, bundle.filename)
    except SyntaxError as error:
        raise WorkflowUsageError(f'{bundle.filename}, line {error.lineno}, is not valid Python: {error.msg}') from error
    lines = io.StringIO(text).readlines()
    units = units_of(tree, bundle.annotations)
    name = bundle.qualname.rpartition('.')[2]
    found = [node for node in ast.walk(tree) if isinstance(node, FunctionNode) and node.name == name]
    top = [node for node in tree.body if node in found] if '.' not in bundle.qualname else []
    if not found:
        raise WorkflowUsageError(f'{bundle.filename} does not define `{bundle.qualname}` any more')
    node = (top or found)[-1]
    own = next(unit for unit in units if unit.first <= node.lineno <= unit.last)
    if own.is_main or ('.' not in bundle.qualname and not top):
        own = Unit([node], first_line(node), node.end_lineno or node.lineno, bundle.annotations, is_cut_out=True)
    values = _Values(bundle, ':', bundle.source, units)
    kept, _ = closure_of(
        [unit for unit in units if values.say(unit) != 'drop'], own, own_name(own, name, bundle.qualname)
    )
    values.require(kept, bundle.filename)
    again = replace(bundle, source=blanked(lines, kept))
    again = with_modules(again, kept, edited=True) if modules else again
    state, others = bundle.state, []
    for module in again.modules if modules else ():
        source, written = _without_values(bundle, module)
        others.append(source)
        values.written |= written
    if values.written:
        state = replace(state, plain={key: data for key, data in state.plain.items() if key not in values.written})
    return replace(again, state=state, modules=tuple(others) if modules else again.modules)


def _without_values(old: Bundle, module: ModuleSource) -> tuple[ModuleSource, set[str]]:
    """Return one of the user's other modules as edited, and the keys of values that are literals in it by now."""
    units = units_of(parsed(module.source), True)
    before = next((each.source for each in old.modules if each.name == module.name), None)
    if before is None:
        return module, set()  # it is new: whoever imports it executes it for the first time
    values = _Values(old, f'{module.name}:', before, units)
    kept = [unit for unit in units if values.say(unit) == 'keep']
    mentioned = set[str]().union(*(unit.attributes for unit in kept))
    values.require((unit for unit in units if not mentioned.isdisjoint(unit.binds)), module.filename)
    lines = io.StringIO(module.source).readlines()
    return replace(module, source=blanked(lines, kept) if kept else ''), values.written


class _Values:
    """The global variables of a module that was edited.

    :param old: the function as it was launched.
    :param prefix: what the keys of the module's values begin with.
    :param source: the module's source, as it was launched.
    :param units: its statements, as they are now.
    """

    def __init__(self, old: Bundle, prefix: str, source: str, units: list[Unit]) -> None:
        self._old, self._prefix = old, prefix
        self._before = {ast.dump(node) for node in parsed(source).body}
        self._units: dict[str, list[Unit]] = {}
        for unit in units:
            for name in unit.binds | unit.calls:
                self._units.setdefault(name, []).append(unit)
        #: The keys of values that are literals by now.
        self.written: set[str] = set()

    def require(self, units: Iterable[Unit], filename: str) -> None:
        """Refuse statements that would have to be executed.

        :raises WorkflowUsageError: with the line of the first one.
        """
        for unit in units:
            if self.say(unit) == 'refuse':
                name = min(unit.binds | unit.calls)
                raise WorkflowUsageError(
                    f'{filename}, line {unit.first}: `{name}` was edited, or is new, and is no literal. A fork executes nothing of '
                    'an edited file but its definitions and imports; its other global variables are those of the old run. Import '
                    'the edited file, and give the workflow itself: `fork(node, source=workflow)`'
                )

    def say(self, unit: Unit) -> str:
        """Return what becomes of a statement: it is kept, dropped as its values are those of the old run, or refused."""
        names = unit.binds | unit.calls
        if unit.is_definition or not names:
            return 'keep' if unit.is_definition else 'drop'
        known = [name for name in sorted(names) if f'{self._prefix}{name}' in self._old.made_by]
        said = {self._say_of(name) for name in known}
        if said:
            return said.pop() if len(said) == 1 else 'refuse'
        was_executed = all(ast.dump(node) in self._before for node in unit.body)
        return 'keep' if was_executed or _is_written(unit) else 'refuse'

    def _say_of(self, name: str) -> str:
        units, key = self._units[name], f'{self._prefix}{name}'
        if self._old.made_by[key] == hash_of(units):
            return 'drop'
        if key not in self._old.state.plain or not all(map(_is_written, units)):
            return 'refuse'
        self.written.add(key)
        return 'keep'


def _is_written(unit: Unit) -> bool:
    """Return whether a statement gives a name a literal."""
    try:
        return unit.assigned is not None and (ast.literal_eval(unit.assigned[1]), True)[1]
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
