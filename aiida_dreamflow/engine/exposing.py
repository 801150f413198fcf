"""Inputs of other processes as inputs of a workflow function: ``scf: Annotated[dict, expose_inputs(PwBaseWorkChain)]``.

The parameter is a namespace of inputs, that of AiiDA's ``spec.expose_inputs``; the function gets a dict of them, to be given
to ``submit`` as ``**scf``. Codes and computers may be given by label in any namespace of ours, and to any child.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiida import orm
from aiida.engine import Process
from aiida.engine.processes.ports import InputPort, PortNamespace
from plumpy.ports import PortValidationError

from ..compiler.desugar import FUNCTION_MARK
from ..exceptions import LaunchError, WorkflowUsageError
from ..jobs.codes import by_label
from ..jobs.names import port_name
from ..values.parameters import Parameter, parameters_of
from .checking import parameters_in
from .forked import FORK_INPUTS
from .kinds import find_target
from .refusing import in_words, types_of

__all__ = ('arriving', 'expose_inputs', 'exposed_by', 'nodes_in', 'plain_inputs')


@dataclass(frozen=True)
class expose_inputs:  # noqa: N801  (written like the method of AiiDA's that it stands for)
    """Beside the type of a parameter in ``Annotated``: it has the inputs of a process, as a dict.

    :param process: a process class, a workflow function, or the name of an entry point.
    :param exclude: the inputs to leave out: those that the function gives itself.
    :param include: the inputs to take, in place of all.
    """

    process: Any
    exclude: Sequence[str] = ()
    include: Sequence[str] | None = None

    def process_class(self) -> type[Process]:
        """Return the class of the process.

        :raises WorkflowUsageError: if it is none.
        """
        found = find_target(self.process)
        if not (isinstance(found, type) and issubclass(found, Process)):
            raise WorkflowUsageError(
                f'`expose_inputs` takes a class of processes, a workflow function, or the name of an entry point, not {found!r}'
            )
        return found

    def add_to(self, spec: Any, parameter: Parameter) -> None:
        """Add the inputs to the specification of a workflow.

        :param parameter: the parameter that gets them.
        """
        name, process_class = port_name(parameter.name), self.process_class()
        is_required = parameter.default is parameter.empty
        own = ('nodes_inside', FORK_INPUTS) if hasattr(process_class, FUNCTION_MARK) else ()
        text = parameters_in(parameter.function.__doc__).get(parameter.name)
        options = {
            'required': is_required,
            'populate_defaults': is_required,
            'help': text or f'Inputs of {_called(process_class)}.',
        }
        chosen = {'include': self.include} if self.include is not None else {'exclude': (*self.exclude, *own)}
        spec.expose_inputs(process_class, namespace=name, namespace_options=options, **chosen)
        _close(spec.inputs[name], process_class.spec().inputs)
        _take_labels(spec.inputs[name])


def exposed_by(parameter: Parameter) -> expose_inputs | None:
    """Return what a parameter exposes, if it does."""
    return next((mark for mark in parameter.marks() if isinstance(mark, expose_inputs)), None)


def plain_inputs(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs of a namespace as a dict of dicts, to be given to a child.

    AiiDA's default for the label of its call link is left out: a child has the label that `submit` gives it.
    """
    return {
        name: plain_inputs(value) if isinstance(value, Mapping) else value
        for name, value in inputs.items()
        if (name, value) != ('call_link_label', 'CALL')
    }


def arriving(workflow: Any, name: str, value: Any) -> Any:
    """Return an argument of a workflow that runs in memory as its process would have it: nodes for exposed inputs and labels.

    :raises LaunchError: if it does not fit.
    """
    function = getattr(workflow, FUNCTION_MARK)
    parameter = parameters_of(function).get(name)
    exposed = None if parameter is None else exposed_by(parameter)
    if parameter is None or exposed is None or value is None:
        return value if parameter is None else by_label(value, parameter.classes())
    ports = workflow.spec().inputs[port_name(name)]
    inputs = ports.pre_process(ports.serialize(value))
    if (fault := ports.validate(inputs)) is not None:
        raise LaunchError(in_words(workflow, {name: value}, PortValidationError(fault.message, f'inputs.{fault.port}')))
    return plain_inputs(inputs)


def nodes_in(inputs: Mapping[str, Any], around: str = '') -> Iterator[tuple[str, orm.Data]]:
    """Yield the nodes among inputs, however nested, each with the label of its link."""
    for name, value in inputs.items():
        if isinstance(value, Mapping):
            yield from nodes_in(value, f'{around}{name}__')
        elif isinstance(value, orm.Data):
            yield f'{around}{name}', value


def _close(namespace: PortNamespace, source: PortNamespace) -> None:
    """Have a namespace refuse what its source refuses: AiiDA makes it dynamic when it copies the type of its values."""
    namespace.dynamic = source.dynamic
    for name, port in namespace.items():
        inner = source.get(name)
        if isinstance(port, PortNamespace) and isinstance(inner, PortNamespace):
            _close(port, inner)


def _take_labels(namespace: PortNamespace) -> None:
    """Have the ports of a namespace, which are copies, take labels for codes and computers."""
    for port in namespace.values():
        if isinstance(port, PortNamespace):
            _take_labels(port)
        elif isinstance(port, InputPort) and {orm.Computer, orm.AbstractCode} & _bases(port):
            port._serializer = functools.partial(by_label, kinds=types_of(port))  # type: ignore[assignment]


def _bases(port: InputPort) -> set[type]:
    return {base for kind in types_of(port) if isinstance(kind, type) for base in kind.__mro__}


def _called(process_class: Any) -> str:
    return str(getattr(process_class, FUNCTION_MARK, process_class).__name__)
