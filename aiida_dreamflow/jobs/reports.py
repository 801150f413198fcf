"""What a report on the call of a function says: a result, or an exit code and the description of an exception.

Knows the exit codes and their words. Must not know AiiDA: `run_in_memory` reads reports, too.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import wire

__all__ = (
    'EXIT_CODES',
    'LOCAL_EXIT_CODES',
    'ITEMS_FAILED',
    'Ending',
    'WORKFLOW_EXIT_CODES',
    'ending_of',
    'exception_details',
    'item_details',
    'local_ending',
    'not_storable',
    'shown',
    'status_and_message',
)

_MAX_TEXT = 20_000
#: How far causes of causes are followed.
_MAX_CHAIN = 40
_MAX_MESSAGE = 500
_TAIL = 10

#: Status, label, and a message that says what to do. The first three are AiiDA's, which say what happened only.
EXIT_CODES = (
    (
        110,
        'ERROR_SCHEDULER_OUT_OF_MEMORY',
        (
            'the job ran out of memory: ask for more, with `job(function, metadata={{"options": {{"max_memory_kb": ...}}}})`, '
            'or pass smaller pieces to more jobs.'
        ),
    ),
    (
        120,
        'ERROR_SCHEDULER_OUT_OF_WALLTIME',
        (
            'the job ran out of time{limit}: ask for more, with '
            '`job(function, metadata={{"options": {{"max_wallclock_seconds": ...}}}})`.'
        ),
    ),
    (
        140,
        'ERROR_SCHEDULER_NODE_FAILURE',
        'a node of the computer failed while the job ran: submit it again.',
    ),
    (
        310,
        'ERROR_FUNCTION_RAISED',
        'the function raised {type}: {message}. Its traceback is in the output `exception`.',
    ),
    (
        311,
        'ERROR_FUNCTION_NOT_LOADED',
        (
            'the source of the function could not be executed on the computer, with Python {python}: {type}: {message}. '
            'The output `exception` has the traceback; a code with another Python may help: `job(function, code=...)`.'
        ),
    ),
    (
        320,
        'ERROR_MODULE_MISSING',
        (
            'the Python of the code (version {python}) has no module `{module}`: install it there, or give the job a code '
            'whose Python has it: `job(function, code=...)`.'
        ),
    ),
    (
        330,
        'ERROR_RESULT_NOT_SENDABLE',
        'the function returned something that cannot be sent: a `{type}` at `{path}`: {reason}.',
    ),
    (331, 'ERROR_RESULT_NOT_STORABLE', 'the result of the function cannot be stored: {reason}.'),
    (
        340,
        'ERROR_NO_RESULT',
        (
            'the job ended without a result: killed, out of time or memory, or crashed. Ask for more time or memory in '
            '`metadata.options` if that is it; `verdi calcjob outputcat {pk} stderr` ends with: {stderr}'
        ),
    ),
    (
        341,
        'ERROR_JOB_CANCELLED',
        (
            'the job was cancelled on the computer, by its owner or by an administrator, {when}: '
            'if that was no mistake, its limits or its queue may be the reason; otherwise submit it again.'
        ),
    ),
    (
        342,
        'ERROR_DISK_FULL',
        (
            'the disk of the computer, or your part of it, is full ({reason}): make room there, or choose another '
            '`work_dir` for the computer.'
        ),
    ),
    (
        343,
        'ERROR_RESULT_TOO_LARGE',
        (
            'the result has {size} bytes, and {limit} is the most that is brought here: return less of it, or write it to '
            'a file on the computer and return the path.'
        ),
    ),
    (
        350,
        'ERROR_PYTHON_TOO_OLD',
        (
            'the Python of the code is older than 3.8{version}: give the job a code with a newer one: '
            '`job(function, code=...)`.'
        ),
    ),
    (
        351,
        'ERROR_PYTHON_MISSING',
        (
            'the computer has no Python that works at `{executable}` ({reason}): give the job a code with the right path, '
            'with `job(function, code=...)`, or load a module in its `prepend_text`.'
        ),
    ),
    (
        360,
        'ERROR_RESULT_MALFORMED',
        'the result is not what a function job writes ({reason}): did something else write `result.json`?',
    ),
)

#: The same of a function that ran on the machine of the worker.
LOCAL_EXIT_CODES = (
    (
        310,
        'ERROR_FUNCTION_RAISED',
        'the function raised {type}: {message}. Its traceback is in the output `exception`.',
    ),
    (
        311,
        'ERROR_FUNCTION_NOT_LOADED',
        'the source of the function could not be executed: {type}: {message}. The output `exception` has the traceback.',
    ),
    (331, 'ERROR_RESULT_NOT_STORABLE', 'the result of the function cannot be stored: {reason}.'),
    (
        340,
        'ERROR_NO_RESULT',
        'the process that ran the function ended without a result{how}. What it printed ends with: {printed}',
    ),
)

#: That of a job for many items.
ITEMS_FAILED = (
    312,
    'ERROR_ITEMS_FAILED',
    '{failed} of {count} calls of the function gave no result: the outputs `exceptions` say why.',
)
#: What the exit message of a workflow begins with that failed because a child did.
CHILD_FAILED = 'A child failed and nothing caught it: '
#: Those of a workflow whose function ended with an exception that is not its own.
WORKFLOW_EXIT_CODES = (
    (400, 'ERROR_CHILD_FAILED', CHILD_FAILED + '{message}'),
    (401, 'ERROR_CANCELLED', 'The workflow function ended with a CancelledError.'),
)
#: What is said of an item whose call gave no result, by the status of its report.
_REASONS = {
    'unsendable': 'it returned something that cannot be sent: a `{type}` at `result{path}`: {reason}',
    'large': 'its result has {size} bytes, and {limit} is the most that is brought here',
    'disk': 'the disk of the computer, or your part of it, is full ({reason})',
    'died': 'its process ended{how} before it returned',
    'unstorable': 'its result cannot be stored: {reason}',
}


@dataclass(frozen=True)
class Ending:
    """How a function ended that gave no result.

    :ivar label: the label of the exit code.
    :ivar details: what its message is filled with.
    :ivar exception: the content of the node of an exception, if there was one.
    """

    label: str
    details: dict[str, Any] = field(default_factory=dict)
    exception: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, 'details', {name: shown(each, _MAX_MESSAGE) for name, each in self.details.items()})


def status_and_message(ending: Ending, codes: tuple[tuple[int, str, str], ...], **more: object) -> tuple[int, str]:
    """Return the exit status and the message of an ending.

    :param codes: `EXIT_CODES` or `LOCAL_EXIT_CODES`.
    :param more: what else the message may be filled with.
    """
    status, message = next((status, text) for status, label, text in codes if label == ending.label)
    return status, message.format(**ending.details, **more)


def not_storable(error: Exception) -> Ending:
    """Return how a function ends whose result has no stored form."""
    return Ending('ERROR_RESULT_NOT_STORABLE', {'reason': error})


def ending_of(report: Any) -> Ending | None:
    """Return how a function job ended, by what it says; ``None`` if it has a result, or results.

    :raises wire.MalformedError: if no function job wrote this.
    """
    status, python = report['status'], report['python']
    if status == 'python':
        return Ending('ERROR_PYTHON_TOO_OLD', {'version': f' (it is {python})'})
    if status == 'unsendable':
        path = f'result{report["path"]}'
        details = {'type': report['type'], 'path': path, 'reason': report['reason']}
        return Ending('ERROR_RESULT_NOT_SENDABLE', details)
    if status == 'large':
        return Ending('ERROR_RESULT_TOO_LARGE', {'size': report['size'], 'limit': report['limit']})
    if status not in ('raised', 'module', 'disk'):
        return None
    if report.get('exception') is None and status == 'disk':
        return Ending('ERROR_DISK_FULL', {'reason': report['reason']})
    exception = exception_details(report['exception'])
    if status == 'module':
        return Ending('ERROR_MODULE_MISSING', {'module': report['missing'], 'python': python}, exception)
    if status == 'disk':
        return Ending('ERROR_DISK_FULL', {'reason': report['reason']}, exception)
    return _raised(exception, python)


def local_ending(report: Any, printed: str = '') -> Ending:
    """Return how a function ended that ran on the machine of the worker and gave no result, by the report of that.

    :param printed: what it printed.
    """
    if report['status'] == 'unstorable':
        return Ending('ERROR_RESULT_NOT_STORABLE', {'reason': report['reason']})
    if report['status'] == 'died':
        how = f': it was killed by signal {report["signal"]}' if report['signal'] else ''
        tail = '\n'.join(printed.splitlines()[-_TAIL:]) or '(nothing)'
        return Ending('ERROR_NO_RESULT', {'how': how, 'printed': tail})
    return _raised(exception_details(report['exception']))


def _raised(exception: dict[str, Any], python: str = '') -> Ending:
    label = 'ERROR_FUNCTION_RAISED' if exception['phase'] == 'call' else 'ERROR_FUNCTION_NOT_LOADED'
    return Ending(label, {'type': exception['type'], 'message': exception['message'], 'python': python}, exception)


def item_details(status: str, report: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the node of an item holds whose call gave no result.

    :param status: the status of its report; ``unstorable`` if it has a result without a stored form.
    :raises wire.MalformedError: if no function job wrote this.
    """
    if report.get('exception') is not None and status in ('raised', 'module', 'disk'):
        details = exception_details(report['exception'])
        return {**details, 'message_for_people': f'the function raised {details["type"]}: {details["message"]}'}
    if status not in _REASONS:
        raise wire.MalformedError('unknown status')
    how = _how(report['exit']) if status == 'died' else ''
    texts = {name: shown(value, _MAX_MESSAGE) for name, value in report.items() if name != 'status'}
    return {'message_for_people': _REASONS[status].format(how=how, **texts)}


