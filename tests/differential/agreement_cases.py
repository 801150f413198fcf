"""Children of every kind, and workflows that say how each of them ended, wherever they run.

What is compared is text, which the workflow makes itself: see :func:`seen`.
"""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import functools
import json
import math
import os
import re
import threading
import types
import uuid
from pathlib import Path
from typing import NamedTuple

import numpy as np
from aiida.engine import ExitCode

from aiida_dreamflow import checkpoint, gather, job, run, submit, workflow
from aiida_dreamflow.exceptions import ChildFailedError

# -- what is sent, and what comes back


class Colour(enum.Enum):
    RED = 1
    BLUE = 'b'


@dataclasses.dataclass
class Point:
    x: int
    y: list = dataclasses.field(default_factory=list)


class Pair(NamedTuple):
    left: int
    right: object


class Plain:
    def __init__(self, x):
        self.x = x

    def __repr__(self):
        return f'Plain({self.x!r})'

    def method(self, x):
        return self.x + x

    @staticmethod
    def static(x):
        return x

    @classmethod
    def of(cls, x):
        return x

    def __call__(self, x):
        return x


class Text(str):
    pass


class Broken(Exception):
    def __init__(self, what, *, code):
        super().__init__(what)
        self.code = code


class Quits(BaseException):
    pass


TABLE = {'a': 1}
SEEN: list = []
OFFSET = 10


def echo(x):
    return x


def recursive_list():
    x = [1]
    x.append(x)
    return x


def values() -> dict:
    """Made anew, as `all_children` is."""
    return {
        'none': None,
        'true': True,
        'int': 7,
        'large': 2**70,
        'nan': math.nan,
        'minus_zero': -0.0,
        'infinite': -math.inf,
        'text': 'Ω😀 \0',
        'surrogate': 'a\ud800',
        'bytes': b'\0\xff',
        'bytearray': bytearray(b'ab'),
        'tuple': (1, (2, [3])),
        'list': [1, [2.5, None]],
        'dict': {'b': 1, 'a': {'c': ()}},
        'keys': {1: 'x', (1, 2): 3, None: 4},
        'mark': {'!': 1, '': 2, 'a.b': 3},
        'set': {1},
        'frozenset': frozenset({'a'}),
        'complex': 1 - 2j,
        'range': range(1, 9, 2),
        'slice': slice(1, None),
        'date': dt.date(2024, 2, 29),
        'datetime': dt.datetime(2024, 1, 1, 12, tzinfo=dt.timezone.utc),
        'timedelta': dt.timedelta(days=1, microseconds=3),
        'decimal': decimal.Decimal('1.50'),
        'fraction': fractions.Fraction(1, 3),
        'path': Path('a/b'),
        'float64': np.float64(0.1),
        'int8': np.int8(-3),
        'bool_': np.bool_(True),
        'array': np.arange(6).reshape(2, 3)[:, ::2],
        'array_0d': np.array(3.5),
        'strings': np.array(['a', 'bcd']),
        'datetime64': np.datetime64('2024-01-01'),
        'objects': np.array([1, 'a', None], dtype=object),
        'masked': np.ma.masked_array([1, 2], [True, False]),
        'records': np.array([(1, 2.0)], dtype=[('a', 'i4'), ('b', 'f8')]),
        'enum': Colour.BLUE,
        'dataclass': Point(1, [2]),
        'named_tuple': Pair(1, [2]),
        'instance': Plain(1),
        'text_subclass': Text('a'),
        'ordered': collections.OrderedDict(b=1, a=2),
        'defaultdict': collections.defaultdict(list, a=[1]),
        'deque': collections.deque([1, 2]),
        'namespace': types.SimpleNamespace(a=1),
        'uuid': uuid.UUID(int=5),
        'ellipsis': ...,
        'exception': ValueError('a', 1),
        'function': echo,
        'lambda': lambda: 1,
        'class': Plain,
        'module': math,
        'lock': threading.Lock(),
        'in_itself': recursive_list(),
        'deep': functools.reduce(lambda inner, _: [inner], range(150), 0),
        'not_plain_inside': {'a': [1, {'b': Plain(2)}]},
    }


