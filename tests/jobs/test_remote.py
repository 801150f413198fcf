"""The remote's file as the remote runs it: alone in a folder, with an old Python and without numpy."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aiida_dreamflow.jobs import forms, remote, spread, wire, world


def interpreters(version):
    """Pythons of a version: on the PATH, or those of pyenv."""
    found = shutil.which(f'python{version}')
    root = Path(os.environ.get('PYENV_ROOT', Path.home() / '.pyenv')) / 'versions'
    return [*([found] if found else []), *map(str, sorted(root.glob(f'{version}.*/bin/python')))]


def working(version):
    for python in interpreters(version):
        if subprocess.run([python, '-c', ''], capture_output=True, check=False).returncode == 0:
            return python
    pytest.skip(f'there is no Python {version} here')


@pytest.fixture(params=[sys.executable, pytest.param('3.8', marks=pytest.mark.optional)], ids=['this', '3.8'])
def python(request):
    return working(request.param) if request.param == '3.8' else request.param


def run(folder, python, source, qualname='f', *, arguments=None, **more):
    """Run a function as a job does; give the report and what came out."""
    prepare(folder, source, qualname, arguments, **more)
    ended = subprocess.run([python, remote.REMOTE_FILE], cwd=folder, capture_output=True, text=True, check=False)
    result = folder / remote.RESULT_FILE
    return (json.loads(result.read_text()) if result.exists() else None), ended


def prepare(folder, source, qualname='f', arguments=None, **more):
    """Write the files of a job."""
    (folder / remote.RESULT_FILE).unlink(missing_ok=True)
    (folder / remote.REMOTE_FILE).write_bytes(Path(remote.__file__).read_bytes())
    (folder / remote.WIRE_FILE).write_bytes(Path(wire.__file__).read_bytes())
    (folder / remote.FORMS_FILE).write_bytes(Path(forms.__file__).read_bytes())
    (folder / remote.WORLD_FILE).write_bytes(Path(world.__file__).read_bytes())
    (folder / remote.FUNCTION_FILE).write_text(source)
    if 'count' in more:
        (folder / remote.SPREAD_FILE).write_bytes(Path(spread.__file__).read_bytes())
    inputs = {
        'qualname': qualname,
        'filename': '/home/me/script.py',
        'arguments': wire.encode(arguments or {}),
        **more,
    }
    (folder / remote.INPUTS_FILE).write_text(wire.dumps(inputs))


def test_returns(tmp_path, python):
    source = (
        'import numbers\n\ndef f(x: "Undefined", y: int | None = 3):\n    print("hello")\n    return (x, [y, {1}])\n'
    )
    report, ended = run(tmp_path, python, source, arguments={'x': b'1'})
    assert report['status'] == 'returned'
    assert wire.decode(report['value']) == (b'1', [3, {1}])
    assert (ended.stdout, ended.stderr, ended.returncode) == ('hello\n', '', 0)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == sorted(
        (
            remote.REMOTE_FILE,
            remote.WIRE_FILE,
            remote.FORMS_FILE,
            remote.WORLD_FILE,
            remote.FUNCTION_FILE,
            remote.INPUTS_FILE,
            remote.RESULT_FILE,
        )
    )


def test_lines_of_the_cells_of_a_notebook(tmp_path, python):
    source = '\ndef g(x):\n    return 1 / x\ndef f(x):\n    return g(x)\n'
    report, _ = run(tmp_path, python, source, arguments={'x': 0}, cells=[['<cell 1>', 3]])
    assert '"<cell 1>", line 3, in g\n    return 1 / x' in report['exception']['traceback']
    assert '"/home/me/script.py", line 2, in f\n    return g(x)' in report['exception']['traceback']


def test_raises_with_only_the_users_frames(tmp_path, python):
    source = 'def g(x):\n    return 1 / x\n\ndef f(x):\n    return g(x)\n'
    report, ended = run(tmp_path, python, source, arguments={'x': 0})
    exception = report['exception']
    assert (report['status'], exception['type'], exception['phase']) == ('raised', 'ZeroDivisionError', 'call')
    assert exception['args'] == ['division by zero']
    assert remote.REMOTE_FILE not in exception['traceback']
    assert '  File "/home/me/script.py", line 2, in g\n    return 1 / x\n' in exception['traceback']
    assert ended.stderr == exception['traceback']
    assert ended.returncode == 1


def test_exceptions_that_make_trouble_themselves(tmp_path, python):
    source = """
