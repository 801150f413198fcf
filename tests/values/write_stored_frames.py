"""Writes the frames of `stored_programs`, as this version stores them: ``python -m values.write_stored_frames`` in ``tests``.

Run it once for each version of the format; what it has written is never written again.
"""

from __future__ import annotations

import base64
import json
import sys
import types
from pathlib import Path

import numpy
from values import stored_programs

from aiida_dreamflow.runtime import Machine
from aiida_dreamflow.testing.memory import _MemoryHost
from aiida_dreamflow.values.frame import FRAME_VERSION, store_frame

FOLDER = Path(__file__).parent / 'stored_frames'


NAME = 'stored_programs.py'


def without_path(code: types.CodeType) -> types.CodeType:
    """Return code that does not say where the file is on this machine."""
    constants = tuple(without_path(each) if isinstance(each, types.CodeType) else each for each in code.co_consts)
    return code.replace(co_filename=NAME, co_consts=constants)


def main() -> None:
    folder = FOLDER / f'{FRAME_VERSION}'
    folder.mkdir(parents=True)
    maker = stored_programs._maker
    maker.__code__ = without_path(maker.__code__)
    for program in stored_programs.PROGRAMS:
        machine = Machine(_MemoryHost())
        machine.start(program, (), {})
        machine.step()
        stored = store_frame(machine)
        content = {
            'python': sys.implementation.cache_tag,
            'numpy': numpy.__version__,
            'document': json.loads(json.dumps(stored.document).replace(stored_programs.__file__, NAME)),
            'files': {sha: base64.b64encode(data).decode('ascii') for sha, data in stored.blobs.items()},
        }
        (folder / f'{program.__name__}.json').write_text(json.dumps(content, indent=1) + '\n')


if __name__ == '__main__':
    main()