# -- functions


def is_shared(x):
    return x[0] is x[1]


def grows(x):
    x.append(1)
    return x


def remembers(x, seen=[]):  # noqa: B006
    seen.append(x)
    return list(seen)


def counts(x):
    SEEN.append(x)
    return len(SEEN)


def uses_globals(x):
    return TABLE['a'] + OFFSET + x


def changes_environment(x):
    found = os.environ.get('DREAMFLOW_AGREES')
    os.environ['DREAMFLOW_AGREES'] = 'x'
    return found


def moves(x):
    os.mkdir('below')
    os.chdir('below')
    return os.path.basename(os.getcwd())


def files_here(x):
    return sorted(name for name in os.listdir() if 'dreamflow' not in name and not name.startswith(('_', '.', 'std')))


def own_name(x):
    return own_name.__name__


def two(a, b=2):
    return a, b


def keywords(*, a, b=2):
    return a, b


def many(*args, **kwargs):
    return args, kwargs


def positional(a, b=1, /, c=2):
    return a, b, c


def annotated(x: int) -> str:
    return x


def generates(x):
    yield x


async def asynchronous(x):
    return x


def decorated_by(function):
    @functools.wraps(function)
    def wrapper(x):
        return function(x) + 1

    return wrapper


@decorated_by
def decorated(x):
    return x


@functools.lru_cache
def cached(x):
    return x + 1


def recursive(n):
    return n and n + recursive(n - 1)


def needs_what_is_missing(x):
    return missing_name + x  # noqa: F821


def returns(x):
    if x == 'generator':
        return (each for each in [1])
    if x == 'lambda':
        return lambda: 1
    if x == 'class':
        return Plain
    if x == 'instance':
        return [Plain(1)]
    if x == 'point':
        return Point(1, [2])
    if x == 'pair':
        return Pair(1, 2)
    if x == 'enum':
        return Colour.RED
    if x == 'exit code':
        return ExitCode(3, 'three')
    if x == 'lock':
        return {'a': threading.Lock()}
    if x == 'exception':
        return KeyError('a')
    if x == 'map':
        return map(abs, [1])
    return dict(x=1).keys()


def raises(x):
    class Local(Exception):
        pass

    if x == 'broken':
        raise Broken('it', code=3)
    if x == 'attributes':
        error = ValueError('a')
        error.number, error.lock = [1, (2,)], threading.Lock()
        raise error
    if x == 'lock':
        raise ValueError(threading.Lock())
    if x == 'cause':
        try:
            raise KeyError('first')
        except KeyError as error:
            raise RuntimeError('second') from error
    if x == 'notes':
        error = TypeError('a')
        error.__notes__ = ['one', 'two']
        raise error
    if x == 'import':
        import no_such_module_at_all  # noqa: F401
    if x == 'local':
        raise Local('here')
    if x == 'quits':
        raise Quits('now')
    if x == 'recursion':
        return raises_for_ever()
    kinds = {
        'value': ValueError('a', 1),
        'empty': ValueError(),
        'key': KeyError('k'),
        'os': FileNotFoundError(2, 'No such file', 'a.txt'),
        'exit': SystemExit(3),
        'stop': StopIteration(5),
        'unicode': UnicodeDecodeError('utf-8', b'\xff', 0, 1, 'bad'),
        'assertion': AssertionError(),
        'memory': MemoryError(),
        'cancelled': asyncio.CancelledError('c'),
        'exit code': Exception(ExitCode(3)),
        'long': ValueError('x' * 30_000),
        'surrogate': ValueError('a\ud800\0'),
        'json': json.JSONDecodeError('m', 'doc', 1),
    }
    raise kinds[x]


def raises_for_ever():
    return raises_for_ever()


