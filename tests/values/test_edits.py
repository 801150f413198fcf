"""Frames that go on with edited functions: same places are found, other places and missing variables are refused."""

from __future__ import annotations

import itertools
import json
import linecache
import sys
import textwrap
import types

import pytest

from aiida_dreamflow.exceptions import FrameError
from aiida_dreamflow.runtime import Machine, Suspended
from aiida_dreamflow.testing.memory import _MemoryHost
from aiida_dreamflow.values.edits import Edits
from aiida_dreamflow.values.frame import load_frame, store_frame

_numbers = itertools.count()


class Named:
    """A codec that stores the functions of a source by name."""

    name = 'named'
    last_resort = False
    runs_code = True

    def __init__(self, namespace):
        self.namespace = namespace

    def encode(self, value, ref):
        if isinstance(value, types.FunctionType) and self.namespace.get(value.__name__) is value:
            return value.__name__
        return None

    def decode(self, content, get):
        return self.namespace[content]


def made(text):
    """Return the namespace of a source."""
    filename = f'<edited {next(_numbers)}>'
    text = 'from aiida_dreamflow import checkpoint\n' + textwrap.dedent(text)
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    module = sys.modules[filename] = types.ModuleType(filename)
    exec(compile(text, filename, 'exec'), vars(module))
    return vars(module)


def continued(old, new, steps=1):
    """Run `flow` for some steps, then go on with its edited source; return what it returns."""
    before, after = made(old), made(new)
    machine = Machine(_MemoryHost())
    machine.start(before['flow'], (), {})
    for _ in range(steps):
        assert isinstance(machine.step(), Suspended)
    stored = store_frame(machine, [Named(before)])
    document = json.loads(json.dumps(stored.document))
    edits = Edits(lambda function: before.get(function.__name__))
    machine = load_frame(document, stored.blobs.__getitem__, _MemoryHost(), [Named(after)], edits=edits)
    while isinstance(outcome := machine.step(), Suspended):
        pass
    return outcome.value


LOOPS = """
    async def helper(x):
        await checkpoint()
        return x

    async def flow():
        found = []
        for i in range(3):
            for j in [10, 20]:
                found.append(await helper(i + j))
        return found
"""


def test_moved_and_changed_afterwards():
    edited = LOOPS.replace('found = []', 'for _ in []:\n            await checkpoint()\n        found = []')
    edited = edited.replace('return found', 'return [*found, "edited"]')
    assert continued(LOOPS, edited, steps=3) == [10, 20, 11, 21, 12, 22, 'edited']


def test_an_edited_helper():
    assert continued(LOOPS, LOOPS.replace('return x', 'return -x'), steps=3) == [10, 20, -11, -21, -12, -22]


def test_nested_functions_recipes_and_generators():
    old = """
        def count():
            yield 1
            yield 2

        async def flow():
            start = 5
            def add(x):
                return start + x
            numbers = count()
            next(numbers)
            await checkpoint()
            return add(next(numbers))
    """
    edited = old.replace('return start + x', 'return start - x').replace('yield 2', 'yield 3')
    edited = edited.replace('start = 5', 'start = 5\n            def other(x):\n                return start')
    assert continued(old, edited) == 2


@pytest.mark.parametrize(
    ('before', 'after', 'reason'),
    [
        ('range(3)', 'range(4)', 'is there no longer'),
        ('i + j', 'i - j', 'is there no longer'),
        ('return found', 'return found, scale', None),
        ('        for i', '        scale = 2\n        for i', None),
        ('await checkpoint()\n        return x', 'return await checkpoint()', 'is there no longer'),
        ('await checkpoint()', 'await checkpoint()\n        await checkpoint()', 'is there 2 times'),
    ],
)
def test_refused(before, after, reason):
    edited = LOOPS.replace(before, after)
    assert edited != LOOPS
    if reason is None:
        assert continued(LOOPS, edited.replace(', scale', ''), steps=2) == [10, 20, 11, 21, 12, 22]
        return
    with pytest.raises(FrameError, match=reason) as caught:
        continued(LOOPS, edited, steps=2)
    assert '\n+' in str(caught.value)


def test_a_missing_variable():
    edited = LOOPS.replace('found = []', 'found, scale = [], 2').replace('return found', 'return found * scale')
    with pytest.raises(FrameError, match='it needs `scale`, which the frame does not have'):
        continued(LOOPS, edited)


def test_a_variable_that_becomes_shared():
    edited = LOOPS.replace('return found', 'return (lambda: found)()')
    assert continued(LOOPS, edited) == [10, 20, 11, 21, 12, 22]


def test_inside_of_a_handler():
    old = """
        async def flow():
            try:
                1 / 0
            except ZeroDivisionError as error:
                await checkpoint()
                return str(error)
    """
    assert continued(old, old.replace('return str(error)', 'return "edited", str(error)')) == (
        'edited',
        'division by zero',
    )
    with pytest.raises(FrameError, match='no longer'):
        continued(old, old.replace('except ZeroDivisionError as', 'except ArithmeticError as'))
