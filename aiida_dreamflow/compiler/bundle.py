"""A function's source together with what it uses from its own file: what travels to a computer or is pinned.

What is followed: every name that the function mentions, and that each needed statement mentions in turn, as far as a
top-level statement of the same file binds it (an import, a definition, an assignment) or changes it (an assignment to
an item or attribute, a method called as in ``TABLE.append(1)``); ``try``, ``if``, ``with`` and loops are kept whole. ``from __future__ import`` and ``from x import *`` are
always kept, ``if __name__ == '__main__':`` never.

In a notebook, all cells that were run are one file, in the order of their last runs, with the function's own at the end.

What is not followed: names inside strings (forward references, ``globals()['x']``). A name that nothing binds is refused, not
guessed.

Where the function is launched, definitions and imports travel as source, and the values of other global variables as they are at
that moment (see `reach`). Without a `Store`, as when the function is only looked at, all is source; for a file that was edited since, see
`edited`.

Knows Python sources; must not know where a bundle goes, nor AiiDA.
"""

from __future__ import annotations
import __future__

import ast
import builtins
import contextlib
import copy
import enum
import functools
import hashlib
import importlib
import inspect
import json
import linecache
import sys
import types
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NoReturn

from ..exceptions import WorkflowUsageError
from .cells import PARTS, other_cells
from .files import FunctionNode, read_file
from .modules import HOME, PINNED, Filling, ModuleSource, Pinned, known_as, names_imported, texts_of, used_modules
from .quietly import compiled, parsed
from .reach import MODULE_NAMES, Reach
from .state import State, Store
from .texts import WRAPPER, blanked, file_of, is_text_of, lines_of
from .travel import Travel
from .units import Unit, first_line, units_of

__all__ = ('Bundle', 'ModuleSource', 'bundle', 'closure_of', 'own_name', 'require_function', 'with_modules')

#: How many characters of a value a message shows.
_BRIEF = 40


