"""From the description of a remote exception back to an exception.

The description comes from another machine and is distrusted: nothing is imported for it, no code of the user runs for
it, and what it names is used only if it is an exception type that is here already. That is enough: who wants to catch a
type by name must have it here.

Must not know AiiDA.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Mapping
from typing import Any

from ..exceptions import RemoteTraceback
from . import remote, wire

__all__ = ('attach_origin', 'rebuild_exception')


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
