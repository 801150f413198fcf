"""Runs one function on another machine.

This file is uploaded as it is, with the encoding of values beside it (:mod:`~aiida_dreamflow.jobs.wire`), and run there by
Python 3.8 or later. So it must know the standard library only, nothing of this package, nor AiiDA. Each job loads it anew:
what most jobs have no need of is imported where it is needed, and files have no `pathlib`.
"""

from __future__ import annotations
import __future__

import errno
import json
import linecache
import os
import sys
import types

TYPE_CHECKING = False  # that of `typing` would have to be imported
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

if __package__:
    from . import wire
else:
    # Nobody would use its byte code again, as each job has a folder of its own.
    kept, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    import dreamflow_wire as wire  # type: ignore[import-not-found, no-redef]

    sys.dont_write_bytecode = kept

MINIMUM_PYTHON = (3, 8)
FORMAT = 1
#: The name of the module that the function's source becomes: that of the file, so that child processes can import it.
FUNCTION_MODULE = 'dreamflow_function'
FUNCTION_FILE = FUNCTION_MODULE + '.py'
REMOTE_FILE = 'dreamflow_remote.py'
WIRE_FILE = 'dreamflow_wire.py'
#: How objects of classes travel; loaded when there is one.
FORMS_FILE = 'dreamflow_forms.py'
#: The file that sets global variables as they were, and imports the user's other modules; jobs that have some have it.
WORLD_FILE = 'dreamflow_world.py'
#: The file that calls a function for many items on all cores; jobs that do so have it.
SPREAD_FILE = 'dreamflow_spread.py'
#: What the name of a folder with returned files ends with.
FILES_SUFFIX = '-files'
INPUTS_FILE = 'inputs.json'
RESULT_FILE = 'result.json'
#: What is known of items when a job for many dies: a line for each that is done.
ITEMS_FILE = 'items.jsonl'

#: What the function prints, and how many bytes of each are kept.
PRINTED_FILES = ('stdout', 'stderr')
MAX_PRINTED = 2**26
#: How many bytes a result may have, arrays included.
MAX_RESULT = 2**32
#: Where starters of MPI programs say which of the processes this is.
_RANKS = ('OMPI_COMM_WORLD_RANK', 'PMIX_RANK', 'PMI_RANK', 'MV2_COMM_WORLD_RANK', 'SLURM_PROCID')
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
#: The flag of code that takes ``*args``; its name would have to be imported with all of `inspect`.
_VARARGS = 0x04
#: Attributes of exceptions that do not travel: the object that lacks one, and what the arguments of a group say.
_NO_ATTRIBUTES = ('obj', 'exceptions', 'message')
#: What stands for something in an exception that cannot be sent ends with this.
_NOT_SENT = ', which cannot be sent>'
#: How many exceptions are described with one: its causes, and those in a group.
_MAX_RELATED = 30
#: How many bytes are kept for a report on a full disk.
_RESERVED = 2**15


class _Failure(Exception):
    """The end of the job, not the good one; carries what to report."""

    def __init__(self, report: dict[str, Any]) -> None:
        super().__init__(report)
        self.report = report


def load_function(folder: str, inputs: dict[str, Any]) -> Any:
    """Execute the function's source and return the function.

    :param folder: where its files are.
    :param inputs: ``filename``: what tracebacks call the file; ``qualname``: the function's; ``cells``: the cells of a notebook
        that its first lines come from, the name of each and how many lines are its; ``modules`` and ``state``: see `world`.
    :returns: the function.
    """
    found: Any = load_module(folder, inputs)
    for part in inputs['qualname'].split('.'):
        found = getattr(found, part)
    return found


def load_module(folder: str, inputs: dict[str, Any]) -> types.ModuleType:
    """Execute the function's source and return its module; arguments as for `load_function`."""
    module = types.ModuleType(FUNCTION_MODULE)
    module.__file__ = os.path.realpath(os.path.join(folder, FUNCTION_FILE))
    module.__package__ = inputs.get('package', '')
    sys.modules[FUNCTION_MODULE] = module
    if not (inputs.get('modules') or inputs.get('state')):
        execute(module.__dict__, folder, inputs)
        return module
    if __package__:
        from . import world
    else:
        import dreamflow_world as world  # type: ignore[import-not-found, no-redef]
    world.load(module, folder, inputs, lambda: execute(module.__dict__, folder, inputs))
    return module


