"""What the annotation of a parameter says of its argument: whether it arrives as a node or as a value, and whether it fits.

Must not import AiiDA: a test in memory may have none. What is no annotation of its classes is checked all the same.

Only what is plain to see is checked: classes, unions, literals, the items of ``list[orm.Int]``. Other annotations, and
those that cannot be evaluated, allow everything. A class is known by its name: the same source may be loaded twice.
"""

from __future__ import annotations

import ast
import builtins
import collections.abc
import contextlib
import importlib.util
import inspect
import numbers
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, ForwardRef, Literal, NewType, TypeVar, Union, get_args, get_origin

from ..compiler.quietly import parsed
from ..compiler.source import is_filled
from ..compiler.texts import lines_of
from ..exceptions import CannotStoreError, DreamflowError, LaunchError

__all__ = ('Parameter', 'parameters_of', 'received', 'signature_of')

#: What stands for a number also takes numpy's, and those that convert without loss (PEP 484).
_NUMBERS: dict[Any, type] = {int: numbers.Integral, float: numbers.Real, complex: numbers.Complex}
#: The nodes of numbers, and from which numbers one is made where an annotation names it.
_NODES_OF_NUMBERS: dict[str, tuple[type, Callable[[Any], Any]]] = {
    'Int': (numbers.Integral, int),
    'Float': (numbers.Real, float),
}
#: The nodes of plain values.
_NODES_OF_VALUES = {bool: 'Bool', int: 'Int', float: 'Float', str: 'Str', list: 'List', dict: 'Dict'}
_MAX_SHOWN = 200
#: Containers whose items are looked at, by what is given for them.
_SEQUENCES = (list, tuple, set, frozenset)


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """Return the signature of a function, though its annotations may name what is not there."""
    if sys.version_info >= (3, 14):
        from annotationlib import Format

        return inspect.signature(function, annotation_format=Format.FORWARDREF)
    return inspect.signature(function)


def parameters_of(function: types.FunctionType) -> dict[str, Parameter]:
    """Return the parameters of a function, by name."""
    return {name: Parameter(function, each) for name, each in signature_of(function).parameters.items()}


