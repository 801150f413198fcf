"""Small modules of many styles, each with a function `f`: it gives the same wherever it runs, as the module was at the launch."""

from __future__ import annotations

import textwrap

STYLES = {
    'plain constants': """
        SCALE = 3
        NAMES = ('a', 'b')
        def f(): return SCALE, NAMES
        """,
    'made anew each time': """
        import random, uuid
        import numpy as np
        POINTS = np.random.default_rng().random(2)
        RUN = uuid.uuid4()
        CHOICE = random.random()
        def f(): return POINTS.tolist(), str(RUN), CHOICE
        """,
    'changed after its line': """
        CONFIG = {'cut': 10}
        CONFIG['cut'] = 100
        TABLE = []
        for i in range(3):
            TABLE.append(i * i)
        def f(): return CONFIG, TABLE
        """,
    'filled by a call': """
        TABLE = {}
        def fill(table): table['x'] = 1
        fill(TABLE)
        def f(): return TABLE
        """,
    'changed by the session': """
        CONFIG = {'cut': 10}
        LEVEL = 1
        def f(): return CONFIG['cut'], LEVEL
        def session():
            global LEVEL
            CONFIG['cut'], LEVEL = 100, 2
        """,
    'one list, two names': """
        SEEN = []
        ALSO = {'seen': SEEN}
        def f():
            SEEN.append(1)
            return ALSO['seen'], ALSO['seen'] is SEEN
        """,
    'a definition that a function has replaced': """
        def g(): return 1
        def h(): return 2
        class A: x = 1
        class B: x = 2
        show = lambda: 3
        def change():
            global g, A, show
            g, A, show = h, B, 5
        change()
        def f(): return g(), A.x, show, g is h
        """,
    'one row, three times': """
        GRID = [[0]] * 3
        SPARE = [0]
        OTHER = [[0], [0]]
        OTHER[0] = OTHER[1]
        def f():
            GRID[0].append(1)
            OTHER[1].append(2)
            return GRID, OTHER, SPARE
        """,
    'a chain of names for one list': """
        def show(x): return x
        A = [0]
        B = [A, [1]]
        C = [B[1], [2]]
        D = {'show': show, 'c': C[1]}
        def f():
            A.append(1)
            D['c'].append(3)
            return B, C, D['show'](D['c'])
        """,
    'one list in plain data and in what is none': """
        SEEN = [0]
        def show(x): return x
        STEPS = {'show': show, 'seen': SEEN}
        def f():
            SEEN.append(1)
            return STEPS['show'](STEPS['seen'])
        """,
    'a file that was read': """
        import pathlib, tempfile
        _file = pathlib.Path(tempfile.mkstemp()[1])
        _file.write_text('first')
        TEXT = open(_file).read()
        _file.write_text('second')
        def f(): return TEXT
        """,
    'singledispatch': """
        import functools
        @functools.singledispatch
        def energy(x): return 'any'
        @energy.register
        def _(x: list): return 'list'
        @energy.register(int)
        def energy_int(x): return 'int'
        def of_text(x): return 'text'
        energy.register(str, of_text)
        def f(): return energy(1), energy([1]), energy('a'), energy(1.5)
        """,
    'singledispatchmethod': """
        import functools
        class Model:
            @functools.singledispatchmethod
            def energy(self, x): return 'any'
            @energy.register
            def _(self, x: list): return 'list'
        def f(): return Model().energy([]), Model().energy(1)
        """,
    'property setters': """
        class Shape:
            @property
            def a(self): return self._a
            @a.setter
            def a(self, value): self._a = value
        def f():
            shape = Shape()
            shape.a = 3
            return shape.a
        """,
    'a table filled by decorators': """
        TABLE = {}
        def register(name):
            def add(function):
                TABLE[name] = function
                return function
            return add
        @register('one')
        def one(): return 1
        @register('two')
        def _(): return 2
        def f(): return [(name, call()) for name, call in TABLE.items()]
        """,
    'a registry object': """
        class Registry:
            def __init__(self): self.items = []
            def add(self, function):
                self.items.append(function)
                return function
        REGISTRY = Registry()
        @REGISTRY.add
        def one(): return 1
        @REGISTRY.add
        def two(): return 2
        def f(): return [call() for call in REGISTRY.items]
        """,
    '__init_subclass__': """
        class Plugin:
            known = {}
            def __init_subclass__(cls, **kwargs):
                super().__init_subclass__(**kwargs)
                Plugin.known[cls.__name__] = cls
        class First(Plugin):
            value = 1
        class Second(Plugin):
            value = 2
        def f(): return {name: cls.value for name, cls in Plugin.known.items()}
        """,
    'a metaclass that keeps a list': """
        class Meta(type):
            made = []
            def __new__(meta, name, bases, namespace):
                cls = super().__new__(meta, name, bases, namespace)
                Meta.made.append(name)
                return cls
        class A(metaclass=Meta): pass
        class B(A): pass
        def f(): return Meta.made, B.__name__
        """,
    '__subclasses__': """
        class Base: pass
        class One(Base): pass
        class Two(Base): pass
        def f(): return sorted(cls.__name__ for cls in Base.__subclasses__())
        """,
    'virtual subclasses': """
        import abc
        class Base(abc.ABC): pass
        class Other: pass
        Base.register(Other)
        def f(): return isinstance(Other(), Base)
        """,
    'a class attribute that counts': """
        class Counter:
            made = 0
            def __init__(self): Counter.made += 1
        for _ in range(3): Counter()
        def f():
            Counter()
            return Counter.made
        """,
    'a method put in from outside': """
        class Shape:
            def area(self): return 1
        def area(self): return 2
        Shape.area2 = area
        Shape.unit = 'm'
        def f(): return Shape().area2(), Shape.unit
        """,
    'function attributes': """
        def count():
            count.calls += 1
            return count.calls
        count.calls = 0
        count(); count()
        def f(): return count()
        """,
    'a default that is filled': """
        def remember(x, seen=[]):
            seen.append(x)
            return seen
        remember(1); remember(2)
        def f(): return remember(3)
        """,
    'a decorator with state': """
        import functools
        def counted(function):
            calls = 0
            @functools.wraps(function)
            def inner(*args):
                nonlocal calls
                calls += 1
                return calls, function(*args)
            return inner
        @counted
        def double(x): return 2 * x
        double(1); double(2)
        def f(): return double(3)
        """,
    'lru_cache': """
        import functools
        @functools.lru_cache(maxsize=None)
        def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
        fib(5)
        def f(): return fib(10)
        """,
    'dataclasses': """
        from dataclasses import dataclass, field
        @dataclass
        class Config:
            cut: int = 3
            names: list = field(default_factory=list)
        DEFAULT = Config(cut=5)
        DEFAULT.names.append('a')
        def f(): return DEFAULT.cut, DEFAULT.names, Config().cut, isinstance(DEFAULT, Config)
        """,
    'frozen dataclasses and enums': """
        import enum
        from dataclasses import dataclass
        class Kind(enum.Enum):
            A = 'a'
            B = 'b'
        @dataclass(frozen=True)
        class Item:
            kind: Kind
        ITEMS = [Item(Kind.A), Item(Kind.B)]
        def f(): return [item.kind.value for item in ITEMS], ITEMS[0].kind is Kind.A
        """,
    'named tuples and the like, made by calls': """
        import collections, enum, typing
        Point = collections.namedtuple('Point', 'x y')
        Color = enum.Enum('Color', 'RED GREEN')
        T = typing.TypeVar('T')
        ORIGIN = Point(0, 1)
        def first(items: typing.List[T]) -> T: return items[0]
        def f(): return first([ORIGIN.y]), Color.GREEN.value, isinstance(ORIGIN, Point)
        """,
    'lambdas': """
        square = lambda x: x * x
        OPERATIONS = {'square': lambda x: x * x, 'cube': lambda x: x ** 3}
        def f(): return square(3), OPERATIONS['cube'](2)
        """,
    'closures and partials': """
        import functools
        def scaler(k):
            def scale(x): return k * x
            return scale
        triple = scaler(3)
        def power(x, n): return x ** n
        square = functools.partial(power, n=2)
        def f(): return triple(2), square(3)
        """,
    'conditional definitions': """
        import sys
        try:
            import tomllib
            HAS = True
        except ImportError:
            tomllib = None
            HAS = False
        if sys.version_info > (3,):
            def g(): return 'new'
        else:
            def g(): return 'old'
        def f(): return g(), HAS is (tomllib is not None)
        """,
    'definitions in a loop': """
        for name in ('a', 'b'):
            def g(): return 'g'
            SEEN = name
        def f(): return g(), SEEN
        """,
    'under the guard': """
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from nowhere import Nothing
        def f(x: 'Nothing' = None): return LIMIT, helper()
        if __name__ != '__main__':
            LIMIT = 4
            def helper(): return 'h'
        """,
    'star imports': """
        from math import *
        R = sqrt(2)
        def f(): return sin(pi / 2), R
        """,
    'loggers, patterns, paths, dates': """
        import datetime, logging, pathlib, re
        from fractions import Fraction
        logger = logging.getLogger(__name__)
        PATTERN = re.compile(r'(\\d+)')
        HOME = pathlib.Path('/tmp')
        DAY = datetime.date(2026, 1, 2)
        HALF = Fraction(1, 2)
        def f():
            logger.debug('hello')
            return PATTERN.findall('a1b22'), str(HOME), DAY.isoformat(), str(HALF)
        """,
    'locks and locals': """
        import threading
        _lock = threading.Lock()
        _local = threading.local()
        def f():
            with _lock:
                return hasattr(_local, 'x')
        """,
    'a random generator': """
        import numpy as np
        rng = np.random.default_rng(1)
        rng.random(5)
        def f(): return rng.random(2).tolist()
        """,
    'a config object': """
        import configparser
        CONFIG = configparser.ConfigParser()
        CONFIG.read_string('[a]\\nx = 1')
        CONFIG['a']['y'] = '2'
        def f(): return dict(CONFIG['a'])
        """,
    'lazy imports': """
        def f():
            import json
            return json.dumps([1])
        """,
    'numpy tables': """
        import numpy as np
        GRID = np.linspace(0, 1, 5)
        TABLE = {'grid': GRID, 'mask': GRID > 0.5}
        OTHER = GRID
        def f(): return TABLE['grid'].sum(), TABLE['mask'].tolist(), OTHER is GRID, TABLE['grid'] is GRID
        """,
    'a function that the file has made something else of': """
        import functools
        def calc(x): return x + 1
        plain = calc
        calc = functools.partial(calc, 1)
        def f(): return calc(), plain(2)
        """,
    'a global that functions count': """
        count = 0
        def step():
            global count
            count += 1
        step(); step()
        def f():
            step()
            return count
        """,
    'deleted names': """
        a = [1, 2]
        b = sum(a)
        del a
        def f(): return b
        """,
    'a graph with circles': """
        class Node:
            def __init__(self, name): self.name, self.next = name, None
        A, B = Node('a'), Node('b')
        A.next, B.next = B, A
        def f(): return A.next.next is A, B.next is A, A.next.name
        """,
    'constants of constants': """
        BASE = 2
        AREA = BASE ** 2
        SIZES = [BASE * i for i in range(3)]
        def f(x=AREA): return x, SIZES
        """,
    'defaults and class bodies that ask for values': """
        import os
        LIMIT = len(os.getcwd())
        class Config:
            limit = LIMIT + 1
        def f(x=LIMIT): return x, Config.limit
        """,
    'a decorator with a policy': """
        class Policy:
            def __init__(self, times): self.times = times
        POLICY = Policy(2)
        def repeated(policy):
            def decorate(function):
                def inner(): return [function() for _ in range(policy.times)]
                return inner
            return decorate
        @repeated(POLICY)
        def one(): return 1
        def f(): return one()
        """,
    'modules as values': """
        import math
        import json as _json
        xp = math
        def f(): return xp.sqrt(4), _json.dumps(1)
        """,
    'weak tables': """
        import weakref
        CACHE = weakref.WeakValueDictionary()
        def f(): return len(CACHE)
        """,
    'cached properties and class methods': """
        import functools
        class Model:
            name = 'm'
            @functools.cached_property
            def size(self): return len(self.name)
            @classmethod
            def make(cls): return cls()
            @staticmethod
            def two(): return 2
        MODEL = Model.make()
        MODEL.size
        def f(): return MODEL.size, Model.make().size, Model.two()
        """,
    'generic classes and protocols': """
        from typing import Generic, Protocol, TypeVar, runtime_checkable
        T = TypeVar('T')
        @runtime_checkable
        class Sized(Protocol):
            def size(self) -> int: ...
        class Box(Generic[T]):
            def __init__(self, value: T): self.value = value
            def size(self) -> int: return 1
        def f(): return isinstance(Box(1), Sized), Box[int](2).value
        """,
    'context managers': """
        import contextlib
        STACK = []
        @contextlib.contextmanager
        def pushed(x):
            STACK.append(x)
            yield STACK
            STACK.pop()
        STACK.append(0)
        def f():
            with pushed(1) as stack:
                return list(stack)
        """,
    'slots and descriptors': """
        class Positive:
            def __set_name__(self, owner, name): self.name = '_' + name
            def __get__(self, obj, owner=None): return self if obj is None else getattr(obj, self.name)
            def __set__(self, obj, value): setattr(obj, self.name, abs(value))
        class Thing:
            __slots__ = ('_x',)
            x = Positive()
        THING = Thing()
        THING.x = -3
        def f(): return THING.x
        """,
    'models of pydantic': """
        from pydantic import BaseModel, Field, field_validator
        class Inner(BaseModel):
            x: float = 1.0
        class Config(BaseModel):
            cut: int = 3
            inner: Inner = Field(default_factory=Inner)
            @field_validator('cut')
            @classmethod
            def positive(cls, v): return abs(v)
        DEFAULT = Config(cut=-5)
        DEFAULT.inner.x = 2.0
        def f(): return DEFAULT.model_dump(), Config(cut='4').cut, isinstance(DEFAULT.inner, Inner)
        """,
    'classes of attrs': """
        import attrs
        @attrs.define
        class Config:
            cut: int = attrs.field(default=3, validator=attrs.validators.instance_of(int))
            names: list = attrs.Factory(list)
        DEFAULT = Config(cut=5)
        DEFAULT.names.append('a')
        def f(): return attrs.asdict(DEFAULT), Config().cut
        """,
    'a module that is imported when it is used': """
        class Lazy:
            def __init__(self, name): self._name = name
            def __getattr__(self, name):
                if name.startswith('__'): raise AttributeError(name)
                import importlib
                return getattr(importlib.import_module(self.__dict__['_name']), name)
        math = Lazy('math')
        def f(): return math.floor(1.5)
        """,
    'an object with a lock, changed by a function': """
        import threading
        class Box:
            def __init__(self, x):
                self.x = x
                self.lock = threading.Lock()
        BOX = Box(1)
        def change(): BOX.x = 5
        change()
        def f(): return BOX.x
        """,
    'objects with locks, changed by lines': """
        import threading
        class Box:
            def __init__(self, x):
                self.x, self.lock = x, threading.RLock()
        BOX = Box(1)
        TABLE = {'box': Box(1), 'lock': BOX.lock}
        BOX.x = 5
        TABLE['box'].x = 3
        LOCAL = threading.local()
        LOCAL.x = 7
        def f():
            with BOX.lock:
                return BOX.x, TABLE['box'].x, TABLE['lock'] is BOX.lock, TABLE['box'].lock is BOX.lock, LOCAL.x
        """,
    'lambdas beside objects, changed by a function': """
        class Box:
            def __init__(self, x): self.x = x
        TABLE = {'f': lambda x: x + 1, 'box': Box(1), 'g': [lambda x: -x]}
        ALSO = TABLE['box']
        def change(): TABLE['box'].x = 3
        change()
        def f():
            ALSO.x += 1
            return TABLE['f'](TABLE['box'].x), TABLE['g'][0](1), [*TABLE], TABLE['box'] is ALSO
        """,
    'typed dicts and new types': """
        from typing import NewType, TypedDict
        class Options(TypedDict, total=False):
            cut: int
        Id = NewType('Id', int)
        OPTIONS: Options = {'cut': 3}
        OPTIONS['cut'] += 1
        def f(): return OPTIONS, Id(3)
        """,
}

