"""What a user is told of inputs that do not fit a process, and of a process that was killed: in the words of what was written.

AiiDA tells of ports and namespaces. Relies on ``plumpy`` 0.26: what is wrong with inputs is a ``PortValidationError`` with
the path of the port, and is the argument of the ``ValueError`` that a launcher raises.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, cast

from aiida import orm
from aiida.common.exceptions import InvalidOperation, ModificationNotAllowed
from aiida.engine import CalcJob
from plumpy.ports import PortNamespace, PortValidationError

from ..compiler.desugar import FUNCTION_MARK
from ..exceptions import LaunchError
from ..jobs.codes import by_label
from ..jobs.names import python_name
from .tracebacks import shows_all

__all__ = ('as_nodes', 'explain', 'in_words', 'refusal', 'told_of_kill', 'types_of', 'without_code')

#: How many names a message lists.
_MANY = 12

#: What to write for a value that is given instead of a node, by class of the node and of the value.
_MADE_OF = {
    ('StructureData', 'Atoms'): 'orm.StructureData(ase=...)',
    ('StructureData', 'Structure'): 'orm.StructureData(pymatgen=...)',
    ('KpointsData', 'list'): 'an `orm.KpointsData` whose `set_kpoints_mesh` was called',
    ('KpointsData', 'tuple'): 'an `orm.KpointsData` whose `set_kpoints_mesh` was called',
    ('SinglefileData', 'str'): 'orm.SinglefileData(path)',
    ('SinglefileData', 'PosixPath'): 'orm.SinglefileData(path)',
    ('FolderData', 'str'): 'orm.FolderData(tree=path)',
    ('FolderData', 'PosixPath'): 'orm.FolderData(tree=path)',
    ('AbstractCode', 'str'): "orm.load_code('label@computer')",
}


_BASIC = (orm.Int, orm.Float, orm.Str, orm.Bool, orm.List, orm.Dict)


def refusal(process_class: Any, inputs: Mapping[str, Any] | None, error: Exception) -> Exception:
    """Return what is raised for a process that AiiDA could not make.

    :param inputs: the inputs that it was given.
    :param error: what was raised.
    """
    fault = error.args[0] if error.args else None
    if not isinstance(fault, PortValidationError):
        return error
    return LaunchError(in_words(process_class, inputs or {}, fault))


def in_words(process_class: Any, inputs: Mapping[str, Any], fault: PortValidationError) -> str:
    """Return what is wrong with the inputs of a process.

    :param process_class: its class.
    :param inputs: what it was given, by the names of ports or of parameters.
    :param fault: what AiiDA found.
    """
    function = getattr(process_class, FUNCTION_MARK, None)
    name, kind = getattr(function or process_class, '__name__', ''), 'input' if function is None else 'parameter'
    path = fault.port.split('.')[1:]
    owner = f'`{name}`'
    where, port, value = '', process_class.spec().inputs, cast(Any, inputs)
    for part in ['', *path]:
        if part and part not in port:  # a namespace that takes any name
            break
        if part:
            given = value if isinstance(value, Mapping) else {}
            port, value = port[part], given.get(part, given.get(python_name(part)))
            where = f'{where}.{python_name(part)}'.lstrip('.')
        if isinstance(port, PortNamespace) and isinstance(value, Mapping) and not port.dynamic:
            known = [python_name(each) for each in port if each not in _HIDDEN]
            if unknown := [each for each in value if each not in port and each not in known]:
                what, of = (kind, owner) if not where else ('entry', f'`{where}` of {owner}')
                return f'{of} has no {what} {_listed(unknown)}{_meant(unknown[0], known)}; it takes {_names(known)}'
    if path and 'required value was not provided' in fault.message:
        return f'{owner} needs {_missing(process_class, path, inputs)}'
    if path and not isinstance(port, PortNamespace) and 'is not of the right type' in fault.message:
        return _wrong_kind(f'{kind} `{where}` of {owner}', port.valid_type, value)
    if function is not None:
        return fault.message
    return f'{f"input `{where}` of " if where else ""}{owner}: {fault.message}'


def _wrong_kind(what: str, valid_type: Any, value: Any) -> str:
    return f'{what} takes {_kinds(valid_type)}, and was given {_shown(value)}{_advice(valid_type, value)}'


def as_nodes(process_class: Any, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs of a process as nodes, where it makes some of values.

    :raises LaunchError: for a value that it cannot make one of.
    """
    try:
        ports = process_class.spec().inputs
        return ports.serialize(with_entities(ports, inputs))  # type: ignore[no-any-return]
    except (TypeError, ValueError) as error:
        found = _not_made(process_class.spec().inputs, inputs)
        if found is None:
            raise
        path, port, value = found
        what = f'input `{".".join(path)}` of `{process_class.__name__}`'
        raise LaunchError(_wrong_kind(what, port.valid_type, value)) from (error if shows_all() else None)


