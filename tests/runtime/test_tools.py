"""What debuggers, coverage and tracebacks see is the user's file and lines, also after a restart."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import textwrap
import traceback

import pytest

from aiida_dreamflow.testing import run_in_memory

WORKFLOW = textwrap.dedent(
    """\
    from aiida_dreamflow import checkpoint
    from aiida_dreamflow.testing import run_in_memory


    async def helper(x):
        await checkpoint()
        y = x + 1
        return y


    async def workflow(x):
        total = 0
        for i in range(2):
            total += await helper(i)
            if total > 100:
                total = -1
            total += 1
        try:
            total += 1 // x
        except ZeroDivisionError:
            total = -2
        return total


    if __name__ == '__main__':
        print('result', run_in_memory(workflow, 1))
    """
)
LINES = WORKFLOW.splitlines()
LINE = {text.strip(): number for number, text in enumerate(LINES, 1)}
NEVER_RUN = {LINE['total = -1'], LINE['except ZeroDivisionError:'], LINE['total = -2']}
BODIES = {
    *range(LINE['async def helper(x):'] + 1, 9),
    *range(LINE['async def workflow(x):'] + 1, LINE['return total'] + 1),
}


@pytest.fixture
def script(tmp_path):
    path = tmp_path / 'script.py'
    path.write_text(WORKFLOW)
    return path


def run(*arguments, given=''):
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], input=given, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_pdb_stops_in_a_step(script):
    before, after = LINE['total += await helper(i)'], LINE['total += 1']
    commands = [f'break {before}', f'break {LINE["y = x + 1"]}', f'break {after}']
    commands += ['continue', 'p "at", i, total', 'continue', 'p "in", x', 'continue', 'continue', 'p "after", total']
    commands += ['clear', 'y', 'continue', 'quit']
    shown = run('-m', 'pdb', script, given='\n'.join(commands) + '\n')
    assert f'{script}({before})workflow()' in shown
    assert '-> total += await helper(i)' in shown
    assert "('at', 0, 0)" in shown
    assert f'{script}({LINE["y = x + 1"]})helper()' in shown
    assert "('in', 0)" in shown
    assert f'{script}({after})workflow()' in shown
    assert "('after', 1)" in shown
    assert 'result 6' in shown


@pytest.mark.parametrize('restart', [False, True])
def test_the_lines_that_are_traced(script, restart):
    spec = importlib.util.spec_from_file_location('traced', script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    seen = set()

    def trace(frame, event, argument):
        if frame.f_code.co_filename != str(script):
            return None
        if event == 'line':
            seen.add(frame.f_lineno)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run_in_memory(module.workflow, 1, restart=restart)
    finally:
        sys.settrace(before)
    assert seen & BODIES == BODIES - NEVER_RUN


@pytest.mark.optional
@pytest.mark.skipif(importlib.util.find_spec('coverage') is None, reason='coverage is not installed')
def test_coverage_counts_the_lines(script, tmp_path):
    data = f'--data-file={tmp_path / "data"}'
    run('-m', 'coverage', 'run', data, f'--include={script}', script)
    report = run('-m', 'coverage', 'report', data, '--show-missing', f'--include={script}')
    missing = report.splitlines()[2].split('%')[1].strip()
    numbers = set()
    for part in missing.split(', '):
        first, _, last = part.partition('-')
        numbers.update(range(int(first), int(last or first) + 1))
    assert numbers == NEVER_RUN


@pytest.mark.parametrize('restart', [False, True])
def test_traceback_shows_the_lines(script, restart):
    spec = importlib.util.spec_from_file_location('raising', script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with pytest.raises(TypeError) as caught:
        run_in_memory(module.workflow, 'x', restart=restart)
    *_, last = traceback.extract_tb(caught.value.__traceback__)
    assert (last.filename, last.name, last.line) == (str(script), 'workflow', 'total += 1 // x')
    assert last.lineno == LINE['total += 1 // x']
