"""What `submit` takes: from a target and its arguments to the inputs of a process, and from its end to a value.

Targets are plain Python functions (they become function jobs) and AiiDA processes: classes, builders, workflows.
"""

from __future__ import annotations

import builtins
import contextlib
import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from aiida import orm
from aiida.common.exceptions import NotExistent
from aiida.common.links import LinkType
from aiida.engine import Process, ProcessBuilder

from ..compiler import Passed, bundle
from ..compiler.desugar import FUNCTION_MARK
from ..exceptions import CannotStoreError, ChildFailedError, LaunchError, WorkflowUsageError
from ..jobs.calculation import bundle_to_node
from ..jobs.launch import function_job_inputs, job_outcome
from ..jobs.local import local_run_inputs
from ..jobs.names import port_name, python_name
from ..runtime import Handle, Local
from ..values.nodes import from_node
from ..values.parts import digest_of
from ..values.snapshot import Codec
from .transaction import Scalar, detach

__all__ = ('Sources', 'child_of', 'is_process', 'mark_failure', 'outputs_of', 'prepare_child', 'tell_outcome')

#: Attribute of an exception that says which child it came from.
_CHILD_MARK = 'dreamflow_child'

#: Python 3.10 has none.
_Group: Any = getattr(builtins, 'BaseExceptionGroup', ())

_FUNCTION_JOB = 'aiida.calculations:dreamflow.function'


def is_process(target: Any) -> bool:
    """Return whether the target of `submit` is an AiiDA process, not a Python function."""
    return isinstance(target, ProcessBuilder) or (inspect.isclass(target) and issubclass(target, Process))


def process_class_of(target: Any) -> Any:
    """Return the class of the process that a class or builder stands for."""
    return target.process_class if isinstance(target, ProcessBuilder) else target


# -- before


class Sources:
    """The nodes with the sources of function jobs: one for each function, whatever number of jobs runs it.

    :param uuids: the uuids of those that earlier steps stored, by key.
    """

    def __init__(self, uuids: dict[str, str]) -> None:
        self._uuids = uuids
        self._new: dict[str, orm.SinglefileData] = {}

    def node_of(self, target: Any) -> orm.SinglefileData:
        """Return the node with the source of a function, stored by an earlier step or not stored yet.

        :raises LaunchError: if it has no source that could be sent.
        """
        try:
            node = bundle_to_node(bundle(target))
        except WorkflowUsageError as error:
            raise LaunchError(str(error)) from None
        key = f'{node.base.attributes.get("qualname")}:{node.base.repository.hash()}'
        with contextlib.suppress(KeyError, NotExistent):  # a step that made one may have failed
            return orm.load_node(uuid=self._uuids[key])  # type: ignore[return-value]
        detach(node)
        return self._new.setdefault(key, node)

    def known(self, stored: Iterable[orm.Node | Scalar]) -> dict[str, str]:
        """Return the uuids of all that later steps can use.

        :param stored: the nodes that the current step stores.
        """
        uuids = {node.uuid for node in stored}
        return {**self._uuids, **{key: node.uuid for key, node in self._new.items() if node.uuid in uuids}}


def prepare_child(
    target: Any, args: tuple[Any, ...], inputs: dict[str, Any], sources: Sources, codecs: Sequence[Codec]
) -> dict[str, Any]:
    """Check and convert what `submit` is given, on the line where that is called.

    :param codecs: those of the frame.
    :returns: ``process``: what to launch; ``inputs``: its inputs as nodes; ``digests``: those of the values given, by
        port; ``names``: a function that gives the names of variables, by port, for the arguments that are variables.
    :raises TypeError: if the arguments don't fit.
    :raises LaunchError: if the target cannot be launched with them.
    """
    if getattr(target, 'is_process_function', False):
        raise LaunchError('submitting a calcfunction or workfunction is not supported yet: submit a plain function')
    if is_process(target):
        if args:
            raise TypeError(f'the inputs of `{_name(target)}` are given by name')
        return {
            'process': process_class_of(target),
            'inputs': _process_inputs(target, inputs),
            'digests': _digests(inputs, codecs),
            'names': lambda passed: passed.kwargs,
        }
    arguments = {**_by_name(target, args), **inputs}
    process_class, given = _function_inputs(target, arguments, sources.node_of(target))
    for node in given['arguments'].values():
        detach(node)
    _validate(process_class, given)

    def names(passed: Passed) -> dict[str, str]:
        by_name = {**_by_name(target, passed.args), **passed.kwargs}
        return {port_name(name): variable for name, variable in by_name.items() if variable is not None}

    return {
        'process': process_class,
        'inputs': given,
        'digests': _digests({port_name(name): value for name, value in arguments.items()}, codecs),
        'names': names,
    }


def _function_inputs(target: Any, arguments: dict[str, Any], source: orm.SinglefileData) -> tuple[Any, dict[str, Any]]:
    if isinstance(target, Local):
        return local_run_inputs(target.function, arguments, source, target.in_thread)
    return function_job_inputs(target, arguments, source)