@dataclass(frozen=True)
class Bundle:
    """The source of a function and of what it uses from its own file.

    :ivar source: the text of the module, blank where a top-level statement is not needed, so that line numbers stay true.
    :ivar qualname: how to reach the function in the module that the source makes.
    :ivar module: the name of the module that the function comes from; may be ``__main__``.
    :ivar filename: the file's name, for tracebacks; it may not exist where the bundle is loaded.
    :ivar annotations: whether names that only annotations of functions mention are there too.
    :ivar modules: the user's other modules that the source imports, if they are to be kept as they are.
    :ivar cells: the other cells of a notebook that its first lines come from: the name of each, and how many lines are its.
    :ivar state: the values of global variables that the source does not make.
    :ivar main_package: the package that a ``__main__`` is in: ``python -m pkg.main``.
    :ivar identity: the fingerprint that the function had before it was launched, if it has been.
    :ivar made_by: a hash of the statements that have made each value which travels, by module and name.
    """

    source: str
    qualname: str
    module: str
    filename: str
    annotations: bool = False
    modules: tuple[ModuleSource, ...] = ()
    cells: tuple[tuple[str, int], ...] = ()
    state: State = field(default_factory=State)
    identity: str = ''
    main_package: str = ''
    made_by: Mapping[str, str] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """Hash of the source and the qualified name: same fingerprint, same text."""
        return self.identity or self.hash_source()

    @cached_property
    def key(self) -> str:
        """Hash of the source, its file and the values: same key, same behaviour, and the same lines in tracebacks."""
        text = json.dumps([self.hash_source(), self.filename, self.state.plain], sort_keys=True)
        files = [hashlib.sha256(data).hexdigest() for _, data in sorted(self.state.files.items())]
        return hashlib.sha256(' '.join([text, *files]).encode()).hexdigest()[:32]

    def hash_source(self) -> str:
        """Return the hash of the source and the qualified name."""
        text = ''.join([f'{self.qualname}\n{self.source}', *(f'\n{each.name}\n{each.source}' for each in self.modules)])
        return hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:32]

    def load(
        self, name: str, filling: Callable[[State, Callable[[str], Any]], Filling] | None = None
    ) -> types.ModuleType:
        """Execute the source as a fresh module, registered in ``sys.modules``; tracebacks show its lines.

        :param name: the name of the new module; one of that name that exists already is replaced.
        :param filling: makes what sets the values of the state, from that and from what loads one of the modules.
        :returns: the module; :meth:`find` gives the function in it.
        """
        # Names that only annotations mention are not there, so nothing may evaluate them.
        flags = 0 if self.annotations else __future__.annotations.compiler_flag
        parts = self._parts(name)
        codes = [compiled(text, filename, flags) for filename, text in parts]
        module = types.ModuleType(name)
        module.__file__ = self.filename
        # Lets relative imports of the original file work.
        module.__package__ = self.package
        vars(module)[PARTS], vars(module)[HOME] = [filename for filename, _ in parts], self.module
        if not self.modules and filling is None:
            self._execute(module, codes, None)
            return module
        own = '' if self.module == '__main__' else self.module
        pinned = Pinned(
            name, self.modules, (own, lambda: self._execute(module, codes, pinned.filling)) if own else None
        )
        pinned.filling = None if filling is None or not self.state else filling(self.state, pinned.load)
        if self.modules:
            vars(module)['__builtins__'] = pinned.builtins
            vars(module)[PINNED] = pinned
        if own:
            pinned.load(own)
        else:
            self._execute(module, codes, pinned.filling)
        return module

    def _execute(
        self, module: types.ModuleType, codes: list[types.CodeType], filling: Filling | None
    ) -> types.ModuleType:
        sys.modules[module.__name__] = module
        pinned = vars(module).get(PINNED)
        if pinned is not None and self.module != '__main__':
            pinned.modules[self.module] = module  # modules that it imports may import it
        try:
            if filling is not None:
                filling.begin('', vars(module))
            for code in codes:
                exec(code, module.__dict__)
            if filling is not None:
                filling.end('')
        except BaseException:
            sys.modules.pop(module.__name__, None)
            raise
        return module

    def _parts(self, name: str) -> list[tuple[str, str]]:
        """Return the texts to be executed, each under the name of a file that tracebacks find it by."""
        if not self.cells and self._is_current():
            return [(self.filename, self.source)]
        lines, parts = self.source.splitlines(keepends=True), []
        for filename, count in [*self.cells, (self.filename, len(lines))]:
            parts.append((f'{filename} <{name}>', ''.join(lines[:count])))
            del lines[:count]
        for filename, text in parts:
            linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
        return parts

    @property
    def package(self) -> str:
        """What relative imports in the source begin with."""
        return self.main_package if self.module == '__main__' else self.module.rpartition('.')[0]

    def namespace(self, function: types.FunctionType, module: str) -> dict[str, Any]:
        """Return the namespace of one of the other modules.

        :param function: the function, as loaded from the source or imported.
        :param module: the module's name.
        """
        pinned = function.__globals__.get(PINNED)
        return vars(importlib.import_module(module) if pinned is None else pinned.load(module))

    def _is_current(self) -> bool:
        """Whether the file says what the bundle says, so that tracebacks and debuggers may point to it.

        It must do so by what Python has read of it, too: functions of another version still look for their lines there.
        """
        texts = texts_of(self.filename)
        return all(self.is_text_of(self.filename, text) for text in texts)

    def is_text_of(self, filename: str, text: str) -> bool:
        """Return whether a text still says what is kept of a file.

        :param filename: the file of the function, or that of one of the other modules.
        """
        if filename != self.filename:
            return all(is_text_of(each.source, text) for each in self.modules if each.filename == filename)
        return is_text_of(self.source, text)

    def find(self, module: types.ModuleType) -> Any:
        """Return the function in a module made by :meth:`load`.

        :param module: the loaded module.
        :returns: the object with this bundle's qualified name.
        """
        found: Any = module
        for part in self.qualname.split('.'):
            found = getattr(found, part)
        return found


