"""From the description of a remote exception back to an exception.

The description comes from another machine and is distrusted: nothing is imported for it, no code of the user runs for
it, and what it names is used only if it is an exception type that is here already. That is enough: who wants to catch a
type by name must have it here.

Must not know AiiDA.
"""

from __future__ import annotations

import builtins
import contextlib
import inspect
import sys
from collections.abc import Callable, Mapping
from typing import Any

from ..exceptions import ChildFailedError, RemoteTraceback
from . import remote, wire

__all__ = ('attach_origin', 'child_of', 'item_failure', 'mark_failure', 'raised_or', 'rebuild_exception')


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
    if (found := _raised_there(details, target, f'This was raised in {what}: {failed.exit_message}')) is not None:
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
    rebuilt = rebuild_exception(details, namespace)
    return None if rebuilt is None else attach_origin(rebuilt, details, note)


def rebuild_exception(details: Mapping[str, Any], namespace: Mapping[str, Any]) -> Exception | None:
    """Rebuild an exception as the type that it had.

    :param details: the content of the output ``exception`` of a function job.
    :param namespace: the globals of the function's module here, for types that its own file defines.
    :returns: the exception, or ``None`` if its type is not here, or is none to be raised here (``SystemExit``).
    """
    kind = _find_type(details['module'], details['type'], namespace)
    if kind is None:
        return None
    try:
        encoded = wire.loads(details['encoded_args'])
        args = tuple(wire.decode(encoded)) if encoded is not None else (details['message'],)
        attributes = wire.decode(wire.loads(details['encoded_attributes']))
        return _make(kind, args, attributes)
    except Exception:
        # Whatever is odd about it: the caller then tells of the failure in words.
        return None


def attach_origin(error: Exception, details: Mapping[str, Any], note: str) -> Exception:
    """Give an exception the traceback and the notes that it had on the other machine, and a note of our own.

    :param error: the exception to be raised here.
    :param details: the content of the output ``exception`` of a function job.
    :param note: the note to add.
    :returns: the same exception.
    """
    error.__cause__ = RemoteTraceback(details['traceback'])
    # `add_note` came with Python 3.11; before, the attribute does no harm.
    vars(error)['__notes__'] = [*details['notes'], note]
    return error


def _find_type(module: str, qualname: str, namespace: Mapping[str, Any]) -> type[Exception] | None:
    if module == 'builtins':
        namespace = vars(builtins)
    elif module != remote.FUNCTION_MODULE:
        namespace = vars(sys.modules[module]) if module in sys.modules else {}
    first, *rest = qualname.split('.')
    found = namespace.get(first)
    for part in rest:
        # Looked up in the class itself, so that no descriptor or `__getattr__` runs.
        found = vars(found).get(part) if isinstance(found, type) else None
    return found if isinstance(found, type) and issubclass(found, Exception) else None


def _make(kind: type[Exception], args: tuple[Any, ...], attributes: Any) -> Exception:
    """Make an exception without running an ``__init__`` of the user's, whose parameters need not be the ``args``."""
    base = next(parent for parent in kind.__mro__ if parent.__module__ == 'builtins')
    error = kind.__new__(kind, *args)
    base.__init__(error, *args)  # type: ignore[misc]
    if isinstance(attributes, dict):
        vars(error).update(attributes)
    return error


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