def raises_a_group(x):
    raise ExceptionGroup('g', [ValueError(1), ExceptionGroup('h', [KeyError('k'), Broken('it', code=3)])])  # noqa: F821


EXIT = [
    'generator',
    'lambda',
    'class',
    'instance',
    'point',
    'pair',
    'enum',
    'exit code',
    'lock',
    'exception',
    'map',
    'keys',
]
ERRORS = [
    'broken',
    'attributes',
    'lock',
    'cause',
    'notes',
    'import',
    'local',
    'quits',
    'recursion',
    'value',
    'empty',
    'key',
    'os',
]
ERRORS += ['exit', 'stop', 'unicode', 'assertion', 'memory', 'cancelled', 'exit code', 'long', 'surrogate', 'json']


#: What each child is: the function, arguments by position, arguments by name.
def all_children() -> dict[str, tuple]:
    """Made anew where it is used: what a table at the top of a file holds, a lock say, may not go along."""
    return {
        **{f'echo {name}': (echo, (), {'x': value}) for name, value in values().items()},
        **{f'returns {what}': (returns, (), {'x': what}) for what in EXIT},
        **{f'raises {what}': (raises, (), {'x': what}) for what in ERRORS},
        'a group': (raises_a_group, (), {'x': 1}),
        'shared': (is_shared, (), {'x': [SEEN] * 2}),
        'grows': (grows, (), {'x': []}),
        'remembers': (remembers, (), {'x': 1}),
        'remembers again': (remembers, (), {'x': 2}),
        'counts': (counts, (), {'x': 1}),
        'counts again': (counts, (), {'x': 1}),
        'globals': (uses_globals, (), {'x': 1}),
        'environment': (changes_environment, (), {'x': 1}),
        'environment again': (changes_environment, (), {'x': 1}),
        'own name': (own_name, (), {'x': 1}),
        'by position': (two, (1, 3), {}),
        'default': (two, (), {'a': 1}),
        'too many': (two, (1, 2, 3), {}),
        'missing': (two, (), {'b': 1}),
        'unexpected': (two, (1,), {'c': 1}),
        'given twice': (two, (1,), {'a': 5}),
        'keyword only': (keywords, (), {'a': 1}),
        'keyword only by position': (keywords, (1,), {}),
        'many': (many, (), {'a': 1}),
        'many by position': (many, (1, 2), {'a': 1}),
        'positional only': (positional, (1,), {'c': 5}),
        'positional only by name': (positional, (), {'a': 1}),
        'annotated': (annotated, (), {'x': 'a'}),
        'generates': (generates, (), {'x': 1}),
        'async def': (asynchronous, (), {'x': 1}),
        'decorated': (decorated, (), {'x': 1}),
        'cached': (cached, (), {'x': 1}),
        'recursive': (recursive, (), {'n': 4}),
        'missing name': (needs_what_is_missing, (), {'x': 1}),
        'lambda': (lambda x: x, (), {'x': 1}),
        'bound method': (Plain(1).method, (), {'x': 1}),
        'static method': (Plain.static, (), {'x': 1}),
        'class method': (Plain.of, (), {'x': 1}),
        'callable instance': (Plain(1), (), {'x': 1}),
        'a class': (Plain, (), {'x': 1}),
        'a builtin': (math.sqrt, (4.0,), {}),
        'a ufunc': (np.sin, (0.0,), {}),
        'partial': (functools.partial(two, 1), (), {'b': 1}),
        'a number': (5, (), {}),
        'nothing': (None, (), {}),
        'library': (json.dumps, (), {'obj': [1]}),
        'no such name': ('no.such.entry.point', (), {}),
        'job': (job(echo), (), {'x': 1}),
        'no such computer': (job(echo, computer='no-such'), (), {'x': 1}),
        'no such code': (job(echo, code='no-such'), (), {'x': 1}),
        'no such option': (job(echo, metadata={'options': {'max_wallclock_second': 1}}), (), {'x': 1}),
        'wrong option': (job(echo, metadata={'options': {'max_wallclock_seconds': 'long'}}), (), {'x': 1}),
    }


