"""Functions and classes that no name leads to come back by what they consist of, without a call of the user's code."""

from __future__ import annotations

import abc
import collections
import collections.abc
import dataclasses
import enum
import functools
import importlib
import importlib.util
import sys
import types
import typing
import weakref

import pytest
from values import things
from values.graphs import back, through

from aiida_dreamflow.exceptions import CannotStoreError, FrameError
from aiida_dreamflow.values import containers
from aiida_dreamflow.values.snapshot import decode, encode

GREETING = 'hello'


def make_counter(start):
    count = start

    def up(by=1, *, twice: bool = False):
        """Count."""
        nonlocal count
        count += 2 * by if twice else by
        return count

    def now():
        return count

    return up, now


def test_functions_share_their_cells():
    up, now = make_counter(5)
    up.note = [1]
    twins = through({'up': up, 'now': now, 'notes': up.note})
    assert twins['up'](2, twice=True) == 9
    assert twins['now']() == 9
    assert now() == 5
    assert twins['up'].__doc__ == 'Count.'
    assert twins['up'].__qualname__ == up.__qualname__
    assert twins['up'].__annotations__ == up.__annotations__
    assert twins['up'].note is twins['notes']


def test_globals_are_those_of_the_module():
    twin = back(lambda: GREETING)
    assert twin() == 'hello'
    assert twin.__globals__ is globals()


def test_a_function_that_refers_to_itself():
    def factorial(n):
        return n * factorial(n - 1) if n else 1

    factorial.itself = factorial
    factorial.__defaults__ = (factorial,)
    twin = back(factorial)
    assert twin(5) == 120
    assert twin.itself is twin
    assert twin.__defaults__ == (twin,)


def test_globals_that_are_no_module():
    namespace = {'factor': 3}
    exec('def times(x): return factor * x', namespace)
    del namespace['__builtins__']
    twins = through({'times': namespace['times'], 'namespace': namespace})
    twins['namespace']['factor'] = 5
    assert twins['times'](2) == 10


def test_classes():
    class Base:
        made = []

        def __init_subclass__(cls, **kwargs):
            cls.made.append(cls.__name__)

        def __set_name__(self, owner, name):
            raise AssertionError('not again')

        @property
        def double(self):
            return 2 * self.x

        @staticmethod
        def static(x):
            return x

        @classmethod
        def own_name(cls):
            return cls.__name__

    class Derived(Base, key=1):
        __slots__ = ('x',)

        def __init__(self, x):
            self.x = x

        def up(self):
            return super().double + 1, __class__

    twins = through({'obj': Derived(4), 'Derived': Derived, 'Base': Base})
    obj, twin = twins['obj'], twins['Derived']
    assert type(obj) is twin is not Derived
    assert twin.__mro__ == (twin, twins['Base'], object)
    assert obj.up() == (9, twin)
    assert (twin.static(3), twin.own_name()) == (3, 'Derived')
    assert twin.__qualname__ == Derived.__qualname__
    assert twin.__module__ == __name__
    assert twins['Base'].made == ['Derived']
    assert twins['Base'].__subclasses__() == [twin]


def test_a_metaclass_is_not_called_again():
    calls = []

    class Meta(type):
        def __new__(meta, name, bases, namespace):
            calls.append(name)
            return super().__new__(meta, name, bases, namespace)

        def __len__(cls):
            return 7

    class Plain(metaclass=Meta):
        pass

    twin = back(Plain)
    assert len(twin) == 7
    assert calls == ['Plain']


def test_abstract_classes():
    class Shape(abc.ABC):
        @abc.abstractmethod
        def area(self): ...

    @Shape.register
    class Square:
        pass

    class Circle(Shape):
        def area(self):
            return 3

    @collections.abc.Sequence.register
    class Row:
        pass

    twins = through({'Shape': Shape, 'Square': Square, 'Circle': Circle, 'Row': Row})
    with pytest.raises(TypeError, match='abstract'):
        twins['Shape']()
    assert issubclass(twins['Square'], twins['Shape'])
    assert not issubclass(Row, twins['Shape'])
    assert isinstance(twins['Circle'](), twins['Shape'])
    assert isinstance(twins['Row'](), collections.abc.Sequence)