def _digests(values: Mapping[str, Any], codecs: Sequence[Codec]) -> dict[str, str]:
    """Return the digests of values as they are now, by the same names."""
    found = {}
    for name, value in values.items():
        with contextlib.suppress(CannotStoreError):
            found[name] = digest_of(value, codecs)
    return found


def _process_inputs(target: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    """Return the inputs of a process, with Python values made nodes as its ports say."""
    process_class = process_class_of(target)
    if isinstance(target, ProcessBuilder):
        inputs = {**target._inputs(prune=True), **inputs}
    serialized = process_class.spec().inputs.serialize(dict(inputs))
    # Nodes that AiiDA would make of default values later would have no creator.
    return _with_defaults(serialized, _validate(process_class, serialized))


def _with_defaults(inputs: Mapping[str, Any], processed: Mapping[str, Any]) -> dict[str, Any]:
    """Return inputs with those nodes that only their processed form has, none of them tied to the database session."""
    merged = dict(inputs)
    for port, value in processed.items():
        if isinstance(value, Mapping) and isinstance(inputs.get(port, {}), Mapping):
            if port in inputs or (nested := _with_defaults({}, value)):
                merged[port] = _with_defaults(inputs[port], value) if port in inputs else nested
        elif isinstance(value, orm.Data):
            merged[port] = detach(inputs.get(port, value))
    return merged


def _validate(process_class: Any, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the inputs of a process as AiiDA completes them.

    :raises LaunchError: if they do not fit.
    """
    ports = process_class.spec().inputs
    processed: Mapping[str, Any] = ports.pre_process(dict(inputs))
    fault = ports.validate(processed)
    if fault is not None:
        raise LaunchError(f'`{process_class.__name__}` cannot be launched: {fault}')
    return processed


def _by_name(target: Any, args: tuple[Any, ...]) -> dict[str, Any]:
    """Return arguments given by position by their names."""
    if not args:
        return {}
    parameters = inspect.signature(target).parameters.values()
    names = [parameter.name for parameter in parameters if parameter.kind is parameter.POSITIONAL_OR_KEYWORD]
    if len(args) > len(names):
        raise TypeError(
            f'{_name(target)}() takes {len(names)} positional arguments but {len(args)} '
            f'{"was" if len(args) == 1 else "were"} given'
        )
    return dict(zip(names, args, strict=False))


def _name(target: Any) -> str:
    return getattr(target, '__name__', type(target).__name__)


# -- after


def tell_outcome(handle: Handle[Any], node: orm.ProcessNode) -> None:
    """Tell a handle how its child ended."""
    try:
        handle.set_result(_outcome(node, handle.target))
    except Exception as error:
        handle.set_exception(mark_failure(error, f'{handle.label} ({node.pk})'))


def outputs_of(pk: int) -> dict[str, orm.Data]:
    """Return the data nodes that a child has given, by flat label; of a function job its result or exception only."""
    node = orm.load_node(pk)
    links = node.base.links.get_outgoing(link_type=(LinkType.CREATE, LinkType.RETURN)).all()
    outputs = {entry.link_label: cast(orm.Data, entry.node) for entry in links}
    if isinstance(node, orm.CalcJobNode) and node.process_type == _FUNCTION_JOB:
        return {label: data for label, data in outputs.items() if label in ('result', 'exception')}
    return outputs


def mark_failure(error: Exception, child: str) -> Exception:
    """Note in an exception which child it came from."""
    with contextlib.suppress(AttributeError):  # some exceptions take no attributes
        setattr(error, _CHILD_MARK, child)
    return error


def child_of(error: BaseException) -> str | None:
    """Return which child an exception came from, which children a group did; ``None`` if the workflow raised it."""
    if isinstance(error, _Group):
        children = [child_of(inner) for inner in error.exceptions]
        return ', '.join(child for child in children if child is not None) if all(children) else None
    return getattr(error, _CHILD_MARK, None)


def _outcome(node: orm.ProcessNode, target: Any) -> Any:
    """Return what a child that has ended gives.

    :returns: a value for a Python function or a workflow function, the nodes of its outputs for another process.
    :raises ChildFailedError: if it failed.
    :raises Exception: what a function raised.
    """
    if isinstance(node, orm.CalculationNode) and not is_process(target):
        return job_outcome(node, target)
    if node.is_finished_ok:
        outputs = node.base.links.get_outgoing(link_type=(LinkType.CREATE, LinkType.RETURN)).nested()
        if not hasattr(target, FUNCTION_MARK):
            return outputs
        values = {python_name(label): from_node(output) for label, output in outputs.items()}
        return values['result'] if values.keys() == {'result'} else values or None
    if node.is_killed:
        how = 'was killed'
    elif node.is_excepted:
        how = f'excepted: {node.exception}'
    else:
        how = f'failed with exit status {node.exit_status}: {node.exit_message}'
    raise ChildFailedError(
        f'{node.process_label} {node.pk} {how}; see `verdi process report {node.pk}`',
        node=node,
        exit_status=node.exit_status,
        exit_message=node.exit_message or '',
    )
