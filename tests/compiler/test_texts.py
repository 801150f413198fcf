"""A file is edited after it was imported: what runs in this session is stored, or nothing is."""

from __future__ import annotations

import importlib
import linecache
import os
import sys

import pytest

from aiida_dreamflow.compiler.bundle import bundle
from aiida_dreamflow.compiler.modules import used_modules
from aiida_dreamflow.compiler.source import read_source
from aiida_dreamflow.exceptions import CompileError, WorkflowUsageError

OLD = 'N = 1\ndef f(x):\n    return x + 1\nasync def g(x):\n    return x + 1\nclass C:\n    def m(self):\n        return 1\n'
NEW = OLD.replace('+ 1', '+ 2')


@pytest.fixture
def edited(tmp_path, monkeypatch):
    """Import a module, and edit its file."""
    monkeypatch.syspath_prepend(str(tmp_path))
    path = tmp_path / f'edited_{tmp_path.name}.py'

    def make(text=NEW, seen=False, old=OLD):
        path.write_text(old)
        importlib.invalidate_caches()
        sys.modules.pop(path.stem, None)
        module = importlib.import_module(path.stem)
        if seen:
            linecache.getlines(str(path))
        path.write_text(text)
        os.utime(path, (1, 1))
        return module

    yield make
    sys.modules.pop(path.stem, None)


def stored(module, edited=False):
    (found,) = used_modules([module.__name__], edited)
    return found.source


@pytest.mark.parametrize('how', [lambda m: bundle(m.f), stored], ids=['function', 'module'])
def test_refused_if_the_old_text_is_gone(edited, how):
    module = edited()
    with pytest.raises(WorkflowUsageError, match=r'edited since .* (start|Start) Python again'):
        how(module)


def test_refused_as_workflow_function(edited):
    with pytest.raises(CompileError, match=r'line 4 of .* defines another `g` by now: the file was edited'):
        read_source(edited().g)


def test_the_old_text_if_it_was_seen(edited):
    module = edited(seen=True)
    assert '+ 1' in bundle(module.f).source
    assert '+ 1' in read_source(module.g).text
    assert stored(module) == OLD
    linecache.checkcache()  # as a traceback does
    assert '+ 1' in bundle(module.f).source
    assert stored(module) == OLD
    assert stored(module, edited=True) == NEW


def test_the_old_text_if_only_lines_have_moved(edited):
    module = edited(text='# a comment\n' + OLD, seen=True)
    assert stored(module) == OLD
    linecache.checkcache()
    assert bundle(module.f).source.splitlines()[1:3] == OLD.splitlines()[1:3]


@pytest.mark.parametrize(
    'text', ['# a comment\n' + OLD, OLD + 'def another(): pass\n', OLD.replace('class C', 'class D'), OLD[:33]]
)
def test_an_edit_that_changes_no_function_that_is_there(edited, text):
    assert stored(edited(text=text)) == text


def test_reloaded(edited):
    module = edited()
    with pytest.raises(WorkflowUsageError, match=rf'importlib\.reload\({module.__name__}\)'):
        stored(module)
    importlib.reload(module)
    assert '+ 2' in bundle(module.f).source
    assert stored(module) == NEW


def test_a_method(edited):
    with pytest.raises(WorkflowUsageError, match='edited since'):
        stored(edited(text=OLD.replace('return 1', 'return 2')))


def test_names_that_are_defined_twice(edited):
    text = 'if True:\n    def f(x): return 1\nelse:\n    def f(x): return 2\n@property\ndef p(x): return 1\n@p.setter\ndef p(x, y): return 2\n'
    assert stored(edited(text=text, old=text)) == text
