"""What stands for a result that is not there yet is no value: the error says to write `await`."""

from __future__ import annotations

import dataclasses
import itertools
import warnings

import numpy as np
import pytest

from aiida_dreamflow import (
    Lock,
    as_completed,
    checkpoint,
    create_task,
    gather,
    run,
    shield,
    sleep,
    submit,
    wait,
    workflow,
)
from aiida_dreamflow.exceptions import CannotStoreError, WorkflowUsageError
from aiida_dreamflow.runtime import forgotten
from aiida_dreamflow.testing import run_in_memory

pytestmark = pytest.mark.filterwarnings('ignore::SyntaxWarning', 'ignore:coroutine')


def double(x):
    return 2 * x


async def helper(x):
    return x


@dataclasses.dataclass
class Pair:
    left: object


HANDLES = {
    'submit': lambda: submit(double, x=1),
    'run': lambda: run(double, 1),
    'map': lambda: submit.map(double, [1]),
    'gather': lambda: gather(submit(double, x=1)),
    'task': lambda: create_task(helper(1)),
    'shield': lambda: shield(submit(double, x=1)),
    'sleep': lambda: sleep(1),
    'checkpoint': lambda: checkpoint(),
}

USES = {
    'truth': bool,
    'not': lambda y: not y,
    'and': lambda y: y and 1,
    'equal': lambda y: y == 1,
    'equal, reflected': lambda y: 1 == y,  # noqa: SIM300
    'not equal': lambda y: y != 'a',
    'none': lambda y: y == None,  # noqa: E711
    'less': lambda y: y < 1,
    'sum': lambda y: y + 1,
    'reflected': lambda y: 2.0 * y,
    'power': lambda y: y**2,
    'negative': lambda y: -y,
    'array': lambda y: np.array([1.0]) * y,
    'in an array': lambda y: np.array([y, y]),
    'sum of a list': lambda y: sum([y]),
    'float': float,
    'index': lambda y: [1, 2][y],
    'item': lambda y: y[0],
    'set an item': lambda y: y.__setitem__(0, 1),
    'iteration': list,
    'unpacking': lambda y: [*y],
    'length': len,
    'contains': lambda y: 1 in y,
    'in a list': lambda y: 1 in [y],
    'format': lambda y: f'{y:.3f}',
    'value of a node': lambda y: y.value,
}


async def uses(make, use):
    y = make()
    return use(y)


#: What sleeps has no attribute `value` to ask for.
HAVE_NO_VALUE = {('value of a node', 'sleep'), ('value of a node', 'checkpoint')}


@pytest.mark.parametrize(
    ('use', 'made'), [pair for pair in itertools.product(USES, HANDLES) if pair not in HAVE_NO_VALUE]
)
def test_use_as_a_value(use, made):
    with pytest.raises(WorkflowUsageError) as caught:
        run_in_memory(uses, HANDLES[made], USES[use])
    line = uses.__code__.co_firstlineno + 2
    assert f'{__file__}, line {line}, in `uses`: variable `y` is ' in str(caught.value)
    assert 'not its result: write `await y`' in str(caught.value)


def test_after_a_restart():
    async def later():
        y = submit(double, x=1)
        await checkpoint()
        return y + 1

    with pytest.raises(WorkflowUsageError, match=r'variable `y` is the handle of the child `double_1`.* `await y`'):
        run_in_memory(later)


def test_without_a_variable():
    async def branch():
        return 1 if submit(double, x=0) else 2

    with pytest.raises(WorkflowUsageError, match=r'this is the handle of the child `double_1`'):
        run_in_memory(branch)


def test_an_attribute_of_the_result():
    async def asks():
        y = submit(double, x=0)
        assert not hasattr(y, 'energy')
        return y.energy

    with pytest.raises(
        AttributeError, match=r'variable `y` is the handle .*write `await y`, and has no attribute `energy`'
    ):
        run_in_memory(asks)


NESTED = {
    'itself': lambda y: y,
    'dict': lambda y: {'a': 1, 'y': y},
    'list': lambda y: [1, [y]],
    'tuple in a dict': lambda y: {'a': (1, y)},
    'set': lambda y: {y},
    'dataclass': Pair,
    'deep': lambda y: [[[[[[y]]]]]],
}


@pytest.mark.parametrize('nested', NESTED)
@pytest.mark.parametrize('made', [*HANDLES, 'coroutine'])
def test_return(made, nested):
    @workflow
    async def returns(make, nest):
        return nest(make())

    make = (lambda: helper(1)) if made == 'coroutine' else HANDLES[made]
    with pytest.raises(CannotStoreError) as caught:
        run_in_memory(returns, make, NESTED[nested])
    assert 'in `returns`: what is returned' in str(caught.value)
    assert 'not its result: write `await ...`' in str(caught.value)


