"""Modules and packages that are not installed go along with a function, under their own names."""

from __future__ import annotations

import importlib
import itertools
import shutil
import subprocess
import sys
import textwrap

import pytest
from jobs.test_world import as_job, plain

from aiida_dreamflow.compiler.bundle import bundle
from aiida_dreamflow.jobs.constants import store
from aiida_dreamflow.jobs.world import filling

_numbers = itertools.count()

#: Files by name, `PKG` is the name of a package of its own; the function is `f` of the module that is named first.
PACKAGES = {
    'a neighbour': {
        'PKG': """
            from PKG_consts import SCALE, table
            import PKG_consts as consts
            def f(): return SCALE, table, consts.made()
            """,
        'PKG_consts': """
            SCALE = 3
            table = []
            for i in range(2): table.append(i)
            def made(): return SCALE + len(table)
            """,
    },
    'a neighbour that the session has changed': {
        'PKG': """
            import PKG_settings
            def f(): return PKG_settings.cut, PKG_settings.new
            def session():
                PKG_settings.cut = 100
                PKG_settings.new = [1]
            """,
        'PKG_settings': 'cut = 5\n',
    },
    'imported inside of the function': {
        'PKG': """
            def f():
                from PKG_models import energy
                return energy(2)
            """,
        'PKG_models': """
            from PKG_consts import SCALE
            def energy(x): return SCALE * x
            """,
        'PKG_consts': 'SCALE = 3\nSCALE += 1\n',
    },
    'relative imports, and an empty `__init__`': {
        'PKG.models': """
            from .consts import SCALE
            from . import consts
            def f(): return SCALE, consts.SCALE
            """,
        'PKG/__init__': '',
        'PKG.consts': 'SCALE = 3\nSCALE += 1\n',
    },
    'an `__init__` that imports the function': {
        'PKG.models': """
            from .consts import SCALE
            def f(): return SCALE
            """,
        'PKG/__init__': 'from .models import f\nfrom . import consts, models\n',
        'PKG.consts': 'SCALE = 3\n',
    },
    'no `__init__`': {
        'PKG.sub.models': """
            from ..consts import SCALE
            import PKG.consts
            def f(): return SCALE, PKG.consts.SCALE
            """,
        'PKG.consts': 'SCALE = 3\nSCALE += 1\n',
    },
    'circular imports': {
        'PKG.a': """
            from PKG import b
            N = 1
            def f(): return b.g()
            def h(): return N
            """,
        'PKG/__init__': '',
        'PKG.b': """
            import PKG.a
            def g(): return PKG.a.h() + 1
            """,
    },
    'a registry in another module': {
        'PKG.main': """
            from .registry import TABLE, register
            from . import plugins
            @register('own')
            def own(): return 0
            def f(): return {name: call() for name, call in TABLE.items()}
            """,
        'PKG/__init__': '',
        'PKG.registry': """
            TABLE = {}
            def register(name):
                def add(function):
                    TABLE[name] = function
                    return function
                return add
            """,
        'PKG.plugins': """
            from .registry import register
            @register('one')
            def one(): return 1
            """,
    },
    'objects of classes of another module': {
        'PKG.main': """
            from .model import make
            MODEL = make(3)
            def f(): return MODEL.value, type(MODEL).__name__
            """,
        'PKG/__init__': '"""Doc."""\n',
        'PKG.model': """
            from dataclasses import dataclass
            @dataclass
            class Model:
                value: int
            def make(value): return Model(value)
            """,
    },
    'star imports of another module': {
        'PKG.main': """
            from .names import *
            def f(): return SCALE, helper()
            """,
        'PKG/__init__': '',
        'PKG.names': """
            import random
            __all__ = ['SCALE', 'helper']
            SCALE = random.random()
            def helper(): return SCALE
            """,
    },
    'imported by a function': {
        'PKG.main': """
            import importlib
            from importlib import import_module
            def f():
                one = importlib.import_module('PKG.one')
                return one.VALUE, import_module('.two', __package__).VALUE, importlib.import_module('math').floor(1.5)
            """,
        'PKG/__init__': '',
        'PKG.one': 'VALUE = 1\nVALUE += 1\n',
        'PKG.two': 'VALUE = 2\nVALUE += 1\n',
    },
    'a package that loads its modules when they are asked for': {
        'PKG.main': """
            import PKG
            def f(): return PKG.one.VALUE
            """,
        'PKG/__init__': """
            import importlib
            _LAZY = {'one'}
            def __getattr__(name):
                if name in _LAZY: return importlib.import_module(f'PKG.{name}')
                raise AttributeError(name)
            """,
        'PKG.one': 'VALUE = 1\nVALUE += 1\n',
    },
    'resources': {
        'PKG.main': """
            import importlib.resources
            TEXT = importlib.resources.files('PKG').joinpath('__init__.py').read_text()
            def f(): return TEXT
            """,
        'PKG/__init__': '# text',
    },
    'a module with `__getattr__`': {
        'PKG.main': """
            from . import lazy
            def f(): return lazy.anything
            """,
        'PKG/__init__': '',
        'PKG.lazy': """
            def __getattr__(name):
                if name.startswith('__'): raise AttributeError(name)
                return name
            """,
    },
}