#: What cannot go along, and the name that the refusal says.
REFUSED = {
    'an open file': ("LOG = open('/dev/null')\ndef f(): return LOG.name\n", '`LOG`'),
    'a generator': ('numbers = (i for i in range(3))\ndef f(): return next(numbers)\n', '`numbers`'),
    'a thread': ('import threading\nWORKER = threading.Thread()\ndef f(): return WORKER.name\n', '`WORKER`'),
    'a hash that has begun': (
        "import hashlib\nDIGEST = hashlib.sha256(b'a')\ndef f(): return DIGEST.hexdigest()\n",
        '`DIGEST`',
    ),
    'a lambda that was changed': (
        'class Box:\n    def __init__(self): self.f = lambda: 1\nBOX = Box()\nBOX.f = lambda: 2\ndef f(): return BOX.f()\n',
        '`BOX`',
    ),
    'a function that holds on to an object': (
        'class Box:\n    def __init__(self): self.x, self.show = 1, lambda: self.x\nBOX = Box()\ndef f(): return BOX.show()\n',
        '`BOX`',
    ),
    'a lambda that a function has put there': (
        'CALL = lambda: 1\ndef change():\n    global CALL\n    CALL = lambda: 2\nchange()\ndef f(): return CALL()\n',
        '`CALL`',
    ),
    'a lambda that a function has put into a table': (
        'class Box: pass\nT = {"f": lambda: 1, "box": Box()}\ndef change(): T["f"] = lambda: 2\nchange()\ndef f(): return T["f"]()\n',
        '`T`',
    ),
    'made by `exec`': ("exec('def g(): return 1')\ndef f(): return g()\n", '`g`'),
    'an object that holds a file': (
        "class Log:\n    def __init__(self): self.file = open('/dev/null')\nLOG = Log()\ndef f(): return LOG.file.name\n",
        '`LOG`',
    ),
    'made in a loop': ('for i in range(2):\n    CALL = lambda: i\ndef f(): return CALL()\n', '`CALL`'),
}


def text_of(style: str) -> str:
    """Return the text of a module."""
    return textwrap.dedent(STYLES[style]).lstrip()