@pytest.mark.parametrize('restart', [False, True])
@pytest.mark.parametrize('make', [*HANDLES.values(), lambda: helper(1)])
def test_argument_of_a_child(make, restart):
    async def gives(make, nest):
        y = make()
        return await submit(double, x=nest(y))

    for nest in (lambda y: y, lambda y: [y], lambda y: {'a': Pair(y)}):
        with pytest.raises(
            WorkflowUsageError, match=r'`x.* cannot be given to the child `double_\d`: it is .*write `await'
        ):
            run_in_memory(gives, make, nest, restart=restart)


def test_argument_by_name_of_the_variable():
    async def gives():
        y = submit(double, x=1)
        return await submit(double, x=y)

    with pytest.raises(
        WorkflowUsageError, match=r'variable `y` cannot be given to the child `double_2`.*write `await y`'
    ):
        run_in_memory(gives)


def test_items_of_a_map():
    async def maps():
        return await submit.map(double, [submit(double, x=1)])

    with pytest.raises(WorkflowUsageError, match=r'argument 1\[0\]` cannot be given .*write `await'):
        run_in_memory(maps)


def test_what_else_belongs_to_the_run():
    @workflow
    async def returns(make):
        return make()

    for make in (Lock, lambda: as_completed([submit(double, x=1)])):
        with pytest.raises(CannotStoreError, match='belongs to the workflow that runs'):
            run_in_memory(returns, make)


@pytest.mark.parametrize('restart', [False, True])
def test_what_asyncio_allows(restart):
    async def allowed():
        a, b = submit(double, x=1), submit(double, x=2)
        known = {a: 'a', b: 'b'}
        pending = {a, b}
        found = [a in [b, a], a in pending, a == a, a != b, a is not None, known[a], [a, b].index(b)]  # noqa: PLR0124
        await checkpoint()
        done, pending = await wait([a, b])
        found += [a in done, a in pending, [a, b] == [a, b], a.done(), a.result(), await b]
        return found, [known[each] for each in (a, b)]

    found, names = run_in_memory(allowed, restart=restart)
    assert found == [True, True, True, True, True, 'a', 1, True, False, True, True, 2, 4]
    assert names == ['a', 'b']


def test_printing_one_shows_what_it_is():
    async def shown():
        y = submit(double, x=1)
        before = f'{y}'
        await y
        return before, str(y)

    before, after = run_in_memory(shown)
    assert before == '<the handle of the child `double_1`, to be awaited>'
    assert after == '<the handle of the child `double_1`, done: `await` gives its result>'


@pytest.mark.parametrize('make', [lambda: submit(double, x=1), lambda: create_task(helper(1))])
def test_done_asked_again_and_again(monkeypatch, make):
    """It never becomes true without an await; the loop would go on for ever."""
    monkeypatch.setattr(forgotten, '_PATIENCE', 0.0)
    turns = []

    async def polls(make):
        y = make()
        while not y.done():
            turns.append(1)

    with pytest.raises(WorkflowUsageError) as raised:
        run_in_memory(polls, make)
    line = polls.__code__.co_firstlineno + 2
    assert len(turns) in (1, 2)  # CPython may write the condition of a loop twice
    assert str(raised.value) == (
        f'{__file__}, line {line}, in `polls`: `y.done()` is asked again and again, and cannot change before the next `await`: '
        'write `await y`, or wait in the loop with `await sleep(1)` of `aiida_dreamflow`'
    )


@pytest.mark.parametrize('restart', [False, True])
def test_done_asked_where_something_can_have_changed(monkeypatch, restart):
    monkeypatch.setattr(forgotten, '_PATIENCE', 0.0)

    async def asks():
        y = submit(double, x=1)
        found = [y.done(), y.done()]  # two places
        while not y.done():
            found.append('waits')
            await sleep(0)
        tasks = [create_task(slow(n)) for n in range(3)]
        while not all(task.done() for task in tasks):
            await wait(tasks, return_when='FIRST_COMPLETED')
            tasks = [task for task in tasks if not task.done()]
        running, most = [], 0
        for n in range(6):  # so many at a time
            running = [each for each in running if not each.done()]
            if len(running) == 3:
                _, left = await wait(running, return_when='FIRST_COMPLETED')
                running = list(left)
            running.append(submit(double, x=n))
            most = max(most, len(running))
        return found[:2], most

    async def slow(n):
        for _ in range(n):
            await checkpoint()
        return n

    assert run_in_memory(asks, restart=restart) == ([False, False], 3)


def test_the_compiler_warns():
    async def forgets():
        if helper(1):
            return 1
        return await submit(double, x=1)

    line = forgets.__code__.co_firstlineno + 1
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        workflow(forgets)
    (warning,) = caught
    assert str(warning.message) == '`helper(...)` is used, not its result: write `await helper(...)`'
    assert (warning.filename, warning.lineno, warning.category) == (__file__, line, SyntaxWarning)
