"""The arguments and results of function jobs as nodes.

A node keeps an object of a class of the function's file as a `forms.Own`: the file may be a script, which no worker can import, and
what a remote machine has sent is decoded where the file is not at hand. Where the function is, such objects are made again.

Knows AiiDA's nodes; must not know workflows.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from typing import Any

from aiida import orm

from ..exceptions import LaunchError
from ..values.data import DreamData
from ..values.nodes import from_node, to_node
from ..values.parameters import Parameter, parameters_of
from .arguments import namespace_of, require_classes, require_sendable, with_classes, without_classes

__all__ = (
    'FILE_NODES',
    'argument_node',
    'argument_value',
    'converter',
    'parameters_by_name',
    'sendable',
    'takes_structure',
    'value_of',
)

#: Nodes that are files; the function gets their path.
FILE_NODES = (orm.SinglefileData, orm.FolderData)
#: What these hold is plain JSON data or numbers: it can be sent without looking.
_SENDABLE_NODES = frozenset((orm.Bool, orm.Dict, orm.Float, orm.Int, orm.List, orm.Str))


def parameters_by_name(target: Callable[..., Any]) -> dict[str, Parameter]:
    """Return the parameters of a function."""
    function = inspect.unwrap(target)
    return parameters_of(function) if isinstance(function, types.FunctionType) else {}


def sendable(value: Any) -> Any:
    """Return what is sent for a node: its value, for a structure ASE's `Atoms`; all else is itself."""
    if isinstance(value, orm.StructureData):
        return value.get_ase()
    return from_node(value) if isinstance(value, orm.Data) else value


def takes_structure(value: Any, parameter: Parameter | None) -> bool:
    """Return whether a value is a structure that its parameter wants as ASE's `Atoms`."""
    return isinstance(value, orm.StructureData) and parameter is not None and 'Atoms' in parameter.text


def converter(name: str, parameter: Parameter | None) -> Callable[[Any], Any]:
    """Return what gives what is sent for a node in an argument.

    :param name: how messages call the argument.
    :param parameter: the parameter that it is for.
    """

    def convert(value: Any) -> Any:
        if isinstance(value, orm.StructureData) and not takes_structure(value, parameter):
            raise LaunchError(
                f'argument `{name}`: a `StructureData` stands for no Python value: annotate the parameter with '
                '`ase.Atoms`, and that is what the function gets'
            )
        return sendable(value)

    return convert


def argument_value(name: str, value: Any) -> Any:
    """Return the value of an argument that may be a node; nodes of files stay themselves.

    :raises LaunchError: if it is a node that is no data.
    """
    if isinstance(value, orm.Node) and not isinstance(value, orm.Data):
        raise LaunchError(f'argument `{name}`: `{value}` is no data; a function job takes values and data nodes')
    return from_node(value) if isinstance(value, orm.Data) and not isinstance(value, FILE_NODES) else value


def argument_node(
    target: Callable[..., Any],
    name: str,
    value: Any,
    source: Any,
    parameter: Parameter | None = None,
) -> Any:
    """Return the node of an argument, having seen that it can be sent: later would be too late for a good message.

    :param target: the function.
    :param name: how messages call the argument.
    :param value: a value or a node.
    :param source: the node of the function's source.
    :param parameter: the parameter that it is for.
    :raises LaunchError: if it cannot be sent.
    :raises CannotStoreError: if it has no stored form.
    """
    if type(value) in _SENDABLE_NODES or isinstance(value, FILE_NODES):
        return value
    plain, namespace = argument_value(name, value), namespace_of(target)
    data = require_sendable(name, plain, namespace, converter(name, parameter))
    require_classes(target, name, data, lambda: source.content.decode('utf-8', 'surrogatepass'))
    return value if isinstance(value, orm.Data) else to_node(without_classes(plain, data, namespace))


def value_of(node: Any, target: Callable[..., Any] | None) -> Any:
    """Return the value of a node, with objects of the classes that the file of a function has."""
    value = from_node(node)
    return with_classes(value, namespace_of(target)) if isinstance(node, DreamData) else value
