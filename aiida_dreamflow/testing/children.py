"""The children of a workflow that runs in memory: checked, sent, called and answered as their processes would be.

By the same code, as far as that needs no profile: what `submit` checks on its line, the source that a job gets, the encoding
of its arguments, the runner that calls it, what is made of its report.
"""

from __future__ import annotations

import contextlib
import linecache
import os
import platform
import sys
import tempfile
import traceback
import types
from asyncio import CancelledError
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..compiler.bundle import Bundle, bundle
from ..compiler.desugar import FUNCTION_MARK, PROCESS_FUNCTION_MARK
from ..exceptions import CannotStoreError, ChildFailedError, LaunchError, RemoteTraceback, WorkflowUsageError
from ..jobs import remote, wire
from ..jobs.arguments import (
    argument_not_stored,
    by_name,
    check_arguments,
    name_of,
    namespace_of,
    request_of,
    require_mentioned,
    sent,
    with_classes,
)
from ..jobs.computing import compute, request
from ..jobs.constants import store
from ..jobs.failures import chain_of, child_of, item_failure, raised_or
from ..jobs.placing import place
from ..jobs.reports import (
    EXIT_CODES,
    ITEMS_FAILED,
    LOCAL_EXIT_CODES,
    WORKFLOW_EXIT_CODES,
    Ending,
    ending_of,
    how_it_failed,
    item_details,
    local_ending,
    not_storable,
    status_and_message,
)
from ..runtime import Local, Mapped
from ..values.parameters import received, signature_of
from ..values.snapshot import decode, encode
from .crossing import crossed

__all__ = ('call_child', 'prepared', 'require_launchable')


# -- before


def require_launchable(process_class: Any) -> None:
    """Refuse a workflow that uses a global variable which could not go along where it is launched.

    :raises WorkflowUsageError: with the words of a launch.
    """
    from ..engine.pinned import launched

    launched(process_class)


def prepared(target: Any, args: tuple[Any, ...], inputs: dict[str, Any]) -> tuple[dict[str, Any], Bundle | None]:
    """Check what `submit` is given, on its line; return the arguments by name, as the child is to get them.

    And the function as it is now, if the target is a plain one.

    :raises TypeError: if they do not fit.
    :raises LaunchError: if the target cannot be run with them.
    :raises CannotStoreError: if one of them has no stored form.
    """
    if hasattr(target, FUNCTION_MARK):
        named = by_name(getattr(target, FUNCTION_MARK), args, inputs)
        return workflow_arguments(target, {name: value for name, value in named.items() if name != 'metadata'}), None
    if _is_process(target):
        raise LaunchError(f'`{name_of(target)}` cannot run in memory: only Python functions and workflows can')
    arguments = by_name(target, args, inputs)
    try:
        source = bundle(target, modules=True, store=store)
    except WorkflowUsageError as error:
        raise LaunchError(str(error)) from None
    if isinstance(target, Local):
        check_arguments(target, arguments)
        crossing = {name: _crossed_argument(name, _plain(target, name, value)) for name, value in arguments.items()}
        return crossing, source
    first = {name: column[0] for name, column in arguments.items()} if isinstance(target, Mapped) else arguments
    check_arguments(target, first)
    found = {name: _sent(target, name, value, source.source) for name, value in arguments.items()}
    _check_place(target)
    return found, source


