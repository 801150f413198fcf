"""The harness notices faults of the compiler: each of `MUTATIONS` is seen by the corpus and by random programs."""

from __future__ import annotations

import sys

import pytest

from .mutations import MUTATIONS, broken, notices, random_programs, with_native
from .test_corpus import CASES


@pytest.fixture(scope='module')
def corpus():
    return with_native([case.values[0] for case in CASES[::2]])


@pytest.fixture(scope='module')
def fuzz():
    return with_native(random_programs(80))


@pytest.mark.slow
@pytest.mark.optional
@pytest.mark.skipif(sys.platform == 'win32', reason='no timer that interrupts')
@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('mutation', MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_noticed(mutation, corpus, fuzz):
    with broken(mutation):
        for pairs in (corpus, fuzz):
            assert any(notices(*pair) for pair in pairs)


def test_without_a_fault_nothing_is_noticed(corpus, fuzz):
    assert len(corpus) == len(CASES[::2])
    assert len(fuzz) == 80
