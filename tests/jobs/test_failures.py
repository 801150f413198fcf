"""A remote exception is what it was there, and distrusted."""

from __future__ import annotations

import sys
import traceback

import pytest

from aiida_dreamflow.jobs import remote, wire
from aiida_dreamflow.jobs.failures import attach_origin, rebuild_exception
from aiida_dreamflow.jobs.reports import exception_details


class CodeError(Exception):
    initialised = 0

    def __init__(self, code):
        type(self).initialised += 1
        super().__init__(f'code {code}')
        self.code = code


class Outer:
    class InnerError(LookupError):
        pass


def travel(error, *, namespace=None, **changes):
    details = exception_details(wire.loads(wire.dumps(remote.describe_exception(error, 'call'))))
    details.update(changes)
    return rebuild_exception(details, globals() if namespace is None else namespace)


@pytest.mark.parametrize(
    'error',
    [
        ValueError('a', 1, {2}),
        KeyError('k'),
        FileNotFoundError(2, 'No such file', 'x'),
        UnicodeDecodeError('utf-8', b'x', 0, 1, 'why'),
        StopIteration(3),
        ImportError('x', name='y'),
        remote.json.JSONDecodeError('no', 'doc', 1),
        Outer.InnerError(1),
        CodeError(3),
        RecursionError(),
    ],
)
def test_the_same_type_with_the_same_arguments(error):
    there = travel(error)
    assert type(there) is type(error)
    assert there.args == error.args
    assert str(there) == str(error) or isinstance(error, ImportError)
    assert vars(there) == vars(error)


def test_attributes_come_without_running_init():
    error = CodeError(7)
    CodeError.initialised = 0
    there = travel(error, module=remote.FUNCTION_MODULE, type='CodeError')
    assert (there.code, str(there), CodeError.initialised) == (7, 'code 7', 0)


def test_arguments_that_do_not_travel_leave_the_message():
    assert travel(ValueError(object)).args == (str(ValueError(object)),)


@pytest.mark.parametrize(
    ('module', 'name'),
    [
        ('builtins', 'SystemExit'),
        ('builtins', 'KeyboardInterrupt'),
        ('builtins', 'eval'),
        ('builtins', 'int'),
        ('os', 'system'),
        ('antigravity', 'AnyError'),
        ('', ''),
        (remote.FUNCTION_MODULE, 'Outer.nothing.at_all'),
        (remote.FUNCTION_MODULE, 'NotThere'),
    ],
)
def test_what_is_not_rebuilt(module, name):
    assert travel(ValueError('x'), module=module, type=name) is None
    assert 'antigravity' not in sys.modules


def test_malformed_arguments_are_not_rebuilt():
    assert travel(ValueError(), encoded_args='{"!": "pickle"}') is None
    assert travel(UnicodeDecodeError('utf-8', b'x', 0, 1, 'why'), encoded_args='[1]') is None


def test_large_or_deep_arguments_leave_the_message():
    details = exception_details(remote.describe_exception(ValueError('x' * 50_000), 'call'))
    assert details['encoded_args'] == 'null'
    assert len(details['message']) < 21_000
    deep = []
    for _ in range(100_000):
        deep = [deep]
    details = dict(remote.describe_exception(ValueError('x'), 'call'), args=deep)
    assert exception_details(details)['encoded_args'] == 'null'


def test_text_that_no_database_takes():
    details = exception_details(remote.describe_exception(ValueError('a\0b\ud800'), 'call'))
    assert details['message'] == 'a\\x00b\\ud800'


def test_origin():
    error = attach_origin(ValueError('x'), {'traceback': 'Traceback: there\n', 'notes': ['old']}, 'job 3')
    text = ''.join(traceback.format_exception(error))
    assert 'Traceback: there' in text
    assert error.__notes__ == ['old', 'job 3']
