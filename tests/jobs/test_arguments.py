"""Arguments by position and by name, before they are sent."""

from __future__ import annotations

import pytest

from aiida_dreamflow.jobs import remote
from aiida_dreamflow.jobs.arguments import by_name, check_arguments, sent


def positional(a=0, b=1, /, c=2):
    return a, b, c


def starred(a=0, *more, k=1):
    return a, more, k


@pytest.mark.parametrize(
    ('function', 'args', 'named', 'result'),
    [
        (positional, (5,), {'c': 6}, (5, 1, 6)),
        (positional, (5, 6, 7), {}, (5, 6, 7)),
        (positional, (), {'c': 6}, (0, 1, 6)),
        (starred, (), {'a': 1, 'more': [2, 3]}, (1, (2, 3), 1)),
        (starred, (), {'k': 5}, (0, (), 5)),
        (starred, (), {'more': []}, (0, (), 1)),
    ],
)
def test_called_as_python_does(function, args, named, result):
    arguments = by_name(function, args, named)
    check_arguments(function, arguments)
    assert remote.call(function, arguments) == result


@pytest.mark.parametrize(
    ('function', 'args', 'named', 'message'),
    [
        (positional, (5,), {'a': 6}, "multiple values for argument 'a'"),
        (positional, (), {'b': 6}, "takes 'b' by position only, after 'a'"),
        (starred, (), {'more': [1]}, "takes 'more' by position only, after 'a'"),
        (positional, (1, 2, 3, 4), {}, 'takes 3 positional arguments but 4 were given'),
    ],
)
def test_refused(function, args, named, message):
    with pytest.raises(TypeError, match=message):
        check_arguments(function, by_name(function, args, named))


def test_sent_is_a_copy():
    import numpy as np

    given = {'a': [np.arange(3), np.ones(2)], 'b': (1, [])}
    found = sent(test_sent_is_a_copy, 'x', given, '')
    assert [item.tolist() for item in found['a']] == [[0, 1, 2], [1.0, 1.0]]
    assert found['b'] == (1, [])
    found['b'][1].append(1)
    found['a'][0][0] = 7
    assert given['b'] == (1, [])
    assert given['a'][0][0] == 0
