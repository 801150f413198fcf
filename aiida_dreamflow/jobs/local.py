"""`LocalRun`: the AiiDA process of a plain function that is run on the worker's own machine.

Knows AiiDA, and who computes (:mod:`~aiida_dreamflow.jobs.interpreter`); must not know workflows.
"""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import plumpy
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import ExitCode, Process

from ..exceptions import CannotStoreError, FrameError, LaunchError
from ..values.data import DreamData
from ..values.homes import at_home
from ..values.nodes import from_node, to_node
from ..values.snapshot import decode
from .arguments import argument_not_stored, check_arguments, require_mentioned
from .calculation import nodes_to_bundle
from .computing import modules_of, request
from .interpreter import Report, compute_in_interpreter, compute_in_thread
from .leased import Leased
from .names import port_name, python_name
from .reports import LOCAL_EXIT_CODES, Ending, local_ending, not_storable
from .sending import parameters_by_name, sendable, takes_structure

__all__ = ('LocalRun', 'files_node', 'local_run_inputs', 'plain_argument')


def local_run_inputs(
    function: Callable[..., Any],
    arguments: Mapping[str, Any],
    source: Mapping[str, orm.Data],
    in_thread: bool,
    cwd: str | None = None,
) -> tuple[type[LocalRun], dict[str, Any]]:
    """Make the inputs of a local run.

    :param function: the function.
    :param arguments: its arguments by name, values or data nodes.
    :param source: the nodes of its source.
    :param in_thread: whether it runs in a thread.
    :param cwd: its working directory, if it shall have none of its own.
    :returns: the process class and its inputs.
    :raises TypeError: if the arguments do not fit the signature, in Python's words.
    :raises CannotStoreError: if an argument has no stored form.
    :raises LaunchError: if an argument stands for no Python value.
    """
    check_arguments(function, arguments)
    known = parameters_by_name(function)
    nodes = {
        port_name(name): value if takes_structure(value, known.get(name)) else _argument_node(name, value)
        for name, value in arguments.items()
    }
    for name, node in nodes.items():
        if isinstance(node, DreamData):
            require_mentioned(function, name, node.document(), lambda: nodes_to_bundle(source))
    if cwd is not None and not (Path(cwd).is_absolute() and Path(cwd).is_dir()):
        what = 'is no folder on this machine' if Path(cwd).is_absolute() else 'is relative, and workers run elsewhere'
        raise LaunchError(f'`cwd`: `{cwd}` {what}; give the whole path of one')
    return LocalRun, {**source, 'arguments': nodes, 'in_thread': in_thread, **({} if cwd is None else {'cwd': cwd})}


def _argument_node(name: str, value: Any) -> orm.Data:
    plain_argument(name, value)
    try:
        node: orm.Data = to_node(value)
    except CannotStoreError as error:
        raise argument_not_stored(name, error) from error.__cause__
    return node


def plain_argument(name: str, value: Any) -> Any:
    """Return the value that the function gets for an argument, which may be a node.

    :raises LaunchError: if it stands for no Python value.
    """
    plain = from_node(value) if isinstance(value, orm.Data) else value
    if isinstance(plain, orm.Node):
        raise LaunchError(
            f'argument `{name}`: a `{type(plain).__name__}` stands for no Python value, and the function runs without a '
            'database: give it what it needs of the node'
        )
    return plain


def files_node(files: dict[str, Any], blobs: dict[str, bytes]) -> orm.Data:
    """Return the node of the file, or the folder, whose path the function returned."""
    names: dict[str, str] = files['names']
    if files['is_file']:
        ((name, blob),) = names.items()
        return orm.SinglefileData.from_bytes(blobs[blob], filename=name)
    node = orm.FolderData()
    for name, blob in names.items():
        node.base.repository.put_object_from_bytes(blobs[blob], name)
    return node


