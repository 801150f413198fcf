"""A script that is executed under a relative name, as `verdi run` and `runpy` do: its file is known from then on."""

from __future__ import annotations

import linecache
import runpy

import pytest

from aiida_dreamflow.compiler.bundle import bundle
from aiida_dreamflow.compiler.source import read_source

TEXT = 'def f(x):\n    return x + 1\ndef outer():\n    def inner(x):\n        return x\n    return inner\n'


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Two folders with a script of the same name; the first one is where we are."""
    for name, text in (('here', TEXT), ('there', TEXT.replace('+ 1', '+ 2'))):
        (tmp_path / name).mkdir()
        (tmp_path / name / f'script_{tmp_path.name}.py').write_text(text)
    monkeypatch.chdir(tmp_path / 'here')
    linecache.clearcache()
    return tmp_path / 'here', tmp_path / 'there', f'script_{tmp_path.name}.py'


def executed(name):
    namespace = {'__name__': '__main__'}
    with open(name) as file:  # noqa: PTH123
        exec(compile(file.read(), name, 'exec'), namespace)
    return namespace


@pytest.mark.parametrize('execute', [executed, runpy.run_path])
def test_the_name_is_whole(folders, execute):
    here, _, name = folders
    function = execute(name)['f']
    assert function.__code__.co_filename == name
    assert bundle(function).filename == str(here / name)


def test_another_folder_has_another_file_of_that_name(folders, monkeypatch):
    here, there, name = folders
    first = executed(name)['f']
    assert bundle(first).filename == str(here / name)
    monkeypatch.chdir(there)
    linecache.checkcache()
    second = executed(name)['f']
    assert (bundle(first).filename, bundle(second).filename) == (str(here / name), str(there / name))
    assert '+ 1' in bundle(first).source
    assert '+ 2' in bundle(second).source
    assert '+ 1' in read_source(first).text


def test_a_folder_without_it(folders, monkeypatch):
    here, there, name = folders
    namespace = executed(name)
    bundle(namespace['f'])
    monkeypatch.chdir(there.parent)
    linecache.clearcache()
    assert bundle(namespace['outer']).filename == str(here / name)
    assert 'return x' in read_source(namespace['outer']()).text


def test_what_is_no_file_keeps_its_name(folders):
    name = 'no such file.py'
    linecache.cache[name] = (len(TEXT), None, TEXT.splitlines(keepends=True), name)
    namespace = {'__name__': '__main__'}
    exec(compile(TEXT, name, 'exec'), namespace)
    assert bundle(namespace['f']).filename == name