def _how(code: Any) -> str:
    if type(code) is not int:
        raise wire.MalformedError('no exit code')
    if code >= 0:
        return f' with exit code {code}'
    names = {number.value: number.name for number in signal.Signals}
    return f' by the signal {names.get(-code, -code)}'


def plain_text(text: str) -> str:
    """Return a text that a database takes: with escapes for lone surrogates, as a file name that is no UTF-8 has, and for NUL."""
    return text.encode('utf-8', 'backslashreplace').decode().replace('\0', '\\x00')


def shown(value: object, limit: int) -> str:
    """Return text that a database takes, and that is not too long."""
    text = plain_text(str(value))
    return text if len(text) <= limit else text[: limit // 2] + ' [...] ' + text[-limit // 2 :]


def exception_details(exception: Any, depth: int = 0) -> dict[str, Any]:
    """Return what the node of an exception holds; its arguments stay encoded, as text."""
    if exception['phase'] not in ('load', 'call') or depth > _MAX_CHAIN:
        raise wire.MalformedError('unknown phase, or too many causes')
    notes = exception['notes'] if isinstance(exception['notes'], list) else []
    details: dict[str, Any] = {
        'phase': exception['phase'],
        'type': shown(exception['type'], _MAX_MESSAGE),
        'module': shown(exception['module'], _MAX_MESSAGE),
        'message': shown(exception['message'], _MAX_TEXT),
        'traceback': shown(exception['traceback'], _MAX_TEXT),
        'notes': [shown(note, _MAX_TEXT) for note in notes[:20]],
        'encoded_args': _bounded(exception['args'], 'null'),
        'encoded_attributes': _bounded(exception['attributes'], '{}'),
    }
    # An older runner does not send these.
    for name in ('cause', 'context'):
        if exception.get(name) is not None:
            details[name] = exception_details(exception[name], depth + 1)
    if exception.get('exceptions'):
        details['exceptions'] = [exception_details(each, depth + 1) for each in exception['exceptions'] if each]
    return details


def _bounded(data: Any, otherwise: str) -> str:
    """Return JSON data as text if it is small enough for the attribute of a node."""
    try:
        text = wire.dumps(data)
    except RecursionError:
        return otherwise
    return text if len(text) <= _MAX_TEXT else otherwise


def how_it_excepted(text: str) -> str:
    """Return in a line what an exception said, and what its cause did, of the text that AiiDA has stored of it.

    :param text: the exception as `traceback` prints it, after those that led to it.
    """
    told = [
        next(
            (line for line in reversed(part.strip().splitlines()) if line and not line.startswith((' ', 'Traceback'))),
            '',
        )
        for part in re.split(r'\n(?:The above exception was|During handling of the above)[^\n]*\n', f'\n{text}')
    ]
    *causes, last = [each for each in told if each] or [text.strip()]
    return f'{last}, caused by {causes[-1]}' if causes else last


def how_it_failed(status: int | None, message: str) -> str:
    """Return what is said of a process that failed: of a workflow that failed because of a child, what is said of that."""
    if message.startswith(CHILD_FAILED):
        return f'failed because of {message.removeprefix(CHILD_FAILED)}'
    return f'failed with exit status {status}: {message}'
