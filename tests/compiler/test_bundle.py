"""A function with what it uses from its own file, and nothing else."""

from __future__ import annotations

import functools
import importlib.util
import linecache
import subprocess
import sys
import textwrap
import traceback
import types

import pytest

from aiida_dreamflow.compiler.bundle import bundle
from aiida_dreamflow.exceptions import WorkflowUsageError

UNIT = 3.0
counter = {'calls': 0}


def use(tmp_path, text, name='f', module='user_file'):
    """Import a file with this text and return one of its names."""
    path = tmp_path / f'{module}.py'
    path.write_text(textwrap.dedent(text))
    spec = importlib.util.spec_from_file_location(module, path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return getattr(loaded, name)


def lines(made):
    return [line for line in made.source.splitlines() if line.strip()]


def run(made, *args, name='test_bundle_loaded'):
    return made.find(made.load(name))(*args)


def test_only_what_is_needed_at_its_lines(tmp_path):
    f = use(
        tmp_path,
        '''\
        """Doc."""
        from __future__ import annotations
        import math
        import json
        try:
            import tomllib
        except ImportError:
            tomllib = None
        A = 1
        B = A + 1
        json.loads('1')
        TABLE = {}
        TABLE['b'] = B
        TABLE.update(c=3)
        A += 5
        class Base: pass
        class Used(Base):
            value = math.pi
        def helper(x): return x + TABLE['b'] + A
        def other(x): return json.dumps(x)
        def f(x, kind=Used):
            unused = helper(x)
            return unused, kind.value
        if __name__ == '__main__':
            print(f(1))
        ''',
    )
    made = bundle(f)
    kept = {number for number, line in enumerate(made.source.splitlines(), 1) if line.strip()}
    assert kept == {2, 3, 9, 10, 12, 13, 14, 15, 16, 17, 18, 19, 21, 22, 23}
    assert run(made, 1) == f(1)
    assert made.find(made.load('again')).__code__.co_firstlineno == f.__code__.co_firstlineno
    assert (made.qualname, made.module) == ('f', 'user_file')


def test_decorators_compound_statements_and_semicolons(tmp_path):
    f = use(
        tmp_path,
        """\
        import functools; import sys
        if sys.version_info > (3,):
            step = 2
        else:
            step = 1
        for i in range(3):
            squares = i * i
        def twice(g):
            @functools.wraps(g)
            def wrapper(*args):
                return step * g(*args)
            return wrapper
        @twice
        def f(x): return x + squares
        """,
    )
    made = bundle(f)
    assert len(lines(made)) == 14
    assert run(made, 1) == 10


def test_what_only_annotations_mention_stays_here(tmp_path):
    f = use(tmp_path, 'import decimal\nfrom os import PathLike\ndef f(x: decimal.Decimal) -> PathLike: return x\n')
    assert lines(bundle(f)) == ['def f(x: decimal.Decimal) -> PathLike: return x']
    assert run(bundle(f), 1) == 1
    made = bundle(f, annotations=True)
    assert len(lines(made)) == 3
    assert made.find(made.load('annotated')).__annotations__['x'].__name__ == 'Decimal'


def test_annotations_of_a_class_body_are_needed(tmp_path):
    f = use(
        tmp_path,
        """\
        from dataclasses import dataclass
        from typing import ClassVar
        @dataclass
        class P:
            x: int
            n: ClassVar[int] = 3
        def f(x): return P(x).x + P.n
        """,
    )
    assert len(lines(bundle(f))) == 7
    assert run(bundle(f), 1) == 4


def test_a_later_rebinding_of_the_function_does_not_travel(tmp_path):
    f = use(tmp_path, 'def f(n): return 1 if n < 2 else n * f(n - 1)\ng = f\nf = print\n', name='g')
    assert len(lines(bundle(f))) == 1
    assert run(bundle(f), 4) == 24


def test_star_imports_are_trusted(tmp_path):
    f = use(tmp_path, 'from math import *\nimport json\ndef f(x): return sqrt(x)\n')
    assert len(lines(bundle(f))) == 2
    assert run(bundle(f), 4) == 2


def test_nested_functions():
    def fact(
        n,
        text="""
    kept as it is""",
    ):
        return UNIT * n if n < 2 else n * fact(n - 1)

    made = bundle(fact)
    assert made.qualname == 'fact'
    assert 'def test_' not in made.source
    assert run(made, 3) == 18
    assert made.find(made.load('nested')).__defaults__ == fact.__defaults__


def test_nested_functions_that_need_more():
    offset = 1

    def shift(x):
        return x + offset

    class Local:
        def method(self):
            return 1

    with pytest.raises(WorkflowUsageError, match=r'uses `offset`, a variable of the function around it'):
        bundle(shift)
    with pytest.raises(WorkflowUsageError, match=r'its class is not defined at the top level'):
        bundle(Local.method)


def test_a_function_that_counts_globally_keeps_its_counter(tmp_path):
    f = use(tmp_path, 'n = 0\ndef f():\n    global n\n    n += 1\n    return n\n')
    f()
    assert run(bundle(f)) == 1


async def coroutine():
    return UNIT


def test_async_only_where_it_is_welcome():
    with pytest.raises(WorkflowUsageError, match='`coroutine` cannot become a function job: it is an `async def`'):
        bundle(coroutine)
    assert bundle(coroutine, what='a workflow', allow_async=True).qualname == 'coroutine'


def generator():
    yield 1


class Callable:
    def __call__(self):
        return 1

    def method(self):
        return UNIT


@pytest.mark.parametrize(
    ('thing', 'reason'),
    [
        (lambda: 1, 'a lambda has no source of its own'),
        (generator, 'it is a generator function'),
        (Callable, 'it is a class'),
        (Callable(), 'it is an object of the class `Callable`, which stays here; write a function'),
        (Callable().method, 'it is a method bound to an object'),
        (functools.partial(generator, 2), r'give all arguments there: `submit\(generator, 2, ...\)`'),
        (len, 'it is not written in Python'),
        (str.upper, 'it is not written in Python'),
        (3, 'it is no function but a value of type `int`'),
    ],
)
def test_what_is_no_function(thing, reason):
    with pytest.raises(WorkflowUsageError, match=reason):
        bundle(thing)


def test_a_method_of_a_class_at_the_top_level():
    made = bundle(Callable.method)
    assert run(made, None) == UNIT


def test_no_source():
    scope = {}
    exec('def f(): return 1', scope)
    with pytest.raises(WorkflowUsageError, match=r'its source .* cannot be had; write it in a file'):
        bundle(scope['f'])


def test_the_text_that_the_running_code_came_from(tmp_path):
    text = 'A = 1\ndef f(x): return x + A\n'
    f = use(tmp_path, text)
    linecache.getlines(f.__code__.co_filename)
    (tmp_path / 'user_file.py').write_text('# new first line\n' + text)
    assert run(bundle(f), 1) == 2
    linecache.checkcache(f.__code__.co_filename)
    assert run(bundle(f), 1) == 2
    g = use(tmp_path, text, module='other_file')
    (tmp_path / 'other_file.py').write_text('# this only\n')
    with pytest.raises(WorkflowUsageError, match=r'line 2 of .* no longer defines it; the file was edited'):
        bundle(g)


def test_tracebacks_show_the_lines_after_an_edit(tmp_path):
    f = use(tmp_path, 'def f(x):\n    return 1 / x  # here\n')
    made = bundle(f)
    (tmp_path / 'user_file.py').write_text('nothing = 1\n')
    with pytest.raises(ZeroDivisionError) as caught:
        run(made, 0)
    text = ''.join(traceback.format_exception(caught.value))
    assert 'return 1 / x  # here' in text
    assert str(tmp_path / 'user_file.py') in text


def test_the_file_itself_is_shown_while_it_says_the_same(tmp_path):
    f = use(tmp_path, 'def f(x):\n    return 1 / x\n')
    made = bundle(f)
    assert made.find(made.load('same')).__code__.co_filename == f.__code__.co_filename


def test_a_module_that_fails_to_load_leaves_nothing(tmp_path):
    f = use(tmp_path, 'A = 1\ndef f(): return A\n')
    made = bundle(f)
    broken = type(made)(made.source + 'raise KeyError(1)\n', made.qualname, made.module, made.filename)
    with pytest.raises(KeyError):
        broken.load('broken')
    assert 'broken' not in sys.modules
    assert broken.fingerprint != made.fingerprint


def test_main_and_definitions_under_its_guard(tmp_path):
    script = tmp_path / 'script.py'
    script.write_text(
        textwrap.dedent("""\
        from aiida_dreamflow.compiler.bundle import bundle
        K = 4
        def f(x): return K * x
        if __name__ == '__main__':
            def g(x):
                return f(x)
            made = bundle(g)
            assert made.module == '__main__'
            assert made.find(made.load('other'))(2) == 8
            assert 'bundle' not in made.source
            print(made.fingerprint == bundle(g).fingerprint)
        """)
    )
    assert subprocess.run([sys.executable, script], capture_output=True, text=True, check=True).stdout == 'True\n'


def test_notebook_cells():
    source = 'import math\ndef cell(x):\n    return math.sqrt(x)\n'
    linecache.cache['<cell 1>'] = (len(source), None, source.splitlines(True), '<cell 1>')
    scope = {'__name__': '__main__'}
    exec(compile(source, '<cell 1>', 'exec'), scope)
    assert run(bundle(scope['cell']), 9) == 3
    source = 'def other(x):\n    return math.sqrt(x)\n'
    linecache.cache['<cell 2>'] = (len(source), None, source.splitlines(True), '<cell 2>')
    exec(compile(source, '<cell 2>', 'exec'), scope)
    assert len(lines(bundle(scope['other']))) == 2  # what the name means is not known from this text


def test_lines_of_other_cells():
    """Line numbers count from the beginning of each cell, in the cell's name."""
    texts = {
        '<cell 3>': 'import math\n\n\nunused = 1\n',
        '<cell 4>': 'print("not needed")\n',
        '<cell 5>': '\n\ndef helper(x):\n\n    return math.sqrt(x)\n\nunused = 2\n',
        '<cell 6>': 'factor = 2\ndef root(x):\n    return helper(x) * factor\n',
    }
    shell = types.SimpleNamespace(compile=types.SimpleNamespace(_filename_map={name: name[6] for name in texts}))
    scope = {'__name__': '__main__', 'get_ipython': lambda: shell}
    for name, text in texts.items():
        linecache.cache[name] = (len(text), None, text.splitlines(True), name)
        exec(compile(text, name, 'exec'), scope)
    made = bundle(scope['root'])
    assert made.cells == (('<cell 3>', 1), ('<cell 5>', 5))
    loaded = made.find(made.load('loaded_cells'))
    assert loaded(9) == 6
    assert bundle(loaded).fingerprint == made.fingerprint
    with pytest.raises(ValueError, match='math domain|nonnegative') as caught:
        loaded(-1)
    assert [(frame.name, str(frame.path), frame.lineno + 1) for frame in caught.traceback[1:]] == [
        ('root', '<cell 6> <loaded_cells>', 3),
        ('helper', '<cell 5> <loaded_cells>', 5),
    ]


def test_the_needed_function_around_is_refused(tmp_path):
    maker = use(tmp_path, 'def f():\n    def inner(n):\n        return f if n else n\n    return inner\n')
    with pytest.raises(WorkflowUsageError, match='it uses the function or block that it is defined in'):
        bundle(maker())


class TestClassesOfArguments:
    """Classes whose objects may be arguments travel with a function that annotates a parameter with them."""

    SOURCE = """
from __future__ import annotations
import enum
from dataclasses import dataclass
from pathlib import Path

class Color(enum.Enum):
    RED = 1

@dataclass
class Inner:
    color: Color

@dataclass
class Config:
    inner: "list[Inner]"

class Other:
    pass

def f(config: Config | None, path: Path, other: Other): return config
def g(config): return config
"""

    def test_they_come_along(self, tmp_path, monkeypatch):
        (tmp_path / 'with_classes.py').write_text(self.SOURCE)
        monkeypatch.syspath_prepend(tmp_path)
        module = importlib.import_module('with_classes')
        assert bundle(module.f) == bundle(module.f)
        source = bundle(module.f).source
        assert all(f'class {name}' in source for name in ('Color', 'Inner', 'Config'))
        assert 'class Other' not in source
        assert 'Path' not in source.replace('path: Path', '')
        assert 'class' not in bundle(module.g).source
