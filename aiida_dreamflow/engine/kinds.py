"""The kinds of targets of `submit`, one class each, in `KINDS`: what is launched for a target, and what its end gives.

A kind knows nothing of steps and children: `targets` asks it when `submit` is called, and when a child has ended.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, cast

from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import Process, ProcessBuilder
from aiida.orm.utils.links import LinkManager, LinkTriple

from ..compiler.desugar import FUNCTION_MARK, PROCESS_FUNCTION_MARK
from ..exceptions import ChildFailedError, LaunchError
from ..jobs.arguments import (
    by_name,
    check_arguments,
    merged,
    name_of,
    require_function_to_run,
    with_classes,
)
from ..jobs.calculation import FunctionJob
from ..jobs.launch import function_job_inputs, job_outcome
from ..jobs.local import LocalRun, local_run_inputs
from ..jobs.mapping import MapJob, map_job_inputs, map_outcome
from ..jobs.names import port_name
from ..jobs.reports import how_it_excepted, how_it_failed
from ..runtime import Local, Mapped
from ..values.nodes import from_node
from .codecs import OwnFileCodec
from .outputs import Outputs
from .refusing import as_nodes, in_words, without_code
from .returning import is_result, returned_value
from .steps import find_record, read_file
from .transaction import detach

__all__ = ('KINDS', 'Kind', 'find_target', 'kind_of')

SourceOf = Callable[[Any], Mapping[str, orm.Data]]

#: The groups of entry points whose names are targets.
_GROUPS = ('aiida.calculations', 'aiida.workflows')


class Kind:
    """One kind of target; this one: the classes and builders of AiiDA's processes.

    :cvar arguments: the namespace of the inputs that has the arguments; empty if they are the inputs.
    :cvar is_lost: whether a child of it lives in the worker of the workflow, and is lost with that.
    """

    arguments: ClassVar[str] = ''
    is_lost: ClassVar[bool] = False

    def takes(self, target: Any) -> bool:
        """Return whether a target is of this kind."""
        return isinstance(target, ProcessBuilder) or (inspect.isclass(target) and issubclass(target, Process))

    def process_class(self, target: Any) -> Any:
        """Return the class of the process that is launched."""
        return target.process_class if isinstance(target, ProcessBuilder) else target

    def by_name(self, target: Any, args: tuple[Any, ...], named: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is given by position and by name, all by name.

        :raises TypeError: if that cannot be.
        """
        if args:
            raise TypeError(f'the inputs of `{name_of(target)}` are given by name')
        return dict(named)

    def takes_nodes(self, target: Any, port: str) -> bool:
        """Return whether it matters of which class the node of an argument is, not only which value it stands for."""
        return True

    def inputs(self, target: Any, given: Mapping[str, Any], source_of: SourceOf) -> dict[str, Any]:
        """Return the inputs of the process: nodes, not tied to the database session.

        :param given: the arguments, by name.
        :param source_of: gives the nodes with the source of a function.
        :raises LaunchError: if they do not fit.
        """
        process_class = self.process_class(target)
        if isinstance(target, ProcessBuilder):
            given = {**target._inputs(prune=True), **given}
        serialized = as_nodes(process_class, given)
        # Nodes that AiiDA would make of default values later would have no creator.
        return _with_defaults(serialized, _validate(process_class, serialized))

    def outcome(self, node: orm.ProcessNode, target: Any, outputs: Mapping[str, orm.Data]) -> Any:
        """Return what a child that has ended gives.

        :param outputs: the nodes that it has given, by link label.
        :raises ChildFailedError: if it failed.
        :raises Exception: what a function raised.
        """
        if not node.is_finished_ok:
            raise _failure(node)
        return self.value(node, target, outputs)

    def value(self, node: orm.ProcessNode, target: Any, outputs: Mapping[str, orm.Data]) -> Any:
        """Return what the outputs of a child stand for."""
        links = [LinkTriple(data, LinkType.RETURN, label) for label, data in outputs.items()]
        return Outputs.of(LinkManager(links).nested())

    def is_result(self, value: Any) -> bool:
        """Return whether what a child gives is the value of its output ``result`` itself."""
        return False


