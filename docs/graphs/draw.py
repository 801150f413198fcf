"""Draws the graphs of small workflows, as `verdi node graph generate` does, for the documentation.

`conf.py` calls `draw`, which runs this file in an AiiDA of its own. Graphviz's ``dot`` is needed to draw; where it is missing, each
picture says so, and the build goes on.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PICTURES = HERE / 'pictures'
NAMES = ('optimisation', 'five_helpers', 'nested', 'fork', 'mapped', 'plugin')

_MISSING = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="520" height="30"><text x="5" y="20">'
    'Install Graphviz (`dot`) and build the documentation again to see this graph.</text></svg>'
)


def draw() -> None:
    """Make the pictures, unless they are there and nothing has changed that they depend on."""
    PICTURES.mkdir(exist_ok=True)
    stamp = PICTURES / 'stamp'
    found = [PICTURES / f'{name}.svg' for name in NAMES]
    state = _state()
    if stamp.exists() and stamp.read_text() == state and all(path.exists() for path in found):
        return
    if shutil.which('dot') is None:
        for path in found:
            path.write_text(_MISSING)
        return
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, __file__, folder], check=True, stdout=subprocess.DEVNULL)
    stamp.write_text(state)


def _state() -> str:
    """Return a text that changes with the package and the workflows."""
    digest = hashlib.sha256()
    for path in sorted([*(ROOT / 'aiida_dreamflow').rglob('*.py'), *HERE.glob('*.py')]):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def main(folder: Path) -> None:
    """Run the workflows and draw what they leave."""
    sys.path[:0] = [str(ROOT / 'examples'), str(HERE)]
    import throwaway

    throwaway.use_folder(folder)
    throwaway.create_profile('docs')
    import workflows
    from aiida import engine, orm

    from aiida_dreamflow import fork

    computer = orm.load_computer('localhost')
    code = orm.InstalledCode(label='add', computer=computer, filepath_executable='/bin/bash').store()
    inputs: dict[str, dict[str, Any]] = {'plugin': {'code': code, 'x': orm.Int(2)}}
    nodes: dict[str, Any] = {}
    for name in NAMES:
        process = fork(nodes['nested'], step=2) if name == 'fork' else getattr(workflows, name)
        node = nodes[name] = engine.run_get_node(process, **inputs.get(name, {}))[1]
        target = PICTURES / f'{name}.svg'
        command = ['verdi', 'node', 'graph', 'generate', str(node.pk), '-f', 'svg', '-O', str(target)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


if __name__ == '__main__':
    main(Path(sys.argv[1]))
