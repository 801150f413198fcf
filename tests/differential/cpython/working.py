"""All cases of one module, each in a copy of this process, which has imported the module and nothing else."""

from __future__ import annotations
import __future__

import ast
import json
import os
import random
import re
import shutil
import sys
import tempfile
import types
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from . import points, running
from .comparing import judge
from .selecting import Case, cases_of, definition_of
from .weaving import MODES, Mode, weave

__all__ = ('Settings', 'work')

_FUTURE = sum(getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)


@dataclass(frozen=True)
class Settings:
    """How a module's cases are run; see the command's help."""

    mode: str = 'mixed'
    seed: int = 0
    only: str = ''
    share: float = 1.0
    inherited: bool = False
    kept_alive: bool = False
    timeout: float = 60.0
    keep: str = ''


def work(module: str, settings: Settings, out: IO[str]) -> None:
    """Run the cases of a module and write a line of JSON for each.

    :param module: its full name.
    :param settings: how.
    :param out: where to.
    """
    warnings.simplefilter('ignore')
    folder = Path(settings.keep or tempfile.mkdtemp(prefix='dreamflow-cpython-'))
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    cases = [case for case in cases_of(module, settings.inherited) if _is_chosen(case, settings)]
    running.warm_up()
    try:
        for number, case in enumerate(cases):
            verdict = _verdict(case, settings, folder, folder / f'run{os.getpid()}-{number}')
            out.write(json.dumps({'name': case.name, **verdict}) + '\n')
            out.flush()
    finally:
        if not settings.keep:
            shutil.rmtree(folder, ignore_errors=True)


def _is_chosen(case: Case, settings: Settings) -> bool:
    if settings.only and not re.search(settings.only, case.name):
        return False
    return random.Random(f'{settings.seed}:{case.name}').random() < settings.share


def _verdict(case: Case, settings: Settings, folder: Path, scratch: Path) -> dict[str, Any]:
    if getattr(case.cls, '__unittest_skip__', False) or getattr(case.function, '__unittest_skip__', False):
        return {'verdict': 'not applicable', 'reason': 'skipped'}
    try:
        function = woven(case, MODES[settings.mode], settings.seed, folder)
    except (SyntaxError, ValueError) as error:
        return {'verdict': 'not applicable', 'reason': f'cannot be woven: {type(error).__name__}: {error}'}
    if function is None:
        return {'verdict': 'not applicable', 'reason': 'no source'}

    def runs(way: str) -> dict[str, Any]:
        timeout = settings.timeout / (4 if way == 'natively' else 1)
        try:
            return running.in_process(lambda: running.run(case, function, way), timeout, scratch)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    return judge(case.name, runs, 'kept alive' if settings.kept_alive else 'restarted')


def woven(case: Case, mode: Mode, seed: int, folder: Path) -> types.FunctionType | None:
    """Return a test method as a workflow function, in a file of its own, with the globals of its module.

    :returns: ``None`` if the source of the method cannot be had.
    :raises SyntaxError: if an await cannot stand there in this version of Python.
    """
    original = case.function
    tree = definition_of(original)
    if tree is None or not (tree.args.posonlyargs or tree.args.args):
        return None
    owner = original.__qualname__.rpartition('.')[0].rpartition('.')[2]
    file = folder / f'{case.name}.py'
    for tried in (mode, replace(mode, comprehensions=0), replace(mode, operands=0, comprehensions=0)):
        node: ast.stmt = weave(tree, tried, f'{seed}:{case.name}', owner)
        try:
            text = _text(node, bool(original.__code__.co_freevars))
            code = compile(text, str(file), 'exec', original.__code__.co_flags & _FUTURE, dont_inherit=True)
            break
        except (SyntaxError, ValueError):
            if not (tried.operands or tried.comprehensions):
                raise
    file.write_text(text, 'utf-8', 'surrogatepass')
    module = running.module_for_functions()
    return _function(code, original, case, module)


def _text(node: ast.stmt, has_class: bool) -> str:
    """Return the source of a function; if it says `__class__`, or `super()`, inside of one that knows it."""
    if not has_class:
        return ast.unparse(node) + '\n'
    around = ast.parse('def around(__class__): return function').body[0]
    assert isinstance(around, ast.FunctionDef)
    around.body[:] = [node, ast.Return(ast.Name(node.name, ast.Load()))]
    return ast.unparse(ast.fix_missing_locations(around)) + '\n'


def _function(code: types.CodeType, original: types.FunctionType, case: Case, module: types.ModuleType) -> Any:
    for name in ('at', 'here', 'passing'):
        original.__globals__[f'_dream_{name}'] = getattr(points, name)
    made: dict[str, Any] = {}
    exec(code, original.__globals__, made)
    function = made.get(original.__name__)
    if function is None:
        cell = (original.__closure__ or ())[original.__code__.co_freevars.index('__class__')]
        function = made['around'](cell.cell_contents)
    function.__defaults__, function.__kwdefaults__ = original.__defaults__, original.__kwdefaults__
    function.__module__, function.__qualname__ = module.__name__, case.name.replace('.', '_')
    setattr(module, function.__qualname__, function)
    return function


def main() -> None:
    """Run one module: how `__main__` calls it in a process of its own."""
    module, settings = sys.argv[1], Settings(**json.loads(sys.argv[2]))
    work(module, settings, sys.stdout)


if __name__ == '__main__':
    main()
