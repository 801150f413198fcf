"""The command `dreamflow check`."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest
from click.testing import CliRunner

from aiida_dreamflow.cli import dreamflow

HEAD = """
    import threading
    import zlib
    from collections import OrderedDict
    from fractions import Fraction
    from aiida_dreamflow import checkpoint, submit, workflow
"""


@pytest.fixture
def check(tmp_path):
    """Writes a file and checks it."""

    def check(text):
        path = tmp_path / 'functions_to_check.py'
        path.write_text(textwrap.dedent(HEAD + text).lstrip())
        return CliRunner().invoke(dreamflow, ['check', str(path)])

    yield check
    sys.modules.pop('functions_to_check', None)


def test_says_what_is_kept(check):
    done = check("""
    @workflow
    async def fine(n: int = 3):
        share, table, unused = Fraction(1, 3), OrderedDict(a=n), 0
        for i in range(n):
            await checkpoint()
        return share, table
    """)
    assert done.exit_code == 0, done.output
    name, label, kept = done.output.splitlines()
    assert name.startswith('fine  ')
    assert name.endswith('functions_to_check.py:8')
    assert label == '  L11 for i in range(n): await checkpoint()'
    assert kept == '      keeps share, table'


def test_says_what_is_made_again(root):
    """By the line, without an object of the class: egobox's keep what Python cannot see."""
    pytest.importorskip('egobox', reason='the example needs egobox')
    program = 'from aiida_dreamflow.cli import dreamflow; dreamflow()'
    command = [sys.executable, '-c', program, 'check', str(root / 'examples' / 'optimize.py')]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert '`egor = egx.Egor(xlimits, seed=42)` cannot be stored' in done.stdout
    assert 'made again at each' in done.stdout
    assert 'lhs' not in done.stdout


def test_recipes_turned_off(check):
    pytest.importorskip('egobox')
    done = check("""
    import egobox as egx

    @workflow(recipes=False)
    async def strict():
        egor = egx.Egor([[0.0, 1.0]])
        await checkpoint()
        return egor.suggest([], [])
    """)
    assert done.exit_code == 1
    assert ':11: `egor = egx.Egor([[0.0, 1.0]])` cannot be stored' in done.stderr
    assert 'recipes are turned off' in done.stderr


@pytest.mark.parametrize('made', ['threading.Lock()', 'open("file")', 'threading.Thread()'])
def test_what_nothing_makes_again(check, made):
    done = check(f"""
    @workflow
    async def waits():
        held = {made}
        await checkpoint()
        print(held)

    @workflow
    async def waits_not():
        held = {made}
        print(held)
        await checkpoint()
    """)
    assert done.exit_code == 1
    [fault] = done.stderr.splitlines()
    assert ':9: `held = ' in fault
    assert 'make it after the await' in fault


def test_what_cannot_be_launched(check):
    done = check("""
    def made(factor):
        @workflow
        async def scaled(x: int):
            return factor * x
        return scaled

    scaled = made(3)
    """)
    assert done.exit_code == 1
    assert 'factor' in done.stderr
    assert 'awaits nothing: it is one step' in done.stdout


def test_refusals(check, tmp_path):
    done = check("""
    @workflow
    async def refused():
        x = [locals() for _ in [1]]
        await checkpoint()
    """)
    assert done.exit_code == 1
    assert 'x = [locals() for _ in [1]]' in done.output
    assert '^^^^' in done.output
    assert 'no workflow' in check('').output
    assert 'there is no file' in CliRunner().invoke(dreamflow, ['check', str(tmp_path / 'none.py')]).output


def test_forgotten_awaits(check):
    done = check("""
    def f(x):
        return x

    async def helper(x):
        y = submit(f, x=x)
        return y + 1

    @workflow
    async def forgets(n: int = 1):
        if submit(f, x=n):
            n = 2
        return {'y': helper(n)}
    """)
    assert done.exit_code == 1
    assert ':12: `y` is what `submit(...)` gives, not its result: write `await y`' in done.stderr
    assert ':16: `submit(...)` is used, not its result: write `await submit(...)`' in done.stderr
    assert ':18: `helper(...)` is used, not its result: write `await helper(...)`' in done.stderr


def test_says_what_is_read_of_the_working_directory_and_the_environment(check):
    done = check("""
    import os
    import pathlib
    TABLE = dict(os.environ)
    def helper():
        return open('data/table.txt').read(), open('/etc/hosts'), os.environ['HOME']
    @workflow
    async def reads(n: int = 3):
        await checkpoint()
        return helper(), TABLE, pathlib.Path('x.csv')
    """)
    assert done.exit_code == 0, done.output
    said = [line for line in done.output.splitlines() if 'under a daemon' in line]
    assert [line.split()[0] for line in said] == ['L11', 'L15']


