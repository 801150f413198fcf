"""The arguments of a function that is to run elsewhere, before they are sent: names, and whether they fit.

Must not know AiiDA: `run_in_memory` checks the same.
"""

from __future__ import annotations

import inspect
import io
from collections.abc import Callable, Mapping
from typing import Any

from ..compiler.bundle import Bundle
from ..exceptions import CannotStoreError, LaunchError
from . import remote, wire

__all__ = (
    'argument_not_stored',
    'by_name',
    'check_arguments',
    'merged',
    'name_of',
    'request_of',
    'require_sendable',
    'sent',
)


def check_arguments(function: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
    """Raise the ``TypeError`` that a call would raise, by calling a function of the same signature that does nothing."""
    parameters = [
        parameter.replace(
            annotation=parameter.empty, default=parameter.empty if parameter.default is parameter.empty else None
        )
        for parameter in inspect.signature(function).parameters.values()
    ]
    scope: dict[str, Any] = {}
    exec(f'def stand_in{inspect.Signature(parameters)}: pass', scope)
    stand_in = scope['stand_in']
    stand_in.__qualname__ = inspect.unwrap(function).__qualname__
    _require_no_gap(stand_in, parameters, arguments)
    remote.call(stand_in, dict(arguments))


def _require_no_gap(
    function: Callable[..., Any], parameters: list[inspect.Parameter], arguments: Mapping[str, Any]
) -> None:
    """Refuse an argument that can be given by position only, where one before it is left to its default."""
    is_starred = any(each.kind is each.VAR_POSITIONAL and arguments.get(each.name) for each in parameters)
    left_out = ''
    for parameter in parameters:
        is_named = parameter.kind is parameter.POSITIONAL_OR_KEYWORD and not is_starred
        if is_named or parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_KEYWORD):
            continue
        if parameter.name not in arguments:
            left_out = left_out or ('' if parameter.kind is parameter.VAR_POSITIONAL else parameter.name)
        elif left_out:
            raise TypeError(
                f'{function.__qualname__}() takes {parameter.name!r} by position only, after {left_out!r}: give both'
            )


def require_sendable(name: str, value: Any) -> None:
    """Refuse an argument that cannot be sent.

    :raises LaunchError: naming it.
    """
    try:
        wire.encode(value, lambda array: '')
    except wire.NotSendableError as error:
        raise LaunchError(f'argument `{name}`: {error}') from None


def sent(name: str, value: Any) -> Any:
    """Return an argument as the function job gets it.

    :raises LaunchError: if it cannot be sent.
    """
    files: list[bytes] = []

    def save(array: Any) -> str:
        import numpy

        numpy.save(file := io.BytesIO(), array, allow_pickle=False)
        files.append(file.getvalue())
        return f'input-{len(files) - 1}.npy'

    try:
        data = wire.encode(value, save)
    except wire.NotSendableError as error:
        raise LaunchError(f'argument `{name}`: {error}') from None
    return wire.decode(data, lambda file: io.BytesIO(files[int(file[6:-4])]))


def argument_not_stored(name: str, error: CannotStoreError) -> CannotStoreError:
    """Return the error for an argument that has no stored form, with its name.

    :param error: the error for its value.
    """
    path = name + error.path.removeprefix('value')
    return CannotStoreError(error.value_type, path, error.reason, error.by_choice, error.is_outside)


def request_of(source: Bundle, arguments: Mapping[str, Any], save_array: Callable[[Any], str]) -> dict[str, Any]:
    """Return what a function job reads: which function to call, with what.

    :param save_array: stores an array, and gives the name of its file.
    """
    return {
        'format': remote.FORMAT,
        'qualname': source.qualname,
        'filename': source.filename,
        'cells': source.cells,
        'arguments': wire.encode(dict(arguments), save_array),
        'limit': remote.MAX_RESULT,
    }


def by_name(target: Any, args: tuple[Any, ...], named: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments given by position and by name, all by the names of the parameters.

    :raises TypeError: if there are too many, or one is given twice.
    """
    return merged(target, _by_position(target, args), named)


def merged(target: Any, found: Mapping[str, Any], named: Mapping[str, Any]) -> dict[str, Any]:
    """Return all arguments, those found by position and those given by name.

    :raises TypeError: if one is given twice.
    """
    for name in named:
        if name in found:
            raise TypeError(f'{name_of(target)}() got multiple values for argument {name!r}')
    return {**found, **named}


def _by_position(target: Any, args: tuple[Any, ...]) -> dict[str, Any]:
    if not args:
        return {}
    parameters = inspect.signature(target).parameters.values()
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [parameter.name for parameter in parameters if parameter.kind in kinds]
    if len(args) > len(names):
        raise TypeError(
            f'{name_of(target)}() takes {len(names)} positional argument{"s" * (len(names) != 1)} but {len(args)} '
            f'{"was" if len(args) == 1 else "were"} given'
        )
    return dict(zip(names, args, strict=False))


def name_of(target: Any) -> str:
    """Return how messages call a target."""
    return getattr(getattr(target, '__wrapped__', target), '__name__', type(target).__name__)
