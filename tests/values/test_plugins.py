"""A codec of a plugin: an installed package with an entry point, as the documentation has it."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from aiida_dreamflow.exceptions import CannotStoreError, FrameError
from aiida_dreamflow.values import plugins
from aiida_dreamflow.values.snapshot import decode, encode

PYPROJECT = """
[build-system]
requires = ['hatchling']
build-backend = 'hatchling.build'

[project]
name = 'spectra-dreamflow'
version = '1.0'

[tool.hatch.build.targets.wheel]
packages = ['spectra', 'spectra_dreamflow.py']

"""

SPECTRA = """
class Spectrum:
    made = 0

    def __init__(self, energies, unit):
        Spectrum.made += 1
        self.energies, self.unit = energies, unit

    def __reduce_ex__(self, protocol):
        raise TypeError('a handle of a library in C')


class Derived(Spectrum):
    pass
"""

PROGRAM = """
import json, sys
from aiida_dreamflow.exceptions import CannotStoreError
from aiida_dreamflow.values.snapshot import decode, encode, runs_code

encode({'v': 1})
assert 'spectra_dreamflow' not in sys.modules, 'a codec is loaded when it is needed'
from spectra import Derived, Spectrum

energies = [1.0, 2.5]
snapshot = encode({'a': [Spectrum(energies, 'eV')], 'b': energies})
document = json.loads(json.dumps(snapshot.document))
assert not runs_code(document)
made = decode(document, snapshot.blobs.__getitem__)
assert type(made['a'][0]) is Spectrum and made['a'][0].unit == 'eV'
assert made['a'][0].energies is made['b'], 'what it holds is still shared with others'
try:
    encode({'v': Derived(energies, 'eV')})
except CannotStoreError as error:
    assert 'a handle of a library in C' in str(error)
print(json.dumps(document))
"""


def example_of_the_docs(root, title):
    """The block of code under a comment with a file name."""
    text = (root / 'docs' / 'values.md').read_text()
    return re.search(rf'```\w+\n# {re.escape(title)}\n(.*?)```', text, re.DOTALL).group(1)


@pytest.fixture(scope='module')
def installed(root, tmp_path_factory):
    """A folder into which pip has installed the package."""
    source, target = tmp_path_factory.mktemp('source'), tmp_path_factory.mktemp('target')
    (source / 'spectra').mkdir()
    (source / 'spectra' / '__init__.py').write_text(SPECTRA)
    (source / 'spectra_dreamflow.py').write_text(example_of_the_docs(root, 'spectra_dreamflow.py'))
    (source / 'pyproject.toml').write_text(PYPROJECT + example_of_the_docs(root, 'pyproject.toml'))
    options = [
        '--quiet',
        '--no-deps',
        '--no-index',
        '--no-build-isolation',
        '--disable-pip-version-check',
        '--target',
        str(target),
    ]
    subprocess.run([sys.executable, '-m', 'pip', 'install', *options, str(source)], check=True, capture_output=True)
    return target


def run(program, root, *folders):
    path = f'import sys; sys.path[:0] = {[str(root), *map(str, folders)]!r}\n'
    return subprocess.run([sys.executable, '-c', path + program], capture_output=True, text=True, check=False)


def test_installed_codec(installed, root):
    done = run(PROGRAM, root, installed)
    assert done.returncode == 0, done.stderr
    with pytest.raises(FrameError, match=r'needs the codec `spectra.Spectrum` .*install the package that has it'):
        decode(json.loads(done.stdout), {}.__getitem__)


def test_codec_that_fails(monkeypatch):
    class Broken:
        def encode(self, value, ref):
            return value.missing

    class Thing:
        pass

    class Point:
        name, load = 'x', staticmethod(lambda: Broken)

    name = f'{Thing.__module__}.{Thing.__qualname__}'
    monkeypatch.setattr(plugins, '_installed', lambda: {name: Point})
    with pytest.raises(
        CannotStoreError, match="its codec `.*Thing` failed with AttributeError: 'Thing' object has no"
    ) as e:
        encode({'v': [Thing()]})
    assert e.value.path == 'v[0]'
