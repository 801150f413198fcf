"""A file is read once, for all that looks at it."""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
import types

import pytest

from aiida_dreamflow.compiler import check_function, files, source
from aiida_dreamflow.compiler.bundle import bundle
from aiida_dreamflow.compiler.source import read_source
from aiida_dreamflow.compiler.texts import codes_of
from aiida_dreamflow.compiler.units import units_of

TEXT = """\
from aiida_dreamflow import checkpoint
LIMIT = 3
def base(x):
    return x + LIMIT
""" + ''.join(
    f"""\
async def f{number}(x, y=LIMIT):
    async def nested(z):
        return await checkpoint() or z + x
    assert await nested(y), base
    return await checkpoint()
"""
    for number in range(9)
)


@pytest.fixture
def module(tmp_path, monkeypatch):
    path = tmp_path / f'read_once_{tmp_path.name}.py'
    path.write_text(TEXT)
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    yield importlib.import_module(path.stem)
    del sys.modules[path.stem]


@pytest.fixture
def parsed(monkeypatch):
    """What is parsed."""
    seen = []

    def counting(*args):
        seen.append(args[0])
        return ast.parse(*args)

    for each in (files, source):
        monkeypatch.setattr(each, 'parsed', counting)
    return seen


def bundled(function):
    return bundle(function, what='a workflow', allow_async=True, annotations=True, modules=True)


def test_many_workflows_are_parsed_once(module, parsed):
    functions = [getattr(module, f'f{number}') for number in range(9)]
    made = [(bundled(function), check_function(function)) for function in functions]  # as `@workflow` does
    assert len(parsed) == 1
    assert len({each.source for each, _ in made}) == len({checked.text for _, checked in made}) == 9


def test_what_was_handed_out_is_nobody_elses(module, parsed):
    made = bundled(module.f1)
    first, second = read_source(module.f1), read_source(module.f1)
    assert len(parsed) == 2
    assert ast.dump(first.node, include_attributes=True) == ast.dump(second.node, include_attributes=True)
    assert (first.text, first.lines) == (second.text, second.lines)
    first.node.body.clear()
    assert bundled(module.f1) == made
    assert bundled(module.f2).source.count('base') == 2


def test_what_is_nested_in_what_was_handed_out_is_read_anew(module):
    file = files.SourceFile(TEXT, True)
    outer = module.f1.__code__
    (nested,) = (each for each in outer.co_consts if isinstance(each, types.CodeType))
    file.hand_out(outer).body.clear()
    assert file.definition(nested).name == 'nested'
    assert file.definition(outer).body
    assert file.hand_out(outer).body


def test_without_annotations_nothing_is_handed_out(module):
    files.read_file(TEXT, False)
    assert files.handed_out(TEXT, module.f1.__code__) is None


@pytest.mark.parametrize('name', ['dataclasses', 'inspect', 'statistics', 'typing', 'asyncio.tasks', 'test_files'])
def test_code_mentions_what_its_tree_does(name):
    text = inspect.getsource(sys.modules[__name__] if name == 'test_files' else importlib.import_module(name))
    known = units_of(ast.parse(text), True, codes_of(text))
    assert any(unit.code for unit in known) or 'import annotations' in text
    assert [unit.mentioned for unit in known] == [unit.mentioned for unit in units_of(ast.parse(text), True)]
