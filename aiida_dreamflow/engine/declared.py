"""What annotations say of ports: the classes of nodes that an input takes, the outputs that a function says that it returns.

The annotation itself decides what fits; the classes of nodes are what AiiDA shows of it.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import functools
import inspect
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, get_args, get_origin

import numpy as np
from aiida import orm
from aiida.engine import ExitCode

from ..values.data import DreamData
from ..values.nodes import natural, to_node
from ..values.parameters import Parameter, signature_of
from .checking import parameters_in

__all__ = ('Declared', 'declared_outputs', 'is_figure', 'node_types', 'undeclared')

#: The nodes of Python's types, and of what is shown as one of these.
_NODES: dict[type, type[orm.Data]] = {
    bool: orm.Bool,
    int: orm.Int,
    float: orm.Float,
    str: orm.Str,
    list: orm.List,
    dict: orm.Dict,
    Enum: orm.EnumData,
    np.ndarray: orm.ArrayData,
}
#: What becomes such a node where it is returned.
_RETURNED: dict[type, type[orm.Data]] = {
    np.bool_: orm.Bool,
    np.integer: orm.Int,
    np.floating: orm.Float,
    tuple: orm.List,
    collections.abc.Mapping: orm.Dict,
}


def node_types(parameter: Parameter, is_returned: bool = False) -> tuple[type[orm.Data], ...]:
    """Return the classes of nodes that an annotation stands for; ``Data`` if it leaves that open.

    :param parameter: the parameter with the annotation.
    :param is_returned: whether it is that of an output.
    """
    found: dict[type[orm.Data], None] = {}
    for part in parameter.alternatives():
        is_literal = get_origin(part) is Literal
        for kind in map(type, get_args(part)) if is_literal else (get_origin(part) or part,):
            if kind in (None, types.NoneType, ExitCode):
                continue
            if (node := _node_type(kind, is_returned)) is None:
                return (orm.Data,)
            if any(parameter.mentions_nodes(each) for each in get_args(part)):  # a list of structures, say
                node = orm.Data if is_returned else DreamData
            found[node] = None
    return tuple(found) or (orm.Data,)


def _node_type(kind: Any, is_returned: bool) -> type[orm.Data] | None:
    """Return the class of the nodes of objects of a class; ``None`` if they may be of several."""
    if not inspect.isclass(kind) or kind in (object, Any):
        return None
    if issubclass(kind, orm.Data):
        return kind
    known = {**_NODES, **(_RETURNED if is_returned else {})}
    for cls in kind.__mro__:
        if cls in known and (cls is kind or cls is Enum or is_returned):
            return known[cls]
    is_open = inspect.isabstract(kind) or getattr(kind, '_is_protocol', False) or f'{kind.__module__}' == 'numbers'
    return None if is_open or is_returned else DreamData


def is_figure(value: Any) -> bool:
    """Return whether a value is a figure of matplotlib."""
    return any(f'{cls.__module__}.{cls.__qualname__}' == 'matplotlib.figure.Figure' for cls in type(value).__mro__)


# -- outputs


class _Returned(Parameter):
    verb = 'is declared as'


@dataclass(frozen=True)
class Declared:
    """An output that a function says that it returns.

    :ivar parameter: its name, and what is said of its value.
    :ivar is_required: whether it is always returned.
    :ivar help: what the docstring says of it.
    :ivar inner: the outputs inside of it, if it is a namespace.
    """

    parameter: Parameter
    is_required: bool
    help: str = ''
    inner: Mapping[str, Declared] | None = None

    @property
    def node_types(self) -> tuple[type[orm.Data], ...]:
        """The classes of its nodes."""
        return node_types(self.parameter, is_returned=True)

    def fault(self, value: Any) -> str | None:
        """Return what is wrong with what was returned for it; ``None`` if nothing is."""
        plain = natural(value)
        if self.parameter.names_nodes and not isinstance(plain, orm.Data) and not is_figure(plain):
            plain = to_node(plain)
        if is_figure(plain) and orm.SinglefileData in self.node_types:
            return None
        return self.parameter.fault(value) and self.parameter.fault(plain)


@functools.lru_cache(maxsize=1000)
def declared_outputs(function: types.FunctionType) -> Mapping[str, Declared]:
    """Return the outputs that the return annotation of a function names, by name; empty if it leaves them open.

    A ``TypedDict``, a dataclass and a ``NamedTuple`` name them; any other class stands for the output ``result``.

    :param function: the workflow function.
    """
    annotation = signature_of(function).return_annotation
    whole = _parameter(function, 'result', Any if annotation is inspect.Signature.empty else annotation)
    alternatives = whole.alternatives()
    parts = [part for part in alternatives if part not in (None, ExitCode)]
    named = [part for part in parts if _is_record(part)]
    if len(parts) == 1 and named:
        return _outputs_of(named[0], function, is_optional=None in alternatives)
    if named or not parts or any(_is_mapping(part) for part in parts) or node_types(whole, True) == (orm.Data,):
        return {}
    return {'result': Declared(whole, None not in alternatives)}


def undeclared(function: types.FunctionType, outputs: Mapping[tuple[str, ...], Any]) -> str | None:
    """Return in what the outputs of a function are not those that it says that it returns; ``None`` if they are.

    :param outputs: the values that it has returned, by their paths.
    """
    return _undeclared(function, declared_outputs(function), outputs, ())


def _undeclared(
    function: types.FunctionType,
    declared: Mapping[str, Declared],
    outputs: Mapping[tuple[str, ...], Any],
    around: tuple[str, ...],
) -> str | None:
    for name, each in declared.items():
        path = (*around, name)
        is_there = any(found[: len(path)] == path for found in outputs)
        if each.inner is not None and is_there and path not in outputs:
            message = _undeclared(function, each.inner, outputs, path)
        elif path in outputs:
            message = each.fault(outputs[path])
        elif not is_there and each.is_required:
            given = ', '.join(f'`{".".join(found)}`' for found in outputs) or 'nothing'
            message = f'`{function.__name__}` declares the output `{".".join(path)}`, and returned {given}'
        else:
            message = None
        if message:
            return message
    return None


def _parameter(function: types.FunctionType, name: str, annotation: Any) -> Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return _Returned(function, inspect.Parameter(name, kind, annotation=annotation))


def _is_record(part: Any) -> bool:
    """Return whether a class has fields that are outputs."""
    return inspect.isclass(part) and (
        typing.is_typeddict(part)
        or dataclasses.is_dataclass(part)
        or (issubclass(part, tuple) and hasattr(part, '_fields'))
    )


def _is_mapping(part: Any) -> bool:
    kind = get_origin(part) or part
    return inspect.isclass(kind) and issubclass(kind, collections.abc.Mapping)


def _outputs_of(record: Any, function: types.FunctionType, is_optional: bool) -> Mapping[str, Declared]:
    """Return the outputs that the fields of a class stand for."""
    try:
        hints = typing.get_type_hints(record, include_extras=True)
    except Exception:  # a class inside of a function, a name that only type checkers import
        hints = dict(getattr(record, '__annotations__', {}))
    names = [field.name for field in dataclasses.fields(record)] if dataclasses.is_dataclass(record) else [*hints]
    texts = parameters_in(record.__doc__)
    required = getattr(record, '__required_keys__', frozenset(names))
    found = {}
    for name in names:
        annotation, is_left_out = _unwrapped(hints.get(name, Any))
        parameter = _parameter(function, name, annotation)
        parts = parameter.alternatives()
        inner = None
        if len(parts) == 1 and typing.is_typeddict(parts[0]):
            inner = _outputs_of(parts[0], function, is_optional=False)
            inner = inner if _hold_nodes(inner) else None
        is_required = name in required and not is_left_out and not is_optional
        found[name] = Declared(parameter, is_required, texts.get(name, ''), inner)
    return found


def _unwrapped(annotation: Any) -> tuple[Any, bool]:
    """Return the type that `Required`, `NotRequired` and `ReadOnly` are about, and whether its key may be missing."""
    is_left_out = False
    while (qualifier := str(get_origin(annotation)).rpartition('.')[2]) in ('Required', 'NotRequired', 'ReadOnly'):
        is_left_out |= qualifier == 'NotRequired'
        (annotation,) = get_args(annotation)
    return annotation, is_left_out


def _hold_nodes(declared: Mapping[str, Declared]) -> bool:
    return any(_hold_nodes(each.inner) if each.inner else each.parameter.names_nodes for each in declared.values())