def bundle(
    function: object,
    *,
    what: str = 'a function job',
    allow_async: bool = False,
    annotations: bool = False,
    modules: bool = False,
    store: Store | None = None,
) -> Bundle:
    """Bundle a function with what it uses from its own file.

    :param function: a function written with ``def`` in a file or a notebook cell; for a decorated one whose wrapper
        says what it wraps, the decorators come along.
    :param what: what the function is to become, for messages.
    :param allow_async: whether an ``async def`` is welcome.
    :param annotations: whether to include what only annotations of functions mention. Without, annotations need
        nothing on the other machine.
    :param modules: whether to include the user's other modules that the source imports, as this session has imported them.
    :param store: gives the stored form of the values of global variables, which then travel as they are now.
    :returns: the bundle.
    :raises WorkflowUsageError: if there is no source, or it uses something that neither the source says nor can be stored; if one
        of the modules was edited since it was imported, and what was imported is nowhere to be had.
    """
    plain = require_function(function, what, allow_async)
    text, units, node = _read(plain, what, annotations)
    own = _own_unit(units, node, plain, what)
    name = own_name(own, plain.__name__, plain.__qualname__)
    own_text = ''.join(text[node.lineno - 1 : node.end_lineno])
    meant = set() if annotations else _data_classes(own_text, plain, units)
    is_in_notebook = 'get_ipython' in plain.__globals__ or PARTS in plain.__globals__
    kept, missing = closure_of(units, own, name, meant) if store is None or is_in_notebook else ([], set())
    cells: list[tuple[str, list[str]]] = []
    if missing & plain.__globals__.keys() and (cells := other_cells(plain)):
        before = [line for _, lines in cells for line in lines]
        text = [*before, *text]
        units = units_of(parsed(''.join(text)), annotations)
        own = _own_unit(units, ast.increment_lineno(copy.deepcopy(node), len(before)), plain, what)
        kept, missing = closure_of(units, own, name, meant)
    module = getattr(plain, '__module__', None) or '__main__'
    pinned = plain.__globals__.get(PINNED)
    module = known_as(module)
    inside = plain.__globals__.get('__package__') or '' if module == '__main__' else ''
    others: tuple[ModuleSource, ...] = ()
    state, made_by = State(), dict[str, str]()
    if store is not None:
        filename = plain.__code__.co_filename
        reach = Reach('', units, plain.__globals__, filename, (own, name), _offsets(cells, filename))
        reach.need(meant)
        travel = Travel(
            plain,
            reach,
            store,
            (module, inside if module == '__main__' else module.rpartition('.')[0]),
            what,
            pinned,
            is_whole=annotations,
        )
        state, others, made_by = travel.settle(), travel.modules(), travel.made_by()
        kept = [*reach.kept]
    _refuse_overlap(kept, own, plain, what)
    source, needed = _without_blank_ends(blanked(text, kept), [(name, len(lines)) for name, lines in cells])
    qualname = plain.__qualname__ if not own.is_cut_out else plain.__name__
    made = Bundle(
        *(source, qualname, module, file_of(plain.__code__), annotations, others, needed, state),
        main_package=inside,
        made_by=made_by,
    )
    if store is not None or not modules:
        return made
    return with_modules(made, kept, pinned=pinned)


def _offsets(cells: list[tuple[str, list[str]]], own: str) -> dict[str, int]:
    """Return how many lines stand before those of each cell, and of the function's own file."""
    offsets, count = {}, 0
    for name, lines in cells:
        offsets[name] = count
        count += len(lines)
    return {**offsets, own: count}


def with_modules(bundle: Bundle, kept: list[Unit], edited: bool = False, pinned: Pinned | None = None) -> Bundle:
    """Return the same, with the user's other modules that its source imports."""
    names = names_imported([node for unit in kept for node in unit.imports], bundle.package)
    return replace(bundle, modules=used_modules(names, edited, pinned))


def _without_blank_ends(source: str, cells: list[tuple[str, int]]) -> tuple[str, tuple[tuple[str, int], ...]]:
    """Return a source without the blank ends of its cells; line numbers stay true, and cells without a text are gone."""
    lines, kept, needed = source.splitlines(keepends=True), [], []
    for name, count in cells:
        own, lines = lines[:count], lines[count:]
        while own and not own[-1].strip():
            own.pop()
        if own:
            kept += own
            needed.append((name, len(own)))
    return ''.join([*kept, *lines]), tuple(needed)


# -- from an object to its definition ---------------------------------------------------------------------------------


