"""Type variables and aliases come back as they were, those that are made of themselves too."""

from __future__ import annotations

import sys
import types
import typing

import pytest
from values.graphs import back

from aiida_dreamflow.exceptions import CannotStoreError, FrameError
from aiida_dreamflow.values import type_variables
from aiida_dreamflow.values.snapshot import encode


def test_type_variables_of_a_function():
    variable = typing.TypeVar('variable', bound=int, covariant=True)
    pair = back((variable, list[variable]))
    assert pair[1].__parameters__ == (pair[0],)
    assert (pair[0].__name__, pair[0].__bound__, pair[0].__covariant__) == ('variable', int, True)
    assert pair[0].__module__ == __name__
    kind = back(typing.NewType('kind', int))
    assert (kind(3), kind.__supertype__, kind.__name__) == (3, int, 'kind')


@pytest.mark.optional
@pytest.mark.skipif(sys.version_info >= (3, 14), reason='Python 3.14 does not keep what they mean')
def test_a_forward_reference_means_what_is_made_of_it():
    generic, union = typing.List, typing.Union  # noqa: UP006
    part = generic['Whole']
    whole = union[str, part]

    holder = types.new_class('Holder', exec_body=lambda namespace: namespace.update(__annotations__={'it': part}))
    hints = typing.get_type_hints(holder, {}, {'Whole': whole})
    found, hints_again = back((part, hints))
    (reference,) = found.__args__
    assert reference.__forward_evaluated__
    assert reference.__forward_value__ == union[str, found]
    assert hints_again['it'].__args__ == hints['it'].__args__
    assert back(typing.ForwardRef('X', module='typing', is_class=True)) == typing.ForwardRef(
        'X', module='typing', is_class=True
    )


def made_by(statement: str, *names: str) -> list:
    """Return what a statement has made; it is not one of every Python's syntax."""
    scope = {'__name__': __name__}
    exec(statement, scope)
    return [scope[name] for name in names]


@pytest.mark.optional
@pytest.mark.skipif(sys.version_info < (3, 12), reason='Python 3.12 has the statement')
def test_a_type_variable_is_bound_to_what_is_made_of_it():
    (function,) = made_by('def function[A: list[A], B: (int, list[B]), C: "text", D, **P, *Ts](): pass', 'function')
    a, b, c, d, p, ts = back(function.__type_params__)
    assert (a.__bound__, b.__constraints__, c.__bound__, d.__bound__) == (list[a], (int, list[b]), 'text', None)
    assert [type(each) for each in (d, p, ts)] == [typing.TypeVar, typing.ParamSpec, typing.TypeVarTuple]
    assert [each.__name__ for each in (a, b, c, d, p, ts)] == ['A', 'B', 'C', 'D', 'P', 'Ts']
    assert {each.__module__ for each in (a, d, p)} == {function.__type_params__[0].__module__}
    assert (a.__infer_variance__, p.__infer_variance__) == (True, True)
    assert back(list[a]).__parameters__[0].__bound__.__parameters__[0].__name__ == 'A'


@pytest.mark.optional
@pytest.mark.skipif(sys.version_info < (3, 13), reason='Python 3.13 has defaults')
def test_a_type_variable_has_a_default():
    (function,) = made_by('def function[A: int = bool, B = list[B], **P = [int]](): pass', 'function')
    a, b, p = back(function.__type_params__)
    assert (a.__bound__, a.__default__, b.__default__, p.__default__) == (int, bool, list[b], [int])


@pytest.mark.optional
@pytest.mark.skipif(sys.version_info < (3, 12), reason='Python 3.12 has the statement')
def test_a_type_variable_that_cannot_be_found_out_is_refused():
    (function,) = made_by('def function[A: missing](): pass', 'function')
    with pytest.raises(CannotStoreError, match="its `__bound__` cannot be found out: NameError: name 'missing'"):
        encode({'': function.__type_params__})


def test_the_name_of_a_type_alias_is_no_program():
    """Whoever alters a stored frame gets no code to run by it."""
    for name in ('x = print(1); type y', 'x[T: print()]', 'class', ''):
        for make, first in (type_variables._make_alias, [name, 0]), (type_variables._make_variable, [name, '', []]):
            with pytest.raises(FrameError, match='a stored type alias or variable is called'):
                make(first, types.SimpleNamespace(get=str))
    with pytest.raises(FrameError, match='damaged'):
        type_variables._make_variable(['T', '', ['0](): print(1)\ndef f[T']], None)


@pytest.mark.optional
@pytest.mark.skipif(sys.version_info < (3, 12), reason='Python 3.12 has the statement')
def test_a_type_alias_that_cannot_be_found_out_is_refused():
    scope = {}
    exec('type Later = missing', scope)
    with pytest.raises(
        CannotStoreError, match="NameError: name 'missing' is not defined; define that before the await"
    ):
        encode({'': scope['Later']})