# -- how each ended


_PLACES = re.compile(r'(function job|the run) [\w.]+\b')
_WORKFLOWS = re.compile(
    r'\b([a-z_]+?)(_\d+ \(\d+\)|_\d+| \d+)(?= excepted| failed with| failed because| was killed|: [A-Z])'
)
#: What AiiDA says before the words of a parameter.
_PORT = re.compile(r"^`\w+` cannot be launched: Error occurred validating port '[\w.]+': (?=`)")
_ADVICE = re.compile(r'[;.]? ?[Ss]ee (also )?`verdi.*')
_ADDRESS = re.compile(r' at 0x[0-9a-f]+')


def plain(text):
    """Return a message without numbers of processes and what can be asked of these."""
    text = _WORKFLOWS.sub(
        r'\1 N', _PLACES.sub(r'\1 N', _PORT.sub('', str(text)).replace('verdi calcjob outputcat', 'verdi'))
    )
    return _ADDRESS.sub('', _ADVICE.sub('', text)).rstrip('. \n')


def described(value, around=()):
    """Return a value as text that says everything that is kept of it."""
    if any(value is other for other in around):
        return 'again'
    around = (*around, value)
    name = type(value).__qualname__

    def each(items):
        return ', '.join(described(item, around) for item in items)

    if isinstance(value, BaseException):
        more = {
            key: item
            for key, item in sorted(vars(value).items())
            if key not in ('node', 'dreamflow_child', '__notes__')
        }
        if isinstance(value, ChildFailedError):  # in memory the traceback of a workflow is at hand
            value.__cause__ = None
            more['exit_message'] = plain(value.exit_message)
        notes = [plain(note) for note in getattr(value, '__notes__', ())]
        inner = each(getattr(value, 'exceptions', ()))
        return f'{name}: {plain(value)} <{inner}> {described(more)} {notes} {type(value.__cause__).__name__}'
    if isinstance(value, (list, tuple)):
        return f'{name}[{each(value)}]'
    if isinstance(value, dict):
        return f'{name}[{each(value.items())}]'
    if isinstance(value, np.ndarray):
        return f'{name} {value.dtype} {value.shape} {value.tolist()!r}'
    return f'{name} {_ADDRESS.sub("", repr(value))}'


async def seen(begin):
    """Return what awaiting a child gives, as text."""
    try:
        return described(await begin())
    except Exception as error:
        return described(error)


async def by_map(function, args, kwargs):
    (item,) = await submit.map(function, *[[each] for each in (*args, *kwargs.values())], return_exceptions=True)
    if isinstance(item, BaseException):
        raise item
    return item


async def child(way, name):
    """Return how a child ends."""
    function, args, kwargs = all_children()[name]
    if way == 'submit':
        return await seen(lambda: submit(function, *args, **kwargs))
    if way == 'run':
        return await seen(lambda: run(function, *args, **kwargs))
    return await seen(lambda: by_map(function, args, kwargs))


@workflow
async def children(way: str, names: list):
    ended = await gather(*[child(way, name) for name in names])
    return {'ended': [list(each) for each in zip(names, ended)]}


# -- workflows, as children of one


@workflow
async def gives(what: str):
    await checkpoint()
    values = [1]
    if what == 'none':
        return None
    if what == 'dict':
        return {'a': 1, 'b': values, 'é': (1,)}
    if what == 'empty':
        return {}
    if what == 'shared':
        return {'a': values, 'b': [values], 'c': values}
    if what == 'numbers':
        return {1: 2}
    if what == 'dataclass':
        return Point(1, values)
    if what == 'named tuple':
        return Pair(1, values)
    if what == 'tuple':
        return 1, values
    if what == 'exit code':
        return ExitCode(7, 'seven')
    if what == 'zero':
        return ExitCode(0)
    if what == 'instance':
        return {'a': [Plain(1)]}
    if what == 'function':
        return echo
    if what == 'local function':
        return lambda: 1
    if what == 'lock':
        return {'a': [1, threading.Lock()]}
    if what == 'array':
        return np.arange(3)
    if what == 'nan':
        return {'result': math.nan}
    if what == 'result':
        return {'result': {'result': 1}}
    return what


