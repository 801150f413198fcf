"""The process classes of workflows, wherever their functions were written.

A workflow need not be importable: its source is stored with each of its processes. This module stands in for the module
that a script or a notebook isn't: ``aiida_dreamflow.engine.pinned.<name>_<fingerprint>`` is a process class, taken from
what is already loaded, or from its own module if that still has the same source, or made from the stored source.
A stored source is code: one that this profile did not sign, from an imported archive say, is shown but never loaded.

Relies on PEP 562 and on this: AiiDA loads a process class by importing a module and getting an attribute.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import re
import sys
from contextvars import ContextVar
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..compiler import Bundle, bundle
from ..compiler.modules import ModuleSource
from ..compiler.state import State
from ..exceptions import FrameError, UntrustedValueError, WorkflowUsageError
from ..jobs.constants import store
from ..jobs.world import filling
from ..values.signing import sign, verify
from .watching import Watch

if TYPE_CHECKING:
    from aiida import orm

    from .workchain import FunctionWorkChain

__all__ = (
    'as_launched',
    'being_loaded',
    'bundle_of',
    'class_name',
    'class_of',
    'is_pinned',
    'launched',
    'load',
    'note_reported',
    'pin_source',
    'register',
    'require_workflow',
    'source_key',
    'watch',
)

_ATTRIBUTE = 'dreamflow'
_SIGNATURE = 'signature'
_SOURCE_FILE = 'dreamflow/workflow.py'
#: Extra of a process that says that its report has said that its files differ.
_REPORTED = 'dreamflow_files_differ'
_MODULES = 'dreamflow/modules'
_STATE = 'dreamflow/state'

_DIGITS = 12
_CLASS_NAME = re.compile(rf'\w+_[0-9a-f]{{{_DIGITS}}}')

_classes: dict[str, type[FunctionWorkChain]] = {}
#: Those with other values, by name and by the key of these.
_others: dict[tuple[str, str], type[FunctionWorkChain]] = {}

#: The bundle whose source is being executed, for the decorator in it.
being_loaded: ContextVar[Bundle | None] = ContextVar('dreamflow_being_loaded', default=None)


def class_name(name: str, fingerprint: str) -> str:
    """Return the name of a process class.

    :param name: the name of the workflow function.
    :param fingerprint: that of its source.
    """
    return f'{name}_{fingerprint[:_DIGITS]}'


def register(process_class: type[FunctionWorkChain]) -> None:
    """Make a process class known under its name."""
    _classes[process_class.__name__] = process_class


def is_pinned(module: str) -> bool:
    """Return whether a module was made from a stored source.

    :param module: its name.
    """
    return module.startswith(f'{__name__}_')


def pin_source(node: orm.ProcessNode, name: str, bundle: Bundle) -> None:
    """Store the source of a workflow with a process that is about to be stored.

    :param node: the process's node.
    :param name: the name of its class.
    :param bundle: the source.
    """
    node.base.repository.put_object_from_bytes(bundle.source.encode('utf-8', 'surrogatepass'), _SOURCE_FILE)
    content = {
        'class': name,
        'identity': bundle.fingerprint,
        'key': bundle.key,
        'main_package': bundle.main_package,
        'state': json.dumps(bundle.state.plain),  # as text: AiiDA rounds numbers in attributes
        'state_files': {file: hashlib.sha256(data).hexdigest() for file, data in bundle.state.files.items()},
        'made_by': dict(bundle.made_by),
        'qualname': bundle.qualname,
        'module': bundle.module,
        'filename': bundle.filename,
        'annotations': bundle.annotations,
        'cells': [list(cell) for cell in bundle.cells],
        'files': [name for name in _files(bundle) if Path(name).is_absolute() and Path(name).is_file()],
        'modules': [[each.name, each.filename, each.is_package] for each in bundle.modules],
    }
    content[_SIGNATURE] = sign(_signed(content, bundle))
    node.base.attributes.set(_ATTRIBUTE, content)
    for each in bundle.modules:
        data = each.source.encode('utf-8', 'surrogatepass')
        node.base.repository.put_object_from_bytes(data, f'{_MODULES}/{each.name}.py')
    for file, data in bundle.state.files.items():
        node.base.repository.put_object_from_bytes(data, f'{_STATE}/{file}')


def _signed(content: dict[str, Any], bundle: Bundle) -> dict[str, Any]:
    """Return what the signature of a stored source is for."""
    return {**{key: value for key, value in content.items() if key != _SIGNATURE}, 'fingerprint': bundle.hash_source()}


def _is_own(node: orm.ProcessNode) -> bool:
    """Return whether this profile has stored the source of a workflow, and the values that belong to it."""
    content, bundle = node.base.attributes.get(_ATTRIBUTE), bundle_of(node)
    files = {file: hashlib.sha256(data).hexdigest() for file, data in bundle.state.files.items()}
    return files == content.get('state_files', {}) and verify(_signed(content, bundle), content.get(_SIGNATURE))


def watch(node: orm.ProcessNode, bundle: Bundle | Exception | None) -> Watch | None:
    """Return what notices that the files of a workflow are edited while it runs, ``None`` if it has been reported."""
    if not isinstance(bundle, Bundle) or node.base.extras.get(_REPORTED, False):
        return None
    files = [name for name in node.base.attributes.get(_ATTRIBUTE).get('files') or [] if Path(name).is_absolute()]
    # A class may come from another file with the same source.
    return Watch(bundle if set(files) <= set(_files(bundle)) else bundle_of(node), files)


def note_reported(node: orm.ProcessNode) -> None:
    """Note that the report of a process has said that its files differ."""
    node.base.extras.set(_REPORTED, True)


def _files(bundle: Bundle) -> list[str]:
    return [bundle.filename, *(each.filename for each in bundle.modules)]


def source_key(node: orm.ProcessNode) -> str:
    """Return the key in the repository of the source that is stored with a process."""
    key = node.base.repository._repository.get_file(_SOURCE_FILE).key
    assert key is not None
    return key


def class_of(node: orm.ProcessNode) -> type[FunctionWorkChain]:
    """Return the process class of a workflow with the source that it was launched with.

    :raises WorkflowUsageError: if the node is no workflow's, or that source cannot be loaded.
    :raises UntrustedValueError: if another profile has stored that source.
    """
    name = require_workflow(node)
    try:
        found: type[FunctionWorkChain] = _as_launched(node, __getattr__(name))
    except AttributeError as error:
        raise UntrustedValueError(str(error)) from None
    if isinstance(found.bundle, Exception):
        raise found.bundle
    return found


def require_workflow(node: orm.ProcessNode) -> str:
    """Return the name of the class of a workflow function's process; nothing of it is loaded.

    :raises WorkflowUsageError: if the node is no workflow's.
    """
    content = node.base.attributes.get(_ATTRIBUTE, None) or {}
    if 'class' not in content:
        raise WorkflowUsageError(f'node {node.pk} is no workflow function')
    return str(content['class'])


def launched(process_class: type[FunctionWorkChain]) -> Bundle:
    """Return the source of a workflow that is launched now, with the values that its modules have now.

    :raises WorkflowUsageError: if something that it uses cannot go along.
    """
    if isinstance(process_class.bundle, Exception):
        raise process_class.bundle
    assert process_class.bundle is not None
    has_nodes = partial(store, has_nodes=True)
    what = {'what': 'a workflow', 'allow_async': True, 'annotations': True, 'modules': True}
    made = bundle(process_class.require_function(), store=has_nodes, **what)  # type: ignore[arg-type]
    # Of a source that was stored once, the statements are not there.
    made_by = {**process_class.bundle.made_by, **made.made_by}
    return replace(made, identity=process_class.bundle.fingerprint, made_by=made_by)


def as_launched(process: FunctionWorkChain) -> type[FunctionWorkChain]:
    """Return the class of a process that was loaded, with the values that its modules had when it was launched.

    :raises FrameError: if these cannot be had.
    """
    if isinstance(process.bundle, Exception):
        raise FrameError(str(process.bundle))
    try:
        return _as_launched(process.node, type(process))
    except Exception as error:  # whatever it imports, or does
        raise FrameError(
            f'the source that is stored with this run cannot be loaded here ({type(error).__name__}: {error}): make what it '
            'imports importable again, as it was when the run was launched'
        ) from error


def _as_launched(node: orm.ProcessNode, process_class: type[FunctionWorkChain]) -> type[FunctionWorkChain]:
    """Return a class of the same name that has the values with which a run was launched."""
    key, name = node.base.attributes.get(_ATTRIBUTE).get('key'), process_class.__name__
    if key is None or not isinstance(process_class.bundle, Bundle) or _key_of(process_class) == key:
        return process_class
    if (place := (name, key)) not in _others:
        if not _is_own(node):
            raise UntrustedValueError(f'the values of the modules of process {node.pk} were not stored by this profile')
        kept = bundle_of(node)
        _others[place] = _from_module(kept, name) or _from_source(kept)
    return _others[place]


def _key_of(process_class: type[FunctionWorkChain]) -> str | None:
    """Return the key of the source and the values that a class was loaded with, ``None`` if it was not."""
    bundle = process_class.bundle
    return bundle.key if isinstance(bundle, Bundle) and bundle.identity else None


def load(bundle: Bundle) -> type[FunctionWorkChain]:
    """Return the process class that a source defines."""
    found: type[FunctionWorkChain] = _from_source(bundle)
    return _others.setdefault((found.__name__, bundle.key), found)


def __getattr__(name: str) -> Any:
    # Others look for all sorts of names in all modules (`pickle.whichmodule`): these are no reason to ask the database.
    if not _CLASS_NAME.fullmatch(name):
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    if name not in _classes:
        bundle = _stored_bundle(name)
        found = _from_module(bundle, name)
        try:
            found = found or _from_source(bundle)
        except Exception as error:  # whatever it imports, or does
            from .unloadable import stand_in

            return stand_in(name, error)
        _classes[name] = found
    return _classes[name]


def _stored_bundle(name: str) -> Bundle:
    from aiida import orm

    builder = orm.QueryBuilder()
    builder.append(orm.WorkChainNode, filters={f'attributes.{_ATTRIBUTE}.class': name})
    foreign = None
    for node in builder.iterall():
        if _is_own(node[0]):
            return bundle_of(node[0])
        foreign = node[0]
    if foreign is None:
        raise AttributeError(f'no process of this profile has the source of the workflow `{name}`')
    raise AttributeError(
        f'the source of the workflow `{name}`, stored with process {foreign.pk}, was not stored by this profile, or was altered '
        'since: it is not loaded, as that would run it. It can be read in the node; to run the workflow, launch it from a '
        'file of yours'
    )


def bundle_of(node: orm.ProcessNode) -> Bundle:
    """Return the source that is stored with a workflow."""
    content = node.base.attributes.get(_ATTRIBUTE)
    modules = tuple(
        ModuleSource(name, filename, _text(node, f'{_MODULES}/{name}.py'), is_package)
        for name, filename, is_package in content.get('modules', ())
    )
    source = _text(node, _SOURCE_FILE)
    repository, state = node.base.repository, content.get('state', '{}')
    files = {
        name: repository.get_object_content(f'{_STATE}/{name}', mode='rb') for name in content.get('state_files', ())
    }
    names = content['qualname'], content['module'], content['filename']
    return Bundle(
        source,
        *names,
        content['annotations'],
        modules,
        tuple((cell, count) for cell, count in content.get('cells', ())),
        State(json.loads(state) if isinstance(state, str) else state, files),
        content.get('identity', ''),
        content.get('main_package', ''),
        content.get('made_by', {}),
    )


def _text(node: orm.ProcessNode, path: str) -> str:
    return node.base.repository.get_object_content(path, mode='rb').decode('utf-8', 'surrogatepass')


def _from_module(bundle: Bundle, name: str) -> Any:
    """Return the class from the workflow's own module, if that can be imported and has the same source."""
    if bundle.module == '__main__' or is_pinned(bundle.module):
        return None
    try:
        found: Any = importlib.import_module(bundle.module)
        for part in bundle.qualname.split('.'):
            found = getattr(found, part)
    except Exception:
        return None  # whatever importing it does, its stored source is there
    if getattr(found, '__name__', None) != name:
        return None
    if not bundle.identity:
        return found
    try:  # what importing it has made may differ from what it was at the launch
        return found if launched(found).key == bundle.key else None
    except Exception:
        return None


def _from_source(bundle: Bundle) -> Any:
    module_name = f'{__name__}_{bundle.key if bundle.identity else bundle.fingerprint}'
    module = sys.modules.get(module_name)
    if module is None:
        token = being_loaded.set(bundle)
        try:
            module = bundle.load(module_name, filling)
        finally:
            being_loaded.reset(token)
    return bundle.find(module)