class Odd(Exception):
    def __str__(self):
        raise RuntimeError('no text')

def f():
    error = Odd(f, 1)
    error.data, error.more = f, (1,)
    raise error
"""
    report, _ = run(tmp_path, python, source)
    assert report['exception']['message'] == '<its text cannot be had>'
    assert wire.decode(report['exception']['args']) == ['<a function, which cannot be sent>', 1]
    attributes = {'data': '<a function, which cannot be sent>', 'more': (1,)}
    assert wire.decode(report['exception']['attributes']) == attributes


@pytest.mark.parametrize(
    ('body', 'kind'),
    [('raise SystemExit(2)', 'SystemExit'), ('raise KeyboardInterrupt', 'KeyboardInterrupt'), ('g()', 'NameError')],
)
def test_other_ends(tmp_path, python, body, kind):
    report, ended = run(tmp_path, python, f'def f():\n    {body}\n')
    assert report['exception']['type'] == kind
    assert ended.returncode == 1


def test_loading_fails(tmp_path, python):
    report, _ = run(tmp_path, python, 'def f(:\n')
    assert (report['status'], report['exception']['phase'], report['exception']['type']) == (
        'raised',
        'load',
        'SyntaxError',
    )
    report, _ = run(tmp_path, python, 'import nowhere_at_all\n\ndef f(): pass\n')
    assert (report['status'], report['missing'], report['exception']['phase']) == ('module', 'nowhere_at_all', 'load')


def test_the_result_cannot_be_sent(tmp_path, python):
    report, ended = run(tmp_path, python, 'def f():\n    return [{"a": f}]\n')
    assert (report['status'], report['type'], report['path']) == ('unsendable', 'function', "[0]['a']")
    assert ended.returncode == 1


def test_killed_leaves_nothing(tmp_path, python):
    report, _ = run(tmp_path, python, 'import os, signal\ndef f():\n    os.kill(os.getpid(), signal.SIGKILL)\n')
    assert report is None


def test_signatures(tmp_path, python):
    source = 'def f(a, /, b, *args, c, **more):\n    return [a, b, args, c, more]\n'
    report, _ = run(tmp_path, python, source, arguments={'a': 1, 'b': 2, 'args': [3, 4], 'c': 5, 'd': 6})
    assert wire.decode(report['value']) == [1, 2, (3, 4), 5, {'d': 6}]
    report, _ = run(tmp_path, python, source, arguments={'a': 1, 'b': 2, 'c': 5})
    assert wire.decode(report['value']) == [1, 2, (), 5, {}]


def test_classes_and_processes_of_the_function(tmp_path, python):
    source = """
import multiprocessing
from dataclasses import dataclass
from typing import ClassVar

@dataclass
class P:
    x: int
    n: ClassVar[int] = 2

def square(p):
    return p.x ** P.n

def f(n):
    with multiprocessing.get_context('spawn').Pool(1) as pool:
        return pool.map(square, [P(i) for i in range(n)])