def test_says_what_cannot_go_along(check):
    done = check("""
    LOG = open('/dev/null')
    @workflow
    async def logs():
        await checkpoint()
        LOG.write('x')
    """)
    assert done.exit_code == 1
    assert 'it uses `LOG` (line 7 of' in done.output


MISTAKES = """
    import asyncio

    from aiida import engine
    from aiida.calculations.arithmetic.add import ArithmeticAddCalculation
    from aiida_dreamflow import run


    def square(x, log=None):
        return reslut


    def guarded(x):
        try:
            return maybe
        except NameError:
            return __name__, __file__


    async def helper(x):
        return await submit(square, y=x)


    @workflow
    async def child(n: int):
        return n


    @workflow(exit_codes={'ERROR_ODD': (410, 'odd')})
    async def coded(n: int = 1):
        return coded.exit_codes.ERROR_ODD


    @workflow
    async def mistaken(n: int):
        await submit(square, x=nn)
        await submit(square, 1, 2, 3)
        await child(m=n)
        await submit(ArithmeticAddCalculation, x=1, y=1, z=2)
        await submit(ArithmeticAddCalculation, x=1, y=1, metadata={'options': {'walltime': 1}})
        await submit('core.arithmetic.add', x=1)
        await asyncio.gather(helper(1), helper(2))
        engine.submit(child, n=1)
        with open('/tmp/log') as file:
            await checkpoint()
        with open('/tmp/log') as file:
            text = file.read()
        given = {'x': n}
        await submit(ArithmeticAddCalculation, **given)
        await run(square, n, cwd='/tmp')
        await asyncio.sleep(1)

        class Local:
            first = 1
            second = first

        return (lambda v: v + guarded(text)), Local, [k for k in range(3)]
"""


def test_mistakes_that_the_text_shows(check):
    done = check(MISTAKES)
    assert done.exit_code == 1
    source = textwrap.dedent(HEAD + MISTAKES).lstrip().splitlines()
    said = {}
    for line in done.output.splitlines():
        number, colon, text = line.rpartition('functions_to_check.py:')[2].partition(': ')
        if colon and number.isdecimal():
            said[source[int(number) - 1].strip()] = text
    loop = 'cannot be awaited in a workflow: an event loop does not survive a restart; use that of this package'
    options = "await submit(ArithmeticAddCalculation, x=1, y=1, metadata={'options': {'walltime': 1}})"
    assert said.pop(options).startswith(
        '`metadata.options` of `ArithmeticAddCalculation` has no entry `walltime`; it takes'
    )
    assert said == {
        'return reslut': '`reslut` is not defined',
        'return await submit(square, y=x)': '`square` has no parameter `y`; it takes `x`, `log`',
        'await submit(square, x=nn)': '`nn` is not defined',
        'await submit(square, 1, 2, 3)': '`square`: too many positional arguments',
        'await child(m=n)': '`child` has no parameter `m`; it takes `n`',
        'await submit(ArithmeticAddCalculation, x=1, y=1, z=2)': '`ArithmeticAddCalculation` has no input `z`; it takes `code`, '
        '`monitors`, `remote_folder`, `x`, `y`',
        "await submit('core.arithmetic.add', x=1)": '`ArithmeticAddCalculation` needs `y`',
        'await asyncio.gather(helper(1), helper(2))': f'`asyncio.gather` {loop}, `from aiida_dreamflow import gather`',
        'engine.submit(child, n=1)': '`aiida.engine.submit` launches from outside: in a workflow function write `await submit(...)` of '
        'this package',
        "with open('/tmp/log') as file:": "`open('/tmp/log')` is open at the await in line 50, and an open file cannot be stored: read "
        'or write before, or open it again after',
        'await asyncio.sleep(1)': f'`asyncio.sleep` {loop}, `from aiida_dreamflow import sleep`',
    }


def test_nothing_is_made_up(root):
    """The workflows of the tests have no such mistakes but those that they are about."""
    import importlib

    from aiida_dreamflow import FunctionWorkChain
    from aiida_dreamflow.cli.faults import faults_in, functions_behind

    found = set()
    for path in sorted((root / 'tests' / 'engine').glob('*workflows.py')):
        if path.stem == 'plugin_workflows':
            continue  # needs a profile
        module = importlib.import_module(f'engine.{path.stem}')
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, FunctionWorkChain) and value.function is not None:
                behind = functions_behind(value.function, module)
                found |= {
                    (each.__name__, text) for each in behind for _, text in faults_in(each, each is value.function)
                }
    assert found == EXPECTED


EXPECTED = {
    ('wrong_argument', '`square` has no parameter `y`; it takes `x`'),
    ('mistyped', '`resluts` is not defined (`results`?)'),
    ('too_many_arguments', '`add`: too many positional arguments'),
    ('wrong_child', '`child` has no parameter `d`; it takes `a`, `c`'),
}