def workflow_arguments(target: Any, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a workflow function as it gets them from its process.

    :param target: the workflow.
    :raises TypeError: if they do not fit.
    :raises LaunchError: if an annotation or a validator does not allow one.
    """
    from ..engine.exposing import arriving
    from ..engine.validators import require_valid

    function = getattr(target, FUNCTION_MARK)
    check_arguments(function, arguments)
    arguments = {name: arriving(target, name, value) for name, value in arguments.items()}
    found = {name: _crossed_argument(name, value) for name, value in arguments.items()}
    for name, parameter in signature_of(function).parameters.items():
        if name not in found and parameter.default is not parameter.empty:
            # One that has no stored form is no input: the function's own serves.
            with contextlib.suppress(CannotStoreError):
                found[name] = crossed(parameter.default)
    found = received(function, found)
    require_valid(function, target.validators, found)
    return found


def _is_process(target: Any) -> bool:
    engine: Any = sys.modules.get('aiida.engine')
    if engine is None or isinstance(target, Mapped | Local):
        return False
    is_class = isinstance(target, engine.ProcessBuilder) or (
        isinstance(target, type) and issubclass(target, engine.Process)
    )
    return is_class or getattr(target, PROCESS_FUNCTION_MARK, False) is True


def _check_place(target: Any) -> None:
    """Refuse options of a job that no profile is needed to refuse, and with a profile code and computer."""
    launch: Any = sys.modules.get('aiida_dreamflow.jobs.launch')
    options = target.function if isinstance(target, Mapped) else target
    if launch is not None and isinstance(options, launch.JobFunction):
        from ..engine.refusing import in_words
        from ..jobs.mapping import MapJob

        launch.check_place(options, MapJob if isinstance(target, Mapped) else launch.FunctionJob, in_words)


def _is_node(value: Any) -> bool:
    return isinstance(value, getattr(sys.modules.get('aiida.orm'), 'Node', ()))


def _plain(target: Any, name: str, value: Any) -> Any:
    """Return the value that a function gets for an argument that may be a node."""
    if not _is_node(value):
        return value
    from ..jobs.local import plain_argument
    from ..jobs.sending import parameters_by_name, sendable, takes_structure

    if takes_structure(value, parameters_by_name(target).get(name)):
        return sendable(value)
    return plain_argument(name, value)


def _sent(target: Any, name: str, value: Any, source: str, item: str = '') -> Any:
    """Return an argument as the function gets it in its job; files stay nodes until then."""
    if isinstance(value, list) and any(map(_is_node, value)) and isinstance(target, Mapped):  # a column
        return [_sent(target, name, each, source, f'` of item `{index}') for index, each in enumerate(value)]
    convert, said = None, f'{name}{item}'
    if 'aiida.orm' in sys.modules:
        from ..jobs.sending import FILE_NODES, argument_value, converter, parameters_by_name

        value = argument_value(said, value)
        if isinstance(value, FILE_NODES):
            return value
        convert = converter(said, parameters_by_name(target).get(name))
    return sent(target, said, value, source, convert)


def _crossed_argument(name: str, value: Any) -> Any:
    try:
        return crossed(value)
    except CannotStoreError as error:
        raise argument_not_stored(name, error) from error.__cause__


# -- the call


def call_child(
    target: Any,
    arguments: dict[str, Any],
    source: Bundle | None,
    label: str,
    run_workflow: Callable[[Any, dict[str, Any]], Any],
) -> Any:
    """Call a child's function as its process would; return what that gives.

    :param target: the target.
    :param arguments: what :func:`prepared` gave.
    :param source: the function that it gave.
    :param label: the label of the child.
    :param run_workflow: runs a workflow in memory.
    :raises Exception: what awaiting it raises.
    """
    if hasattr(target, FUNCTION_MARK):
        return _run_workflow(target, arguments, label, run_workflow)
    assert source is not None
    if isinstance(target, Local):
        return _run_here(target, source, arguments, label)
    return _run_job(target, source, arguments, label)


def _run_job(target: Any, source: Bundle, arguments: dict[str, Any], label: str) -> Any:
    function = target.function if isinstance(target, Mapped) else target
    what = f'function job {label}'
    with tempfile.TemporaryDirectory(prefix='dreamflow-') as folder:
        report = _report_of_job(target, source, arguments, Path(folder))
        if (ending := ending_of(report)) is not None:
            raise _failure(what, ending, EXIT_CODES, function, pk=label)
        if not isinstance(target, Mapped):
            return _decoded(
                report['value'],
                folder,
                namespace_of(function),
                lambda ending: _failure(what, ending, EXIT_CODES, function),
            )
        return [
            _item(function, each, folder, f'item {index} of the {what}') for index, each in enumerate(report['items'])
        ]


def _report_of_job(target: Any, source: Bundle, arguments: dict[str, Any], folder: Path) -> Any:
    """Do what the job does in its folder; return its report."""
    arrays = wire.ArrayFolder(folder, 'input')
    document = request_of(
        place(source, folder)[0], {name: _there(value, folder) for name, value in arguments.items()}, arrays.save
    )
    if isinstance(target, Mapped):
        document['count'] = len(next(iter(arguments.values())))
    (folder / remote.INPUTS_FILE).write_text(wire.dumps(document), encoding='ascii')
    with _apart([source.module, *(module.name for module in source.modules)]):
        os.chdir(folder)
        report = remote.run(str(folder))
    return _received(wire.loads(wire.dumps({**report, 'python': platform.python_version()})))


def _there(value: Any, folder: Path) -> Any:
    """Return an argument as it is in the job; the files of a node are put into its folder."""
    if isinstance(value, list) and any(map(_is_node, value)):
        return [_there(each, folder) for each in value]
    if not _is_node(value):
        return value
    from ..jobs.calculation import value_there

    return value_there(value, folder)


def _decoded(data: Any, folder: str, namespace: Mapping[str, Any], refused: Callable[[Ending], Exception]) -> Any:
    """Return the result that a job has sent.

    :param namespace: the names of the function's file.
    :param refused: makes what is raised if it cannot be stored.
    """
    if type(data) is dict and data.get(wire.TAG) in ('file', 'folder'):
        return _file_node(data, Path(folder))
    try:
        value = wire.decode(data, wire.ArrayFolder(folder, 'result').open)
        encode({'value': value})
    except (CannotStoreError, ImportError) as error:
        raise refused(not_storable(error)) from None
    return with_classes(value, namespace)


def _file_node(data: dict[str, Any], folder: Path) -> Any:
    """Return the node of a file or folder that a function returned the path of."""
    _require_profile()
    from aiida import orm

    found = folder / data['name']
    return orm.SinglefileData(next(found.iterdir())) if data[wire.TAG] == 'file' else orm.FolderData(tree=str(found))


def _files_node(files: dict[str, Any], blobs: dict[str, bytes]) -> Any:
    _require_profile()
    from ..jobs.local import files_node

    return files_node(files, blobs)


def _require_profile() -> None:
    from aiida.manage import get_manager

    if get_manager().get_profile() is None:
        raise WorkflowUsageError(
            'a function that returns the path of a file in its folder gives the workflow a node of AiiDA, and there is no '
            'profile: load one in the test'
        )


def _item(function: Any, report: Any, folder: str, where: str) -> Any:
    """Return the result for an item, or the exception."""

    def failure(status: str, report: Any) -> Exception:
        return item_failure(where, item_details(status, report), function, None, ITEMS_FAILED[0])

    if report['status'] != 'returned':
        return failure(report['status'], _received(report))
    try:
        return _decoded(
            report['value'], folder, namespace_of(function), lambda ending: failure('unstorable', ending.details)
        )
    except (ChildFailedError, WorkflowUsageError) as error:
        return error


def _run_here(target: Local[Any, Any], source: Bundle, arguments: dict[str, Any], label: str) -> Any:
    content, blobs = request(source, arguments, target.cwd)
    for name, value in arguments.items():
        require_mentioned(target.function, name, encode({'': value}).document, lambda: source)
    if target.in_thread:
        report, blobs = compute(content, blobs)
    else:
        own = [source.module, *(module.name for module in source.modules)]
        with _apart(own), tempfile.TemporaryDirectory(prefix='dreamflow-') as folder:
            report, blobs = compute(content, blobs, Path(folder))
            os.chdir(os.sep)  # out of the folder that goes
    if _received(report)['status'] == 'returned':
        if 'files' in report:
            return _files_node(report['files'], blobs)
        return decode(report['value'], blobs.__getitem__)['value']
    raise _failure(f'the run {label} of `{source.qualname}`', local_ending(report), LOCAL_EXIT_CODES, target)


def _run_workflow(
    target: Any, arguments: dict[str, Any], label: str, run_workflow: Callable[[Any, dict[str, Any]], Any]
) -> Any:
    cause: RemoteTraceback | None = None
    ended: tuple[int | None, str] = None, ''
    try:
        require_launchable(target)
    except WorkflowUsageError as error:
        raise LaunchError(f'{label} could not be launched: {error}') from None
    try:
        value = run_workflow(target, arguments)
    except (Exception, CancelledError) as error:
        # As text: the exception itself, with all that it holds, stays in the process that it ended.
        cause = RemoteTraceback(''.join(traceback.format_exception(error)))
        how, child = f'excepted: {traceback.format_exception_only(error)[-1].rstrip()}', child_of(error)
        if isinstance(error, CancelledError):
            ended = status_and_message(Ending('ERROR_CANCELLED'), WORKFLOW_EXIT_CODES)
        elif child is not None:
            message = chain_of(child, error)
            ended = status_and_message(Ending('ERROR_CHILD_FAILED', {'message': message}), WORKFLOW_EXIT_CODES)
    else:
        if not isinstance(value, getattr(sys.modules.get('aiida.engine'), 'ExitCode', ())):
            return value
        code: Any = value
        if code.status == 0:
            return None
        ended = code.status, code.message or ''
    status, message = ended
    if status is not None:
        how = how_it_failed(status, message)
    raise ChildFailedError(f'{label} {how}', exit_status=status, exit_message=message) from cause


def _failure(what: str, ending: Ending, codes: Any, function: Any, **more: object) -> Exception:
    """Return what is raised for a function that gave no result."""
    status, message = status_and_message(ending, codes, **more)
    text = f'{what} ended with exit status {status}: {message}'
    return raised_or(ChildFailedError(text, exit_status=status, exit_message=message), ending.exception, function, what)


# -- a process of its own, as far as that goes


def _received(report: Any) -> Any:
    """Return a report; an interruption is meant for who runs the test."""
    exception = report.get('exception') or {}
    if (exception.get('module'), exception.get('type')) == ('builtins', 'KeyboardInterrupt'):
        raise KeyboardInterrupt
    return report


def _one_after_another(action: Callable[[int], str], count: int, _: int, note: Callable[[int, str], None]) -> list[str]:
    texts = []
    for number in range(count):
        texts.append(action(number))
        note(number, texts[-1])
    return texts


@contextlib.contextmanager
def _apart(modules: Collection[str] = ()) -> Iterator[None]:
    """Undo afterwards what a function changes that its own process would have taken with it.

    :param modules: modules that it imports from its folder.


    Left are the changes of modules that it imports.
    """
    place, environment, lines = Path.cwd(), dict(os.environ), dict(linecache.cache)
    spread = types.SimpleNamespace(spread=_one_after_another, cores=lambda: 1)
    paths, finders = sys.path[:], sys.meta_path[:]
    own = {name: sys.modules.pop(name) for name in modules if name in sys.modules and name != '__main__'}
    sys.modules['dreamflow_spread'] = spread  # type: ignore[assignment]
    try:
        yield
    finally:
        os.chdir(place)
        if environment != os.environ:
            os.environ.clear()
            os.environ.update(environment)
        linecache.cache.clear()
        linecache.cache.update(lines)
        sys.path[:], sys.meta_path[:] = paths, finders
        for name in ('dreamflow_spread', remote.FUNCTION_MODULE, *modules):
            if name != '__main__':
                sys.modules.pop(name, None)
        sys.modules.update(own)
