"""Functions of the corpus show what they show under CPython when each restart is in another process, with another hash seed."""

from __future__ import annotations

import random

import pytest

from .comparing import seen_natively
from .elsewhere import Elsewhere, as_json
from .test_corpus import CASES

SEEDS = [1, 2]


@pytest.fixture(scope='module')
def elsewhere():
    processes = Elsewhere(SEEDS)
    yield processes
    processes.close()


@pytest.mark.parametrize('function', CASES)
def test_same_as_python(function, elsewhere):
    rng = random.Random(function.__name__)
    seen, _ = elsewhere.seen(function, lambda: rng.randint(1, 3))
    assert seen == as_json(seen_natively(function))


async def _order_of_a_set():
    return list({'a', 'b', 'c', 'd', 'e', 'f'})


def test_the_processes_hash_differently():
    processes = Elsewhere(SEEDS)
    orders = [processes._ask(number, {'function': [__name__, '_order_of_a_set'], 'awaits': 1}) for number in (0, 1)]
    processes.close()
    assert orders[0]['result'] != orders[1]['result']
