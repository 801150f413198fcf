"""The parameters of a workflow function as the input ports of its process.

Relies on this: AiiDA gives a value to a port's ``serialize``, which leaves ``None`` alone, so that to it ``None`` is an
input that was not given. In Python it is a value like any other.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiida import orm
from aiida.engine.processes.ports import InputPort
from plumpy.ports import PortValidationError

from ..exceptions import CannotStoreError, CompileError
from ..jobs.arguments import argument_not_stored
from ..jobs.codes import by_label
from ..jobs.names import port_name, python_name
from ..values.parameters import Parameter, signature_of
from .checking import parameters_in
from .declared import node_types
from .forked import FORK_INPUTS

__all__ = ('NODES_INSIDE', 'RESERVED_PARAMETERS', 'ParameterPort', 'by_port', 'port_of', 'require_parameters')

#: The input namespace of the nodes inside of inputs.
NODES_INSIDE = 'nodes_inside'

#: Names that AiiDA's launchers keep for themselves, and ours.
_OURS = (FORK_INPUTS, NODES_INSIDE)
RESERVED_PARAMETERS = frozenset({'metadata', 'inputs', 'wait', 'wait_interval', 'process', 'self', *_OURS})


def require_parameters(function: types.FunctionType) -> None:
    """Refuse parameters that cannot be inputs of a process.

    :raises CompileError: naming the parameter.
    """
    for name, parameter in signature_of(function).parameters.items():
        where = f'workflow function `{function.__qualname__}`'
        if name in RESERVED_PARAMETERS:
            raise CompileError(
                f"{where}: parameter `{name}` has a name that AiiDA's launchers keep for themselves: rename it"
            )
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            what = {'*args': parameter.VAR_POSITIONAL, '**kwargs': parameter.VAR_KEYWORD}
            kind = next((text for text, value in what.items() if value is parameter.kind), 'positional-only')
            raise CompileError(
                f'{where}: parameter `{name}` is {kind}, but the inputs of a process are given by name: '
                'name each input, or pass a list or a dict'
            )


def by_port(ports: Iterable[str], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return inputs by the names of their ports, though some are given by the names of the parameters: `_`, `x_`.

    :param ports: the ports.
    :param inputs: the inputs.
    """
    names = {python_name(port): port for port in ports}
    return {names.get(name, name): value for name, value in inputs.items()}


class ParameterPort(InputPort):
    """An input that takes any Python value, or the node of one, as the annotation of the parameter says.

    :ivar parameter: the parameter.
    :ivar from_annotation: its `valid_type`, unless whoever exposes the port gives it another.
    """

    parameter: Parameter
    from_annotation: Any

    def serialize(self, value: Any) -> Any:
        """Return the node of a value.

        :raises CannotStoreError: if it has none; with the name of the parameter.
        """
        try:
            return self.parameter.node_for(by_label(value, self.parameter.classes()))
        except CannotStoreError as error:
            raise argument_not_stored(python_name(self.name), error) from error.__cause__

    def validate(self, value: Any, breadcrumbs: Sequence[str] = ()) -> PortValidationError | None:
        """Return what is wrong with an input: the annotation decides, which allows more than a class of nodes can say."""
        if not isinstance(value, orm.Data) or self.valid_type is not self.from_annotation:
            return super().validate(value, breadcrumbs)
        message = self.parameter.fault(value) or (self.validator and self.validator(value, self))
        return PortValidationError(message, '.'.join((*breadcrumbs, self.name))) if message else None


def port_of(parameter: Parameter) -> ParameterPort:
    """Return the port for a parameter of a workflow function."""
    options: dict[str, Any] = {'valid_type': node_types(parameter)}
    options['help'] = parameters_in(parameter.function.__doc__).get(parameter.name, '')
    if parameter.is_annotated:
        options['help'] = ': '.join(filter(None, (parameter.text, options['help'])))
    if parameter.default is not inspect.Parameter.empty:
        options['required'] = False
        try:
            parameter.node_for(parameter.default)
        except CannotStoreError:
            pass  # the function's own default serves
        else:
            options['default'] = functools.partial(parameter.node_for, parameter.default)
    port = ParameterPort(port_name(parameter.name), **options)
    port.parameter, port.from_annotation = parameter, port.valid_type
    return port
