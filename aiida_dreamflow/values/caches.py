"""Functions with `functools.lru_cache` or `functools.cache`: what they remember, and how often they were asked.

Relies on the order in which ``tp_traverse`` visits, in ``Modules/_functoolsmodule.c``: the class, three objects for each entry of a
cache that has an order, the oldest entry first, then the dict, the function, and what separates arguments from keywords in a
key. Knows the standard library only.
"""

from __future__ import annotations

import functools
import gc
from collections import deque
from collections.abc import Callable, Iterator
from itertools import repeat, starmap
from typing import Any

from .records import Kind, Reader, Record, Writing
from .references import has_name, write_named
from .subclasses import fill_state, state_of

__all__ = ('KINDS', 'WRITERS')

#: A call: its arguments, and those given by name.
_Call = tuple[tuple[Any, ...], dict[str, Any]]


class _Source(functools.partial):
    """What a cache asks: at first, what it had been told before; then its function. No frame of its own is ever on the stack."""

    def becomes(self, function: Callable[..., Any]) -> None:
        """Ask another function from now on."""
        self.__setstate__((function, (), {}, None))  # type: ignore[attr-defined]


class _ForgottenError(Exception):
    """Was raised for a call whose answer is not in the cache any more."""


def _forget(*args: Any, **kwargs: Any) -> Any:
    raise _ForgottenError


def _write_cached(value: Any, w: Writing) -> Record:
    if has_name(value):
        return write_named(value, value.__qualname__)
    parameters, info = value.cache_parameters(), value.cache_info()
    held = gc.get_referents(value)[1:]
    size = 0 if info.maxsize is None else 3 * info.currsize
    entries, (cache, function, mark) = held[:size], held[size : size + 3]
    found = [*cache.items()] if info.maxsize is None else [*zip(entries[::3], entries[1::3], strict=True)]
    if type(function) is _Source:
        function = function.func
    calls: list[Any] = []
    for key, result in found:
        args, kwargs = _call_of(key, mark, parameters['typed'])
        flat = [part if type(part) is str else w.ref(part) for item in kwargs.items() for part in item]
        calls.append([[*map(w.ref, args)], flat, w.ref(result)])
    state = state_of(value, w, lambda name: name != 'cache_parameters')
    rest = {'function': w.ref(function), 'calls': calls, 'hits': info.hits, 'misses': info.misses, **state}
    return ['cached', [w.ref(parameters['maxsize']), bool(parameters['typed'])], rest]


def _call_of(key: Any, mark: object, is_typed: bool) -> _Call:
    """Return the call that a key stands for. Source: ``lru_cache_make_key``."""
    if type(key) is not tuple:
        return (key,), {}
    parts = [*key]
    given = next((number for number, part in enumerate(parts) if part is mark), None)
    if given is None:
        return tuple(parts[: len(parts) // 2] if is_typed else parts), {}
    named = len(parts) - given - 1
    pairs = iter(parts[given + 1 :][: (named - given) // 3 * 2 if is_typed else named])
    return tuple(parts[:given]), dict(zip(pairs, pairs, strict=True))


def _make_cached(first: Any, r: Reader) -> object:
    cached: Any = functools.lru_cache(r.get(first[0]), first[1])(_Source(_forget))
    return cached


def _fill_cached(obj: Any, rest: Any, r: Reader) -> None:
    source, get = obj.__wrapped__, r.get
    calls: list[_Call] = []
    results = []
    for args, flat, result in rest['calls']:
        parts = iter(flat)
        calls.append((tuple(map(get, args)), {name: get(next(parts)) for name in parts}))
        results.append(get(result))
    _remember(obj, source, calls, iter(results), rest['hits'], rest['misses'])
    source.becomes(get(rest['function']))
    parameters = obj.cache_parameters
    obj.__dict__.clear()
    fill_state(obj, rest, r)
    obj.cache_parameters = parameters


def _remember(obj: Any, source: _Source, calls: list[_Call], results: Iterator[Any], hits: int, misses: int) -> None:
    """Have a cache answer some calls, and have been asked so often."""
    for _ in range(misses - len(calls)):
        try:
            obj(object())
        except _ForgottenError:
            continue
    source.becomes(lambda *args, **kwargs: next(results))
    for args, kwargs in calls:
        obj(*args, **kwargs)
    if calls:  # the newest stays the newest
        args, kwargs = calls[-1]
        deque(starmap(functools.partial(obj, **kwargs), repeat(args, hits)), 0)


WRITERS: dict[type, Any] = {functools._lru_cache_wrapper: _write_cached}
KINDS = (Kind('cached', _make_cached, _fill_cached, lambda rest: 3),)