def with_entities(namespace: PortNamespace, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return inputs with codes and computers in the place of their labels.

    :param namespace: the ports that they are for.
    :raises LaunchError: if there is no such code or computer.
    """
    found = dict(inputs)
    for name, value in inputs.items():
        port = namespace.get(name)
        if isinstance(port, PortNamespace) and isinstance(value, Mapping):
            found[name] = with_entities(port, value)
        elif port is not None and isinstance(value, str):
            found[name] = by_label(value, types_of(port))
    return found


def types_of(port: Any) -> tuple[Any, ...]:
    """Return the classes that a port takes."""
    return port.valid_type if isinstance(port.valid_type, tuple) else (port.valid_type,)


def _not_made(namespace: Any, inputs: Mapping[str, Any]) -> tuple[list[str], Any, Any] | None:
    """Return the first port whose value cannot become a node, with the value and the way to it."""
    for name, value in inputs.items():
        port = namespace.get(name)
        if isinstance(port, PortNamespace) and isinstance(value, Mapping):
            if (found := _not_made(port, value)) is not None:
                return [name, *found[0]], found[1], found[2]
        elif port is not None and not isinstance(port, PortNamespace):
            try:
                port.serialize(value)
            except (TypeError, ValueError):
                return [name], port, value
    return None


def without_code(process_class: Any, inputs: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a job that has neither code nor computer, of which AiiDA only notices that it fails."""
    if not issubclass(process_class, CalcJob) or 'code' in inputs or 'remote_folder' in inputs:
        return None
    if inputs.get('metadata', {}).get('computer') is not None:
        return None
    return f"`{process_class.__name__}` needs `code`, which was not given: `code=orm.load_code('label@computer')`"


#: What no user gives.
_HIDDEN = frozenset({'forked_frame', 'fork', 'metadata', 'nodes_inside'})


def _missing(process_class: Any, path: list[str], inputs: Mapping[str, Any]) -> str:
    """Return the inputs that have to be given beside those of the same namespace that are."""
    port, given = process_class.spec().inputs, inputs
    for part in path[:-1]:
        port, given = port[part], given.get(part) or {}
    missing = [
        each
        for each, inner in port.items()
        if inner.required and not inner.has_default() and each not in given and python_name(each) not in given
    ]
    names = [python_name('.'.join([*path[:-1], each])) for each in missing or path[-1:]]
    return f'{_listed(names)}, which {"was" if len(names) == 1 else "were"} not given'


def _listed(names: Iterable[str]) -> str:
    *most, last = [f'`{name}`' for name in names]
    return f'{", ".join(most)} and {last}' if most else last


def _names(known: list[str]) -> str:
    more = ', ...' if len(known) > _MANY else ''
    return ', '.join(f'`{name}`' for name in known[:_MANY]) + more if known else 'none'


def _meant(unknown: str, known: list[str]) -> str:
    """Return a question for a name that was probably misspelled."""
    close = difflib.get_close_matches(unknown, known, 1, 0.7)
    return f' (`{close[0]}`?)' if close else ''


def _kinds(valid_type: Any) -> str:
    types = valid_type if isinstance(valid_type, tuple) else (valid_type,)
    named = [f'`{"None" if each is type(None) else each.__name__}`' for each in types]
    return ' or '.join(named)


def _shown(value: Any) -> str:
    kind = type(value).__name__
    text = repr(value)
    return f'a `{kind}`' + (f': {text}' if len(text) <= 60 and '\n' not in text and f'<{kind}' not in text else '')


def _advice(valid_type: Any, value: Any) -> str:
    """Return what to write, if that is known."""
    types = valid_type if isinstance(valid_type, tuple) else (valid_type,)
    for kind in types:
        written = _MADE_OF.get((kind.__name__, type(value).__name__))
        if written is not None:
            return f'; write {written}' if ' ' in written else f'; write `{written}`'
        if kind in _BASIC and isinstance(value, int | float | str | list | dict):
            return f'; write `orm.{kind.__name__}(...)`'
    return ''


def explain(error: BaseException) -> None:
    """Have an error of AiiDA's that a workflow function raised say what it means there."""
    said = str(error)
    if isinstance(error, InvalidOperation) and 'self.submit' in said:
        words = (
            'in a workflow function, children are launched by `await submit(...)`, with `from aiida_dreamflow import submit`; '
            '`aiida.engine.submit` launches processes from outside'
        )
    elif isinstance(error, AttributeError) and error.name == 'outputs' and isinstance(error.obj, Mapping):
        words = "awaiting a child gives its outputs, by name: write `out['x']`, not `out.outputs.x`"
    elif isinstance(error, AttributeError) and said.startswith('Unknown builder parameter: '):
        words = _unknown_in_builder(error, said.rpartition(' ')[2])
    elif isinstance(error, ModificationNotAllowed):
        words = (
            f'{said}: a node that a child was given, or that an await has crossed, is stored and cannot be changed; make a new one, '
            'or keep a plain value and give that'
        )
    else:
        return
    error.args = (words,)


def _unknown_in_builder(error: BaseException, name: str) -> str:
    """Return what is said of an input that a builder does not have; it is known to the frame that raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    builder = None if trace is None else trace.tb_frame.f_locals.get('self')
    known = [each for each in getattr(builder, '_valid_fields', ()) if each not in _HIDDEN]
    what = getattr(getattr(builder, '_process_class', None), '__name__', '')
    error.__cause__ = None
    return f'the builder{f" of `{what}`" if what else ""} has no input `{name}`{_meant(name, known)}; it takes {_names(known)}'


def told_of_kill(node: orm.ProcessNode, message: str) -> str:
    """Return what is said of a process that was killed under ``engine.run``.

    :param message: why, in AiiDA's words.
    """
    why = ' (Ctrl-C)' if 'interrupt' in message else ''
    children = [f'{child.process_label} {child.pk}' for child in node.called if child.is_killed]
    along = f', and with it {", ".join(children)}' if children else ''
    return (
        f'{node.process_label} {node.pk} was killed{why}{along}.\n'
        f'`verdi process report {node.pk}` says what it did, `dreamflow stack {node.pk}` where it was; '
        f'`dreamflow fork {node.pk} --retry` goes on from there'
    )
