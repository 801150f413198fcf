"""What is stored has been shown to load: what breaks is refused, what only looks different is not, and nothing is seen of it."""

from __future__ import annotations

import gc
import os
import re
import time
import uuid
import weakref

import pytest
from values.graphs import back

from aiida_dreamflow.exceptions import CannotStoreError
from aiida_dreamflow.values import proving, trial
from aiida_dreamflow.values.snapshot import encode

SEEN: list[object] = []


class Base:
    """Says nothing but how it takes its state back."""

    def __init__(self, value=5):
        self.value = value

    def __setstate__(self, state):
        vars(self).update(state)


class Raises(Base):
    def __setstate__(self, state):
        raise RuntimeError('not like this')


class Doubles(Base):
    def __setstate__(self, state):
        self.value = state['value'] * 2


class Drops(Base):
    def __setstate__(self, state):
        pass


class DropsASlot:
    __slots__ = ('value', '_cache')

    def __init__(self):
        self.value, self._cache = [1], {}

    def __setstate__(self, state):
        self._cache = {}


class NeedsMore:
    def __new__(cls, a, b):
        return object.__new__(cls)

    def __getnewargs_ex__(self):
        return (1,), {}


class CannotBeStoredThen(Base):
    def __setstate__(self, state):
        self.value = (each for each in [state])


def _set_another(obj, state):
    obj.other = state


class SetByAnother(Base):
    def __reduce__(self):
        return object.__new__, (type(self),), self.value, None, None, _set_another


def _make_pairs():
    return ChangesPairs()


class ChangesPairs(dict):
    def __reduce__(self):
        return _make_pairs, (), None, None, iter([*self.items()])

    def __setitem__(self, key, value):
        super().__setitem__(key, value + 1)


BROKEN = {
    'raises': (Raises, 'of type `Raises` cannot be filled again: RuntimeError: not like this'),
    'doubles': (Doubles, 'as `x.value` shows'),
    'drops': (Drops, 'not what it was, as `x` shows'),
    'drops a slot': (DropsASlot, 'as `x.value` shows'),
    'needs more': (lambda: NeedsMore(1, 2), "cannot be made again: TypeError.*'b'"),
    'not stored then': (CannotBeStoredThen, 'not be stored again then: a generator'),
    'set by another': (SetByAnother, "not be stored again then: .*no attribute 'value'"),
    'changes pairs': (lambda: ChangesPairs(a=1), 'not what it was'),
}


@pytest.mark.parametrize('name', BROKEN)
def test_what_does_not_load_is_refused(name):
    make, said = BROKEN[name]
    with pytest.raises(CannotStoreError, match=said) as caught:
        encode({'x': make()})
    assert caught.value.path == 'x'


def test_the_path_leads_to_what_does_not_load():
    with pytest.raises(CannotStoreError) as caught:
        encode({'x': {'list': [Base(), Base(Raises())]}})
    assert caught.value.path == "x['list'][1].value"
    assert caught.value.value_type == 'Raises'


class Stamped(Base):
    def __getstate__(self):
        return {**vars(self), 'at': time.time_ns()}


class StampedWhenLoaded(Base):
    def __setstate__(self, state):
        vars(self).update(state)
        self.loaded = time.time_ns()


class Named(Base):
    def __setstate__(self, state):
        self.value = str(uuid.uuid4())


class Cached(Base):
    def __init__(self):
        super().__init__()
        self._cache = {1: 2}
        self._is_fresh = True

    def __setstate__(self, state):
        self.value, self._cache, self._is_fresh = state['value'], {}, False


class InAnyOrder(Base):
    def __init__(self):
        super().__init__({Base(each) for each in range(20)} | {'a', 'b'})


class ShareMore(Base):
    def __init__(self):
        text = 'more than sixty-four characters, so that it is kept as an object of its own'
        super().__init__((text, text + ''))

    def __setstate__(self, state):
        self.value = tuple(''.join(each) for each in state['value'])