def require_function(function: object, what: str = 'a function job', allow_async: bool = False) -> types.FunctionType:
    """Return the innermost plain function, or say why there is none.

    :raises WorkflowUsageError: with what to write instead.
    """
    named = function
    while not hasattr(named, '__qualname__') and hasattr(named, '__wrapped__'):
        named = named.__wrapped__  # options of a job, a function for many items
    name = getattr(named, '__qualname__', None) or _brief(named)

    def refuse(reason: str) -> NoReturn:
        raise WorkflowUsageError(f'`{name}` cannot become {what}: {reason}')

    if inspect.isclass(named):
        refuse('it is a class; write a function (`def`) that makes and uses the object')
    if inspect.ismethod(named):
        refuse('it is a method bound to an object that stays here; write a function that takes the fields it needs')
    if isinstance(named, functools.partial):
        given = [getattr(named.func, '__name__', 'f'), *map(_brief, named.args)]
        given += [f'{key}={_brief(value)}' for key, value in named.keywords.items()]
        refuse(f'it is a `functools.partial`; give all arguments there: `submit({", ".join(given)}, ...)`')
    if inspect.iscoroutine(named):
        refuse(
            f'`{name}(...)` was called already: an `async def` is no job but part of the workflow: `await {name}(...)`'
        )
    if not callable(named):
        refuse(
            f'it is no function but a value of type `{type(named).__name__}`. If a function was called here, give the '
            'function itself, and its arguments by name: `submit(f, x=n)`, not `submit(f(n))`'
        )
    function = inspect.unwrap(function) if callable(function) else function
    if inspect.isbuiltin(function) or isinstance(function, (types.MethodDescriptorType, types.WrapperDescriptorType)):
        refuse('it is not written in Python, so there is no source to send; call it in a function of your own (`def`)')
    if type(function).__name__ == 'ufunc':
        refuse(
            f"it is a function of numpy's, written in C; call it in one of your own: `def f(x): return np.{name}(x)`"
        )
    if not isinstance(function, types.FunctionType):
        kind = type(function).__name__
        refuse(
            f'it is an object of the class `{kind}`, which stays here; write a function (`def`) that takes its fields, and '
            f'makes a `{kind}` of them'
        )
    if function.__name__ == '<lambda>':
        refuse('a lambda has no source of its own; give it a name with `def`')
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        refuse('it is a generator function; return a list instead of using `yield`')
    if inspect.iscoroutinefunction(function) and not allow_async:
        refuse(
            f'it is an `async def`; write a plain `def`, or `await {function.__name__}(...)` as a part of the workflow'
        )
    return function


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _BRIEF and '\n' not in text and ' at 0x' not in text else f'<{type(value).__name__}>'


def _read(function: types.FunctionType, what: str, annotations: bool) -> tuple[list[str], list[Unit], FunctionNode]:
    """Return the lines and the units of the function's file, and its definition in it."""
    code = function.__code__
    lines = lines_of(function)
    node, units = None, []
    with contextlib.suppress(SyntaxError, ValueError):
        file = read_file(''.join(lines or []), annotations)
        node, units = file.definition(code), file.units
    if lines is not None and node is not None:
        return lines, units, node
    name, place = function.__qualname__, f'line {code.co_firstlineno} of {code.co_filename}'
    if lines is None:
        reason = f'{place} defines another one by now; the file was edited since it was imported, so start Python again'
    elif lines:
        reason = f'{place} no longer defines it; the file was edited since it was imported, so start Python again'
    else:
        reason = f'its source ({place}) cannot be had; write it in a file or in a notebook cell'
    raise WorkflowUsageError(f'`{name}` cannot become {what}: {reason}')


def _own_unit(units: list[Unit], node: ast.stmt, function: types.FunctionType, what: str) -> Unit:
    """Return the unit of the function's definition; a new one if it stands inside a function or the main block."""
    around = next(unit for unit in units if unit.first <= node.lineno <= unit.last)
    if '<locals>' not in function.__qualname__ and not around.is_main:
        return around
    _refuse_captured(function, what)
    return Unit([node], first_line(node), node.end_lineno or node.lineno, around.annotations, is_cut_out=True)


def _refuse_captured(function: types.FunctionType, what: str) -> None:
    """Refuse a nested function that needs more of what is around it than itself."""
    name = function.__qualname__
    around = name.rpartition('.')[0]
    if around and not around.endswith('<locals>'):
        raise WorkflowUsageError(
            f'`{name}` cannot become {what}: its class is not defined at the top level of the file; move it there'
        )
    for variable, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        if not _holds(cell, function):
            raise WorkflowUsageError(
                f'`{name}` cannot become {what}: it uses `{variable}`, a variable of the function around it; pass it '
                f'as an argument, or move `{variable}` to the top level of the file'
            )


def _holds(cell: types.CellType, function: types.FunctionType) -> bool:
    """Whether a captured variable is the function itself, as in a nested function that calls itself."""
    try:
        captured = cell.cell_contents
    except ValueError:
        return False
    return callable(captured) and inspect.unwrap(captured) is function


# -- what is needed ---------------------------------------------------------------------------------------------------


def own_name(own: Unit, name: str, qualname: str) -> str:
    """Return the name of the top-level statement that is, or holds, the function."""
    return name if own.is_cut_out else qualname.partition('.')[0]