def execute(namespace: dict[str, Any], folder: str, inputs: dict[str, Any]) -> None:
    """Execute the function's source in the namespace of a module."""
    with open(os.path.join(folder, FUNCTION_FILE), 'rb') as file:
        lines = file.read().decode('utf-8').splitlines(True)
    for place, count in [*inputs.get('cells', []), (inputs['filename'], len(lines))]:
        text, lines = lines[:count], lines[count:]
        linecache.cache[place] = (len(text), None, text, place)
        # Annotations stay text: what only they mention did not travel, and an old Python may not know their syntax.
        flags = __future__.annotations.compiler_flag
        exec(compile(''.join(text), place, 'exec', flags=flags, dont_inherit=True), namespace)


def call(function: Any, arguments: dict[str, Any]) -> Any:
    """Call a function with arguments by name, as its signature wants them.

    :param function: the function.
    :param arguments: its arguments; that of a ``*args`` parameter is a sequence.
    :returns: what it returns.
    """
    code = function.__code__ if type(function) is types.FunctionType else None
    if code and not (code.co_posonlyargcount or code.co_flags & _VARARGS or hasattr(function, '__wrapped__')):
        return function(**arguments)
    import inspect

    positional: list[Any] = []
    named = dict(arguments)
    parameters = [parameter for name, parameter in inspect.signature(function).parameters.items() if name in named]
    # What precedes `*args` can be given by position only, if there is anything for `*args`.
    is_starred = any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters)
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            positional.extend(named.pop(parameter.name))
        elif parameter.kind is parameter.POSITIONAL_ONLY or (
            is_starred and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        ):
            positional.append(named.pop(parameter.name))
    return function(*positional, **named)


def describe_exception(error: BaseException, phase: str, left: list[None] | None = None) -> dict[str, Any]:
    """Describe an exception as JSON data.

    :param error: the exception.
    :param phase: ``load`` if the source could not be executed, ``call`` if the function raised it.
    :param left: as long as how many more may be described with it: its causes, and those in a group.
    :returns: its type, text, arguments, attributes, notes and traceback in the user's lines.
    """
    import traceback

    left = [None] * _MAX_RELATED if left is None else left
    kind = type(error)
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
        frames = frames.tb_next
    if frames is not error.__traceback__:
        error = error.with_traceback(frames)
    special = _validation(error)
    return {
        'phase': phase,
        'type': kind.__qualname__,
        'module': kind.__module__,
        'message': _text(error),
        'args': _encoded_args(list(_init_args(error))),
        'attributes': {name: _encoded_or_said(value) for name, value in (special or _attributes(error)).items()},
        'notes': [str(note) for note in getattr(error, '__notes__', ())],
        'traceback': ''.join(traceback.format_exception(kind, error, frames)),
        'cause': _related(error.__cause__, phase, left),
        'context': _related(None if error.__suppress_context__ else error.__context__, phase, left),
        'exceptions': [_related(inner, phase, left) for inner in _members(error)],
    }


def _related(error: BaseException | None, phase: str, left: list[None]) -> Any:
    """Describe an exception that belongs to another; ``None`` if there is none, or there are too many."""
    if error is None or not left:
        return None
    left.pop()
    return describe_exception(error, phase, left)


def _members(error: BaseException) -> Any:
    """Return the exceptions of a group; where Python has none yet, of one of the package that has them."""
    is_group = any(base.__name__ == 'BaseExceptionGroup' for base in type(error).__mro__)
    return error.exceptions if is_group else ()  # type: ignore[attr-defined]


def _init_args(error: BaseException) -> Any:
    """Return what makes the exception again: with a file's name, that is not only ``args``."""
    if _members(error):
        return error.args[:1]
    return OSError.__reduce__(error)[1] if isinstance(error, OSError) else error.args


