"""Each file of `golden/` shows a function and the program that it compiles to, for people to read.

``UPDATE_GOLDEN=1 pytest tests/compiler/test_golden.py`` writes the programs anew; then read what ``git diff`` says.

How to read a program: ``b0:`` is a block; ``handling 1`` says that it runs while one exception is being handled,
``except goto b2`` where its exceptions go. ``goto`` leaves a block, and so does ``await``, which may stop the program:
what is ``live`` there is what a frame keeps.
"""

from __future__ import annotations

import inspect
import linecache
import os
import sys
from pathlib import Path

import pytest

from aiida_dreamflow import checkpoint, gather, submit
from aiida_dreamflow.compiler import compile_function, compile_generator

FOLDER = Path(__file__).parent / 'golden'
FILES = [
    path for path in sorted(FOLDER.glob('*.txt')) if sys.version_info >= (3, 11) or 'except*' not in path.read_text()
]
ARROW = '\n--- compiles to ---\n\n'
NO_PARENTHESES = str.maketrans('', '', '()')


def program_of(source: str, filename: str) -> str:
    """Return the text of the program of a function."""
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace = {'checkpoint': checkpoint, 'gather': gather, 'submit': submit}
    exec(compile(source, filename, 'exec', dont_inherit=True), namespace)
    function = next(f for name, f in namespace.items() if name in ('workflow', 'helper', 'generator'))
    is_generator = inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
    return str(compile_generator(function) if is_generator else compile_function(function))


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.stem)
def test_golden(path):
    text = path.read_text()
    source, _, program = text.partition(ARROW)
    found = program_of(source, f'<golden {path.stem}>')
    if os.environ.get('UPDATE_GOLDEN'):
        path.write_text(source.rstrip('\n') + '\n' + ARROW + found)
    elif sys.version_info < (3, 11):
        # `ast.unparse` has more parentheses there.
        assert found.translate(NO_PARENTHESES) == program.translate(NO_PARENTHESES)
    else:
        assert found == program


def test_there_is_one_for_each_construct():
    assert len(FILES) >= 40
