"""From the description of a remote exception back to an exception.

The description comes from another machine and is distrusted: nothing that it names is imported, no code of the user runs
for it, and its type is used only if that is an exception that is here already, or in a module that the source of the function
imports itself. That is enough: who wants to catch a type by name must have it here.

Must not know AiiDA.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any

from ..compiler.bundle import bundle
from ..exceptions import ChildFailedError, RemoteTraceback
from . import remote, wire
from .forms import find_class, members_of
from .reports import CHILD_FAILED

__all__ = (
    'attach_origin',
    'chain_of',
    'child_of',
    'item_failure',
    'mark_failure',
    'raised_or',
    'rebuild_exception',
)


#: Attribute of an exception that says which child it came from.
_CHILD_MARK = 'dreamflow_child'

#: Python 3.10 has none.
_Group: Any = getattr(builtins, 'BaseExceptionGroup', ())


def raised_or(
    failed: ChildFailedError, details: Mapping[str, Any] | None, target: Callable[..., Any] | None, what: str
) -> Exception:
    """Return what is raised for a function without a result: what it raised itself, if the type of that is here.

    :param failed: what is raised otherwise.
    :param details: the content of the output ``exception``, if there is one.
    :param target: the function.
    :param what: how messages call what ran it.
    """
    if details is None:
        return failed
    # Other exit codes than that of any exception say what to do, as that of a full disk does.
    advice = '' if failed.exit_message.startswith('the function raised ') else failed.exit_message
    note = f'This was raised in {what}: {advice}' if advice else f'This was raised in {what}.'
    if (found := _raised_there(details, target, note)) is not None:
        return found
    failed.__cause__ = RemoteTraceback(details['traceback'])
    return failed


def item_failure(
    where: str, details: Mapping[str, Any], target: Callable[..., Any], node: Any, exit_status: int | None
) -> Exception:
    """Return the exception for an item of a job for many whose call gave no result.

    :param where: how messages call the item.
    :param details: what `reports.item_details` gave.
    :param node: the node of the job.
    """
    found = _raised_there(details, target, f'This was raised in {where}.') if 'phase' in details else None
    if found is not None:
        return found
    message = details['message_for_people']
    error = ChildFailedError(
        f'{where} gave no result: {message}', node=node, exit_status=exit_status, exit_message=message
    )
    if 'traceback' in details:
        error.__cause__ = RemoteTraceback(details['traceback'])
    return error


def _raised_there(details: Mapping[str, Any], target: Callable[..., Any] | None, note: str) -> Exception | None:
    """Return the exception that a function raised on its computer, ``None`` if its type is not here.

    :param details: the content of its node.
    :param target: the function.
    :param note: says where it was raised.
    """
    if details['phase'] != 'call':
        return None
    namespace = getattr(inspect.unwrap(target), '__globals__', {}) if target is not None else {}
    rebuilt = rebuild_exception(details, namespace, target)
    return None if rebuilt is None else attach_origin(rebuilt, details, f'{note}{_where_it_looked(details)}')


def _where_it_looked(details: Mapping[str, Any]) -> str:
    """Return where a function looked for a file whose path is relative; nothing for other failures."""
    found = re.search(r"No such file or directory: '([^'/][^']*)'", details['message'])
    if found is None:
        return ''
    return (
        f' A relative path such as {found[1]!r} is looked for in the folder in which the function runs, which is not that of the '
        "workflow: send what is in the file, as `orm.SinglefileData('/path/to/it')` or a value, or give the absolute path of a "
        'file on that computer.'
    )


def rebuild_exception(
    details: Mapping[str, Any], namespace: Mapping[str, Any], target: Callable[..., Any] | None = None
) -> Exception | None:
    """Rebuild an exception as the type that it had, with its cause, its context and what is in a group.

    :param details: the content of the output ``exception`` of a function job.
    :param namespace: the globals of the function's module here, for types that its own file defines.
    :param target: the function: the modules that its source imports may be imported for it.
    :returns: the exception, or ``None`` if its type is not here, or is none to be raised here (``SystemExit``).
    """
    kind = _find_type(details['module'], details['type'], namespace, target)
    if kind is None:
        return None
    try:
        error = _made(kind, details, namespace, target)
        for name in ('cause', 'context'):
            if name in details:
                setattr(error, f'__{name}__', _related(details[name], namespace, target))
        error.__suppress_context__ = 'context' not in details
    except Exception:
        # Whatever is odd about it: the caller then tells of the failure in words.
        return None
    return error


def _related(details: Mapping[str, Any], namespace: Mapping[str, Any], target: Callable[..., Any] | None) -> Exception:
    """Return an exception that belongs to another, or what stands for it: type and text, with the notes and the traceback."""
    found = rebuild_exception(details, namespace, target)
    if found is None:
        found = ChildFailedError(
            f'{details["type"]}: {details["message"]}', node=None, exit_status=None, exit_message=details['message']
        )
        found.__cause__ = RemoteTraceback(details['traceback'])
    vars(found)['__notes__'] = list(details['notes'])
    return found


def attach_origin(error: Exception, details: Mapping[str, Any], note: str) -> Exception:
    """Give an exception the traceback and the notes that it had on the other machine, and a note of our own.

    :param error: the exception to be raised here.
    :param details: the content of the output ``exception`` of a function job.
    :param note: the note to add.
    :returns: the same exception; the traceback is the last of its causes.
    """
    last: BaseException = error
    while last.__cause__ is not None:
        last = last.__cause__
    context = last.__context__
    last.__cause__ = RemoteTraceback(details['traceback'])
    last.__context__ = context
    # `add_note` came with Python 3.11; before, the attribute does no harm.
    said = [] if str(error) == details['message'] else [f'Its text there was: {details["message"]}']
    vars(error)['__notes__'] = [*details['notes'], *said, note]
    return error


def _find_type(
    module: str, qualname: str, namespace: Mapping[str, Any], target: Callable[..., Any] | None
) -> type[Exception] | None:
    if module == 'builtins' or (module == 'exceptiongroup' and hasattr(builtins, qualname)):
        namespace = vars(builtins)
    elif module != remote.FUNCTION_MODULE:
        if module not in sys.modules and target is not None:
            _import_as_function_does(module.partition('.')[0], target)
        namespace = vars(sys.modules[module]) if module in sys.modules else {}
    found = find_class(namespace, qualname)
    return found if isinstance(found, type) and issubclass(found, Exception) else None


def _import_as_function_does(package: str, target: Callable[..., Any]) -> None:
    """Import those modules of a package that the source of a function imports: what a message names is never imported."""
    with contextlib.suppress(Exception):  # none of this matters if it cannot be
        tree = ast.parse(bundle(target).source)
        for statement in ast.walk(tree):
            names = [alias.name for alias in statement.names] if isinstance(statement, ast.Import) else []
            if isinstance(statement, ast.ImportFrom) and not statement.level and statement.module:
                names = [statement.module]
            for name in names:
                if name.partition('.')[0] == package:
                    importlib.import_module(name)


def _made(
    kind: type[Exception],
    details: Mapping[str, Any],
    namespace: Mapping[str, Any],
    target: Callable[..., Any] | None,
) -> Exception:
    """Make an exception without running an ``__init__`` of the user's, whose parameters need not be the ``args``."""
    encoded = wire.loads(details['encoded_args'])
    args = tuple(wire.decode(encoded, None, namespace)) if encoded is not None else (details['message'],)
    attributes = wire.decode(wire.loads(details['encoded_attributes']), None, namespace)
    if 'exceptions' in details:
        args = (args[0], [_related(each, namespace, target) for each in details['exceptions']])
    if kind.__module__.partition('.')[0] == 'pydantic_core' and 'errors' in attributes:
        return _validation_error(kind, attributes)
    base: Any = next(parent for parent in kind.__mro__ if parent.__module__ == 'builtins')
    try:
        error: Exception = base.__new__(kind, *args)
    except TypeError:  # of a class that C defines
        error = kind.__new__(kind, *args)
    base.__init__(error, *args)
    slots = members_of(kind)
    for name, value in attributes.items():
        if name not in slots:
            vars(error)[name] = value
        else:
            with contextlib.suppress(AttributeError, TypeError):  # some can only be read, and follow from the arguments
                slots[name].__set__(error, value)
    str(error)  # may need what could not be sent
    return error


