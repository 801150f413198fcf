"""A worker is killed at each point where that could matter, and another goes on: as if nothing had happened.

All points are tried by ``make failpoints``; some of them here.
"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest
from chaos import experiments


@pytest.fixture(scope='module')
def bench(profile, tmp_path_factory):
    return experiments.Bench(profile, tmp_path_factory.mktemp('failpoints'))


def test_uninterrupted(bench):
    print(bench.points)
