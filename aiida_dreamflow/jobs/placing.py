"""The files of a function, its modules and their values in the folder where it runs.

Must not know AiiDA: interpreters that have to import it start slowly.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..compiler.bundle import Bundle
from . import forms, remote, wire, world

__all__ = ('RUNNER', 'place', 'text_of')


def text_of(module: Any) -> bytes:
    """Return the text of a module that travels; to be called at once, as an upgrade may bring another that fits no longer."""
    return Path(module.__file__).read_bytes()


#: What runs the function there.
RUNNER = {
    remote.REMOTE_FILE: text_of(remote),
    remote.WIRE_FILE: text_of(wire),
    remote.FORMS_FILE: text_of(forms),
    remote.WORLD_FILE: text_of(world),
}


#: What other processes import by the name of the function's module, if that is more than its source; it stands before the file of that name.
STUB = {
    f'{remote.FUNCTION_MODULE}/__init__.py': b"""import os
import sys

import dreamflow_world

sys.modules[__name__] = dreamflow_world.load_in_child(os.path.dirname(__path__[0]))
"""
}


def place(bundle: Bundle, folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Write a function into a folder.

    :returns: what the document that the job reads says of it, and the names of the files that are nodes already.
    """
    (folder / remote.FUNCTION_FILE).write_bytes(bundle.source.encode('utf-8', 'surrogatepass'))
    for name, text in RUNNER.items():
        (folder / name).write_bytes(text)
    files: dict[str, bytes] = dict(bundle.state.files)
    modules: list[list[str | None]] = []
    for module in bundle.modules:
        path = None if not module.filename else path_of(module.name, module.is_package)
        modules.append([module.name, path])
        if path is not None:
            files[path] = module.source.encode('utf-8', 'surrogatepass')
    if modules or bundle.state:
        files |= STUB
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    document: dict[str, Any] = {
        'qualname': bundle.qualname,
        'filename': bundle.filename,
        'cells': bundle.cells,
        'package': bundle.package,
    }
    if modules:
        document['modules'], document['module'] = modules, bundle.module
    if bundle.state:
        document['state'] = {'plain': bundle.state.plain, 'files': [*bundle.state.files]}
    return document, [*files]


def path_of(module: str, is_package: bool) -> str:
    """Return where a module is in the folder."""
    path = module.replace('.', '/')
    return f'{path}/__init__.py' if is_package else f'{path}.py'
