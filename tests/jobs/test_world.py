"""Module state goes along with a function: what it sees is what it saw where it was launched."""

from __future__ import annotations

import importlib.util
import itertools
import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from jobs.module_styles import REFUSED, STYLES, text_of

from aiida_dreamflow.compiler import reach
from aiida_dreamflow.compiler.bundle import bundle
from aiida_dreamflow.exceptions import WorkflowUsageError
from aiida_dreamflow.jobs import remote, wire, world
from aiida_dreamflow.jobs.constants import store
from aiida_dreamflow.jobs.placing import place
from aiida_dreamflow.jobs.world import filling

_numbers = itertools.count()


def imported(tmp_path, text, name=None):
    """Import a module with this text, as the session has it."""
    name = name or f'user_style_{next(_numbers)}'
    path = tmp_path / f'{name}.py'
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def as_job(made, folder, *args):
    """Return what a function gives in a Python of its own, which knows nothing of this package."""
    folder.mkdir()
    document, _ = place(made, folder)
    text = wire.dumps({**document, 'arguments': {}})
    (folder / remote.INPUTS_FILE).write_text(text)
    ended = subprocess.run(
        [sys.executable, '-Es', remote.REMOTE_FILE], cwd=folder, capture_output=True, text=True, env={'PATH': ''}
    )
    assert (folder / remote.RESULT_FILE).exists(), ended.stderr
    report = json.loads((folder / remote.RESULT_FILE).read_text())
    assert report['status'] == 'returned', ended.stderr
    return wire.decode(report['value'])


def plain(value):
    """Return a value as a job sends it."""
    return wire.decode(json.loads(wire.dumps(wire.encode(value))))


@pytest.mark.parametrize('style', STYLES)
def test_the_same_where_it_runs(tmp_path, style):
    module = imported(tmp_path, text_of(style))
    getattr(module, 'session', lambda: None)()
    made = bundle(module.f, modules=True, store=store)
    pinned = bundle(module.f, allow_async=True, annotations=True, modules=True, store=store)
    loaded = made.find(made.load(f'test_world_{next(_numbers)}', filling))
    as_workflow = pinned.find(pinned.load(f'test_world_{next(_numbers)}', filling))
    expected = plain(module.f())
    assert plain(loaded()) == expected
    assert plain(as_workflow()) == expected
    assert as_job(made, tmp_path / 'job') == expected


IN_CHILD = """
    import subprocess, sys
    FACTOR = 2
    FACTOR += 1
    def times(x: 'Nothing' = 2): return FACTOR * x
    def f():
        code = f'from dreamflow_function import {times.__name__}; print(times())'
        return subprocess.run([sys.executable, '-c', code], capture_output=True, text=True).stdout
    """


def test_programs_that_a_job_starts_may_import_the_function(tmp_path):
    """As those of joblib do."""
    module = imported(tmp_path, textwrap.dedent(IN_CHILD))
    made = bundle(module.f, modules=True, store=store)
    assert as_job(made, tmp_path / 'job') == '6\n'


@pytest.mark.parametrize('style', STYLES)
def test_it_goes_along_from_where_it_was_loaded_to(tmp_path, style):
    """A worker, which has loaded the function, submits it as a job; the file is gone by then."""
    module = imported(tmp_path, text_of(style))
    made = bundle(module.f, allow_async=True, annotations=True, modules=True, store=store)
    Path(module.__file__).unlink()
    loaded = made.find(made.load(f'test_world_{next(_numbers)}', filling))
    again = bundle(loaded, modules=True, store=store)
    assert plain(again.find(again.load(f'test_world_{next(_numbers)}', filling))()) == plain(module.f())


@pytest.mark.parametrize('style', REFUSED)
def test_refused_by_name(tmp_path, style):
    text, name = REFUSED[style]
    module = imported(tmp_path, text)
    with pytest.raises(
        WorkflowUsageError, match=rf'it uses {name}(?: \(line \d+ of .*\))?, a `\w+`, which cannot go along'
    ):
        bundle(module.f, store=store)


def test_both_sides_know_what_was_given():
    assert world.GIVEN == reach.GIVEN


def test_names_that_no_statement_makes(tmp_path):
    module = imported(tmp_path, 'def f(): return injected\n')
    module.injected = [1]
    made = bundle(module.f, store=store)
    assert made.state.plain == {':injected': [1]}
    assert made.find(made.load('test_world_injected', filling))() == [1]


def test_what_is_as_its_line_says_needs_nothing(tmp_path):
    module = imported(tmp_path, "SCALE = -3\nCONFIG = {'a': [1, 2.5, 'x']}\ndef f(): return SCALE, CONFIG\n")
    made = bundle(module.f, store=store)
    assert not made.state
    assert made.source.count('=') == 2
    module.CONFIG['a'][1] = 2
    made = bundle(module.f, store=store)
    assert made.state.plain == {':CONFIG': {'a': [1, 2, 'x']}}
    assert 'CONFIG =' not in made.source


def test_same_key_same_behaviour(tmp_path):
    module = imported(tmp_path, 'import random\nX = random.random()\ndef f(): return X\n')
    first, again = bundle(module.f, store=store), bundle(module.f, store=store)
    assert (first.key, first.fingerprint) == (again.key, again.fingerprint)
    module.X = 2.0
    other = bundle(module.f, store=store)
    assert other.fingerprint == first.fingerprint
    assert other.key != first.key


def test_what_has_not_changed_is_not_encoded_again(tmp_path, monkeypatch):
    module = imported(
        tmp_path, 'A, B = [[1, 2.0], ["x"]], {}\nfor i in range(3): B[i] = (i, i)\ndef f(): return A, B\n'
    )
    encoded = []
    monkeypatch.setattr(
        wire, 'encode', lambda value, save, encode=wire.encode: encoded.append(value) or encode(value, save)
    )
    first = bundle(module.f, store=store)
    encoded.clear()
    assert bundle(module.f, store=store).state == first.state
    assert encoded == []
    for change in (
        lambda: module.A[0].append(3),
        lambda: module.A[0].__setitem__(0, True),  # which is equal to 1
        lambda: module.B.update({0: module.B.pop(0)}),  # at the end now
        lambda: module.A.__setitem__(1, module.A[0]),
    ):
        change()
        made = bundle(module.f, store=store)
        loaded = made.find(made.load(f'test_world_{next(_numbers)}', filling))
        assert repr(loaded()) == repr(module.f())
    assert loaded()[0][0] is loaded()[0][1]
    assert len(encoded) == 3


def test_no_statement_is_executed_again(tmp_path):
    """Only definitions and imports are, and one assignment whose value has no stored form."""
    log = tmp_path / 'log'
    text = f"""
        def note(x):
            with open({str(log)!r}, 'a') as file: file.write(f'{{x}} ')
            return x
        A = note('a')
        for i in range(2): note(i)
        note('b')
        with open({str(log)!r}) as file: C = note('c')
        D, E = note('d'), note('e')
        F = [note('f') for _ in range(2)]
        def f(): return A, C, D, E, F, i
        """
    module = imported(tmp_path, textwrap.dedent(text))
    said = log.read_text()
    made = bundle(module.f, modules=True, store=store)
    assert made.find(made.load('test_world_once', filling))() == module.f()
    assert log.read_text() == said
