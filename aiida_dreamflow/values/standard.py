"""What the standard library does not pickle, though it can be had again exactly: matches of a pattern, locks, contexts, ...

Knows the standard library only.
"""

from __future__ import annotations

import _random
import contextvars
import copyreg
import decimal
import fractions
import functools
import hashlib
import io
import ipaddress
import logging
import math
import os
import random
import re
import struct
import sys
import threading
import typing
from collections.abc import Callable
from typing import Any

from ..exceptions import CannotStoreError
from ..runtime.loggers import in_use
from .ended import without_its_init
from .records import Kind, Reader, Record, Writing
from .references import name_in_any_module
from .structures import LOCAL_CONTEXT, state_of

__all__ = ('KINDS', 'REDUCERS', 'WRITERS', 'attached_to', 'closed_file', 'process_wide')


def _reduced_file(file: Any) -> Any:
    return (closed_file, (type(file),)) if file.closed else file.__reduce_ex__(4)


def closed_file(cls: type[io.BytesIO] | type[io.StringIO]) -> object:
    """A file in memory that is closed: its content is gone.

    :param cls: its class.
    """
    file = cls()
    file.close()
    return file


def _set_random(generator: random.Random, state: tuple[Any, dict[str, Any]]) -> None:
    generator.setstate(state[0])
    if state[1]:
        vars(generator).update(state[1])


def _reduced_logger(logger: logging.Logger) -> Any:
    """One that no name leads to is like any other object."""
    is_known = logger is logger.manager.loggerDict.get(logger.name)
    return logger.__reduce__() if is_known else (without_its_init, (type(logger),), vars(logger))


def _reduced_fraction(value: fractions.Fraction) -> Any:
    """What it says itself reduces the fraction again, and may lose the classes of its parts."""
    above, below = value.numerator, value.denominator
    if type(above) is type(below) is int and math.gcd(above, below) == 1:
        return value.__reduce__()
    slots = {name: getattr(value, name) for name in fractions.Fraction.__slots__}
    return copyreg.__newobj__, (fractions.Fraction,), (None, slots)  # type: ignore[attr-defined]


def _reduced_hash(value: Any) -> tuple[Any, ...]:
    """One that was given nothing yet; what it was given it does not tell."""
    size = () if value.digest_size else (16,)
    if value.digest(*size) == hashlib.new(value.name).digest(*size):
        return hashlib.new, (value.name,)
    reason = 'it does not tell what it was given; keep the bytes, and make the hash of all of them where it is needed'
    raise CannotStoreError(type(value).__name__, '', reason, is_outside=True)


def _reduced_forward_reference(value: Any) -> tuple[Any, ...]:
    """What it has been found to mean comes later: that may be made of the reference, and so ask for its hash."""
    names = value.__slots__[2:]  # it makes the others of its text
    made = typing.ForwardRef, (value.__forward_arg__, True, value.__forward_module__)
    return *made, (None, {name: getattr(value, name) for name in names if hasattr(value, name)})


#: How objects of these classes are made again, as `copyreg` has it.
REDUCERS: dict[type, Callable[[Any], tuple[Any, ...]]] = {
    logging.Logger: _reduced_logger,
    fractions.Fraction: _reduced_fraction,
    ipaddress.IPv6Address: lambda value: (ipaddress.IPv6Address, (str(value),)),  # of its own it forgets the zone
    struct.Struct: lambda value: (struct.Struct, (value.format,)),
    random.SystemRandom: lambda value: (random.SystemRandom, ()),
    io.BytesIO: lambda value: _reduced_file(value),
    io.StringIO: lambda value: _reduced_file(value),
    # What it says itself leaves out the attributes that were set on it.
    random.Random: lambda value: (random.Random, (), (value.getstate(), vars(value)), None, None, _set_random),
    # What the other is derived from has no attributes.
    _random.Random: lambda value: (_random.Random, (), (value.getstate(), {}), None, None, _set_random),
    **({typing.ForwardRef: _reduced_forward_reference} if sys.version_info < (3, 14) else {}),
    **dict.fromkeys({type(hashlib.new(name)) for name in ('sha256', 'shake_128')}, _reduced_hash),
}


# -- what there is one of in a process


def process_wide(value: object) -> str | None:
    """The name of a stream, of the environment, of the common random numbers, of the main thread, or of what Python says of itself.

    There is one of each in a process. What a workflow has put into the place of a stream is not there while a frame is stored.

    :returns: ``None`` for anything else.
    """
    if value is os.environ:
        return 'os:environ'
    if value is random._inst:
        return 'random:_inst'  # whose methods the functions of `random` are: `draw = random.random`
    if value is threading.main_thread():
        return 'threading:_main_thread'
    if type(value).__module__ == 'sys':  # `sys.version_info` and the like, of which nobody makes another
        return next((f'sys:{name}' for name, found in vars(sys).items() if found is value), None)
    if value is logging.Logger.manager:
        return 'logging:Logger.manager'
    if value is logging.lastResort:  # which `logging` itself has weak references to
        return 'logging:lastResort'
    name = next((name for name in _STREAMS if getattr(sys, name, None) is value), None)
    return name and f'sys:{name}'


