"""`run_in_memory`: a child finds and leaves what its own process would."""

from __future__ import annotations

import linecache
import os
import subprocess
import sys
from dataclasses import dataclass

import pytest

from aiida_dreamflow import checkpoint, run, submit, workflow
from aiida_dreamflow.exceptions import CannotStoreError, ChildFailedError, LaunchError, RemoteTraceback
from aiida_dreamflow.testing import run_in_memory

CALLS: list[int] = []


@dataclass
class Point:
    x: int


class Missing(Exception):
    def __init__(self, what, *, place):
        super().__init__(what)
        self.place = place


def calls(x, seen=[]):  # noqa: B006
    CALLS.append(x)
    seen.append(x)
    return len(CALLS), seen


def moves(x):
    with open('here.txt', 'w') as file:
        file.write(x)
    os.environ['DREAMFLOW_MOVED'] = x
    os.mkdir('below')
    os.chdir('below')
    return sorted(name for name in os.listdir('..') if name.endswith('.txt'))


def misses(x):
    raise Missing(x, place=[1])


def leaves(x):
    sys.exit(x)


def is_interrupted(x):
    raise KeyboardInterrupt


def point(x):
    return Point(x)


def generator(x):
    return iter([x])


def same(x):
    return x


@workflow
async def parent(target: str, x: object = 1):
    function = globals()[target]
    await checkpoint()
    return await submit(function, x=x)


@workflow
async def child(x: int):
    if x:
        raise Missing('nothing', place=x)
    return {'x': x}


@workflow
async def of_a_workflow(x: object):
    try:
        return await submit(child, x=x)
    except ChildFailedError as error:
        return [str(error), error.exit_status, error.node, type(error.__cause__).__name__]


@pytest.mark.parametrize('restart', [False, True])
def test_nothing_is_kept_from_call_to_call(restart):
    async def twice():
        return await submit(calls, x=1), await submit(calls, x=2), await run(calls, x=3)

    assert run_in_memory(twice, restart=restart) == ((1, [1]), (1, [2]), (1, [3]))
    assert CALLS == []


def test_a_folder_and_an_environment_of_its_own(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert run_in_memory(parent, 'moves', 'text') == ['here.txt']
    assert os.getcwd() == str(tmp_path)
    assert os.listdir() == []
    assert 'DREAMFLOW_MOVED' not in os.environ


def test_tracebacks_still_find_the_source():
    run_in_memory(parent, 'same')
    assert linecache.getline(__file__, 1).startswith('"""`run_in_memory`')
    assert 'dreamflow_function' not in sys.modules


def test_exceptions():
    with pytest.raises(Missing, match='text') as caught:
        run_in_memory(parent, 'misses', 'text')
    assert caught.value.place == [1]
    assert isinstance(caught.value.__cause__, RemoteTraceback)
    assert 'in misses' in str(caught.value.__cause__)
    with pytest.raises(ChildFailedError, match=r'the function raised SystemExit: 3\.') as caught:
        run_in_memory(parent, 'leaves', 3)
    assert caught.value.exit_status == 310
    with pytest.raises(KeyboardInterrupt):
        run_in_memory(parent, 'is_interrupted')


def test_classes_cross_as_in_a_job():
    with pytest.raises(LaunchError, match='`same` does not mention the class `Point`'):
        run_in_memory(parent, 'same', Point(1))
    assert run_in_memory(parent, 'point') == Point(1)
    with pytest.raises(ChildFailedError, match='at `result`') as caught:
        run_in_memory(parent, 'generator')
    assert (caught.value.exit_status, caught.value.node) == (330, None)


def test_a_workflow_is_a_process_too():
    assert run_in_memory(of_a_workflow, 0) == {'x': 0}
    text, status, node, cause = run_in_memory(of_a_workflow, 5)
    assert text.startswith('child_1 excepted: ')
    assert text.endswith('Missing: nothing')
    assert (status, node, cause) == (None, None, 'RemoteTraceback')
    with pytest.raises(LaunchError, match='`x` of `child` takes int'):
        run_in_memory(of_a_workflow, 'a')


def test_what_it_is_given():
    with pytest.raises(TypeError, match=r"child\(\) got an unexpected keyword argument 'y'"):
        run_in_memory(child, 1, y=2)
    with pytest.raises(TypeError, match="multiple values for argument 'x'"):
        run_in_memory(child, 1, x=2)
    with pytest.raises(CannotStoreError, match='`x'):
        run_in_memory(of_a_workflow, (each for each in [1]).gi_frame)


def test_no_aiida_for_what_is_not_decorated(tmp_path):
    (tmp_path / 'plain.py').write_text(
        'import sys\nfrom aiida_dreamflow import run, submit\nfrom aiida_dreamflow.testing import run_in_memory\n\n\n'
        'def double(x):\n    return 2 * x\n\n\nasync def twice(x):\n'
        '    return await submit(double, x=await run(double, x=x))\n\n\n'
        'assert run_in_memory(twice, 2) == 8\nassert "aiida" not in sys.modules\n'
    )
    done = subprocess.run([sys.executable, 'plain.py'], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
