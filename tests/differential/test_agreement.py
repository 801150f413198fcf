"""A child ends in the same way wherever its workflow runs: in memory, under ``engine.run``, under a daemon whose worker is killed.

And it gives what calling the function gives, or is refused with words.
"""

from __future__ import annotations

import copy
import functools

import pytest

from aiida_dreamflow.testing import run_in_memory

from . import agreement_cases as cases

WAYS = ('submit', 'run', 'map')
#: Where the same process goes on, calling a function shows what it did before; a process of its own shows the first call only.
FORGETS = {'remembers', 'counts', 'environment', 'remembers again', 'counts again', 'environment again', 'shared'}
#: What cannot be called, or gives something that is not compared.
NOT_PLAIN = {
    'generates',
    'async def',
    'a number',
    'nothing',
    'no such name',
    'a class',
    'returns generator',
    'returns map',
}
#: Where we do more than Python, and where we keep less: long texts are cut.
OTHERS = {'positional only by name', 'raises long'}
REFUSALS = ('LaunchError: ', 'ChildFailedError: ', 'CannotStoreError: ', 'TypeError: ')


def names_for(way):
    if way == 'workflows':
        return list(cases.all_workflows())
    return [name for name, (target, *_) in cases.all_children().items() if way != 'map' or not isinstance(target, str)]


@functools.cache
def in_memory(way, restart):
    """Return how each child ends."""
    if way == 'workflows':
        return dict(run_in_memory(cases.workflows, names=names_for(way), restart=restart)['ended'])
    return dict(run_in_memory(cases.children, way=way, names=names_for(way), restart=restart)['ended'])


def called(name):
    function, args, kwargs = cases.all_children()[name]
    try:
        return cases.described(function(*args, **{key: _copied(value) for key, value in kwargs.items()}))
    except BaseException as error:
        return cases.described(error)


def _copied(value):
    try:
        return copy.deepcopy(value)
    except TypeError:
        return value


@pytest.mark.parametrize('way', [*WAYS, 'workflows'])
def test_with_and_without_restarts(way):
    straight, restarted = in_memory(way, False), in_memory(way, True)
    differ = {name for name in straight if straight[name] != restarted[name]}
    # What cannot be stored is refused where it would be stored.
    assert differ <= {'fails: cannot store'}, {name: (straight[name], restarted[name]) for name in differ}


def _in_words(text):
    return text.partition(' <')[0].partition('\n')[0]


@pytest.mark.parametrize('way', WAYS)
def test_what_calling_gives_or_a_refusal(way):
    wrong = {}
    for name, ended in in_memory(way, False).items():
        if name in FORGETS | NOT_PLAIN | OTHERS or ended.startswith(REFUSALS):
            continue
        if way == 'map' and (
            list(cases.all_children()[name][2]) != ['x'] or name == 'raises stop'
        ):  # it is given by position
            continue
        plainly = called(name)
        if _in_words(plainly) != _in_words(ended):
            wrong[name] = plainly, ended
    assert wrong == {}


def test_a_process_of_its_own():
    for way in WAYS:
        ended = in_memory(way, False)
        assert ended['counts'] == ended['counts again'] == 'int 1'
        assert ended['remembers again'] == 'list[int 2]'
        assert ended['environment again'] == 'NoneType None'


# -- in AiiDA


#: One of each kind, for every day.
FEW = {
    'workflows': [
        'gives shared',
        'gives dataclass',
        'gives exit code',
        'fails: broken',
        'fails: child',
        'takes defaults again',
    ]
    + ['takes text', 'takes too much', 'takes one twice', 'takes a lambda'],
    'run': [
        'echo instance',
        'echo in_itself',
        'raises broken',
        'raises exit',
        'returns lock',
        'remembers again',
        'lambda',
    ],
    'submit': [
        'echo enum',
        'echo keys',
        'raises broken',
        'returns exit code',
        'given twice',
        'partial',
        'no such computer',
    ],
    'map': ['echo lock', 'raises key', 'returns pair', 'no such option'],
}


def inputs_for(way, names):
    return {'names': names} if way == 'workflows' else {'way': way, 'names': names}


def process_for(way):
    return cases.workflows if way == 'workflows' else cases.children


def require_same(way, names, node):
    """Compare how children ended with how they do in memory."""
    from aiida_dreamflow.values.nodes import from_node

    assert node.is_finished_ok, (node.exception, node.exit_message)
    ended = dict(from_node(node.outputs.ended))
    assert list(ended) == names
    expected = in_memory(way, True)
    assert {name: (text, expected[name]) for name, text in ended.items() if text != expected[name]} == {}


@pytest.fixture
def fresh_memory(profile):
    """With a profile, code and computer of a job are looked up in memory, too."""
    in_memory.cache_clear()
    yield
    in_memory.cache_clear()


@pytest.mark.parametrize('way', FEW)
def test_engine_run(way, profile, fresh_memory):
    from aiida import engine

    names = FEW[way]
    _, node = engine.run_get_node(process_for(way), **inputs_for(way, names))
    require_same(way, names, node)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize('is_killed', [False, True], ids=['daemon', 'killed'])
@pytest.mark.parametrize('way', FEW)
def test_daemon(way, is_killed, daemon, fresh_memory):
    from aiida import engine
    from engine.helpers import kill_workers, wait_until

    names = FEW[way]
    node = engine.submit(process_for(way), **inputs_for(way, names))
    if is_killed:
        for share in (10, 3):
            wait_until(
                lambda: sum(each.is_terminated for each in node.called) > len(names) // share, f'a {share}th', node, 900
            )  # noqa: B023
            kill_workers(daemon)
    wait_until(lambda: node.is_terminated, f'{way} ends', node, 1500)
    require_same(way, names, node)