class LocalRun(Leased, Process):
    """Runs one Python function on the machine of the worker, off its event loop."""

    _node_class = orm.CalcFunctionNode
    _computing: asyncio.Task[tuple[Report, str]] | None = None

    @classmethod
    def define(cls, spec: Any) -> None:
        """Define inputs, outputs and exit codes."""
        super().define(spec)
        spec.input('function', valid_type=orm.SinglefileData, help='The source of the function.')
        spec.input(
            'state', valid_type=orm.FolderData, required=False, help='Its modules, and values of global variables.'
        )
        spec.input_namespace(
            'arguments',
            valid_type=orm.Data,
            dynamic=True,
            required=False,
            help='The arguments of the function, by name.',
        )
        spec.input(
            'cwd', valid_type=str, non_db=True, required=False, help='Its working directory; its own by default.'
        )
        spec.input('in_thread', valid_type=bool, non_db=True, default=False, help='Whether it runs in a thread.')
        spec.output('result', valid_type=orm.Data, required=False, help='What the function returned.')
        spec.output('exception', valid_type=orm.Dict, required=False, help='The exception that ended the function.')
        for status, label, message in LOCAL_EXIT_CODES:
            spec.exit_code(status, label, message=message, invalidates_cache=True)

    def _build_process_label(self) -> str:
        label: str = self.inputs.function.label
        return label

    def _setup_db_record(self) -> None:
        super()._setup_db_record()
        # Where AiiDA looks for the source of a calculation function.
        path = orm.CalcFunctionNode.FUNCTION_SOURCE_FILE_PATH
        self.node.base.repository.put_object_from_bytes(self.inputs.function.content, path)
        self.node.base.attributes.set('function_name', self.inputs.function.label)
        self.node.base.attributes.set('python_version', platform.python_version())

    # -- running

    def run(self) -> Any:
        """Wait for the function, unless there is a record of its end already."""
        if self.node.exit_status is not None:  # from AiiDA's cache
            return ExitCode(self.node.exit_status, self.node.exit_message)
        return plumpy.Wait(self._conclude, 'the function runs')

    def on_wait(self, awaitables: Any) -> None:
        """Let the function run."""
        super().on_wait(awaitables)
        self.call_soon(self._compute)

    def load_instance_state(self, saved_state: Any, load_context: Any) -> None:
        """Let the function run again: with the worker that ran it, it has ended."""
        super().load_instance_state(saved_state, load_context)
        if isinstance(self._state, plumpy.Waiting):
            self.call_soon(self._compute)

    def _compute(self) -> None:
        if self._made():
            self.resume()
            return
        given, source = self.inputs.get('arguments', {}), nodes_to_bundle(self.inputs)
        with at_home(modules_of(source)):
            arguments = {python_name(name): sendable(from_node(node)) for name, node in given.items()}
            content, blobs = request(source, arguments, self.inputs.get('cwd'))
        compute = compute_in_thread if self.inputs.in_thread else compute_in_interpreter
        self._computing = self.loop.create_task(compute(content, blobs))
        self._computing.add_done_callback(lambda task: None if task.cancelled() else self.resume())

    def on_terminated(self) -> None:
        """End the computation, if this is not its own end."""
        super().on_terminated()
        if self._computing is not None:
            self._computing.cancel()

    # -- ending

    def _made(self) -> set[str]:
        """Return the labels of the outputs that are there: more than none if a worker died while the run ended."""
        links = self.node.base.links.get_outgoing(link_type=LinkType.CREATE).all()
        return {entry.link_label for entry in links}

    def _conclude(self) -> Any:
        """Turn the report into outputs and an exit code."""
        made = self._made()
        if made:
            return self.exit_codes.ERROR_FUNCTION_RAISED if 'exception' in made else None
        if self._computing is None:  # a worker died just now
            return plumpy.Wait(self._conclude, 'the function runs')
        (report, blobs), printed = self._computing.result()
        if text := printed.rstrip('\n'):
            self.report('%s', text)
        return self._result(report, blobs, printed)

    def _result(self, report: dict[str, Any], blobs: dict[str, bytes], printed: str) -> ExitCode | None:
        if report['status'] == 'returned':
            if 'files' in report:
                self.out('result', files_node(report['files'], blobs))
                return None
            try:
                with at_home(modules_of(nodes_to_bundle(self.inputs))):
                    self.out('result', to_node(decode(report['value'], blobs.__getitem__)['value']))
            except (CannotStoreError, FrameError, ImportError, AttributeError) as error:
                return self._exit(not_storable(error))
            return None
        ending = local_ending(report, printed)
        if ending.exception is not None:
            self.out('exception', orm.Dict(ending.exception))
        return self._exit(ending)

    def _exit(self, ending: Ending) -> ExitCode:
        code: ExitCode = self.exit_codes[ending.label].format(**ending.details)
        return code