"""
    report, ended = run(tmp_path, python, source, arguments={'n': 3})
    assert report.get('value') == [0, 1, 4], ended.stderr


@pytest.mark.optional
def test_numpy_is_wanted_only_for_arrays(tmp_path):
    python = working('3.8')
    if subprocess.run([python, '-c', 'import numpy'], capture_output=True, check=False).returncode == 0:
        pytest.skip('this Python 3.8 has numpy')
    report, _ = run(tmp_path, python, 'def f(x):\n    return x\n', arguments={'x': 1.5})
    assert report['value'] == 1.5
    inputs = json.loads((tmp_path / remote.INPUTS_FILE).read_text())
    inputs['arguments']['x'] = {'!': 'array', 'file': 'input-0.npy'}
    (tmp_path / 'input-0.npy').write_bytes(b'')
    (tmp_path / remote.INPUTS_FILE).write_text(json.dumps(inputs))
    (tmp_path / remote.RESULT_FILE).unlink()
    subprocess.run([python, remote.REMOTE_FILE], cwd=tmp_path, capture_output=True, check=False)
    report = json.loads((tmp_path / remote.RESULT_FILE).read_text())
    assert (report['status'], report['missing']) == ('module', 'numpy')


@pytest.mark.optional
@pytest.mark.parametrize('version', ['3.7', '3.6', '2.7'])
def test_too_old(tmp_path, version):
    report, ended = run(tmp_path, working(version), 'def f(): pass\n')
    if report is None:
        assert 'SyntaxError' in ended.stderr
        assert remote.REMOTE_FILE in ended.stderr
    else:
        assert report['status'] == 'python'
        assert report['python'].startswith(version)


@pytest.mark.parametrize('first_is_killed', [False, True])
def test_submitted_twice(tmp_path, first_is_killed):
    """A worker may die when it has submitted a job and not noted that: the second copy waits for the first."""
    source = 'import pathlib, time\n\ndef f():\n    with open("ran", "a") as file:\n        file.write("x")\n    time.sleep(1)\n'
    prepare(tmp_path, source)
    command = [sys.executable, remote.REMOTE_FILE]
    first = subprocess.Popen(command, cwd=tmp_path)
    while not (tmp_path / 'ran').exists():
        time.sleep(0.01)
    if first_is_killed:
        first.kill()
    second = subprocess.run(command, cwd=tmp_path, check=False)
    first.wait()
    assert (tmp_path / remote.RESULT_FILE).exists()
    assert second.returncode == 0
    assert (tmp_path / 'ran').read_text() == ('xx' if first_is_killed else 'x')


def test_many_items(tmp_path, python):
    """Each is called in one of as many processes as the scheduler has given cores; one that dies takes no other with it."""
    source = """
import os, time

def f(x, y=2):
    print('item', x, flush=True)
    if x == 3:
        raise ValueError('three')
    if x == 4:
        os.kill(os.getpid(), 9)
    if x == 5:
        return f
    time.sleep(0.05)
    return x * y, os.getpid()
"""
    environment = {**os.environ, 'SLURM_CPUS_ON_NODE': '2'}
    prepare(tmp_path, source, arguments={'x': list(range(8))}, count=8)
    ended = subprocess.run(
        [python, remote.REMOTE_FILE], cwd=tmp_path, capture_output=True, text=True, check=False, env=environment
    )
    assert ended.returncode == 0
    report = json.loads((tmp_path / remote.RESULT_FILE).read_text())
    assert report['status'] == 'mapped'
    assert [item['status'] for item in report['items']] == [
        'returned', 'returned', 'returned', 'raised', 'died', 'unsendable', 'returned', 'returned',
    ]  # fmt: skip
    found = [wire.decode(item['value']) for item in report['items'] if item['status'] == 'returned']
    assert [value for value, _ in found] == [0, 2, 4, 12, 14]
    assert len({pid for _, pid in found}) in (2, 3)
    assert report['items'][4]['exit'] == -9
    assert sorted(filter(str.isdigit, ended.stdout)) == list('01234567')
    assert 'item 3: Traceback' in ended.stderr


def test_all_items_together_are_too_large(tmp_path):
    report, _ = run(
        tmp_path, sys.executable, 'def f(x):\n    return "x" * 100', arguments={'x': [1] * 20}, count=20, limit=500
    )
    assert (report['status'], report['limit']) == ('large', 500)


def test_mpi(tmp_path):
    """All processes call the function at a time; the first tells what it returned."""
    source = """
import os, pathlib, time

def f():
    rank = os.environ['PMI_RANK']
    pathlib.Path('rank-' + rank).touch()
    while not pathlib.Path('rank-1' if rank == '0' else 'rank-0').exists():
        time.sleep(0.01)
    return rank
"""
    prepare(tmp_path, source, mpi=True)
    command = [sys.executable, remote.REMOTE_FILE]
    started = [subprocess.Popen(command, cwd=tmp_path, env={**os.environ, 'PMI_RANK': str(rank)}) for rank in (1, 0)]
    assert [process.wait(30) for process in started] == [0, 0]
    report = json.loads((tmp_path / remote.RESULT_FILE).read_text())
    assert (report['status'], report['value']) == ('returned', '0')


def test_what_is_printed_is_shortened(tmp_path, monkeypatch):
    monkeypatch.setattr(remote, 'MAX_PRINTED', 100)
    path = tmp_path / 'stdout'
    path.write_text('a' * 500 + 'b' * 500)
    remote._shorten(path)
    assert path.read_text() == 'a' * 50 + '\n[... 900 bytes were left out ...]\n' + 'b' * 50
    remote._shorten(tmp_path / 'nowhere')
