"""A function job before and after: its options, its inputs, its outcome.

Knows AiiDA's nodes; must not know workflows, nor which launcher is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, ParamSpec, TypeVar

from aiida import orm
from aiida.manage import get_manager

from ..compiler.bundle import bundle
from ..exceptions import ChildFailedError, LaunchError
from .arguments import check_arguments
from .calculation import FunctionJob, bundle_to_nodes
from .codes import check_code, find_code
from .constants import store
from .failures import raised_or
from .names import port_name
from .sending import argument_node, parameters_by_name, value_of

__all__ = (
    'JobFunction',
    'check_place',
    'failure_of',
    'function_job_inputs',
    'job',
    'job_outcome',
    'place_inputs',
)

P = ParamSpec('P')
R = TypeVar('R')


@dataclass(frozen=True)
class JobFunction(Generic[P, R]):
    """A function with the options of the jobs that run it; :func:`job` makes it. Called directly, it is the function.

    :ivar function: the function.
    :ivar code: the code to run it with, or its label.
    :ivar computer: the computer to run it on, or its label.
    :ivar metadata: the metadata of the process.
    """

    function: Callable[P, R]
    code: orm.AbstractCode | str | None = None
    computer: orm.Computer | str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def __wrapped__(self) -> Callable[P, R]:
        # Signatures and sources are looked for behind this name.
        return self.function

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function itself, here and now."""
        return self.function(*args, **kwargs)


def job(
    function: Callable[P, R],
    *,
    code: orm.AbstractCode | str | None = None,
    computer: orm.Computer | str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> JobFunction[P, R]:
    """Say how a function is to be run as a job, without touching its arguments.

    :param function: the function.
    :param code: an AiiDA code for a Python 3.8 or later, or its label; ``None`` for the Python of the computer.
    :param computer: the computer, or its label; ``None`` for that of the code, or ``localhost``.
    :param metadata: the metadata of the process, such as ``{'options': {'max_wallclock_seconds': 600}}``.
    :returns: a target for ``submit`` with the function's signature.
    """
    return JobFunction(function, code, computer, _copied(metadata or {}))


def function_job_inputs(
    target: Callable[..., Any], arguments: Mapping[str, Any], source: Mapping[str, orm.Data] | None = None
) -> tuple[type[FunctionJob], dict[str, Any]]:
    """Make the inputs of a function job for AiiDA's launchers.

    :param target: the function, or what :func:`job` made of it.
    :param arguments: its arguments by name, values or data nodes; that of a ``*args`` parameter is a sequence.
    :param source: the nodes of the function's source if there are some already (see `bundle_to_nodes`); otherwise unstored ones
        are made, and are among the inputs.
    :returns: the process class and its inputs.
    :raises TypeError: if the arguments do not fit the signature, in Python's words.
    :raises WorkflowUsageError: if the function has no source that could be sent.
    :raises CannotStoreError: if an argument has no stored form.
    :raises LaunchError: if an argument cannot be sent, or if code or computer cannot be used.
    """
    if source is None:
        source = bundle_to_nodes(bundle(target, modules=True, store=store))
    check_arguments(target, arguments)
    known = parameters_by_name(target)
    nodes = {
        port_name(name): argument_node(target, name, value, source['function'], known.get(name))
        for name, value in arguments.items()
    }
    return FunctionJob, {**place_inputs(target), **source, 'arguments': nodes}


def check_place(
    target: JobFunction[..., Any], process_class: type[FunctionJob], in_words: Callable[[Any, Any, Any], str]
) -> None:
    """Refuse options that cannot be, where the job is not going to be launched; code and computer, if a profile is loaded.

    :param process_class: the class of the job.
    :param in_words: says of a class and its inputs what their fault is.
    :raises LaunchError: if one of them cannot be used.
    """
    metadata = _copied(target.metadata)
    computer = target.computer or metadata.pop('computer', None)
    if get_manager().get_profile() is not None:
        check_code(target.code, computer)
    ports: Any = process_class.spec().inputs['metadata']
    fault = ports.validate(ports.pre_process(metadata), ('inputs',))
    if fault is not None:
        raise LaunchError(in_words(process_class, {'metadata': metadata}, fault))


def place_inputs(target: Callable[..., Any]) -> dict[str, Any]:
    """Return those inputs of a job that say where and how it runs.

    :param target: the function, or what :func:`job` made of it.
    :raises LaunchError: if code or computer cannot be used.
    """
    options = target if isinstance(target, JobFunction) else JobFunction(target)
    metadata = _copied(options.metadata)
    code, computer = find_code(options.code, options.computer or metadata.pop('computer', None))
    if code.computer is None:
        metadata['computer'] = computer
    return {'code': code, 'metadata': metadata}


def job_outcome(
    node: orm.CalculationNode,
    target: Callable[..., Any] | None = None,
    outputs: Mapping[str, orm.Data] | None = None,
) -> Any:
    """Return the result of a function job or a local run that has ended, or raise why there is none.

    :param node: its process node.
    :param target: the function; exceptions that its own file defines are rebuilt as its types.
    :param outputs: what it has given, if that is known.
    :returns: what the function returned.
    :raises Exception: what the function raised, if its type is here.
    :raises ChildFailedError: for any other failure.
    """
    if node.is_finished_ok:
        return value_of(node.outputs.result if outputs is None else outputs['result'], target)
    raise failure_of(node, target)


def _copied(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a mapping and those in it, not what else is in it: computers are no values."""
    return {key: _copied(value) if isinstance(value, Mapping) else value for key, value in mapping.items()}


def failure_of(node: orm.CalculationNode, target: Callable[..., Any] | None) -> Exception:
    """Make the exception for a job without a result."""
    error = ChildFailedError(
        _failure_message(node), node=node, exit_status=node.exit_status, exit_message=node.exit_message or ''
    )
    return raised_or(error, _exception_details(node), target, _what(node))


def _exception_details(node: orm.CalculationNode) -> dict[str, Any] | None:
    found = node.base.links.get_outgoing(link_label_filter='exception').first()
    return found.node.get_dict() if found is not None else None


def _failure_message(node: orm.CalculationNode) -> str:
    what = _what(node)
    advice = f'see `verdi process report {node.pk}`'
    if node.is_killed:
        return f'{what} was killed; {advice}'
    if node.is_excepted:
        return f'{what} ended with an error of AiiDA or its plugin: {node.exception or "unknown"}; {advice}'
    if not node.is_terminated:
        return f'{what} has not ended; wait for it before you ask for its outcome'
    output = f'`verdi calcjob outputcat {node.pk}` and ' if isinstance(node, orm.CalcJobNode) else ''
    return (
        f'{what} ended with exit status {node.exit_status}: {node.exit_message} '
        f'See also {output}`verdi process report {node.pk}`.'
    )


def _what(node: orm.CalculationNode) -> str:
    """Return how messages call the process that ran a function."""
    return (
        f'function job {node.pk}'
        if isinstance(node, orm.CalcJobNode)
        else f'the run {node.pk} of `{node.process_label}`'
    )
