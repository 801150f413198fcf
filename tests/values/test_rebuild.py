"""Objects that hold each other are filled in the order of `pickle`, and where that does not do, so that hashes can be asked."""

from __future__ import annotations

import pickle

import pytest
from values.graphs import back

from aiida_dreamflow.exceptions import CannotStoreError
from aiida_dreamflow.values.snapshot import encode


class Registry:
    """Leaves out what it can have again."""

    def __init__(self):
        self.signals, self.owner = ['a'], None

    def __getstate__(self):
        return {'owner': self.owner}

    def __setstate__(self, state):
        vars(self).update(state)
        self.signals = ['a']


class Figure:
    """Asks its registry when it is filled."""

    def __init__(self, hold=lambda registry: registry):
        self.registry = Registry()
        self.held = hold(self.registry)
        self.registry.owner = self

    def __setstate__(self, state):
        vars(self).update(state)
        self.count = len(self.registry.signals)


def _bound(registry):
    return registry.__getstate__


@pytest.mark.parametrize(
    'hold', [lambda registry: [registry], lambda registry: (registry,), lambda registry: {registry: registry}, _bound]
)
def test_what_an_object_refers_to_is_filled_before_it(hold):
    figure = Figure(hold)
    pickle.loads(pickle.dumps(figure))
    found = back(figure)
    assert found.registry.owner is found
    assert found.count == 1


class Logs:
    """Notes in which order its objects are filled."""

    order: list[str] = []

    def __init__(self, name):
        self.name, self.others = name, []

    def __setstate__(self, state):
        vars(self).update(state)
        self.order.append(self.name)


def test_a_ring_is_filled_in_the_order_of_pickle():
    a, b, c, d = map(Logs, 'abcd')
    a.others, b.others, c.others, d.others = [b, c], [d], [a], [b, a]
    for root in (a, b, c, d, [c, a], {'x': d, 'y': a}):
        Logs.order = []
        pickle.loads(pickle.dumps(root))
        expected, Logs.order = Logs.order, []
        back(root)
        assert Logs.order == expected


class Key:
    """Has a hash that needs its state, and holds the dict in which it is a key."""

    def __init__(self, name):
        self.name, self.table = name, {}
        self.table[self] = 1

    def __hash__(self):
        return hash(self.name)

    def __eq__(self, other):
        return self.name == other.name

    def __setstate__(self, state):
        vars(self).update(state)


def test_a_key_is_filled_before_it_is_asked_for_its_hash():
    key = Key('k')
    with pytest.raises(AttributeError):
        pickle.loads(pickle.dumps(key))
    found = back(key)
    assert found.table[found] == 1
    assert next(iter(found.table)) is found


class Table:
    """Asks a dict of its when it is filled, whose keys are texts and objects without a hash of their own."""

    def __init__(self):
        self.rows = {('a', 1): self, Plain(self): 2}

    def __setstate__(self, state):
        vars(self).update(state)
        self.count = len(self.rows)


class Plain:
    def __init__(self, owner):
        self.owner = owner


def test_a_dict_is_full_when_the_object_that_holds_it_is_filled():
    found = back(Table())
    assert found.count == 2
    assert found.rows['a', 1] is found


def test_where_pickle_cannot_load_it_the_way_that_it_is_held_is_refused():
    figure = Figure()
    with pytest.raises(AttributeError):
        pickle.loads(pickle.dumps(figure.registry))
    with pytest.raises(CannotStoreError, match="no attribute 'signals'"):
        encode({'registry': figure.registry})
