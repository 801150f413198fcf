"""Every function of the corpus shows under dreamflow, with and without restarts, what it shows under CPython."""

from __future__ import annotations

import inspect
import sys

import pytest

from aiida_dreamflow.values import chunk_files, chunks, parts

from .comparing import seen_in_memory, seen_natively
from .corpus import (
    asynchronous,
    cells,
    children,
    contextmanagers,
    delegating,
    displays,
    exceptions,
    expressions,
    functions,
    generators,
    handling,
    jumps,
    library,
    lifetimes,
    loops,
    managers,
    matching,
    names,
    surroundings,
)

MODULES = [asynchronous, expressions, loops, generators, exceptions, names, managers, matching, children]
MODULES += [library, lifetimes, surroundings, functions, cells, handling, jumps, contextmanagers, delegating, displays]
if sys.version_info >= (3, 11):
    from .corpus import groups, newer

    MODULES += [groups, newer]
if sys.version_info >= (3, 12):
    from .corpus import newer_312, typed_312

    MODULES += [newer_312, typed_312]
if sys.version_info >= (3, 14):
    from .corpus import newer_314, typed_314

    MODULES += [newer_314, typed_314]
CASES = [
    pytest.param(function, id=f'{module.__name__.rpartition(".")[2]}-{name.removeprefix("do_")}')
    for module in MODULES
    for name, function in vars(module).items()
    if name.startswith('do_') and inspect.iscoroutinefunction(function)
]


@pytest.fixture
def way(request, monkeypatch):
    if request.param == 'in pieces':  # what is done with long lists and large values is done with small ones
        for module, name, size in (
            (chunks, 'LONG', 4),
            (chunks, '_LOOSE', 1),
            (chunks, 'UNIT', 2),
            (chunk_files, 'UNIT', 2),
        ):
            monkeypatch.setattr(module, name, size)
        for name, size in (('_INLINE', 10), ('_WORTH_OWNING', 10), ('_LARGE_ARRAY', 16)):
            monkeypatch.setattr(parts, name, size)
    return request.param


@pytest.mark.parametrize('way', ['straight', 'restarted', 'in pieces'], indirect=True)
@pytest.mark.parametrize('function', CASES)
def test_same_as_python(function, way):
    assert seen_in_memory(function, restart=way != 'straight') == seen_natively(function)


def test_the_corpus_is_broad():
    assert len(CASES) > 300