def test_what_the_library_makes():
    @dataclasses.dataclass
    class Point:
        x: int
        y: int = 2

    class Colour(enum.Enum):
        RED = 1
        BLUE = [2]

    class Number(enum.IntEnum):
        ONE = 1

    Pair = collections.namedtuple('Pair', 'left right')

    class Cached:
        @functools.cached_property
        def value(self):
            return [1]

    cached = Cached()
    assert cached.value == [1]
    twins = through({'p': Point(1), 'red': Colour.RED, 'Colour': Colour, 'one': Number.ONE, 'pair': Pair(1, 2)})
    assert repr(twins['p']) == repr(Point(1))
    assert twins['p'] == type(twins['p'])(1, 2)
    assert twins['red'] is twins['Colour'].RED is twins['Colour'](1)
    assert list(twins['Colour']) == [twins['red'], twins['Colour'].BLUE]
    assert twins['one'] + 1 == 2
    assert twins['pair']._replace(left=5) == (5, 2)
    twin = back(cached)
    assert twin.value is twin.value


def test_classes_of_c_have_no_content():
    with pytest.raises(CannotStoreError, match='does not lead to this object'):
        encode({'v': type(sys._getframe().f_code.co_lines())})


def test_code_of_another_python():
    snapshot = encode({'v': lambda: 0})
    (record,) = (record for record in snapshot.document['objects'] if record[0] == 'code')
    record[1][0] = 'cpython-36'
    with pytest.raises(FrameError, match='resume with that version of Python'):
        decode(snapshot.document, snapshot.blobs.__getitem__)


def test_unchanged_functions_give_the_same_bytes():
    def function(x):
        return {x: (1.5, 'text', frozenset({'one'}))}

    assert encode({'v': function}).digest() == encode({'v': function}).digest()


@classmethod
def hook(cls):
    """Is put into classes, which then look whether it is this one."""


class Owner:
    @property
    def size(self):
        return 1

    @staticmethod
    def make():
        return 2

    @functools.cached_property
    def cached(self):
        return 3


@pytest.mark.parametrize('name', ['size', 'make', 'cached'])
def test_an_attribute_of_a_class_that_has_a_name_is_that_attribute(name):
    assert back(vars(Owner)[name]) is vars(Owner)[name]
    assert back(vars(enum.Enum)['name']) is vars(enum.Enum)['name']
    assert back(hook) is hook


class Plugin(types.ModuleType):
    pass


@pytest.mark.parametrize('kind', [types.ModuleType, Plugin])
def test_modules_that_were_made_and_not_imported(kind):
    module = kind('values.made', 'A doc.')
    module.items = [module]
    twin = back(module)
    assert type(twin) is kind
    assert (twin.__name__, twin.__doc__, twin.__spec__) == ('values.made', 'A doc.', None)
    assert twin.items[0] is twin


class Keyed(list):
    """Is a key, by what it says of itself."""

    __slots__ = ('number',)

    def __hash__(self):
        return self.number


def test_a_list_is_complete_before_it_is_a_key():
    cache = {}
    key = Keyed([cache])
    key.number = 3
    cache[key] = key
    twin = back(cache)
    ((name, held),) = twin.items()
    assert name is held
    assert twin[name] is name
    assert name[0] is twin


def test_slots_from_an_iterator():
    class Slotted:
        __slots__ = iter(['a', 'b'])

    twin = back(Slotted)
    assert twin().__class__.a.__name__ == 'a'
    assert [*twin.__slots__] == [*Slotted.__slots__] == []


def test_a_class_with_a_dict_of_its_own():
    class Hiding:
        @property
        def __dict__(self):
            return {'shown': 1}

    class Plain:
        pass

    twin = back(Hiding)
    assert isinstance(twin.__dict__['__dict__'], property)
    assert vars(twin()) == {'shown': 1}
    assert isinstance(vars(back(Plain))['__dict__'], types.GetSetDescriptorType)


