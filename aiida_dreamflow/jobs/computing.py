"""What happens to a request to call a function, wherever that is: in an interpreter of its own, or in a thread.

Must not know AiiDA: an interpreter that has to import it starts slowly.
"""

from __future__ import annotations

import ast
import copy
import functools
import importlib
import inspect
import types
from collections.abc import Mapping
from typing import Any

from ..compiler.bundle import Bundle, bundle
from ..exceptions import CannotStoreError
from ..values.snapshot import decode, encode
from . import remote

__all__ = ('compute', 'request')

_VALUE = 'value'


def request(source: Bundle, arguments: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return the request to call a function: content and blobs of a message.

    :param source: the function.
    :param arguments: its arguments by name.
    :raises CannotStoreError: if one has no stored form.
    """
    snapshot = encode(dict(arguments))
    return {'source': vars(source), 'arguments': snapshot.document}, snapshot.blobs


def compute(content: Mapping[str, Any], blobs: Mapping[str, bytes]) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Do what is requested.

    :returns: the report: its ``status`` is ``returned`` (the ``value`` is a document), ``raised`` or ``unstorable``.
    """
    source, phase = Bundle(**content['source']), 'load'
    try:
        function = _load(source, content['arguments'])
        arguments = decode(content['arguments'], blobs.__getitem__)
        phase = 'call'
        value = remote.call(function, arguments)
    except BaseException as error:  # SystemExit and KeyboardInterrupt too: it ends here, and says why
        error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
        details = remote.describe_exception(error, phase)
        if details['module'] == _private_name(source):
            details['module'] = remote.FUNCTION_MODULE
        return {'status': 'raised', 'exception': details}, {}
    try:
        snapshot = encode({_VALUE: value})
    except CannotStoreError as error:
        return {'status': 'unstorable', 'reason': str(error)}, {}
    return {'status': 'returned', _VALUE: snapshot.document}, snapshot.blobs


def _private_name(source: Bundle) -> str:
    return f'{remote.FUNCTION_MODULE}_{source.fingerprint}'


def _load(source: Bundle, arguments: Mapping[str, Any]) -> Any:
    """Return the function, from its source; or from its own module where classes of that must be the same ones."""
    if source.module in _modules_named(arguments) or _has_class(source.source):
        try:
            found: Any = importlib.import_module(source.module)
            for part in source.qualname.split('.'):
                found = getattr(found, part)
            if bundle(inspect.unwrap(found)).fingerprint == source.fingerprint:
                return _with_own_defaults(inspect.unwrap(found))
        except Exception:
            pass
    return source.find(source.load(_private_name(source)))


def _with_own_defaults(function: Any) -> Any:
    """Return a function with defaults that nothing else has: in a thread of the worker other calls would see what it does to them."""
    if not function.__defaults__ and not function.__kwdefaults__:
        return function
    defaults, named = copy.deepcopy((function.__defaults__, function.__kwdefaults__))
    own = types.FunctionType(function.__code__, function.__globals__, function.__name__, defaults, function.__closure__)
    own.__kwdefaults__ = named
    functools.update_wrapper(own, function)
    del own.__wrapped__  # type: ignore[attr-defined]
    return own


def _modules_named(document: Mapping[str, Any]) -> set[str]:
    return {record[1].partition(':')[0] for record in document['objects'] if record[0] == 'global'}


def _has_class(source: str) -> bool:
    return any(isinstance(node, ast.ClassDef) for node in ast.walk(ast.parse(source)))
