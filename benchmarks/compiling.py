"""Milliseconds to decorate and to compile a workflow function of 200 lines with 20 awaits, beside CPython's own compiler.

And to gather what goes along with a function that is launched out of a file of 1,000 lines with 60 tables, the first time and again.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import tempfile
import textwrap
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from types import FunctionType
from typing import Any

from aiida_dreamflow import compiler, workflow
from aiida_dreamflow.compiler import PASSES, Program, bundle, compile_function
from aiida_dreamflow.compiler.source import FunctionSource, read_source
from aiida_dreamflow.jobs.constants import store

from measuring import interleaved, milliseconds, print_machine, print_table

HEAD = """\
from aiida_dreamflow import checkpoint, submit


def simulate(x, y):
    return x + y


async def workflow(n, points, tolerance=1e-6):
    total, best, history = 0.0, None, []
"""

#: Twenty lines with two awaits: much between them.
PLAIN = """\
scaled{k} = [x * {k} + total for x in points]
mean = sum(scaled{k}) / len(scaled{k})
spread = max(abs(x - mean) for x in scaled{k})
if spread < tolerance:
    print(f'converged at {{mean:.3f}}', spread)
    return best, total
y = await submit(simulate, x=mean, y=total)
for i{k}, x in enumerate(scaled{k}):
    if x < mean or i{k} % {k} == 0:
        continue
    try:
        total += 1 / (x - mean)
    except (ZeroDivisionError, OverflowError) as error:
        history.append(error)
best = y if best is None else min(best, y)
if total > {k} * n and history:
    history.sort(key=lambda error: (type(error).__name__, str(error)))
    {cut}
    total = await submit(simulate, x=total, y={k})
history[{k}:] = []
"""

#: Twenty lines with two awaits: each in a loop, one of them in a `try`, so everything around them is cut.
NESTED = """\
for i{k}, x in enumerate(points):
    if x < tolerance or i{k} % {k} == 0:
        continue
    try:
        y = await submit(simulate, x=x, y=total)
        scale = [abs(v - y) / (1 + abs(v)) for v in history if v is not None]
        if scale and max(scale) < tolerance:
            total += sum(scale)
            break
    except (ValueError, ArithmeticError) as error:
        print(f'point {{x}} failed: {{error!r}}', total)
        history.append(None)
    else:
        history.append(y)
        best = y if best is None else min(best, y)
while total < {k} and history:
    last = history.pop()
    for j in range(n):
        total += j * (last or 0) ** 2
    {cut}
    total = max(total, await submit(simulate, x=total, y={k}) + 1)
"""


#: Sixteen lines: a table that the file fills, and a function that uses it and the one before.
TABLE = """\
TABLE_{k} = {{}}
for _key in range({size}):
    TABLE_{k}[f'k{{_key}}'] = [_key, _key * 0.5]


def helper_{k}(x, y=1):
    total = 0.0
    for _, (a, b) in TABLE_{k}.items():
        if a > x:
            total += b * y
        else:
            total -= abs(b)
    return total + (helper_{before}(x, y) if x < {k} else 0)


"""


def source(part: str, parts: int = 10) -> str:
    """Return the text of a module with a workflow function."""
    cuts = ('pass', 'if total > n: return best', 'key = lambda v: -v * total')
    body = ''.join(part.format(k=k + 2, cut=cuts[k % len(cuts)]) for k in range(parts)) + 'return best, total\n'
    return HEAD + textwrap.indent(body, '    ')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rounds', type=int, default=25)
    parser.add_argument('--parts', type=int, default=10, help='of 20 lines and two awaits each')
    options = parser.parse_args()
    print_machine()
    for title, part in (('Much between the awaits', PLAIN), ('Every await in a loop or `try`', NESTED)):
        _measure(title, source(part, options.parts), options.rounds)
    print_table(
        f'Gathering what goes along with a function; CPU time, {options.rounds} rounds',
        ('', 'first ms', 'again', 'one table has changed', 'bytes'),
        [_launched(size, options.rounds) for size in (3, 50)],
    )


def _launched(size: int, rounds: int) -> tuple[str, ...]:
    """Measure the gathering for a file with 60 tables of some rows."""
    text = ''.join(TABLE.format(k=k, before=max(k - 1, 0), size=size) for k in range(60))
    text += 'def workflow(x=100):\n    return helper_59(x)\n'
    times: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            function = imported(Path(folder, f'benchmark_launching_{number}.py'), text)
            gather = partial(bundle, function, modules=True, store=store)
            for what in ('first', 'again', 'changed'):
                if what == 'changed':
                    function.__globals__['TABLE_7']['k1'][0] = -1
                times.setdefault(what, []).append(_timed(gather)())
    made = gather()
    length = len(made.source) + len(json.dumps(made.state.plain)) + sum(map(len, made.state.files.values()))
    shown = (f'{1000 * median(each):.1f}' for each in times.values())
    return (f'{text.count(chr(10))} lines, 60 tables of {size} rows', *shown, f'{length:,}')


def _measure(title: str, text: str, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = (Path(folder, f'benchmark_compiling_{number}.py') for number in itertools.count())
        function = imported(next(files), text)
        passes: dict[str, list[float]] = {}
        measures = {
            '@workflow: check, and keep the source': lambda: _decorate(next(files), text),
            'compile_function, check and translate': _timed(lambda: compile_anew(function)),
            'CPython, compile() of the same file': _timed(lambda: compile(text, '<text>', 'exec', dont_inherit=True)),
            'by pass': lambda: _by_pass(function, passes),
        }
        found = interleaved(measures, rounds)
    del found['by pass']
    program = compile_function(function)
    print_table(
        f'{title}: {len(program.source.lines)} lines, {len(list(program.awaits()))} awaits, '
        f'{len(program.blocks)} blocks; CPU time, {rounds} rounds',
        ('', 'least ms', 'median', 'range'),
        [(name, f'{1000 * min(times):.2f}', *milliseconds(times)) for name, times in (found | passes).items()],
    )


def imported(path: Path, text: str) -> FunctionType:
    """Return the undecorated function of a file that nobody has seen before."""
    path.write_text(f'{text}# {path.name}\n', encoding='utf-8')
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    function: FunctionType = module.workflow
    return function


def _decorate(path: Path, text: str) -> float:
    """Return the seconds to decorate a function that is the first of its file."""
    function = imported(path, text)
    return _timed(lambda: workflow(function))()


def compile_anew(function: FunctionType) -> Program:
    """Compile a function as if it were the first time."""
    forget_programs()
    return compile_function(function)


def forget_programs() -> None:
    compiler._programs.clear()
    compiler._checked.clear()


def _timed(run: Callable[[], Any]) -> Callable[[], float]:
    def measure() -> float:
        started = time.process_time()
        run()
        return time.process_time() - started

    return measure


def _by_pass(function: FunctionType, found: dict[str, list[float]]) -> float:
    """Note how long each pass takes."""
    begun = last = time.process_time()

    def note(name: str) -> None:
        nonlocal last
        now = time.process_time()
        found.setdefault(f'  {name}', []).append(now - last)
        last = time.process_time()

    source: FunctionSource = read_source(function)
    note('read_source')
    program = Program(source)
    for step in PASSES:
        step(program)
        note(step.__name__)
    return time.process_time() - begun


if __name__ == '__main__':
    main()