def _attributes(error: BaseException) -> dict[str, Any]:
    """Return the attributes of an exception, those that Python keeps itself included; not the object that lacks one."""
    found = {}
    for base in type(error).__mro__:
        for name, each in vars(base).items():
            if type(each) is types.MemberDescriptorType and name not in _NO_ATTRIBUTES and name[:2] != '__':
                value = getattr(error, name, None)
                if value is not None:
                    found[name] = value
    found.update({name: value for name, value in vars(error).items() if not name.startswith('__')})
    return found


def _validation(error: Any) -> dict[str, Any] | None:
    """Return what an error of pydantic consists of, which keeps no arguments; ``None`` for all others."""
    kind = type(error)
    if kind.__name__ != 'ValidationError' or kind.__module__.partition('.')[0] != 'pydantic_core':
        return None
    errors = [dict(each) for each in error.errors(include_url=False)]
    for each in errors:
        each['ctx'] = {name: value for name, value in each.get('ctx', {}).items() if name != 'error'}
    return {'title': error.title, 'errors': errors}


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return '<its text cannot be had>'


def _encoded_args(args: list[Any]) -> Any:
    """Encode the arguments of an exception; if its only one cannot be sent, its text serves."""
    encoded = _encoded_or_said(args)
    return None if len(args) == 1 and type(args[0]) is not str and _is_said(encoded[0]) else encoded


def _is_said(encoded: Any) -> bool:
    return type(encoded) is str and encoded.endswith(_NOT_SENT)


def _encoded_or_said(value: Any) -> Any:
    """Encode a value; what cannot be sent of it is replaced by a text that says so."""
    try:
        return wire.encode(value, None, _names())
    except (wire.NotSendableError, RecursionError):
        pass
    if type(value) in (list, tuple):
        items = [_encoded_or_said(item) for item in value]
        return items if type(value) is list else {wire.TAG: 'tuple', 'items': items}
    if type(value) is dict and wire.TAG not in value and all(type(key) is str for key in value):
        return {key: _encoded_or_said(item) for key, item in value.items()}
    return '<a %s%s' % (type(value).__name__, _NOT_SENT)


def run(folder: str) -> dict[str, Any]:
    """Do the job in a folder.

    :param folder: where the files are; also the working directory.
    :returns: the report that becomes ``result.json``.
    """
    if sys.version_info < MINIMUM_PYTHON:
        return {'status': 'python'}
    inputs = _inputs(folder)
    try:
        function = _guarded('load', load_function, folder, inputs)
        arguments = _guarded('load', _arguments, folder, inputs)
    except _Failure as failure:
        return failure.report
    limit = inputs.get('limit', MAX_RESULT)
    if 'count' in inputs:
        return _map(folder, function, arguments, inputs['count'], limit)
    return _report(folder, 'result', function, arguments, limit)


def _arguments(folder: str, inputs: dict[str, Any]) -> Any:
    return wire.decode(inputs['arguments'], wire.ArrayFolder(folder, 'input').open, _names())


def _names() -> dict[str, Any]:
    """Return the names of the function's file."""
    return vars(sys.modules[FUNCTION_MODULE]) if FUNCTION_MODULE in sys.modules else {}


def _inputs(folder: str) -> Any:
    with open(os.path.join(folder, INPUTS_FILE), encoding='ascii') as file:
        return json.load(file)


def _report(
    folder: str, prefix: str, function: Callable[..., Any], arguments: dict[str, Any], limit: int
) -> dict[str, Any]:
    """Call the function; return the report of how that ended."""
    try:
        return _returned(folder, prefix, _guarded('call', call, function, arguments), limit)
    except _Failure as failure:
        return failure.report
    except wire.NotSendableError as error:
        return {'status': 'unsendable', 'type': error.value_type, 'path': error.path, 'reason': error.reason}


