"""Objects come back with what they have, enum members too, whatever their class says of how they are made."""

from __future__ import annotations

import collections
import datetime
import decimal
import fractions
import functools
import pathlib
import random
import re
import types
import uuid

import pytest
from values import things
from values.graphs import back, snapshot_of

from aiida_dreamflow.exceptions import CannotStoreError


@pytest.mark.parametrize(
    'value',
    [
        things.Plain(a=1, b=[2]), things.Frozen(1, [2]), things.FrozenSlots({'a': 1}), things.Point(1, 'y'),
        things.OwnReduce(1, [2]), things.Text('hello'), things.Items([1, 2]), things.Table(a=1),
        collections.OrderedDict(b=1, a=2), collections.Counter('aab'), collections.deque([1, 2], maxlen=3),
        datetime.datetime(2026, 1, 2, 3, 4, 5, 6, datetime.timezone.utc), datetime.timedelta(1, 2, 3), datetime.date.min,
        decimal.Decimal('1.10'), fractions.Fraction(1, 3), pathlib.PurePosixPath('a/b'), uuid.UUID(int=5),
        re.compile('a+', re.I), functools.partial(things.double, 3), types.SimpleNamespace(a=[1]), list[int],
        datetime.timezone(datetime.timedelta(hours=1)),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_objects(value):
    rebuilt = back(value)
    assert type(rebuilt) is type(value)
    assert repr(rebuilt) == repr(value) or vars(rebuilt) == vars(value)
    assert snapshot_of(rebuilt).digest() == snapshot_of(value).digest()


def test_subclass_content_and_attributes():
    value = things.Items([1, 2])
    value.extra = value
    rebuilt = back(value)
    assert rebuilt == [1, 2]
    assert rebuilt.extra is rebuilt
    table = collections.defaultdict(list, a=[1])
    assert back(table)['new'] == []


@pytest.mark.parametrize(
    'member', [*things.Colour, *things.Level, things.Flags.A, things.Flags.A | things.Flags.B, things.Flags(0)]
)
def test_enums(member):
    assert back(member) is member


def test_random_generator_goes_on():
    generator = random.Random(3)
    generator.random()
    rebuilt = back(generator)
    assert [rebuilt.random() for _ in range(3)] == [generator.random() for _ in range(3)]


@pytest.mark.parametrize('answer', [None, 5, lambda *args: 'an answer'], ids=['none', 'number', 'function'])
def test_an_object_that_answers_everything(answer):
    """It has a `__getstate__`, too, for whoever asks the object; before Python 3.11 that was what Python did."""
    value = things.Answering()
    value.answer = answer
    found = back([value, value])
    assert found[0] is found[1]
    assert vars(found[0]).keys() == {'kept', 'answer'}
    assert found[0].kept == [1, 2]


class Disguised:
    """Is pickled as something else."""

    def __init__(self, reduced):
        self.reduced = reduced

    def __reduce_ex__(self, protocol):
        return self.reduced


class Number(int):
    def __reduce_ex__(self, protocol):
        return int, (int(self),)


@pytest.mark.parametrize('reduced', [(things.Plain, ()), (object, ()), (), 5])
def test_an_object_that_would_come_back_as_another_is_its_attributes(reduced):
    found = back([Disguised(reduced)])[0]
    assert (type(found), vars(found)) == (Disguised, {'reduced': reduced})
    with pytest.raises(CannotStoreError, match='makes an object of the class `int` of it, so its type would be lost'):
        back([Number(3)])


def test_a_name_that_does_not_lead_to_an_object():
    class Local(Disguised):
        pass

    value = Local('nowhere')
    found = back([value, value])
    assert found[0] is found[1]
    assert vars(found[0]) == {'reduced': 'nowhere'}
    # A module may have another way to one of these, and it may be there for its identity.
    with pytest.raises(CannotStoreError, match='the name `.*nowhere` does not lead to this object'):
        back([Disguised('nowhere')])