def test_a_plain_object_that_some_module_has_is_that_object():
    own = object()
    twins = back([things.MISSING, own, own])
    assert twins[0] is things.MISSING
    assert twins[1] is twins[2]
    assert twins[1] is not own


@pytest.mark.optional
@pytest.mark.skipif(sys.version_info < (3, 14), reason='annotations are evaluated later from Python 3.14 on')
def test_annotations_that_were_asked_for_and_what_gives_them():
    namespace = {'__name__': __name__}
    exec(compile('def function(x: int, y: "text"): pass', '', 'exec', dont_inherit=True), namespace)
    given = namespace['function']
    function = types.FunctionType(given.__code__, globals(), 'function')
    function.__annotate__ = types.FunctionType(given.__annotate__.__code__, globals(), '__annotate__')
    annotations = function.__annotations__
    annotations['more'] = str
    again, kept, later = back([function, annotations, function.__annotate__])
    assert again.__annotations__ is kept
    assert again.__annotate__ is later
    assert kept == {'x': int, 'y': 'text', 'more': str}
    assert later(1) == {'x': int, 'y': 'text'}

    class Tells:
        @property
        def __annotations__(self):
            return {'x': int}

        @property
        def __annotate__(self):
            return None

    assert back(Tells)().__annotations__ == {'x': int}

    class Odd:
        __annotations__ = {'x': str}

        def __annotate__(self, form):
            return form

    odd = back(Odd)()
    assert (odd.__annotations__, odd.__annotate__(3)) == ({'x': str}, 3)


def test_what_a_second_copy_of_a_package_has(tmp_path, monkeypatch):
    """Some tests, and who reloads, have two: what a module has of the older one is found through that module."""
    (tmp_path / 'dreamflow_twice').mkdir()
    (tmp_path / 'dreamflow_twice' / '__init__.py').write_text('from . import inner\n')
    (tmp_path / 'dreamflow_twice' / 'inner.py').write_text('N = 1\ndef function():\n    return N\nclass Class: pass\n')
    monkeypatch.syspath_prepend(tmp_path)
    older = importlib.import_module('dreamflow_twice')
    for name in ('dreamflow_twice', 'dreamflow_twice.inner'):
        monkeypatch.delitem(sys.modules, name)
    newer = importlib.import_module('dreamflow_twice')
    for name in ('dreamflow_twice', 'dreamflow_twice.inner'):
        monkeypatch.setitem(sys.modules, name, sys.modules[name])
    values = [part for package in (older, newer) for part in (package.inner.function, package.inner.Class)]
    with pytest.raises(CannotStoreError, match='it has the variables of a module that'):
        back(older.inner.function)
    monkeypatch.setattr(things, 'older', older, raising=False)
    monkeypatch.setattr(containers, '_known_doubles', {})
    assert all(one is other for one, other in zip(back(values), values, strict=True))


def test_members_that_are_objects_of_a_dataclass_too():
    @dataclasses.dataclass
    class Atom:
        mass: float

    class Element(Atom, enum.Enum):
        H = 1.008
        O = 15.999  # noqa: E741

    again = back(Element)
    assert [(each.name, each.mass) for each in again] == [('H', 1.008), ('O', 15.999)]
    assert again(again.H.value) is again.H


def test_a_class_registered_with_a_protocol_that_has_data():
    class HasEnergy(typing.Protocol):
        energy = 1

    class Result:
        pass

    HasEnergy.register(Result)
    protocol, result = back([HasEnergy, Result])
    assert abc._get_dump(protocol)[0] == {weakref.ref(result)}


def test_a_module_that_was_made_and_says_where_it_is_from():
    module = types.ModuleType('made')
    module.__loader__ = module.__spec__ = types.SimpleNamespace(origin='nowhere')
    module.size = [1]
    again = back(module)
    assert (type(again), again.__name__, again.size, again.__spec__) == (types.ModuleType, 'made', [1], module.__spec__)
    older = importlib.util.module_from_spec(importlib.util.find_spec('_json'))
    with pytest.raises(CannotStoreError, match='`import _json` does not give this module object'):
        back(older)
