"""A generator that goes on from where another was, in the process before a restart.

What it runs is the activation of its compiled function; it is a generator to the user all the same.
"""

from __future__ import annotations

import ctypes
import sys
import types
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, NoReturn

from ..compiler.program import Await, Delegated, Jump, Reraise
from .activation import Activation, nothing_to_reraise
from .tracebacks import without_runtime

__all__ = ('Suspension', 'finished', 'hold', 'prime', 'release', 'resumable', 'suspension_of')


@dataclass(eq=False)
class Suspension:
    """A generator that waits at a ``yield``, or is about to begin.

    :ivar activation: the call of its function.
    :ivar inner: the iterator that a ``yield from`` waits for.
    """

    activation: Activation | None = None
    inner: Any = None


def suspension_of(generator: types.GeneratorType[Any, Any, Any]) -> Suspension | None:
    """Return where a generator of this module waits, ``None`` for another one."""
    if generator.gi_code not in (_run.__code__, _run_awaited.__code__) or generator.gi_frame is None:
        return None
    suspension: Suspension = generator.gi_frame.f_locals['suspension']
    return Suspension(suspension.activation, _inner(generator.gi_yieldfrom))


def resumable(
    name: str, qualname: str, suspension: Suspension, is_awaitable: bool = False
) -> types.GeneratorType[Any, Any, Any]:
    """Return a generator that goes on from where another waits.

    :param name: its ``__name__``.
    :param qualname: its ``__qualname__``.
    :param suspension: where; may be filled until `prime`.
    :param is_awaitable: whether it can be awaited, as those of a function that `types.coroutine` was given.
    """
    generator = (_run_awaited if is_awaitable else _run)(suspension)
    assert isinstance(generator, types.GeneratorType)
    generator.__name__, generator.__qualname__ = name, qualname
    return generator


def prime(generator: types.GeneratorType[Any, Any, Any], suspension: Suspension) -> None:
    """Let a generator of `resumable` wait at its ``yield``, if it has begun."""
    if suspension.activation is not None and suspension.activation.awaiting is not None:
        next(generator)


def finished(name: str, qualname: str) -> types.GeneratorType[Any, Any, Any]:
    """Return a generator that has come to its end."""
    generator = resumable(name, qualname, Suspension())
    generator.close()
    return generator


def hold(generator: types.GeneratorType[Any, Any, Any]) -> None:
    """Keep a generator from being closed when nothing refers to it any more: it lives on in its stored form.

    CPython closes it then, and runs its ``finally``; so it gets one reference more, until `release` or for ever.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(generator))


def release(generator: types.GeneratorType[Any, Any, Any]) -> None:
    """Undo `hold`: the generator goes on here."""
    ctypes.pythonapi.Py_DecRef(ctypes.py_object(generator))


def _run(suspension: Suspension) -> Generator[Any, Any, Any]:
    activation = suspension.activation
    assert activation is not None
    if activation.awaiting is None:
        value = _advance(activation, None, None)
    else:
        value = _Primed(suspension.inner) if isinstance(activation.awaiting.node, Delegated) else None
    while activation.awaiting is not None:
        received: Any = None
        thrown: BaseException | None = None
        handled = activation.innermost()
        try:
            if handled is not None:
                received = yield from _wait_handling(handled, activation, value)
            elif isinstance(activation.awaiting.node, Delegated):
                received = yield from value
            else:
                received = yield value
        except BaseException as error:
            if error.__context__ is None and error is not handled:
                # `close` ends `_wait_handling` first: what it then raises here has met no exception being handled.
                error.__context__ = handled
            thrown = error
        value = _advance(activation, received, thrown)
    return value


_run_awaited: Any = types.coroutine(types.FunctionType(_run.__code__, globals()))


@types.coroutine  # it may wait for a coroutine, as `_run_awaited` does
def _wait_handling(handled: BaseException, activation: Activation, value: Any) -> Generator[Any, Any, Any]:
    """Give a value and wait, while the exception is being handled that the generator handles."""
    assert activation.awaiting is not None
    delegated = isinstance(activation.awaiting.node, Delegated)
    traceback, context = handled.__traceback__, handled.__context__
    try:
        raise handled
    except BaseException:
        handled.__traceback__, handled.__context__ = traceback, context
        return (yield from value) if delegated else (yield value)


class _Primed:
    """An iterator that goes on with another, after one turn for `prime`."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self._begun = False

    def __iter__(self) -> _Primed:
        return self

    def __next__(self) -> Any:
        return self.send(None)

    def send(self, value: Any) -> Any:
        if not self._begun:
            self._begun = True
            return None
        return next(self.inner) if value is None else self.inner.send(value)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)  # `throw` and `close`, if the inner one has them


def _inner(waiting: Any) -> Any:
    """Return the iterator that the user's ``yield from`` waits for."""
    if isinstance(waiting, types.GeneratorType) and waiting.gi_code is _wait_handling.__code__:
        waiting = waiting.gi_yieldfrom
    return waiting.inner if isinstance(waiting, _Primed) else waiting


def _advance(activation: Activation, received: Any, thrown: BaseException | None) -> Any:
    """Run a generator's function to its next ``yield``, or to its end.

    :returns: what it yields or returns.
    """
    error = thrown
    if error is not None:
        error = activation.throw(error)
    elif activation.awaiting is not None:
        activation.resume(received)
    while True:
        if error is not None and not activation.catch(error):
            _raise(error)
        handled = activation.innermost()
        error = None
        try:
            exit, value = activation.run_block(handled)
        except BaseException as raised:
            error = raised
        if error is not None:
            error.__traceback__ = without_runtime(error.__traceback__)
            error = activation.in_own_words(error)
        elif isinstance(exit, Jump):
            activation.jump(exit, value)
        elif isinstance(exit, Await):
            activation.suspend(exit)
            return value
        elif isinstance(exit, Reraise):
            current = sys.exc_info()[1] if handled is None else handled
            error = nothing_to_reraise(activation, exit) if current is None else current
        else:
            return value


def _raise(error: BaseException) -> NoReturn:
    """Let an exception go on that has been raised before: its context is settled."""
    context = error.__context__
    try:
        raise error
    except BaseException:
        error.__context__ = context
        raise
