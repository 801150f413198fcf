"""What happens to a request to call a function, wherever that is: in an interpreter of its own, or in a thread.

Must not know AiiDA: an interpreter that has to import it starts slowly.
"""

from __future__ import annotations

import ast
import copy
import functools
import importlib
import inspect
import os
import sys
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..compiler.bundle import Bundle, ModuleSource, bundle
from ..compiler.home import OwnModules
from ..compiler.state import State
from ..exceptions import CannotStoreError
from ..values.homes import at_home
from ..values.snapshot import decode, encode
from . import remote, wire
from .constants import store
from .placing import place
from .world import filling

__all__ = ('compute', 'modules_of', 'request')

_VALUE = 'value'
#: What the names of the blobs begin with that hold values of global variables.
_STATE = 'state/'


def request(
    source: Bundle, arguments: Mapping[str, Any], cwd: str | None = None
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return the request to call a function: content and blobs of a message.

    :param source: the function.
    :param arguments: its arguments by name.
    :param cwd: its working directory, if it shall have none of its own.
    :raises CannotStoreError: if one has no stored form.
    """
    snapshot = encode(dict(arguments))
    described = {name: getattr(source, name) for name in _DESCRIBED}
    modules = [[module.name, module.filename, module.source, module.is_package] for module in source.modules]
    content = {'source': described, 'modules': modules, 'plain': source.state.plain, 'files': [*source.state.files]}
    blobs = {f'{_STATE}{name}': data for name, data in source.state.files.items()}
    return {**content, 'cwd': cwd, 'arguments': snapshot.document}, {**snapshot.blobs, **blobs}


_DESCRIBED = ('source', 'qualname', 'module', 'filename', 'annotations', 'cells', 'main_package')


def _bundle_in(content: Mapping[str, Any], blobs: Mapping[str, bytes]) -> Bundle:
    """Return the function of a request."""
    modules = tuple(ModuleSource(*each) for each in content['modules'])
    state = State(content['plain'], {name: blobs[f'{_STATE}{name}'] for name in content['files']})
    return Bundle(**content['source'], modules=modules, state=state)


def compute(
    content: Mapping[str, Any], blobs: Mapping[str, bytes], work: Path | None = None, code: Path | None = None
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Do what is requested.

    :param work: an empty folder, which becomes the working directory unless the request has another one.
    :param code: one for the source, in a process that is only for this.
    :returns: the report: its ``status`` is ``returned`` (the ``value`` is a document), ``raised`` or ``unstorable``.
    """
    source, phase = _bundle_in(content, blobs), 'load'
    try:
        has_classes = source.module in _modules_named(content['arguments']) or _has_class(source.source)
        function = _load(source, has_classes, code)
        modules = OwnModules(source, function)
        with at_home(modules):
            arguments = decode(content['arguments'], blobs.__getitem__)
        if work is not None:
            os.chdir(content['cwd'] or work)
        phase = 'call'
        value = remote.call(function, arguments)
    except BaseException as error:  # SystemExit and KeyboardInterrupt too: it ends here, and says why
        error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
        details = remote.describe_exception(error, phase)
        if details['module'] == _private_name(source):
            details['module'] = remote.FUNCTION_MODULE
        return {'status': 'raised', 'exception': details}, {}
    if work is not None and isinstance(value, Path) and (files := _files_at(value, work)) is not None:
        names = {name: f'file/{number}' for number, name in enumerate(files)}
        report = {'status': 'returned', 'files': {'is_file': (work / value).is_file(), 'names': names}}
        return report, {names[name]: data for name, data in files.items()}
    try:
        with at_home(modules):
            snapshot = encode({_VALUE: value})
    except CannotStoreError as error:
        return {'status': 'unstorable', 'reason': str(error)}, {}
    return {'status': 'returned', _VALUE: snapshot.document}, snapshot.blobs


def _files_at(path: Path, work: Path) -> dict[str, bytes] | None:
    """Return the files that a function returned the path of, by name; ``None`` if they are not of its own working directory."""
    place = (work / path).resolve()
    if not place.is_relative_to(work.resolve()) or not place.exists():
        return None
    if place.is_file():
        return {place.name: place.read_bytes()}
    return {str(each.relative_to(place)): each.read_bytes() for each in sorted(place.rglob('*')) if each.is_file()}


def modules_of(source: Bundle) -> OwnModules:
    """Return the modules of a function, which are loaded when a stored value asks for one of their classes."""
    return OwnModules(source, lambda: _load(source, True, None), is_loaded=False)


def _private_name(source: Bundle) -> str:
    return f'{remote.FUNCTION_MODULE}_{source.key}'


def _load(source: Bundle, has_classes: bool, code: Path | None) -> Any:
    """Return the function, from its source; or from its own module where classes of that must be the same ones."""
    if has_classes and source.module != '__main__':  # a script, which no other process can import
        try:
            found: Any = importlib.import_module(source.module)
            for part in source.qualname.split('.'):
                found = getattr(found, part)
            if bundle(inspect.unwrap(found), modules=True, store=store).key == source.key:
                return _with_own_defaults(inspect.unwrap(found))
        except Exception:
            pass
    if code is None:
        return source.find(source.load(_private_name(source), filling))
    return _load_as_in_job(source, code)


def _load_as_in_job(source: Bundle, folder: Path) -> Any:
    """Return the function from files like those of a job: processes that it spawns find them."""
    document, _ = place(source, folder)
    (folder / remote.INPUTS_FILE).write_text(wire.dumps(document), encoding='ascii')
    # What `multiprocessing` executes first in a process that it spawns.
    sys.modules['__main__'].__file__ = str(folder / remote.REMOTE_FILE)
    sys.path.insert(0, str(folder))
    return remote.load_function(str(folder), document)


def _with_own_defaults(function: Any) -> Any:
    """Return a function with defaults that nothing else has: in a thread of the worker other calls would see what it does to them."""
    if not function.__defaults__ and not function.__kwdefaults__:
        return function
    defaults, named = copy.deepcopy((function.__defaults__, function.__kwdefaults__))
    own = types.FunctionType(function.__code__, function.__globals__, function.__name__, defaults, function.__closure__)
    own.__kwdefaults__ = named
    functools.update_wrapper(own, function)
    del own.__wrapped__  # type: ignore[attr-defined]
    return own


def _modules_named(document: Mapping[str, Any]) -> set[str]:
    return {record[1].partition(':')[0] for record in document['objects'] if record[0] == 'global'}


def _has_class(source: str) -> bool:
    return any(isinstance(node, ast.ClassDef) for node in ast.walk(ast.parse(source)))
