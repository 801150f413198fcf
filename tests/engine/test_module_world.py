"""A workflow, its `run`s and its jobs see their modules as they were at the launch, wherever and however they run."""

from __future__ import annotations

import importlib
import itertools
import textwrap
import time

import pytest
from engine.helpers import evaluations, kill_workers, wait_until
from jobs.module_styles import REFUSED, STYLES
from jobs.test_packages import PACKAGES, written
from jobs.test_world import imported, plain

from aiida_dreamflow.exceptions import WorkflowUsageError
from aiida_dreamflow.testing import run_in_memory

_numbers = itertools.count()

#: Every module, or package, by name: its files; the function is `f` of the first.
CASES = {
    **{name: {'PKG': text} for name, text in STYLES.items()},
    **{f'package: {name}': files for name, files in PACKAGES.items()},
    **{f'refused: {name}': {'PKG': text} for name, (text, _) in REFUSED.items()},
}

#: A workflow in the same file. Before the gate nothing is called that would change something.
TAIL = """

import pathlib as _pathlib
import aiida_dreamflow as _flow

def _each(number): return f()

@_flow.workflow
async def through(gate: str = '', is_same_again: bool = False, ways: list = ['run', 'submit', 'map']):
    seen = {}
    if is_same_again:
        seen['before'] = repr(f())
    while gate and not _pathlib.Path(gate).exists():
        await _flow.sleep(2)
    await _flow.checkpoint()
    if 'run' in ways:
        seen['run'] = repr(await _flow.run(f))
    if 'submit' in ways:
        seen['submit'] = repr(await _flow.submit(f))
    if 'map' in ways:
        seen['map'] = repr((await _flow.submit.map(_each, [1]))[0])
    seen['own'] = repr(f())
    return {'seen': seen}
"""


class Case:
    """A fresh import of a case.

    :ivar module: its first module, as the session has it.
    :ivar names: the names of its modules.
    """

    def __init__(self, name, folder, monkeypatch):
        package = f'user_world_{next(_numbers)}'
        files = {file: textwrap.dedent(text) for file, text in CASES[name].items()}
        first = next(iter(files))
        main, *others = written(folder, {**files, first: files[first] + TAIL}, package)
        self.names = [main, *others]
        self.files = [
            path for path in (folder / f'{each.replace(".", "/")}.py' for each in self.names) if path.exists()
        ]
        monkeypatch.syspath_prepend(str(folder))
        self.module = importlib.import_module(main)
        getattr(self.module, 'session', lambda: None)()

    def expected(self, is_same_again, ways):
        """Return what is to be seen, by calling the function here."""
        value = self.module.f()
        seen = {'before': repr(value)} if is_same_again else {}
        seen |= {way: repr(value if way == 'run' else plain(value)) for way in ways}
        return {**seen, 'own': repr(value)}


def is_same_again(name, folder, monkeypatch):
    """Return whether a second call gives the same."""
    case = Case(name, folder, monkeypatch)
    return repr(case.module.f()) == repr(case.module.f())


@pytest.mark.parametrize('name', CASES)
def test_in_memory(tmp_path, monkeypatch, name):
    again = not name.startswith('refused') and is_same_again(name, tmp_path, monkeypatch)
    case = Case(name, tmp_path, monkeypatch)
    if name.startswith('refused'):
        with pytest.raises(WorkflowUsageError, match='which cannot go along'):
            run_in_memory(case.module.through)
        return
    ways = ['run', 'submit', 'map']
    expected = (case if again else Case(name, tmp_path, monkeypatch)).expected(again, ways)
    assert run_in_memory(case.module.through, is_same_again=again)['seen'] == expected


LATER = """
import aiida_dreamflow as _flow
from aiida_dreamflow.exceptions import LaunchError

LEVEL = [1]

def level(): return LEVEL[0]

@_flow.workflow
async def child(x: int): return x + len(LOG.name)

LOG = None

def opens(): globals()['LOG'] = open('/dev/null')

def closes(): globals()['LOG'] = None

@_flow.workflow
async def later():
    job, here = _flow.submit(level), _flow.run(level)
    LEVEL[0] = 2
    return [await job, await here, await _flow.submit(level)]

@_flow.workflow
async def refused():
    opens()
    try:
        await child(x=1)
    except LaunchError as error:
        return str(error)
    finally:
        closes()
"""


@pytest.fixture
def later(tmp_path):
    return imported(tmp_path, LATER)