def attached_to(value: object) -> str | None:
    """The name of the logger that uses a handler, a filter, or the memory that a handler writes into.

    :returns: ``None`` if none does.
    """
    if not issubclass(type(value), (logging.Handler, logging.Filter, io.StringIO)):
        return None
    return next((place.logger for place, used in in_use() if used is value), None)


# -- locks


def _write_lock(value: Any, w: Writing) -> Record:
    """The record of a lock that nobody holds: another one will do."""
    if getattr(value, '_is_owned', bool)() or not value.acquire(blocking=False):
        reason = (
            'somebody holds this lock, and who holds a lock does not survive a restart; release it before the await'
        )
        raise CannotStoreError(type(value).__name__, '', reason)
    value.release()
    return ['lock', type(value) is _RLOCK]


_LOCK, _RLOCK = type(threading.Lock()), type(threading.RLock())

_STREAMS = ('__stdin__', '__stdout__', '__stderr__', 'stdin', 'stdout', 'stderr')


# -- partial functions


def _write_partial(value: functools.partial[Any], w: Writing) -> Record:
    """The record of a partial function, whose attributes are not looked at: from then on it would have some, and show it."""
    return ['partial', None, [w.ref(part) for part in functools.partial.__reduce__(value)[2]]]


def _fill_partial(obj: Any, rest: Any, r: Reader) -> None:
    obj.__setstate__(tuple(map(r.get, rest)))


# -- matches


def _state(match: re.Match[Any]) -> tuple[Any, ...]:
    return match.pos, match.endpos, match.lastindex, match.regs


def _candidates(pattern: re.Pattern[Any], method: str, *args: Any) -> Any:
    found = getattr(pattern, method)(*args)
    return found if method == 'finditer' else [found]


def _write_match(value: re.Match[Any], w: Writing) -> Record:
    for method in ('match', 'fullmatch', 'finditer'):
        found = _candidates(value.re, method, value.string, value.pos, value.endpos)
        for number, other in enumerate(found):
            if other is not None and _state(other) == _state(value):
                return ['match', [method, number, *map(w.ref, (value.re, value.string, value.pos, value.endpos))]]
    raise CannotStoreError(
        'Match', '', 'searching again does not find it: its text has changed; keep `m.group()`, `m.span()`'
    )


def _make_match(first: Any, r: Reader) -> object:
    method, number, *parts = first
    pattern, *args = map(r.get, parts)
    return next(found for n, found in enumerate(_candidates(pattern, method, *args)) if n == number)


# -- contexts, and the variables of modules in them


def _write_context(value: contextvars.Context, w: Writing) -> Record:
    return ['context', None, [w.ref(part) for item in value.items() for part in item]]


def _fill_context(obj: Any, rest: Any, r: Reader) -> None:
    parts = iter(rest)
    for variable in parts:
        obj.run(r.get(variable).set, r.get(next(parts)))


def _variable_of_decimal() -> Any:
    """The context variable in which `decimal` has its context; no module shows it."""
    decimal.getcontext()
    return next((variable for variable in contextvars.copy_context() if variable.name == 'decimal_context'), None)


def _write_context_variable(value: contextvars.ContextVar[Any], w: Writing) -> Record:
    if value is _variable_of_decimal():
        return ['variable of decimal', None]
    if (name := name_in_any_module(value)) is None:
        reason = (
            'no module has this context variable, and what it is set to would be lost; make it at the top of the file'
        )
        raise CannotStoreError('ContextVar', '', reason)
    return ['global', name]


# -- the `with` of a context of `decimal`


def _write_local_context(value: Any, w: Writing) -> Record:
    state = state_of(value)
    return ['local context', [w.ref(state.local), w.ref(state.before)]]


def _make_local_context(first: Any, r: Reader) -> object:
    """It goes back to the context that is in force when it is made."""
    local, before = map(r.get, first)
    now = decimal.getcontext()
    decimal.setcontext(before)
    try:
        return decimal.localcontext(local)
    finally:
        decimal.setcontext(now)


WRITERS: dict[type, Any] = {
    contextvars.Context: _write_context,
    contextvars.ContextVar: _write_context_variable,
    re.Match: _write_match,
    functools.partial: _write_partial,
}
if LOCAL_CONTEXT.__module__ == 'decimal':  # the one that is written in Python is as any other object
    WRITERS[LOCAL_CONTEXT] = _write_local_context
WRITERS |= {_LOCK: _write_lock, _RLOCK: _write_lock}
KINDS = (
    Kind('match', _make_match, late=1),
    Kind('partial', lambda first, r: functools.partial(print), _fill_partial),
    Kind('variable of decimal', lambda first, r: _variable_of_decimal()),
    Kind('context', lambda first, r: contextvars.Context(), _fill_context),
    Kind('local context', _make_local_context, late=1),
    Kind('lock', lambda first, r: threading.RLock() if first else threading.Lock()),
)