class Tells(Base):
    """Where it lies."""

    def __init__(self):
        super().__init__()
        self.value = [id(self), repr(self)]


class InAnotherOrder(Base):
    def __setstate__(self, state):
        vars(self).update(dict(sorted(state.items())))


class WithoutState(Base):
    def __getstate__(self):
        return ()


HARMLESS = (
    Base, Stamped, StampedWhenLoaded, Named, Cached, InAnyOrder, ShareMore, Tells, InAnotherOrder, WithoutState,
)  # fmt: skip


@pytest.mark.parametrize('kind', HARMLESS)
def test_what_differs_for_a_good_reason_is_stored(kind):
    proving._known.pop(id(kind), None)
    assert type(back(kind())) is kind


class Registers(Base):
    def __setstate__(self, state):
        super().__setstate__(state)
        SEEN.append(self)

    def __del__(self):
        SEEN.append('deleted')


def test_nothing_is_seen_of_it():
    value = Registers()
    encode({'x': value})
    gc.collect()
    assert SEEN == []
    encode({'x': [value, weakref.ref(value)]})
    assert SEEN == []


class Outside(Base):
    def __setstate__(self, state):
        try:
            with open(state['value'], 'w'):  # noqa: PTH123
                pass
        except Exception:
            pass


class Removes(Base):
    def __setstate__(self, state):
        os.remove(state['value'])  # noqa: PTH107


class Dies(Base):
    def __setstate__(self, state):
        os.abort()


class Leaves(Base):
    def __setstate__(self, state):
        raise SystemExit(1)


@pytest.mark.parametrize('kind', [Outside, Removes, Dies, Leaves])
def test_what_would_do_something_outside_is_not_tried(kind, tmp_path, capfd):
    precious = tmp_path / 'precious'
    precious.write_text('here')
    encode({'x': kind(str(precious))})
    assert precious.read_text() == 'here'
    assert capfd.readouterr() == ('', '')


def test_a_trial_that_takes_too_long_says_nothing(monkeypatch):
    monkeypatch.setattr(proving, '_LIMIT', 1)

    class Waits(Base):
        def __setstate__(self, state):
            time.sleep(30)

    encode({'x': Waits()})


def _count(monkeypatch):
    counted = []
    monkeypatch.setattr(trial, 'in_child', lambda run: counted.append(run()) or counted[-1])
    return counted


def test_a_class_is_tried_once_for_each_of_its_shapes(monkeypatch):
    counted = _count(monkeypatch)

    class Other(Base):
        pass

    for number in range(10):
        encode({'x': Other(number)})
    assert len(counted) == 1
    encode({'x': [Other(1), Other(2)]})
    assert len(counted) == 1
    encode({'x': Other(None)})
    assert len(counted) == 2
    for number in range(100):
        value = Other()
        setattr(value, f'attribute_{number}', 1)
        encode({'x': value})
    assert len(counted) == proving._SHAPES


def test_classes_that_come_together_anew_are_tried_again(monkeypatch):
    counted = _count(monkeypatch)

    class One(Base):
        pass

    class Two(Base):
        pass

    encode({'x': One(1)})
    encode({'x': Two(1)})
    encode({'x': [One(1), Two(1)]})
    assert len(counted) == 3
    encode({'x': [One(1), Two(1)], 'y': One(3)})
    assert len(counted) == 3
    encode({'x': [Two(1), One(1)]})
    assert len(counted) == 4


class Plain:
    def __init__(self):
        self.a = [1]


def test_what_runs_no_code_is_not_tried(monkeypatch):
    counted = _count(monkeypatch)
    encode({'x': [Plain(), {'a': 1}, {1, 2}, ValueError(3)]})
    assert counted == []


def test_a_class_that_fails_for_another_state_is_refused_then():
    class Sometimes(Base):
        def __setstate__(self, state):
            self.value = state['value'] + 1 - 1

    encode({'x': Sometimes(1)})
    with pytest.raises(CannotStoreError, match=re.escape('unsupported operand type')):
        encode({'x': Sometimes(None)})