def _map(folder: str, function: Callable[..., Any], columns: dict[str, Any], count: int, limit: int) -> dict[str, Any]:
    """Call the function for each item, on all cores; return the report with a report for each.

    :param columns: the arguments for all items, by the name of the parameter.
    """
    import dreamflow_spread as other  # type: ignore[import-not-found]

    def evaluate(index: int) -> str:
        arguments = {name: column[index] for name, column in columns.items()}
        report = _report(folder, 'result-%d' % index, function, arguments, limit)
        if 'exception' in report:
            sys.stderr.write('item %d: %s' % (index, report['exception']['traceback']))
        return wire.dumps(report)

    with open(os.path.join(folder, ITEMS_FILE), 'w', encoding='ascii') as done:

        def note(index: int, text: str) -> None:
            try:
                done.write('[%d, %s]\n' % (index, text))
                done.flush()
            except OSError:  # on a full disk the result matters more
                pass

        texts = other.spread(evaluate, count, other.cores(), note)
    size = _size(folder, 'result') + sum(len(text) for text in texts if isinstance(text, str))
    if size > limit:
        _remove(folder, 'result')
        return {'status': 'large', 'size': size, 'limit': limit}
    items = [json.loads(text) if isinstance(text, str) else {'status': 'died', 'exit': text} for text in texts]
    return {'status': 'mapped', 'items': items}


def _guarded(phase: str, action: Callable[..., Any], *args: Any) -> Any:
    try:
        return action(*args)
    except BaseException as error:  # SystemExit and KeyboardInterrupt too: the job ends here, and says why
        report = {'status': 'raised', 'exception': describe_exception(error, phase)}
        if isinstance(error, ModuleNotFoundError):
            report.update(status='module', missing=str(error.name))
        elif isinstance(error, OSError) and error.errno in _DISK_FULL:
            report.update(status='disk', reason=str(error))
        raise _Failure(report) from None


def _returned(folder: str, prefix: str, value: Any, limit: int) -> dict[str, Any]:
    """Write the arrays of what the function returned; the report of it, unless it is too large or the disk full."""
    arrays = wire.ArrayFolder(folder, prefix)
    try:
        kept = _kept_files(folder, prefix, value)
        report = {'status': 'returned', 'value': kept or wire.encode(value, arrays.save, _names())}
    except OSError as error:  # numpy does not always say which
        report = {'status': 'disk', 'reason': str(error)}
    else:
        size = len(wire.dumps(report))
        if kept or arrays.names:
            size += _size(folder, prefix)
        if size > limit:
            report = {'status': 'large', 'size': size, 'limit': limit}
    if report['status'] != 'returned':
        _remove(folder, prefix)
    return report


def _kept_files(folder: str, prefix: str, value: Any) -> dict[str, Any] | None:
    """Put the file or the folder that a function returned the path of where it is brought away from; what stands for it.

    :returns: ``None`` if the value is no path of something in the folder of the job.
    """
    if 'pathlib' not in sys.modules or not isinstance(value, sys.modules['pathlib'].Path):
        return None
    import shutil

    path, place = os.path.realpath(os.path.join(folder, value)), os.path.realpath(folder)
    if not path.startswith(os.path.join(place, '')) or not os.path.exists(path):
        return None
    name = prefix + FILES_SUFFIX
    target = os.path.join(folder, name)
    if os.path.isdir(path):
        shutil.copytree(path, target, copy_function=_link)
        return {wire.TAG: 'folder', 'name': name}
    os.mkdir(target)
    _link(path, os.path.join(target, os.path.basename(path)))
    return {wire.TAG: 'file', 'name': name}


def _link(source: str, target: str) -> None:
    """Give a file a second name, or copy it where that is impossible."""
    import shutil

    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _brought_away(folder: str, prefix: str) -> Iterator[str]:
    """Return the arrays and the folders of files that are to be brought away."""
    for name in os.listdir(folder):
        if name.startswith(prefix + '-') and name.endswith(('.npy', FILES_SUFFIX)):
            yield os.path.join(folder, name)


