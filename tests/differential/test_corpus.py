"""Every function of the corpus shows under dreamflow, with and without restarts, what it shows under CPython."""

from __future__ import annotations

import inspect
import sys

import pytest

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


@pytest.mark.parametrize('restart', [False, True], ids=['straight', 'restarted'])
@pytest.mark.parametrize('function', CASES)
def test_same_as_python(function, restart):
    assert seen_in_memory(function, restart=restart) == seen_natively(function)


def test_the_corpus_is_broad():
    assert len(CASES) > 300