class WorkflowKind(Kind):
    """Other workflow functions: their inputs are parameters, what they return is a Python value."""

    def takes(self, target: Any) -> bool:
        """Return whether it is a class made by ``@workflow``."""
        return hasattr(target, FUNCTION_MARK)

    def by_name(self, target: Any, args: tuple[Any, ...], named: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments by the names of the parameters."""
        return by_name(getattr(target, FUNCTION_MARK), args, named)

    def takes_nodes(self, target: Any, port: str) -> bool:
        """Return whether the parameter is annotated with a class of nodes."""
        parameter = getattr(target.spec().inputs.get(port), 'parameter', None)
        return parameter is not None and parameter.names_nodes

    def inputs(self, target: Any, given: Mapping[str, Any], source_of: SourceOf) -> dict[str, Any]:
        """Return the inputs of the process."""
        arguments = {name: value for name, value in given.items() if name != 'metadata'}
        check_arguments(getattr(target, FUNCTION_MARK), arguments)
        return super().inputs(target, {port_name(name): value for name, value in given.items()}, source_of)

    def is_result(self, value: Any) -> bool:
        """Return whether what the function returned is its only output."""
        return is_result(value)

    def value(self, node: orm.ProcessNode, target: Any, outputs: Mapping[str, orm.Data]) -> Any:
        """Return what the workflow function returned."""
        record = find_record(cast(orm.WorkChainNode, node))
        shape = None if record is None else record.base.attributes.get('dreamflow').get('shape')
        names = target.function.__globals__
        if shape is None or record is None:
            return with_classes(from_node(outputs['result']), names) if outputs else None
        codecs = [OwnFileCodec(target.function, target.bundle)]
        return with_classes(returned_value(outputs, shape, functools.partial(read_file, record), codecs), names)


class ProcessFunctionKind(Kind):
    """AiiDA's calculation functions and work functions. No daemon can load one: it runs in the worker of the workflow."""

    is_lost = True

    def takes(self, target: Any) -> bool:
        """Return whether it is one."""
        return getattr(target, PROCESS_FUNCTION_MARK, False) is True

    def process_class(self, target: Any) -> Any:
        """Return the class that AiiDA has made of the function."""
        return target.process_class

    def by_name(self, target: Any, args: tuple[Any, ...], named: Mapping[str, Any]) -> dict[str, Any]:
        """Return the inputs by their names."""
        return merged(target, target.process_class.create_inputs(*args), named)

    def is_result(self, value: Any) -> bool:
        """Return whether it is a node."""
        return isinstance(value, orm.Data)

    def value(self, node: orm.ProcessNode, target: Any, outputs: Mapping[str, orm.Data]) -> Any:
        """Return what calling the function returns: its node, or a dict of nodes if it returned several by name."""
        return outputs['result'] if outputs.keys() == {'result'} else Outputs.of(outputs) if outputs else None


class FunctionKind(Kind):
    """Plain Python functions, with the options of `job` or without: function jobs."""

    arguments = 'arguments'

    def takes(self, target: Any) -> bool:
        """Return whether it is anything else: what is no function is refused by the inputs."""
        return True

    def process_class(self, target: Any) -> Any:
        """Return the class of function jobs."""
        return FunctionJob

    def by_name(self, target: Any, args: tuple[Any, ...], named: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments by the names of the parameters."""
        require_function_to_run(target)
        return by_name(target, args, named)

    def takes_nodes(self, target: Any, port: str) -> bool:
        """Return that values are taken."""
        return False

    def inputs(self, target: Any, given: Mapping[str, Any], source_of: SourceOf) -> dict[str, Any]:
        """Return the inputs of the process."""
        inputs = self.job_inputs(target, given, source_of(target))
        for node in (*inputs['arguments'].values(), *inputs.get('items', {}).values()):
            detach(node)
        _validate(self.process_class(target), inputs)
        return inputs

    def job_inputs(self, target: Any, given: Mapping[str, Any], source: Mapping[str, orm.Data]) -> dict[str, Any]:
        """Return the inputs of the process, as the room of the jobs makes them."""
        return function_job_inputs(target, given, source)[1]

    def is_result(self, value: Any) -> bool:
        """Return whether it is that: whatever the function returned is."""
        return True

    def outcome(self, node: orm.ProcessNode, target: Any, outputs: Mapping[str, orm.Data]) -> Any:
        """Return what the function returned."""
        assert isinstance(node, orm.CalculationNode)
        return job_outcome(node, target, outputs)


class LocalKind(FunctionKind):
    """Functions that `run` runs here."""

    def takes(self, target: Any) -> bool:
        """Return whether it is one."""
        return isinstance(target, Local)

    def process_class(self, target: Any) -> Any:
        """Return the class of local runs."""
        return LocalRun

    def job_inputs(self, target: Any, given: Mapping[str, Any], source: Mapping[str, orm.Data]) -> dict[str, Any]:
        """Return the inputs of the process."""
        return local_run_inputs(target.function, given, source, target.in_thread, target.cwd)[1]


class MapKind(FunctionKind):
    """Functions that one job calls for many items: each argument has the values of all."""

    def takes(self, target: Any) -> bool:
        """Return whether it is one."""
        return isinstance(target, Mapped)

    def process_class(self, target: Any) -> Any:
        """Return the class of such jobs."""
        return MapJob

    def job_inputs(self, target: Any, given: Mapping[str, Any], source: Mapping[str, orm.Data]) -> dict[str, Any]:
        """Return the inputs of the process."""
        return map_job_inputs(target.function, given, source)[1]

    def outcome(self, node: orm.ProcessNode, target: Any, outputs: Mapping[str, orm.Data]) -> Any:
        """Return the results, in the order of the items; for an item without one, an exception."""
        assert isinstance(node, orm.CalculationNode)
        return map_outcome(node, target.function)


#: The first that takes a target is its kind.
KINDS: tuple[Kind, ...] = (LocalKind(), MapKind(), WorkflowKind(), ProcessFunctionKind(), Kind(), FunctionKind())


def kind_of(target: Any) -> Kind:
    """Return the kind of a target."""
    return next(kind for kind in KINDS if kind.takes(target))


def find_target(target: Any) -> Any:
    """Return what is meant by a target: that of an entry point name, or the target itself.

    :param target: a name like ``quantumespresso.pw``, or with its group, ``aiida.calculations:quantumespresso.pw``.
    :raises LaunchError: if no entry point has that name, or more than one.
    """
    if not isinstance(target, str):
        return target
    from aiida.common.exceptions import EntryPointError
    from aiida.plugins.entry_point import get_entry_point_names, load_entry_point

    group, _, name = target.rpartition(':')
    groups = [each for each in _GROUPS if group in ('', each) and name in get_entry_point_names(each)]
    if len(groups) > 1:
        said = ' or '.join(f"`submit('{each}:{name}', ...)`" for each in groups)
        raise LaunchError(f'there are a calculation and a workflow with the entry point `{name}`: write {said}')
    if not groups:
        raise LaunchError(
            f'no calculation and no workflow has the entry point `{target}`: `verdi plugin list aiida.calculations` and '
            '`verdi plugin list aiida.workflows` show them all. A function is given itself, not what it returns: '
            '`submit(f, x=n)`'
        )
    try:
        return load_entry_point(groups[0], name)
    except EntryPointError as error:
        raise LaunchError(f'the entry point `{target}` cannot be loaded: {error}') from error


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


def _own(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return inputs in dicts of their own, which AiiDA completes in place."""
    return {name: _own(value) if isinstance(value, dict) else value for name, value in inputs.items()}


def _validate(process_class: Any, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the inputs of a process as AiiDA completes them.

    :raises LaunchError: if they do not fit.
    """
    ports = process_class.spec().inputs
    processed: Mapping[str, Any] = ports.pre_process(_own(inputs))
    fault = ports.validate(processed)
    if fault is not None:
        raise LaunchError(in_words(process_class, inputs, fault))
    if (reason := without_code(process_class, processed)) is not None:
        raise LaunchError(reason)
    return processed


def _failure(node: orm.ProcessNode) -> ChildFailedError:
    """Return what is raised for a process that failed."""
    if node.is_killed:
        how = 'was killed'
    elif node.is_excepted:
        how = f'excepted: {how_it_excepted(node.exception or "")}'
    elif not node.is_terminated:
        how = 'stopped without an end, as its code broke the machinery of the process: see the log'
    else:
        how = how_it_failed(node.exit_status, node.exit_message or '')
    innermost = re.findall(r'\((\d+)\): ', how if 'failed because of' in how else '')
    return ChildFailedError(
        f'{node.process_label} {node.pk} {how}; see `verdi process report {(innermost or [node.pk])[-1]}`',
        node=node,
        exit_status=node.exit_status,
        exit_message=node.exit_message or '',
    )


def port_names(names: Mapping[str, str | None]) -> dict[str, str]:
    """Return the variables of arguments by port, for those that are variables."""
    # The values of `*args` are several.
    return {port_name(name): variable for name, variable in names.items() if isinstance(variable, str)}
