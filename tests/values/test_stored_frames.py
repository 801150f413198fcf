"""Frames that an earlier version wrote, perhaps under another Python, are read; or refused with what to do."""

from __future__ import annotations

import base64
import datetime
import fractions
import json
import sys
from pathlib import Path

import pytest
from values import stored_programs
from values.stored_programs import Colour, Point

from aiida_dreamflow.exceptions import FrameError
from aiida_dreamflow.runtime import Suspended
from aiida_dreamflow.testing.memory import _MemoryHost
from aiida_dreamflow.values.frame import load_frame

FILES = sorted(Path(__file__).with_name('stored_frames').glob('*/*.json'))
ROW = [[0.0, 2.0], [4.0, 6.0], [8.0, 10.0]]
THIRD = fractions.Fraction(1, 3)
EXPECTED = {
    'scalars': (1.5, 'a text', 10**30, None, 2 + 3j, True),
    'arrays': (ROW, 7998000, True),
    'objects': (True, Point(1.0, 'p'), datetime.date(2020, 2, 29), THIRD, Colour.RED, {3, 4}, b'\x00\xff'),
    'loops': [('a', 10), ('b', 20), ('a', 11), ('b', 21), ('a', 12), ('b', 22)],
    'generator': (0, [1, 4, 9]),
    'handles': [8, 27],
    'nested': 6,
    'raised': ("KeyError('missing')", True),
    'made_elsewhere': 6,
}
#: What holds code that only one version of Python reads.
BOUND = {'made_elsewhere'}


def test_there_are_frames():
    assert {path.stem for path in FILES} == EXPECTED.keys()
    assert {program.__name__ for program in stored_programs.PROGRAMS} == EXPECTED.keys()


@pytest.mark.parametrize('path', FILES, ids=lambda path: f'{path.parent.name}-{path.stem}')
def test_read_and_finished(path):
    content = json.loads(path.read_text())
    files = {sha: base64.b64decode(text) for sha, text in content['files'].items()}

    def load():
        return load_frame(content['document'], files.__getitem__, _MemoryHost())

    if path.stem in BOUND and content['python'] != sys.implementation.cache_tag:
        with pytest.raises(FrameError, match=f'compiled by {content["python"]}.*resume with that version of Python'):
            load()
        return
    machine = load()
    for handle in machine.pending:
        handle.set_result(handle.target(**vars(handle)['inputs']))
    while isinstance(outcome := machine.step(), Suspended):
        pass
    assert outcome.value == EXPECTED[path.stem]
