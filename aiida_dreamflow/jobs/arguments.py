"""The arguments of a function that is to run elsewhere, before they are sent: names, and whether they fit.

Must not know AiiDA: `run_in_memory` checks the same.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from ..exceptions import LaunchError
from . import remote, wire

__all__ = ('check_arguments', 'name_of', 'parameters_of', 'require_sendable')


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
    remote.call(stand_in, dict(arguments))


def require_sendable(name: str, value: Any) -> None:
    """Refuse an argument that cannot be sent.

    :raises LaunchError: naming it.
    """
    try:
        wire.encode(value, lambda array: '')
    except wire.NotSendableError as error:
        raise LaunchError(f'argument `{name}`: {error}') from None


def parameters_of(target: Any, args: tuple[Any, ...]) -> dict[str, Any]:
    """Return arguments given by position by the names of the parameters.

    :raises TypeError: if there are too many.
    """
    if not args:
        return {}
    parameters = inspect.signature(target).parameters.values()
    names = [parameter.name for parameter in parameters if parameter.kind is parameter.POSITIONAL_OR_KEYWORD]
    if len(args) > len(names):
        raise TypeError(
            f'{name_of(target)}() takes {len(names)} positional argument{"s" * (len(names) != 1)} but {len(args)} '
            f'{"was" if len(args) == 1 else "were"} given'
        )
    return dict(zip(names, args, strict=False))


def name_of(target: Any) -> str:
    """Return how messages call a target."""
    return getattr(getattr(target, '__wrapped__', target), '__name__', type(target).__name__)