@workflow
async def fails(how: str):
    if how == 'value':
        raise ValueError('a', 1)
    if how == 'broken':
        raise Broken('it', code=3)
    if how == 'child':
        await run(raises, x='value')
    if how == 'grandchild':
        await submit(fails, how='value')
    if how == 'exit code of a child':
        await submit(gives, what='exit code')
    if how == 'refused':
        submit(echo, y=1)
    if how == 'cannot store':
        lock = threading.Lock()
        lock.acquire()
        await checkpoint()
        lock.release()
    if how == 'forgotten':
        run(raises, x='value')
        await checkpoint()
    if how == 'group':
        await gather(run(raises, x='value'), run(raises, x='key'))
    if how == 'cancelled':
        raise asyncio.CancelledError('c')
    if how == 'assertion':
        assert how == 'x', how
    return how


@workflow
async def takes(x: int, y: list = [1], z=None):  # noqa: B006
    y.append(2)
    return {'x': x, 'y': y, 'z': z}


@workflow
async def plays(x: int):
    first = await run(echo, x=x)
    try:
        await submit(fails, how='broken')
    except Exception as error:
        second = type(error).__name__
    results = await gather(run(raises, x='key'), gives(what='tuple'), return_exceptions=True)
    third = [described(each) for each in results]
    return first, second, third, [each async for each in _items()]


async def _items():
    yield await run(echo, x=1)
    yield 2


GIVEN = [
    'none',
    'dict',
    'empty',
    'shared',
    'numbers',
    'dataclass',
    'named tuple',
    'tuple',
    'exit code',
    'zero',
    'instance',
]
GIVEN += ['function', 'local function', 'lock', 'array', 'nan', 'result', 'text']
FAILURES = [
    'value',
    'broken',
    'child',
    'grandchild',
    'exit code of a child',
    'refused',
    'cannot store',
    'forgotten',
    'group',
]
FAILURES += ['cancelled', 'assertion', 'nothing']


def all_workflows() -> dict[str, tuple]:
    """Made anew where it is used: what a table at the top of a file holds, a lock say, may not go along."""
    return {
        **{f'gives {what}': (gives, (), {'what': what}) for what in GIVEN},
        **{f'fails: {how}': (fails, (), {'how': how}) for how in FAILURES},
        'takes by position': (takes, (1, [5]), {}),
        'takes defaults': (takes, (), {'x': 1}),
        'takes defaults again': (takes, (), {'x': 1}),
        'takes none': (takes, (), {'x': 1, 'z': None}),
        'takes a number of numpy': (takes, (), {'x': np.int64(3)}),
        'takes text': (takes, (), {'x': 'a'}),
        'takes none for a number': (takes, (), {'x': None}),
        'takes a tuple': (takes, (), {'x': 1, 'y': (1,)}),
        'takes a lock': (takes, (), {'x': 1, 'z': [threading.Lock()]}),
        'takes an instance': (takes, (), {'x': 1, 'z': Plain(1)}),
        'takes a lambda': (takes, (), {'x': 1, 'z': lambda: 1}),
        'takes too little': (takes, (), {}),
        'takes too much': (takes, (1,), {'w': 2}),
        'takes too many': (takes, (1, [], 3, 4), {}),
        'takes one twice': (takes, (1,), {'x': 2}),
        'takes metadata': (takes, (1,), {'metadata': {'label': 'a'}}),
        'plays': (plays, (), {'x': 2}),
    }


async def nested(name):
    target, args, kwargs = all_workflows()[name]
    return await seen(lambda: submit(target, *args, **kwargs))


@workflow
async def workflows(names: list):
    ended = await gather(*[nested(name) for name in names])
    return {'ended': [list(each) for each in zip(names, ended)]}