def _size(folder: str, prefix: str) -> int:
    """Return how many bytes are to be brought away beside the report."""
    paths = list(_brought_away(folder, prefix))
    for path in tuple(paths):
        paths += [os.path.join(place, name) for place, _, names in os.walk(path) for name in names]
    return sum(os.path.getsize(path) for path in paths if os.path.isfile(path))


def _remove(folder: str, prefix: str) -> None:
    """Remove what was to be brought away."""
    import shutil

    for path in _brought_away(folder, prefix):
        if os.path.isdir(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)


def _write_report(path: str, report: dict[str, Any]) -> None:
    """Write the report into a file that holds some blanks: there is room for a few words when the disk is full."""
    with open(path, 'r+b', buffering=0) as file:
        try:
            _write(file, wire.dumps(report))
        except OSError as error:
            file.seek(0)
            _write(file, wire.dumps(dict(report, status='disk', reason=str(error), value=None, exception=None)))
        file.truncate()


def _write(file: Any, text: str) -> None:
    data = text.encode('ascii')
    while data:
        data = data[file.write(data) :]


def _wait_for_other(folder: str) -> Any:
    """Wait until no other copy of the job runs; return the lock, on the file of the inputs.

    A worker that dies when it has submitted the job, and has not noted that, is followed by one that submits it again.
    """
    try:
        import fcntl

        lock = open(os.path.join(folder, INPUTS_FILE), 'rb')
        fcntl.flock(lock, fcntl.LOCK_EX)
    except (ImportError, OSError):  # Windows, or a file system without locks
        return None
    return lock


def _rank(folder: str) -> int:
    """Return the rank of this process if the job was started by MPI, otherwise 0."""
    try:
        if _inputs(folder).get('mpi'):
            return next((int(os.environ[name]) for name in _RANKS if os.environ.get(name, '').isdigit()), 0)
    except (OSError, ValueError):
        pass
    return 0


def _take_part(folder: str) -> int:
    """Call the function under MPI, in another process than the first: what it returns is the first one's to tell."""
    try:
        inputs = _inputs(folder)
        if 'count' not in inputs:
            function = load_function(folder, inputs)
            call(function, _arguments(folder, inputs))
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def _shorten(path: str) -> None:
    """Cut the middle out of a file of gigabytes, which would be brought here whole."""
    try:
        size = os.path.getsize(path)
        if size > MAX_PRINTED:
            with open(path, 'r+b') as file:
                file.seek(size - MAX_PRINTED // 2)
                end = file.read()
                file.seek(MAX_PRINTED // 2)
                file.write(b'\n[... %d bytes were left out ...]\n' % (size - MAX_PRINTED))
                file.write(end)
                file.truncate()
    except OSError:
        pass


def main() -> int:
    """Run the job of the current directory and write its result.

    :returns: the exit status: 0 if the function returned.
    """
    folder = os.getcwd()
    if _rank(folder):
        return _take_part(folder)
    lock = _wait_for_other(folder)  # held until the end of this process
    result = os.path.join(folder, RESULT_FILE)
    if os.path.exists(result):
        return 0
    # Renaming is atomic: the file is there whole or not at all, whenever the job is killed.
    temporary = result + '.tmp'
    with open(temporary, 'wb') as file:
        file.write(b' ' * _RESERVED)
    report = dict(run(folder), format=FORMAT, python='.'.join(map(str, sys.version_info[:3])))
    try:
        if 'exception' in report:
            sys.stderr.write(report['exception']['traceback'])
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # on a full disk the result matters more
        pass
    _write_report(temporary, report)
    os.replace(temporary, result)
    if os.path.exists(os.path.join(folder, ITEMS_FILE)):
        os.unlink(os.path.join(folder, ITEMS_FILE))
    for name in PRINTED_FILES:
        _shorten(os.path.join(folder, name))
    del lock
    return 0 if report['status'] in ('returned', 'mapped') else 1


if __name__ == '__main__':
    sys.exit(main())
elif __name__ == '__mp_main__':  # a process that the function has spawned looks for the function, and for its modules
    import dreamflow_world

    dreamflow_world.install_in_child(os.path.dirname(os.path.abspath(__file__)))
