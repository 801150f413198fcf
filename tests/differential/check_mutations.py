"""The harness notices faults of the compiler: each of `MUTATIONS` is seen by the corpus and by random programs.

Tests of the tests, run by ``make mutations``.
"""

from __future__ import annotations

import pytest

from .comparing import seen_natively
from .mutations import MUTATIONS, broken, notices, random_programs
from .test_corpus import CASES
from .test_fuzz import comparable


@pytest.fixture(scope='module')
def functions():
    return {'corpus': [case.values[0] for case in CASES], 'random programs': random_programs(300)}


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('harness', ['corpus', 'random programs'])
@pytest.mark.parametrize('mutation', MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_noticed(mutation, harness, functions):
    for function in functions[harness]:
        native = comparable(seen_natively(function))
        with broken(mutation):
            noticed = notices(function, native)
        if noticed:
            break
    assert noticed
    with broken(None):
        assert not notices(function, native)
