"""A worker is killed at each point where that could matter, and another goes on: as if nothing had happened.

Here some of the points are tried; ``make failpoints`` tries them all.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys

import pytest
from chaos.experiments import Bench
from servers.profiles import on_servers, without_servers

from aiida_dreamflow.jobs import failpoints

pytestmark = pytest.mark.timeout(900)

PAIRS = [
    pytest.param('sqlite', marks=pytest.mark.slow),
    pytest.param('postgresql', marks=pytest.mark.servers),
]


@pytest.fixture(scope='module', params=PAIRS)
def bench(request, tmp_path_factory):
    """On both databases; in the place of the broker is one that loses nothing."""
    folder = tmp_path_factory.mktemp('failpoints')
    if request.param == 'sqlite':
        with without_servers() as name:
            yield Bench(name, folder)
    else:
        servers = (request.getfixturevalue('postgresql'), request.getfixturevalue('rabbitmq'))
        with on_servers(*servers, tmp_path_factory.mktemp('repository')) as name:
            yield Bench(name, folder)


def test_the_engine_has_points_for_what_it_does(bench):
    """For a step, its transaction, a launch, a message, an output, a change of state, the lease, and each commit."""
    named = {name.partition('.')[0] for name in bench.names}
    assert named >= {'step', 'launch', 'message', 'output', 'state', 'lease', 'process', 'commit'}
    assert bench.names['step.stored'] == bench.names['step.nodes_written'] == 8
    assert bench.names['launch.ends'] == 6
    assert bench.names['commit.before'] == bench.names['commit.after'] > 300


def test_killed_where_a_step_is_stored_and_a_child_launched(bench):
    """One kill after another in the same run, at the places that matter most."""
    points = [
        ('step.nodes_written', 2),
        ('step.stored', 4),
        ('launch.message_sent', 4),
        ('launch.begins', 6),
        ('step.links_written', 7),
        ('output.given', 2),
    ]
    killed, wrong = bench.kill_at(*points)
    assert wrong == []
    assert killed == len(points)


def test_killed_at_points_drawn_by_lot(bench):
    points = random.Random(0).sample(bench.points, 4)
    killed, wrong = bench.kill_at(*points)
    assert wrong == [], points
    assert killed >= 2, 'most are reached, though each kill changes what comes after'


def test_a_failure_is_the_failure_of_the_step(bench):
    """An error in the middle of the transaction leaves nothing of the step."""
    _, wrong = bench.kill_at(('step.links_written', 3), action='raise')
    assert len(wrong) >= 1
    assert 'excepted' in wrong[0].lower()
    assert 'step.links_written' in wrong[0]


def test_off_they_do_nothing():
    """Off is what they are unless the environment says otherwise."""
    assert failpoints.reach.__code__.co_names == ()
    assert len(failpoints.reach.__code__.co_code) <= len((lambda name: None).__code__.co_code) + 4
    program = 'from aiida_dreamflow.jobs import failpoints; print(failpoints.reach.__name__)'
    for added, name in (({}, 'reach'), ({failpoints.VARIABLE: '/tmp'}, '_reach')):
        done = subprocess.run(
            [sys.executable, '-c', program], env={**os.environ, **added}, capture_output=True, text=True
        )
        assert done.stdout.strip() == name, done.stderr