def received(function: types.FunctionType, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a workflow function as it gets them from its process.

    :param function: the function.
    :param arguments: those that are given, nodes or values.
    :returns: all of them, and those defaults that do not arrive as they stand.
    :raises LaunchError: if an annotation does not allow one.
    """
    found = dict(arguments)
    for name, parameter in parameters_of(function).items():
        if parameter.is_many or (name not in found and parameter.default is parameter.empty):
            continue
        given = found.get(name, parameter.default)
        node = parameter.made_a_node(given)
        if fault := parameter.fault(node):
            raise LaunchError(fault)
        arrived = parameter.argument(node)
        if arrived is not given:
            found[name] = arrived
    return found


class Parameter:
    """A parameter of a workflow function, or of a function that becomes a job.

    :param function: the function.
    :param parameter: the parameter, as `inspect` has it.
    """

    empty = inspect.Parameter.empty
    verb = 'takes'

    def __init__(self, function: types.FunctionType, parameter: inspect.Parameter) -> None:
        self.function = function
        self.name = parameter.name
        self.default = parameter.default
        self.is_many = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        self.is_annotated = parameter.annotation is not parameter.empty
        self.annotation = parameter.annotation if self.is_annotated else Any

    @property
    def text(self) -> str:
        """The annotation as it is written."""
        return self.annotation if isinstance(self.annotation, str) else _text_of(self.annotation)

    # -- what arrives

    def node_for(self, value: Any) -> Any:
        """Return the node for an argument: of the class that the annotation names, if that can hold it.

        :param value: a value, or a node.
        :raises CannotStoreError: if it has no stored form.
        """
        from .nodes import to_node

        node = to_node(value)
        if node is value or any(self._fits(each, self.annotation) for each in (node, value)):
            return node
        for part in self._parts(self.annotation):
            name = _name_in_orm(part)
            takes, convert = _NODES_OF_NUMBERS.get(name, ((), None))
            if convert is not None and isinstance(value, takes) and not isinstance(value, bool):
                with contextlib.suppress(OverflowError):
                    made = to_node(convert(value))
                    return made if type(made) is part and convert(value) == value else node
            if name == 'ArrayData' and _is_array(value):
                return part(value)
        return node

    def made_a_node(self, value: Any) -> Any:
        """Return the node for a value if that arrives in its place; otherwise the value.

        :raises LaunchError: if there is no profile to make it in.
        """
        if not self.names_nodes or value is None:
            return value
        from aiida.common.exceptions import ConfigurationError

        try:
            node = self.node_for(value)
            fits = self._fits(node, self.annotation, _orm('Entity')) or not self._fits(value, self.annotation)
            return node if fits else value
        except CannotStoreError:
            return value
        except ConfigurationError as error:
            what = f'`{self.name}` of `{self.function.__name__}` takes {self.text}'
            raise LaunchError(f'{what}, and a node of AiiDA needs a profile: {error}') from None

    def argument(self, given: Any) -> Any:
        """Return what the function gets for a node or a value: a node where the annotation names its class."""
        return self._arriving(given, self.annotation)

    def _arriving(self, given: Any, annotation: Any) -> Any:
        value = _value_of(given)
        if value is not given:
            # A node may stand for an object of AiiDA that is no data, or for None.
            is_meant = value is None or (isinstance(value, _orm('Entity')) and self._fits(value, annotation))
            if not is_meant and self._fits(given, annotation, _orm('Entity')):
                return given
        return self._with_items(value, annotation)

    def _with_items(self, value: Any, annotation: Any) -> Any:
        """Return a container with its items as the annotation wants them; the same one if they are."""
        if not isinstance(value, (*_SEQUENCES, dict)):
            return value
        for part in self._parts(annotation):
            wanted = _items_of(part, value)
            if not wanted:
                continue
            if isinstance(value, dict):
                items: Any = {key: self._arriving(item, wanted[-1]) for key, item in value.items()}
                same = all(items[key] is item for key, item in value.items())
            else:
                items = [self._arriving(item, annotation) for item, annotation in _paired(value, wanted)]
                same = all(new is old for new, old in zip(items, value, strict=True))
            return value if same else _like(value, items)
        return value

    # -- what is wrong

    def fault(self, given: Any) -> str | None:
        """Return what is wrong with an argument, a node or a value; ``None`` if nothing is."""
        try:
            value = self.argument(given)
        except (DreamflowError, ImportError, AttributeError):
            return None  # the run itself says why it cannot be had
        if (value is None and self.default is None) or not (found := self._misfit(value, self.annotation, '')):
            return None
        place, culprit, wanted = found
        what = type(culprit).__name__ if culprit is not None else 'None'
        if (
            isinstance(given, _orm('Data'))
            and not place
            and self.names_nodes
            and not isinstance(culprit, _orm('Entity'))
        ):
            what = what if type(given).__module__.startswith('aiida_dreamflow') else type(given).__name__
        at = f'`{self.name}` of `{self.function.__name__}` {self.verb} {self.text}, got'
        if place:
            return f'{at} {what} at `{self.name}{place}`, where {_text_of(wanted)} is wanted: {_shown(culprit)}'
        return f'{at} {what}: {_shown(culprit)}{self._advice(culprit)}'

    def _advice(self, value: Any) -> str:
        """Say why a plain value is no node of the class that is wanted, where its type alone would do."""
        kind = _NODES_OF_VALUES.get(type(value))
        if kind is None or kind not in map(_name_in_orm, self._parts(self.annotation)):
            return ''
        return f" (AiiDA's {kind} cannot hold it as it is)"

    def _misfit(self, value: Any, annotation: Any, place: str) -> tuple[str, Any, Any] | None:
        """Return where a value is not what an annotation wants, what is there, and what is wanted."""
        if not self._fits(value, annotation):
            return place, value, annotation
        if not isinstance(value, (*_SEQUENCES, dict)):
            return None
        inner: list[tuple[str, Any, Any]] = []
        for part in self._parts(annotation):
            wanted = _items_of(part, value)
            if not any(self.mentions_nodes(each) for each in wanted):
                return None  # other items are not checked
            if isinstance(value, dict):
                pairs = [(f'[{key!r}]', item, wanted[-1]) for key, item in value.items()]
            else:
                pairs = [(f'[{index}]', *pair) for index, pair in enumerate(_paired(value, wanted))]
            found = next((miss for at, item, kind in pairs if (miss := self._misfit(item, kind, place + at))), None)
            if found is None:
                return None
            inner.append(found)
        return inner[0] if inner else None

    @property
    def names_nodes(self) -> bool:
        """Whether the annotation names a class of AiiDA's nodes, also for items."""
        return self.mentions_nodes(self.annotation)

    @property
    def wants_nodes(self) -> bool:
        """Whether the annotation names classes of AiiDA's nodes only, beside ``None``."""
        parts = [part for part in self._parts(self.annotation) if part is not None]
        return bool(parts) and all(inspect.isclass(part) and issubclass(part, _orm('Entity')) for part in parts)

    def classes(self) -> list[type]:
        """Return the classes that the annotation names."""
        return [kind for part in self.alternatives() if inspect.isclass(kind := get_origin(part) or part)]

    def alternatives(self) -> list[Any]:
        """Return what the annotation allows: the members of a union, ``None`` for none; of anything else itself."""
        return [*self._parts(self.annotation)]

    def marks(self) -> list[Any]:
        """Return what stands in an ``Annotated`` beside the type."""
        annotation = self.annotation
        if isinstance(annotation, str):
            annotation = _evaluated(annotation, self.function)
        parts = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
        return [mark for part in parts if get_origin(part) is Annotated for mark in part.__metadata__]

    def mentions_nodes(self, annotation: Any) -> bool:
        """Return whether an annotation names a class of AiiDA's nodes."""
        return any(
            (inspect.isclass(part) and issubclass(part, _orm('Entity')))
            or (get_origin(part) is not Literal and any(self.mentions_nodes(each) for each in get_args(part)))
            for part in self._parts(annotation)
        )

    def _fits(self, value: Any, annotation: Any, among: type = object) -> bool:
        """Return whether a value is what an annotation says, as far as can be told.

        :param among: only classes below this one count.
        """
        return any(_fits_part(value, part, among) for part in self._parts(annotation))

    # -- reading the annotation

    def _parts(self, annotation: Any) -> Iterator[Any]:
        """Return the members of a union, each evaluated; of anything else itself."""
        if isinstance(annotation, ForwardRef):
            annotation = annotation.__forward_arg__
        if isinstance(annotation, str):
            annotation = _evaluated(annotation, self.function)
        origin = get_origin(annotation)
        if origin is Annotated:
            yield from self._parts(get_args(annotation)[0])
        elif origin in (Union, types.UnionType):
            for part in get_args(annotation):
                yield from self._parts(part)
        elif isinstance(annotation, NewType):
            yield from self._parts(annotation.__supertype__)
        elif isinstance(annotation, TypeVar):
            for part in annotation.__constraints__ or (annotation.__bound__ or Any,):
                yield from self._parts(part)
        elif type(annotation).__name__ == 'TypeAliasType':  # `type X = ...`, from Python 3.12 on
            yield from self._parts(annotation.__value__)
        elif type(origin).__name__ == 'TypeAliasType':
            yield from self._parts(origin.__value__)
        else:
            yield None if annotation is types.NoneType else annotation


class _None:
    """Stands for classes of AiiDA when it is not imported: nothing is an instance of it."""


def _orm(name: str) -> Any:
    """Return a class of AiiDA, if it is imported."""
    return getattr(sys.modules.get('aiida.orm'), name, _None)


def _name_in_orm(kind: Any) -> str:
    """Return the name of a class of `aiida.orm`; empty for all else."""
    name = getattr(kind, '__name__', '') if inspect.isclass(kind) else ''
    return name if name and _orm(name) is kind else ''


def _value_of(given: Any) -> Any:
    """Return the value that a node stands for; all else is itself."""
    if not isinstance(given, _orm('Data')):
        return given
    from .nodes import from_node

    return from_node(given)


def _shown(value: Any) -> str:
    if 'aiida.orm' in sys.modules:
        from .nodes import node_repr

        return node_repr(value)
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else f'{text[:_MAX_SHOWN]}...'


def _fits_part(value: Any, part: Any, among: type) -> bool:
    kind = get_origin(part) or part
    if part is None:
        return value is None and among is object
    if not inspect.isclass(kind):
        return among is object and (kind is not Literal or value in get_args(part))
    if not issubclass(kind, among):
        return False
    try:
        return isinstance(value, _NUMBERS.get(kind, kind)) or _is_named(value, kind)
    except TypeError:  # a protocol, say
        return True


def _is_named(value: Any, kind: type) -> bool:
    return any((base.__qualname__, base.__name__) == (kind.__qualname__, kind.__name__) for base in type(value).__mro__)


def _items_of(part: Any, value: Any) -> tuple[Any, ...]:
    """Return what an annotation such as ``list[int]`` says of the items of a container; nothing if it is another's."""
    kind, wanted = get_origin(part), get_args(part)
    if not inspect.isclass(kind) or not issubclass(kind, collections.abc.Iterable) or not isinstance(value, kind):
        return ()
    if isinstance(value, dict) and len(wanted) != 2:
        return ()
    if isinstance(value, tuple) and kind is tuple and wanted[-1:] != (Ellipsis,) and len(wanted) != len(value):
        return ()
    return wanted


def _paired(values: Any, wanted: tuple[Any, ...]) -> list[tuple[Any, Any]]:
    """Return the items of a sequence, each with what is wanted of it."""
    each = wanted if len(wanted) == len(values) and len(wanted) > 1 and wanted[-1] is not Ellipsis else wanted[:1]
    return [(value, each[index % len(each)]) for index, value in enumerate(values)]


def _like(value: Any, items: Any) -> Any:
    """Return a container of the same class with other items."""
    kind: Any = type(value)
    if isinstance(value, dict):
        copy = value.copy()
        copy.update(items)
        return copy
    return kind(*items) if hasattr(kind, '_fields') else kind(items)


def _is_array(value: Any) -> bool:
    numpy: Any = sys.modules.get('numpy')
    return numpy is not None and type(value) is numpy.ndarray and value.dtype.kind in 'biufc'


def _text_of(annotation: Any) -> str:
    if isinstance(annotation, ForwardRef):
        return annotation.__forward_arg__
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    for cls in _classes_in(annotation):
        if name := _name_in_orm(cls):
            text = text.replace(f'{cls.__module__}.{cls.__qualname__}', f'orm.{name}')
    return text


def _classes_in(annotation: Any) -> Iterator[type]:
    if isinstance(annotation, type) and not get_args(annotation):
        yield annotation
    for part in get_args(annotation):
        yield from _classes_in(part)


# -- annotations that are text


def _evaluated(text: str, function: types.FunctionType) -> Any:
    try:
        return eval(text, {'__builtins__': {}}, _Names(function))
    except Exception:
        return Any  # it is no expression, or says what no annotation does


class _Unknown:
    """Stands for what only a type checker imports; allows everything."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith('__'):
            raise AttributeError(name)
        return self

    def __call__(self, *args: Any) -> Any:
        return self

    def __getitem__(self, item: Any) -> Any:
        return self

    def __or__(self, other: Any) -> Any:
        return Union[self, other]  # noqa: UP007

    def __ror__(self, other: Any) -> Any:
        return Union[other, self]  # noqa: UP007


class _Names(Mapping[str, Any]):
    """The names that the annotations of a function can mean; those that it does not have as its file imports them."""

    def __init__(self, function: types.FunctionType) -> None:
        self.function = function

    def __getitem__(self, name: str) -> Any:
        function = self.function
        cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=False))
        if name in cells and is_filled(cells[name]):
            return cells[name].cell_contents
        if name in function.__globals__:
            return function.__globals__[name]
        found = getattr(builtins, name, _MISSING)
        return _imported(name, function) if found is _MISSING else found

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


_MISSING = object()


def _imported(name: str, function: types.FunctionType) -> Any:
    """Return what a name means that is imported for type checkers only, or in a function around: nothing is imported here.

    A node's class is loaded once there is such a node.
    """
    try:
        tree = parsed(''.join(lines_of(function) or []))
    except (SyntaxError, ValueError):
        return _Unknown()
    for statement in ast.walk(tree):
        if not isinstance(statement, ast.Import | ast.ImportFrom):
            continue
        for alias in statement.names:
            if (alias.asname or alias.name.partition('.')[0]) != name:
                continue
            if isinstance(statement, ast.Import):
                module = alias.name if alias.asname else name
            else:
                found = _module_of(statement, function)
                if found is not None and hasattr(found, alias.name):
                    return getattr(found, alias.name)
                module = f'{statement.module}.{alias.name}'
            if module in sys.modules:
                return sys.modules[module]
    return _Unknown()


def _module_of(statement: ast.ImportFrom, function: types.FunctionType) -> types.ModuleType | None:
    name = '.' * statement.level + (statement.module or '')
    try:
        name = importlib.util.resolve_name(name, function.__globals__.get('__package__') or '')
    except ImportError:
        return None
    return sys.modules.get(name)