def written(tmp_path, files, package):
    """Write the files of a package; return its modules in the order of the files."""
    modules = []
    for name, text in files.items():
        place = name.replace('PKG', package).replace('.', '/')
        path = tmp_path / f'{place}.py'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip().replace('PKG', package))
        modules.append(name.replace('PKG', package))
    return modules


@pytest.mark.parametrize('name', PACKAGES)
def test_the_same_where_it_runs(tmp_path, monkeypatch, name):
    package = f'user_package_{next(_numbers)}'
    main, *_ = written(tmp_path, PACKAGES[name], package)
    monkeypatch.syspath_prepend(str(tmp_path))
    module = importlib.import_module(main)
    getattr(module, 'session', lambda: None)()
    as_workflow = bundle(module.f, allow_async=True, annotations=True, modules=True, store=store)
    made = bundle(module.f, modules=True, store=store)
    expected = plain(module.f())
    # Where it runs they are not there.
    monkeypatch.undo()
    for path in tmp_path.rglob('*.py'):
        path.unlink()
    for each in [each for each in sys.modules if each.startswith(package)]:
        monkeypatch.delitem(sys.modules, each)
    importlib.invalidate_caches()
    loaded = as_workflow.find(as_workflow.load(f'test_packages_{next(_numbers)}', filling))
    assert plain(loaded()) == expected
    again = bundle(loaded, modules=True, store=store)
    assert plain(again.find(again.load(f'test_packages_{next(_numbers)}', filling))()) == expected
    assert as_job(again, tmp_path / 'again') == expected
    assert as_job(made, tmp_path / 'job') == expected


CHECK = """
import shutil
import subprocess
import sys
from pathlib import Path
from aiida_dreamflow.compiler.bundle import bundle
from aiida_dreamflow.jobs.constants import store
from aiida_dreamflow.jobs.world import filling
sys.path.insert(0, TESTS)
from jobs.test_world import as_job, plain
made = bundle(f, modules=True, store=store)
for name in [name for name in sys.modules if name.startswith('PKG')]: del sys.modules[name]
sys.path[:] = [path for path in sys.path if 'user_package' not in path and path != FOLDER]
assert plain(made.find(made.load('loaded', filling))()) == plain(f()), 'here'
assert as_job(made, Path(FOLDER, 'job')) == plain(f()), 'job'
"""


@pytest.mark.parametrize('how', ['as a module', 'in a zip file'])
def test_programs(tmp_path, root, how):
    package = f'user_package_{next(_numbers)}'
    check = CHECK.replace('PKG', package).replace('TESTS', repr(str(root / 'tests')))
    check = check.replace('FOLDER', repr(str(tmp_path))).replace('\n', '\n    ')
    files = {
        'PKG/__init__': '',
        'PKG.consts': 'SCALE = 3\nSCALE += 1\n',
        'PKG.main': f"from .consts import SCALE\ndef f(): return SCALE\nif __name__ == '__main__':{check}\n",
    }
    if how == 'as a module':
        written(tmp_path, files, package)
        command = ['-m', f'{package}.main']
    else:
        written(
            tmp_path / 'content', {**files, 'PKG.main': 'from .consts import SCALE\ndef f(): return SCALE\n'}, package
        )
        shutil.make_archive(str(tmp_path / 'user_package'), 'zip', tmp_path / 'content')
        text = f'import sys\nsys.path.insert(0, sys.argv[1])\nfrom {package}.main import f\nif True:{check}\n'
        (tmp_path / 'program.py').write_text(text)
        command = ['program.py', str(tmp_path / 'user_package.zip')]
    done = subprocess.run([sys.executable, *command], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_two_scripts_of_one_name_with_neighbours_of_one_name(tmp_path, monkeypatch):
    """From two sessions, in one worker."""
    functions = []
    for number in (1, 2):
        with monkeypatch.context() as session:
            files = {'same_script': 'import same_neighbour\ndef f(): return same_neighbour.g()\n'}
            files |= {'same_neighbour': f'VALUE = [{number}]\nVALUE.append({number})\ndef g(): return VALUE\n'}
            (tmp_path / str(number)).mkdir()
            written(tmp_path / str(number), files, '')
            session.syspath_prepend(str(tmp_path / str(number)))
            importlib.invalidate_caches()
            module = importlib.import_module('same_script')
            made = bundle(module.f, allow_async=True, annotations=True, modules=True, store=store)
            functions.append(made.find(made.load(f'test_packages_{next(_numbers)}', filling)))
            for name in files:
                del sys.modules[name]
    assert [function() for function in functions] == [[1, 1], [2, 2]]
    for number, function in enumerate(functions, 1):
        made = bundle(function, modules=True, store=store)
        assert as_job(made, tmp_path / f'job_{number}') == [number, number]