def _data_classes(text: str, function: types.FunctionType, units: list[Unit]) -> set[str]:
    """Return those names in the annotations of a function that are classes whose objects may be its arguments.

    And those in the annotations of their fields, and so on.

    :param text: the definition of the function.
    """
    pending, found = [*_names_in_annotations(text)], set[str]()
    while pending:
        name = pending.pop()
        if name not in found and _is_data_class(function.__globals__.get(name)):
            found.add(name)
            pending += [each for part in _fields_of(name, units) for each in _names_in(part)]
    return found


@functools.lru_cache(maxsize=1000)
def _names_in_annotations(text: str) -> frozenset[str]:
    """Return the names in the annotations of the parameters of a function."""
    try:
        body: list[Any] = parsed(WRAPPER + text if text[:1].isspace() else text).body
    except SyntaxError:
        return frozenset()
    node = body[0].body[0] if isinstance(body[0], ast.If) else body[0]
    if not isinstance(node, FunctionNode):
        return frozenset()
    arguments = node.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    annotations = [each.annotation for each in every if each is not None and each.annotation is not None]
    return frozenset(name for annotation in annotations for name in _names_in(annotation))


def _names_in(annotation: ast.AST) -> set[str]:
    pending, found = [annotation], set[str]()
    while pending:
        for part in ast.walk(pending.pop()):
            if isinstance(part, ast.Name):
                found.add(part.id)
            elif isinstance(part, ast.Constant) and isinstance(part.value, str):
                with contextlib.suppress(SyntaxError, ValueError):
                    pending.append(ast.parse(part.value, mode='eval'))
    return found


def _fields_of(name: str, units: list[Unit]) -> list[ast.AST]:
    """Return the annotations of the fields of a class that the file defines, and its bases."""
    classes = [each for unit in units if name in unit.binds for each in unit.body if isinstance(each, ast.ClassDef)]
    named = [each for each in classes if each.name == name]
    fields: list[ast.AST] = [
        field.annotation for each in named for field in each.body if isinstance(field, ast.AnnAssign)
    ]
    return [*fields, *(base for each in named for base in each.bases)]


def _is_data_class(found: Any) -> bool:
    """Whether something is a class whose objects are data that cross between machines."""
    return inspect.isclass(found) and (
        issubclass(found, enum.Enum)
        or any(hasattr(found, mark) for mark in ('__dataclass_fields__', '__attrs_attrs__', '__pydantic_fields_set__'))
        or (issubclass(found, tuple) and hasattr(found, '_fields'))
        or hasattr(found, '__fields__')
    )


def closure_of(units: list[Unit], own: Unit, own_name: str, also: Collection[str] = ()) -> tuple[list[Unit], set[str]]:
    """Return the units that the function needs, in the order of the file, and the names that nothing makes.

    :param also: other names that it needs.
    """
    kept = {own, *(unit for unit in units if unit.is_star or unit.is_future)}
    has_star = any(unit.is_star for unit in units)
    binders: dict[str, list[Unit]] = {}
    own_values = set[str]().union(*(unit.binds for unit in units if not unit.is_import))
    for unit in units:
        if not unit.is_main:
            for name in unit.binds | (unit.calls & own_values):
                binders.setdefault(name, []).append(unit)
    # Who asks for the function by name gets this definition, not what the file makes of it later (`f = job(f)`).
    binders[own_name] = [own]
    kept.update(unit for name in also for unit in binders.get(name, ()))
    pending, seen, written = list(kept), set[str](), set[str]()
    while pending:
        read, set_globally = pending.pop().mentioned
        written |= set_globally
        for name in (read | set_globally) - seen:
            seen.add(name)
            new = [unit for unit in binders.get(name, ()) if unit not in kept]
            kept.update(new)
            pending.extend(new)
    missing = seen - binders.keys() - written - MODULE_NAMES - vars(builtins).keys()
    return sorted(kept, key=lambda unit: unit.first), set() if has_star else missing


def _refuse_overlap(kept: list[Unit], own: Unit, function: types.FunctionType, what: str) -> None:
    """Refuse a nested function that needs the very function it is nested in."""
    if any(unit is not own and unit.first <= own.first <= unit.last for unit in kept):
        raise WorkflowUsageError(
            f'`{function.__qualname__}` cannot become {what}: it uses the function or block that it is defined in; '
            'move it to the top level of the file'
        )
