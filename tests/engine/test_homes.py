"""Objects of the classes of a script or notebook, in each place that stores a value, wherever the workflow runs.

A worker and the process of a `run` make the module of the script anew, under a name of their own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest
from aiida import orm

from aiida_dreamflow.testing import check_provenance

from .helpers import wait_until

SCRIPT = """
import dataclasses, enum, json, sys
from aiida import engine, load_profile
from aiida_dreamflow import checkpoint, run, submit, workflow
from neighbour import Other, Shade

@dataclasses.dataclass
class Point:
    x: int
    def twice(self):
        return Point(2 * self.x)

class Colour(enum.Enum):
    RED = 1

class Broken(Exception):
    pass

def twice(p: Point):
    return [p.twice(), Colour.RED]

def made(n):
    return [Point(n), Other(n)]

@workflow
async def returns(n: int):
    p = Point(n)
    await checkpoint()
    return [p, Colour.RED, Other(n)]

@workflow
async def takes(given):
    point, colour, other = given
    await checkpoint()
    assert (type(point), type(other), colour) == (Point, Other, Colour.RED)
    return point.x + other.x

@workflow
async def breaks(n: int):
    await checkpoint()
    raise Broken(n)

@workflow
async def everything(n: int, given: list, shade: Shade):
    start = await takes(given=given)
    doubled, colour = await run(twice, p=Point(n))
    assert (doubled, colour) == (Point(2 * n), Colour.RED)
    first, second = await run(made, n=n)
    assert (first, type(second)) == (Point(n), Other)
    doubled, colour = await submit(twice, p=doubled)
    assert (doubled, colour) == (Point(4 * n), Colour.RED)
    child = await returns(n=n)
    again = await takes(given=child)
    try:
        await breaks(n=n)
    except Exception as error:
        words = str(error)
    assert shade is Shade.LIGHT
    return {'shade': shade, 'start': start, 'again': again, 'values': [*child, doubled], 'words': words}

if __name__ == '__main__':
    load_profile()
    given = [Point(3), Colour.RED, Other(4)]
    if sys.argv[1] == 'submit':
        print(json.dumps(engine.submit(everything, n=5, given=given, shade=Shade.LIGHT).pk))
    elif sys.argv[1] == 'run':
        print(json.dumps(engine.run_get_node(everything, n=5, given=given, shade=Shade.LIGHT)[1].pk))
    else:
        from aiida import orm
        point, colour, other, doubled = orm.load_node(int(sys.argv[1])).value
        assert (point, colour, doubled) == (Point(5), Colour.RED, Point(20))
        print(json.dumps([type(other) is Other, other.x]))
"""
NEIGHBOUR = """
import enum

class Shade(enum.Enum):
    LIGHT = 'l'

class Other:
    def __init__(self, x):
        self.x = x
"""


@pytest.fixture
def script(tmp_path):
    """Calls the script, and returns what it prints last."""
    (tmp_path / 'neighbour.py').write_text(NEIGHBOUR)
    (tmp_path / 'script.py').write_text(SCRIPT)

    def call(argument):
        command = [sys.executable, str(tmp_path / 'script.py'), str(argument)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return call


@pytest.mark.parametrize('way', ['run', 'submit'])
def test_everywhere(script, way, daemon):
    node = orm.load_node(script(way))
    wait_until(lambda: node.is_terminated, 'it ends', node)
    assert node.is_finished_ok, (node.exit_message, node.exception)
    assert (node.outputs.start.value, node.outputs.again.value) == (7, 10)
    assert 'excepted: Broken: 5' in node.outputs.words.value
    assert node.outputs.shade.identifier == 'neighbour:Shade'
    values = node.outputs.values
    assert values.python_type == 'list'
    assert script(values.pk) == [True, 5], 'another session that has the classes reads them'
    assert check_provenance(node) == []


def test_the_same_value_wherever_it_was_made(script, daemon):
    pks = [script('run'), script('submit')]
    nodes = [orm.load_node(pk) for pk in pks]
    wait_until(lambda: all(node.is_terminated for node in nodes), 'they end', nodes[1])
    first, second = (node.outputs.values.base.caching.compute_hash() for node in nodes)
    assert first == second


def test_a_session_without_the_class_is_told(script, profile):
    from aiida_dreamflow.exceptions import FrameError

    values = orm.load_node(script('run')).outputs.values
    with pytest.raises(FrameError, match='`Colour` of a script or notebook|`Point` of a script or notebook'):
        values.value  # noqa: B018


UNMENTIONED = """
from aiida import engine, load_profile
from aiida_dreamflow import run, workflow
from aiida_dreamflow.testing import run_in_memory

class Point:
    pass

def length(p):
    return 1

@workflow
async def measures():
    try:
        return await run(length, p=Point())
    except Exception as error:
        return str(error)

load_profile()
print(run_in_memory(measures))
print(engine.run(measures)['result'].value)
"""


def test_a_class_that_does_not_travel(tmp_path, profile):
    (tmp_path / 'script.py').write_text(textwrap.dedent(UNMENTIONED))
    done = subprocess.run([sys.executable, str(tmp_path / 'script.py')], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()[-2:]
    assert first == second
    assert 'does not mention the class `Point`' in first
    assert 'annotate the parameter with it (`p: Point`)' in first