def _validation_error(kind: Any, attributes: Mapping[str, Any]) -> Exception:
    """Make an error of pydantic again, which knows what was wrong with each field."""
    custom: Any = getattr(sys.modules['pydantic_core'], 'PydanticCustomError', None)
    errors = []
    for each in attributes['errors']:
        line = {'type': each['type'], 'loc': tuple(each['loc']), 'input': each['input'], 'ctx': each['ctx']}
        try:
            kind.from_exception_data(attributes['title'], [line])
        except Exception:  # the type of a validator of one's own
            line['type'] = custom(each['type'], each['msg'])
        errors.append(line)
    error: Exception = kind.from_exception_data(attributes['title'], errors)
    return error


def chain_of(child: str, error: BaseException) -> str:
    """Return the children that a failure went through, from the outermost, and what the innermost raised, on one line.

    :param child: the child that `error` came from.
    """
    message = error.exit_message if isinstance(error, ChildFailedError) else ''
    if message.startswith(CHILD_FAILED):
        return f'{child}: {message.removeprefix(CHILD_FAILED)}'
    return f'{child}: {type(error).__name__}: {error}'.partition('\n')[0]


def mark_failure(error: Exception, child: str) -> Exception:
    """Note in an exception which child it came from."""
    with contextlib.suppress(AttributeError):  # some exceptions take no attributes
        setattr(error, _CHILD_MARK, child)
    return error


def child_of(error: BaseException) -> str | None:
    """Return which child an exception came from, which children a group did; ``None`` if the workflow raised it."""
    if isinstance(error, _Group):
        children = [child_of(inner) for inner in error.exceptions]
        return ', '.join(child for child in children if child is not None) if all(children) else None
    return getattr(error, _CHILD_MARK, None)
