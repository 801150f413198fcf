"""What a workflow's own functions say is wrong with its inputs: `@workflow(validators=[positive])`.

A validator gets the inputs that its parameters are named after, as the workflow function gets them. One of a single input is
asked as soon as that is given to a builder, the others when the workflow is launched.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aiida import orm

from ..exceptions import CompileError, LaunchError
from ..jobs.names import port_name, python_name
from ..values.parameters import Parameter, parameters_of, signature_of
from .exposing import exposed_by, plain_inputs

__all__ = ('add_validators', 'require_valid', 'require_validators')


def require_validators(function: types.FunctionType, validators: Iterable[Any]) -> None:
    """Refuse validators that take what is no parameter of the workflow function.

    :raises CompileError: naming it.
    """
    known, where = [*signature_of(function).parameters], f'workflow function `{function.__qualname__}`'
    for validator in validators:
        if not inspect.isfunction(validator):
            raise CompileError(
                f'{where}: {validator!r} is no validator: give functions, `validators=[positive]`, with '
                "`def positive(cutoff): return None if cutoff > 0 else 'must be positive'`"
            )
        for name in inspect.signature(validator).parameters:
            if name not in known:
                raise CompileError(
                    f'{where}: the validator `{validator.__name__}` takes `{name}`, which is no parameter; there '
                    f'{"is" if len(known) == 1 else "are"} {", ".join(f"`{each}`" for each in known) or "none"}'
                )


def add_validators(ports: Any, function: types.FunctionType, validators: Iterable[types.FunctionType]) -> None:
    """Have the input ports of a workflow ask its validators.

    :param ports: its input ports.
    """
    several, parameters = [], parameters_of(function)
    for validator in validators:
        name, *others = inspect.signature(validator).parameters or ('',)
        if others or not name or exposed_by(parameters[name]) is not None:
            several.append(validator)
        else:
            port = ports[port_name(name)]
            port.validator = _OfInput(name, function, (*getattr(port.validator, 'validators', ()), validator))
    if several:
        ports.validator = _OfInputs(function, tuple(several))


def require_valid(
    function: types.FunctionType, validators: Iterable[types.FunctionType], arguments: Mapping[str, Any]
) -> None:
    """Refuse the arguments of a workflow that runs in memory, if a validator does.

    :param arguments: all that are given, as the function gets them.
    :raises LaunchError: saying what is wrong.
    """
    if message := _fault(function, validators, arguments, parameters_of(function)):
        raise LaunchError(message)


@dataclass(frozen=True)
class _OfInput:
    """The validators of one input, as AiiDA asks them."""

    name: str
    function: types.FunctionType
    validators: tuple[types.FunctionType, ...]

    def __call__(self, value: Any, port: Any) -> str | None:
        """Return what is wrong with an input."""
        if not isinstance(value, orm.Data):
            return None  # AiiDA says so
        parameter = parameters_of(self.function)[self.name]
        return _fault(self.function, self.validators, {self.name: parameter.argument(value)}, {self.name})


@dataclass(frozen=True)
class _OfInputs:
    """Validators of several inputs, as AiiDA asks them."""

    function: types.FunctionType
    validators: tuple[types.FunctionType, ...]

    def __call__(self, inputs: Mapping[str, Any], ports: Any) -> str | None:
        """Return what is wrong with the inputs; of those that a process that exposes them has left out nothing is known."""
        parameters = parameters_of(self.function)
        given = {python_name(port): value for port, value in inputs.items()}
        arguments = {name: _argument(parameters[name], value) for name, value in given.items() if name in parameters}
        return _fault(self.function, self.validators, arguments, {python_name(port) for port in ports})


def _argument(parameter: Parameter, given: Any) -> Any:
    return plain_inputs(given) if isinstance(given, Mapping) else parameter.argument(given)


def _fault(
    function: types.FunctionType,
    validators: Iterable[types.FunctionType],
    arguments: Mapping[str, Any],
    known: Collection[str],
) -> str | None:
    """Return what the first validator says that finds something wrong.

    :param known: the inputs that there are, given or not.
    """
    parameters = parameters_of(function)
    for validator in validators:
        names = [*inspect.signature(validator).parameters]
        values = {name: arguments.get(name, parameters[name].default) for name in names}
        if any(name not in known or values[name] is Parameter.empty for name in names):
            continue
        message = validator(**values)
        if message is not None:
            told = ' and '.join(f'`{name}`' for name in names)
            return f'{f"{told} of " if told else ""}`{function.__name__}`: {message}'
    return None
