"""The parameters of a workflow function as the input ports of its process.

Relies on this: AiiDA gives a value to a port's ``serialize``, which leaves ``None`` alone, so that to it ``None`` is an
input that was not given. In Python it is a value like any other.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Iterable, Mapping
from typing import Any

from aiida import orm
from aiida.engine.processes.ports import InputPort

from ..exceptions import CannotStoreError, CompileError
from ..jobs.names import port_name, python_name
from ..values.nodes import to_node
from .checking import parameters_in, said, validator_of
from .forked import FORK_INPUTS

__all__ = ('RESERVED_PARAMETERS', 'by_port', 'require_parameters', 'value_port')

#: Names that AiiDA's launchers keep for themselves, and ours.
RESERVED_PARAMETERS = frozenset({'metadata', 'inputs', 'wait', 'wait_interval', 'process', 'self', FORK_INPUTS})


def require_parameters(function: types.FunctionType) -> None:
    """Refuse parameters that cannot be inputs of a process.

    :raises CompileError: naming the parameter.
    """
    for name, parameter in inspect.signature(function).parameters.items():
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


class _ValuePort(InputPort):
    """An input that takes any Python value, or the node of one."""

    def serialize(self, value: Any) -> Any:
        """Return the node of a value."""
        return to_node(value)


def value_port(function: types.FunctionType, parameter: inspect.Parameter) -> InputPort:
    """Return the port for a parameter of a workflow function.

    :param function: the function.
    :param parameter: the parameter.
    """
    options: dict[str, Any] = {'valid_type': orm.Data}
    options['help'] = parameters_in(function.__doc__).get(parameter.name, '')
    if parameter.annotation is not parameter.empty:
        options['help'] = ': '.join(filter(None, (said(parameter), options['help'])))
        options['validator'] = validator_of(function, parameter)
    if parameter.default is not parameter.empty:
        options['required'] = False
        try:
            to_node(parameter.default)
        except CannotStoreError:
            pass  # the function's own default serves
        else:
            options['default'] = functools.partial(to_node, parameter.default)
    return _ValuePort(port_name(parameter.name), **options)
