"""What functions of a notebook see of its cells: run out of order, again, with magics, deleted, and of modules that are reloaded."""

from __future__ import annotations

import itertools
import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell
from jobs.test_world import as_job, plain
from traitlets.config import Config

from aiida_dreamflow.compiler.bundle import bundle
from aiida_dreamflow.jobs.constants import store
from aiida_dreamflow.jobs.world import filling

_numbers = itertools.count()

#: Cells in the order in which they are run; `f` is the function. A cell that was run and deleted is one that was run.
NOTEBOOKS = {
    'a helper under %%time': ['%%time\ndef g(): return 1', 'def f(): return g()'],
    'under two magics': ['%%capture\n%%time\nA = []\nA.append(1)\ndef g(): return A', 'def f(): return g()'],
    'the function itself under a magic': ['A = 1', '%%time\ndef f(): return A'],
    'lines of magics': ['%time A = [1]\n!echo\nimport math\ndef g(): return math.floor(1.5), A', 'def f(): return g()'],
    'a loop under %%timeit': ['A = []', '%%timeit -n 1 -r 1\nA.append(1)', 'def f(): return A'],
    'run out of order': ['def f(): return g(), A', 'A = 1\ndef g(): return "first"', 'A += 1'],
    'run again': ['A = [0]', 'A.append(1)', 'A.append(1)', 'def f(): return A'],
    'defined anew': ['def g(): return 1', 'def f(): return g()', 'def g(): return 2'],
    'defined anew as a value': [
        'def g(): return 1',
        'import functools\ng = functools.partial(int, "3")',
        'def f(): return g()',
    ],
    'a class defined anew, and an object of the old one': [
        'class A:\n    x = 1\nOLD = A()',
        'class A:\n    x = 2\nNEW = A()',
        'def f(): return NEW.x, type(NEW) is A',
    ],
    'a cell that was deleted': ['SECRET = 42\ndef g(): return SECRET', 'def f(): return g()'],
    'a name that was deleted': ['A = [1]\nB = A', 'del A', 'def f(): return B'],
    'an error of an earlier cell': ['def g(): return 1', 'def g() return 2', 'raise_ = 1 / 0', 'def f(): return g()'],
    'an error in the middle of a cell': ['A = 1\n1 / 0\nA = 2', 'def f(): return A'],
    'the last result': ['1 + 1', 'A = _', 'def f(): return A'],
    'a decorator of another cell': [
        'TABLE = {}\ndef register(f):\n    TABLE[f.__name__] = f\n    return f',
        '@register\ndef one(): return 1',
        '@register\ndef two(): return 2',
        'def f(): return {name: call() for name, call in TABLE.items()}',
    ],
    'an import of another cell': ['import math as m\nfrom math import *', 'def f(): return m.floor(pi)'],
    'a cell that was run twice with another text': [
        'def g(): return 1\nLIMIT = 1',
        'def g(): return 2',
        'def f(): return g(), LIMIT',
    ],
}


@pytest.fixture
def shell(tmp_path, monkeypatch):
    monkeypatch.setenv('IPYTHONDIR', str(tmp_path / 'ipython'))
    monkeypatch.chdir(tmp_path)
    main = sys.modules['__main__']
    found = InteractiveShell.instance(config=Config({'HistoryManager': {'hist_file': ':memory:'}}))
    found.reset()
    sys.modules['__main__'] = found.user_module
    yield found
    sys.modules['__main__'] = main
    InteractiveShell.clear_instance()


def require_same(function, folder):
    as_workflow = bundle(function, allow_async=True, annotations=True, modules=True, store=store)
    made = bundle(function, modules=True, store=store)
    expected = plain(function())
    assert plain(as_workflow.find(as_workflow.load(f'test_cells_{next(_numbers)}', filling))()) == expected
    assert as_job(made, folder) == expected


@pytest.mark.parametrize('name', NOTEBOOKS)
def test_the_same_where_it_runs(shell, tmp_path, name):
    for cell in NOTEBOOKS[name]:
        shell.run_cell(cell, store_history=True)
    require_same(shell.user_ns['f'], tmp_path / 'job')


def test_autoreload(shell, tmp_path):
    module = tmp_path / 'reloaded_module.py'
    module.write_text('X = 1\ndef g(): return X, "first"\n')
    for cell in (
        '%load_ext autoreload\n%autoreload 2',
        'import sys\nsys.path.insert(0, "")',
        'import reloaded_module',
        'def f(): return reloaded_module.g()',
    ):
        assert shell.run_cell(cell, store_history=True).success
    require_same(shell.user_ns['f'], tmp_path / 'first')
    module.write_text('X = 22\ndef g(): return X, "second"\n\n')
    shell.run_cell('reloaded_module', store_history=True)
    require_same(shell.user_ns['f'], tmp_path / 'second')
    assert shell.user_ns['f']() == (22, 'second')
