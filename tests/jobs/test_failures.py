"""A remote exception is what it was there, and distrusted."""

from __future__ import annotations

import builtins
import sys
import threading
import traceback

import pydantic
import pytest

from aiida_dreamflow.exceptions import ChildFailedError
from aiida_dreamflow.jobs import remote, wire
from aiida_dreamflow.jobs.failures import attach_origin, rebuild_exception
from aiida_dreamflow.jobs.reports import exception_details

#: Python 3.10 has none.
Group = getattr(builtins, 'ExceptionGroup', None)


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
    error = attach_origin(
        ValueError('x'), {'traceback': 'Traceback: there\n', 'notes': ['old'], 'message': 'x'}, 'job 3'
    )
    text = ''.join(traceback.format_exception(error))
    assert 'Traceback: there' in text
    assert error.__notes__ == ['old', 'job 3']


class TestRelatives:
    """Causes, contexts and groups come along."""

    def raised(self, function):
        with pytest.raises(Exception) as caught:  # noqa: PT011
            function()
        return caught.value

    def test_cause_and_context(self):
        def fails():
            try:
                {}['k']
            except KeyError as error:
                try:
                    raise CodeError(3) from error
                except CodeError:
                    raise ValueError('last')  # noqa: B904

        there = travel(self.raised(fails))
        assert type(there.__context__) is CodeError
        assert there.__context__.code == 3
        assert type(there.__context__.__cause__) is KeyError
        assert there.__cause__ is None

    def test_the_traceback_is_the_last_cause(self):
        there = travel(self.raised(lambda: (_ for _ in ()).throw(ValueError('x'))))
        there.__cause__ = KeyError('k')
        attach_origin(there, {'traceback': 'Traceback: there\n', 'notes': [], 'message': 'x'}, 'job 3')
        assert 'Traceback: there' in ''.join(traceback.format_exception(there))
        assert type(there.__cause__) is KeyError

    @pytest.mark.skipif(sys.version_info < (3, 11), reason='groups came with Python 3.11')
    def test_groups(self):
        inner = ValueError('v')
        inner.add_note('a note')
        there = travel(Group('g', [inner, Group('h', [CodeError(4), KeyError('k')])]))
        assert type(there) is Group
        assert there.message == 'g'
        assert there.exceptions[0].__notes__ == ['a note']
        assert there.exceptions[1].exceptions[0].code == 4

    @pytest.mark.skipif(sys.version_info < (3, 11), reason='groups came with Python 3.11')
    def test_what_is_not_here_has_a_stand_in(self):
        class HiddenError(Exception):
            pass

        there = travel(Group('g', [HiddenError('h')]), namespace={})
        assert type(there.exceptions[0]) is ChildFailedError
        assert str(there.exceptions[0]).endswith('HiddenError: h')
        assert 'HiddenError: h' in str(there.exceptions[0].__cause__)

    def test_too_many_causes(self):
        error = ValueError(0)
        for number in range(100):
            error, error.__cause__ = ValueError(number), error
        count, found = 0, travel(error)
        while found is not None:
            count, found = count + 1, found.__cause__
        assert count == 31


class TestOthers:
    def test_of_pydantic(self):
        class Model(pydantic.BaseModel):
            x: int
            y: list[int]

            @pydantic.field_validator('x')
            def check(cls, value):  # noqa: N805
                if value < 0:
                    raise ValueError('negative {}')
                return value

        for fields in ({'x': 'a', 'y': [1, 'b']}, {'x': -1, 'y': []}, {}):
            with pytest.raises(pydantic.ValidationError) as caught:
                Model(**fields)
            there = travel(caught.value)
            assert type(there) is pydantic.ValidationError
            expected, found = (each.errors(include_url=False) for each in (caught.value, there))
            assert [(each['loc'], each['msg'], each['type']) for each in found] == [
                (each['loc'], each['msg'], each['type']) for each in expected
            ]

    def test_what_cannot_be_sent_is_said(self):
        error = ValueError('busy', 3)
        error.lock, error.items = threading.Lock(), [1, threading.Lock()]
        there = travel(error)
        assert there.args == ('busy', 3)
        assert there.lock == '<a lock, which cannot be sent>'
        assert there.items == [1, '<a lock, which cannot be sent>']

    def test_attributes_that_python_keeps(self):
        there = travel(ModuleNotFoundError('no x', name='x', path='p'))
        assert (there.name, there.path) == ('x', 'p')
        there = travel(SyntaxError('bad', ('f.py', 3, 4, 'x =')))
        assert (there.filename, there.lineno, there.offset, there.text) == ('f.py', 3, 4, 'x =')

    def test_modules_that_the_function_imports(self):
        """What a message names is not imported, though it is in the package that the function imports."""
        error = ValueError('x')
        details = exception_details(wire.loads(wire.dumps(remote.describe_exception(error, 'call'))))
        details.update(module='xmlrpc.server', type='Fault')
        sys.modules.pop('xmlrpc.server', None)
        assert rebuild_exception(details, globals(), imports_client) is None
        assert 'xmlrpc.server' not in sys.modules
        sys.modules.pop('xmlrpc.client', None)
        details.update(module='xmlrpc.client', type='Error')
        assert type(rebuild_exception(details, globals(), imports_client)).__name__ == 'Error'


def imports_client():
    import xmlrpc.client

    return xmlrpc.client
