"""A class of the user's derives from one that says how its objects are made, and takes other arguments."""

from __future__ import annotations

import collections
import datetime
import decimal
import fractions
import functools
import pathlib
import random
import sys
import uuid

import pytest
from values.graphs import back

from aiida_dreamflow.exceptions import CannotStoreError
from aiida_dreamflow.values.snapshot import encode

PurePythonOrderedDict = type(
    'OrderedDict',
    (dict,),
    {
        '__module__': 'collections',
        '__reduce__': lambda self: (type(self), (), None, None, iter(dict.items(self))),
    },
)


def derived(base, *, initialised=False):
    """Return a class whose constructor takes a unit first."""

    class Derived(base):
        if initialised:

            def __init__(self, unit, *args):
                super().__init__(*args)
                self.unit = unit

        else:

            def __new__(cls, unit, *args):
                made = base.__new__(cls, *args)
                made.unit = unit
                return made

    return Derived


CASES = [
    (datetime.date, (2026, 11, 29)),
    (datetime.datetime, (2026, 11, 29, 5, 22)),
    (datetime.time, (5, 22)),
    (datetime.timedelta, (3, 2)),
    (decimal.Decimal, ('1.50',)),
    (fractions.Fraction, (3, 4)),
    (pathlib.PurePosixPath, ('a', 'b')),
    (functools.partial, (int, '11')),
]


@pytest.mark.parametrize(('base', 'args'), CASES, ids=[base.__name__ for base, _ in CASES])
def test_made_by_the_class_of_the_library(base, args):
    value = derived(base, initialised=base is pathlib.PurePosixPath and sys.version_info >= (3, 12))('eV', *args)
    found, again, kind = back([value, value, type(value)])
    assert found is again
    assert type(found) is kind
    assert found.unit == 'eV'
    assert base.__reduce__(found)[1:2] == base.__reduce__(value)[1:2]


def test_random_numbers_with_a_unit():
    class Numbers(random.Random):
        def __init__(self, unit):
            super().__init__(3)
            self.unit = unit

    value = Numbers('eV')
    value.gauss(0, 1)
    found = back(value)
    assert found.unit == 'eV'
    assert [found.gauss(0, 1), found.random()] == [value.gauss(0, 1), value.random()]


def test_what_is_private_to_the_class_of_the_library_is_its_own():
    value = derived(PurePythonOrderedDict, initialised=True)('eV', {'a': 1})
    value._OrderedDict__map = object.__new__(type('Refused', (), {'__reduce__': lambda self: 1 / 0}))
    found = back(value)
    assert (found, found.unit) == ({'a': 1}, 'eV')
    assert not hasattr(found, '_OrderedDict__map')


def test_it_is_filled_by_the_class_of_the_library():
    class Counted(PurePythonOrderedDict):
        def __init__(self, unit):
            super().__init__()
            self.unit, self.seen = unit, []

        def __setitem__(self, key, value):
            self.seen.append(key)
            super().__setitem__(key, value)

    value = Counted('eV')
    value['a'] = value['b'] = 1
    found = back(value)
    assert (found, found.unit, found.seen) == ({'a': 1, 'b': 1}, 'eV', ['a', 'b'])


def test_slots_are_kept():
    class Price(decimal.Decimal):
        __slots__ = ('currency',)

        def __new__(cls, currency, text):
            made = super().__new__(cls, text)
            made.currency = currency
            return made

    found, kind = back([Price('CHF', '2.50'), Price])
    assert (type(found), str(found), found.currency) == (kind, '2.50', 'CHF')


def test_who_says_it_himself_is_asked():
    class Day(datetime.date):
        def __new__(cls, text):
            return super().__new__(cls, *map(int, text.split('-')))

        def __reduce__(self):
            return Day, (self.isoformat(),)

    assert back(Day('2026-11-29')).day == 29


def test_the_library_is_called_as_ever():
    value = {uuid.UUID(int=3): collections.Counter('aab')}
    assert back(value) == value
    kinds = [record[0] for record in encode({'v': datetime.date(2026, 11, 29)}).document['objects']]
    assert 'made by' not in kinds


def test_by_hand_without_pickles():
    with pytest.raises(CannotStoreError, match='not me'):
        encode(
            {
                'v': type('Refuses', (datetime.date,), {'__new__': datetime.date.__new__, '__reduce__': refuse})(
                    2026, 1, 1
                )
            }
        )


def refuse(self):
    raise TypeError('not me')
