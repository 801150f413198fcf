"""The arguments of a function that is to run elsewhere, before they are sent: names, and whether they fit.

Must not know AiiDA: `run_in_memory` checks the same.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from ..compiler.bundle import require_function
from ..exceptions import CannotStoreError, LaunchError, WorkflowUsageError
from . import remote, wire
from .forms import Own, names_in

__all__ = (
    'argument_not_stored',
    'by_name',
    'check_arguments',
    'merged',
    'name_of',
    'namespace_of',
    'request_of',
    'require_classes',
    'require_mentioned',
    'require_function_to_run',
    'require_sendable',
    'sent',
    'with_classes',
    'without_classes',
)

#: What is said of how a function job runs, in `job`.
_OPTIONS = frozenset({'metadata', 'code', 'computer', 'options'})


def require_function_to_run(target: Any) -> None:
    """Refuse what is no function, before anything is said of its arguments.

    :raises LaunchError: with what to write instead.
    """
    try:
        require_function(target)
    except WorkflowUsageError as error:
        raise LaunchError(str(error)) from None


def check_arguments(function: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
    """Raise the ``TypeError`` that a call would raise, by calling a function of the same signature that does nothing."""
    signature = inspect.signature(function)
    parameters = [
        parameter.replace(
            annotation=parameter.empty, default=parameter.empty if parameter.default is parameter.empty else None
        )
        for parameter in signature.parameters.values()
    ]
    scope: dict[str, Any] = {}
    exec(f'def stand_in{inspect.Signature(parameters)}: pass', scope)
    stand_in = scope['stand_in']
    stand_in.__qualname__ = inspect.unwrap(function).__qualname__
    _require_no_gap(stand_in, parameters, arguments)
    try:
        remote.call(stand_in, dict(arguments))
    except TypeError as error:
        if not _OPTIONS & (arguments.keys() - signature.parameters.keys()):
            raise
        options = f'what a job is run with belongs to the function: `job({name_of(function)}, metadata=...)`'
        raise TypeError(f'{error}; {options}') from None


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


def require_sendable(
    name: str,
    value: Any,
    namespace: Mapping[str, Any] | None = None,
    convert: Callable[[Any], Any] | None = None,
) -> Any:
    """Refuse an argument that cannot be sent.

    :param namespace: the names of the function's file.
    :param convert: gives what to send in place of an object.
    :returns: what is sent, without its arrays.
    :raises LaunchError: naming it.
    """
    try:
        return wire.encode(value, lambda array: '', namespace, convert)
    except wire.NotSendableError as error:
        raise LaunchError(f'argument `{name}`: {error}') from None


def sent(
    target: Callable[..., Any], name: str, value: Any, source: str, convert: Callable[[Any], Any] | None = None
) -> Any:
    """Return an argument as it is sent to a function job, with a `forms.Own` for an object of a class of the function's file.

    :param source: the source of the function.
    :param convert: gives what to send in place of an object.
    :raises LaunchError: if it cannot be sent.
    """
    require_classes(target, name, require_sendable(name, value, namespace_of(target), convert), lambda: source)
    arrays = wire.ArraysInMemory()
    return wire.decode(wire.encode(value, arrays.save, namespace_of(target), convert), arrays.open)


def namespace_of(target: Callable[..., Any] | None) -> Mapping[str, Any]:
    """Return the names of the file of a function."""
    found: Mapping[str, Any] = {} if target is None else getattr(inspect.unwrap(target), '__globals__', {})
    return found


def require_classes(target: Callable[..., Any], name: str, data: Any, source: Callable[[], str]) -> None:
    """Refuse objects of a class that does not travel with the function, as that says nothing of it.

    :param data: the argument, encoded.
    :param source: gives the source of the function.
    :raises LaunchError: with what to write instead.
    """
    for cls in sorted(set(names_in(data))):
        _require_mention(target, name, cls, source())


def require_mentioned(target: Callable[..., Any], name: str, document: Any, source: Callable[[], Any]) -> None:
    """Refuse objects of classes of a script or notebook that do not travel with a function for `run`.

    :param document: the argument as a document.
    :param source: gives the bundle of the function; asked only if there is such an object.
    :raises LaunchError: with what to write instead.
    """
    for kind, first, *_ in document['objects']:
        if kind == 'global' and first.startswith('__main__:') and (bundle := source()).module == '__main__':
            _require_mention(target, name, first.partition(':')[2].partition('.')[0], bundle.source)


def _require_mention(target: Callable[..., Any], name: str, cls: str, source: str) -> None:
    if not re.search(rf'\b{re.escape(cls)}\b', source):
        raise LaunchError(
            f'argument `{name}`: `{name_of(target)}` does not mention the class `{cls}`, so that does not travel with it: '
            f'annotate the parameter with it (`{name}: {cls}`)'
        )


def with_classes(value: Any, namespace: Mapping[str, Any]) -> Any:
    """Return a value with objects in the place of what stands for them.

    :param namespace: the names of the function's file.
    """
    if not _holds(value, lambda item: type(item) is Own):
        return value
    arrays = wire.ArraysInMemory()
    return wire.decode(wire.encode(value, arrays.save), arrays.open, namespace)


def without_classes(value: Any, data: Any, namespace: Mapping[str, Any]) -> Any:
    """Return a value with what stands for objects of the classes of a file in their place.

    :param data: the value, encoded.
    :param namespace: the names of the function's file.
    """
    if next(names_in(data), None) is None:
        return value
    arrays = wire.ArraysInMemory()
    return wire.decode(wire.encode(value, arrays.save, namespace), arrays.open)


def _holds(value: Any, is_it: Callable[[Any], bool]) -> bool:
    """Return whether something in a value, inside of containers and objects, is what is looked for."""
    stack, seen = [value], set[int]()
    while stack:
        item = stack.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if is_it(item):
            return True
        if isinstance(item, dict):
            stack += [*item.keys(), *item.values()]
        elif isinstance(item, list | tuple | set | frozenset):
            stack += item
        elif type(item).__module__.partition('.')[0] not in ('builtins', 'aiida', 'numpy'):
            stack += getattr(item, '__dict__', {}).values()
    return False


def argument_not_stored(name: str, error: CannotStoreError) -> CannotStoreError:
    """Return the error for an argument that has no stored form, with its name.

    :param error: the error for its value.
    """
    path = name + error.path.removeprefix('value')
    return CannotStoreError(error.value_type, path, error.reason, error.by_choice, error.is_outside)


def request_of(
    placed: Mapping[str, Any],
    arguments: Mapping[str, Any],
    save_array: Callable[[Any], str],
    convert: Callable[[Any], Any] | None = None,
    namespace: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what a function job reads: which function to call, with what.

    :param placed: what is said of the function (see `placing`).
    :param save_array: stores an array, and gives the name of its file.
    :param convert: gives what to send in place of an object.
    :param namespace: the names of the function's file.
    """
    return {
        **placed,
        'format': remote.FORMAT,
        'arguments': wire.encode(dict(arguments), save_array, namespace, convert),
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
    parameters = list(inspect.signature(target).parameters.values())
    names = [each.name for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    if len(args) > len(names):
        rest = [each.name for each in parameters if each.kind is each.VAR_POSITIONAL]
        hint = f'; what is for `*{rest[0]}` is given by name, as a list: `{rest[0]}=[...]`' if rest else ''
        raise TypeError(
            f'{name_of(target)}() takes {len(names)} positional argument{"s" * (len(names) != 1)} but {len(args)} '
            f'{"was" if len(args) == 1 else "were"} given{hint}'
        )
    return dict(zip(names, args, strict=False))


def name_of(target: Any) -> str:
    """Return how messages call a target."""
    return getattr(getattr(target, '__wrapped__', target), '__name__', type(target).__name__)