def test_a_job_sees_what_is_there_where_it_is_submitted(later):
    assert run_in_memory(later.later) == [1, 1, 2]


@pytest.mark.parametrize('where', ['in memory', 'engine.run'])
def test_a_child_is_refused_where_it_is_launched(later, where, request):
    if where == 'in memory':
        said = run_in_memory(later.refused)
    else:
        outputs, _ = request.getfixturevalue('run')(later.refused)
        said = outputs['result']
    assert 'child_1 could not be launched: `child` cannot become a workflow: it uses `LOG`' in said


CACHED = """
from aiida_dreamflow import submit, workflow

class Box:
    def __init__(self, x): self.x = x

BOX = Box(1)
TABLE = [1]
TABLE.append(2)

def add(): return BOX.x + sum(TABLE)

@workflow
async def cached():
    return await submit(add)
"""


def test_caching_sees_the_values(run, tmp_path):
    from aiida.manage.caching import enable_caching

    module = imported(tmp_path, CACHED)
    found = []
    with enable_caching():
        for change in ('', '', 'TABLE.append(3)', 'BOX.x = 5', ''):
            exec(change, vars(module))
            outputs, node = run(module.cached)
            (job,) = evaluations(node)
            found.append((outputs['result'], job.base.caching.is_created_from_cache))
    assert found == [(4, False), (4, True), (7, False), (11, False), (11, True)]


def run_all(names, daemon, folder, monkeypatch, kills):
    """Submit cases, kill the worker, let their files go; return how many were equal and refused, and what was not.

    Each has a `run`, a job, or one of many items, in turns.
    """
    from aiida import engine

    gate, waiting, refused, wrong = folder / 'gate', {}, [], {}
    for number, name in enumerate(names):
        place, ways = folder / str(number), [('run', 'submit', 'map')[number % 3]]
        place.mkdir()
        again = not name.startswith('refused') and is_same_again(name, place, monkeypatch)
        case = Case(name, place, monkeypatch)
        try:
            node = engine.submit(case.module.through, gate=str(gate), is_same_again=again, ways=ways)
        except WorkflowUsageError:
            refused.append(name)
            continue
        waiting[name] = node, case.expected(again, ways)
        for index, path in enumerate(case.files):
            path.unlink() if (number + index) % 2 else path.write_text('raise RuntimeError("edited")\n')
    pks = [node.pk for node, _ in waiting.values()]
    for kill in range(kills):
        wanted = len(pks) * kill // kills
        wait_until(lambda: _number_of(pks, is_ended=kill > 0) >= (wanted or len(pks)), f'kill {kill}', seconds=400)  # noqa: B023
        kill_workers(daemon)
        gate.touch()
    gate.touch()
    wait_until(lambda: _number_of(pks, is_ended=True) == len(pks), 'all end', seconds=600)
    for name, (node, expected) in waiting.items():
        seen = node.outputs.seen.get_dict() if node.is_finished_ok else (node.exit_message, node.exception)
        if seen != expected:
            wrong[name] = seen, expected
    return len(waiting) - len(wrong), refused, wrong


def _number_of(pks, is_ended):
    """Return how many processes have ended, or begun."""
    from aiida import orm

    time.sleep(0.5)
    states = {'attributes.process_state': {'in': ['finished', 'excepted', 'killed']}}
    filters = (
        states if is_ended else {'attributes.process_state': {'in': ['running', 'waiting', 'finished', 'excepted']}}
    )
    return orm.QueryBuilder().append(orm.ProcessNode, filters={'id': {'in': pks}, **filters}).count()


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_daemon_of_all(daemon, tmp_path, monkeypatch):
    equal, refused, wrong = run_all(list(CASES), daemon, tmp_path, monkeypatch, kills=2)
    assert wrong == {}
    assert len(refused) == len(REFUSED)
    assert equal == len(CASES) - len(REFUSED)


#: One of each kind, for every day.
FEW = [
    *('made anew each time', 'one list, two names', 'a table filled by decorators', 'star imports', 'numpy tables'),
    *('package: a registry in another module', 'refused: an open file'),
]


def test_daemon(daemon, tmp_path, monkeypatch):
    equal, refused, wrong = run_all(FEW, daemon, tmp_path, monkeypatch, kills=1)
    assert wrong == {}
    assert (equal, refused) == (len(FEW) - 1, FEW[-1:])
