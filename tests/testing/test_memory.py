"""`run_in_memory`: children, variables that cannot be stored, recipes."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import Counter

import pytest

from aiida_dreamflow import checkpoint, gather, submit
from aiida_dreamflow.exceptions import CannotStoreError
from aiida_dreamflow.testing import run_in_memory

#: Deeper than a trial looks, which would refuse to make again what counts itself.
COUNTS = {'made': Counter()}


class Engine:
    """Cannot be stored; counts how often one was made."""

    def __init__(self, *args, **kwargs):
        COUNTS['made'][type(self).__name__] += 1
        self.args, self.kwargs = args, kwargs
        self.told = []

    def __reduce_ex__(self, protocol):
        raise TypeError('cannot pickle an Engine')

    def tell(self, x):
        self.told.append(x)
        return self


class Limits(Engine):
    """Another one, which an `Engine` is made from."""


def double(x):
    return 2 * x


def plain_workflow(xs):
    ys = []
    for x in xs:
        ys.append(submit(double, x=x).result())
    return submit(double, x=submit(double, x=ys))


async def same_workflow(xs):
    ys = []
    for x in xs:
        ys.append(await submit(double, x=x))
    return await submit(double, x=await submit(double, x=ys))


@pytest.mark.parametrize('restart', [False, True])
def test_plain_def_and_async_def_mean_the_same(restart):
    assert run_in_memory(plain_workflow, [1, 2], restart=restart) == [2, 4] * 4
    assert run_in_memory(same_workflow, [1, 2], restart=restart) == [2, 4] * 4


def test_plain_def_in_every_expression():
    def workflow(a, *, k=2):
        values = {x: submit(double, x=x) for x in (a, k)}
        if submit(double, x=a).result() > 1 and (y := submit(double, x=a)):
            values['y'] = [y, *submit(double, x=[0])]
        handles = gather()
        return values, handles, checkpoint(), f'{submit(double, x=3)}'

    assert run_in_memory(workflow, 1) == ({1: 2, 2: 4, 'y': [2, 0, 0]}, [], None, '6')


def test_arguments_are_bound_as_python_does():
    async def workflow(a, /, b=2, *args, c, **kwargs):
        await checkpoint()
        return a, b, args, c, kwargs

    assert run_in_memory(workflow, 1, 5, 6, c=3, d=4) == (1, 5, (6,), 3, {'d': 4})
    with pytest.raises(TypeError, match=r"missing 1 required keyword-only argument: 'c'"):
        run_in_memory(workflow, 1)


def test_children_get_copies():
    def append(items):
        items.append(1)
        return items

    async def workflow():
        items = []
        first = await submit(append, items=items)
        return items, first

    assert run_in_memory(workflow) == ([], [1])


# -- recipes


def made(kind=Engine):
    """Return how often one was made since last asked."""
    return COUNTS['made'].pop(kind.__name__, 0)


def test_made_again_at_every_resume():
    async def workflow():
        engine = Engine(1, seed=2)
        await checkpoint()
        await checkpoint()
        return engine.args, engine.kwargs

    made()
    run_in_memory(workflow, restart=False)
    assert made() == 1
    assert run_in_memory(workflow) == ((1,), {'seed': 2})
    assert made() == 4  # one of them on trial


def test_what_changed_in_it_is_lost():
    async def workflow():
        engine = Engine()
        engine.tell(1)
        await checkpoint()
        return engine.told

    assert run_in_memory(workflow) == []


def test_inputs_are_as_they_were():
    async def workflow():
        xs = [1]
        engine = Engine(xs, n=len(xs))
        xs.append(2)
        await checkpoint()
        xs = 'other'
        await checkpoint()
        return engine.args, engine.kwargs

    assert run_in_memory(workflow) == (([1],), {'n': 1})


def test_chain():
    async def workflow():
        limits = Limits([0, 25])
        engine = Engine(limits, seed=1)
        await checkpoint()
        await checkpoint()
        return engine.args[0] is limits, limits.args, type(engine)

    assert run_in_memory(workflow) == (True, ([0, 25],), Engine)


def test_chain_whose_first_is_dead():
    async def workflow():
        limits = Limits([0, 25])
        engine = Engine(limits)
        del limits
        await checkpoint()
        await checkpoint()
        return engine.args[0].args

    assert run_in_memory(workflow) == ([0, 25],)


def test_aliases_stay_one_object():
    async def workflow():
        engine = Engine()
        other = engine
        pair = (engine, [engine])
        await checkpoint()
        await checkpoint()
        return other is engine, pair[0] is engine, pair[1][0] is engine

    assert run_in_memory(workflow) == (True, True, True)


def test_alias_outlives_the_variable():
    async def workflow():
        engine = Engine(1)
        pair = (engine, 1)
        engine = None
        await checkpoint()
        await checkpoint()
        return pair[0].args, engine

    assert run_in_memory(workflow) == ((1,), None)


def test_two_of_a_kind_stay_two():
    async def workflow():
        a = Engine(1)
        b = Engine(1)
        await checkpoint()
        return a is b, a.args == b.args

    assert run_in_memory(workflow) == (False, True)


def test_assigned_anew_in_a_loop():
    async def workflow():
        out = []
        for n in range(3):
            engine = Engine(n)
            await checkpoint()
            out.append(engine.args[0])
            n = 'changed'
            await checkpoint()
            out.append(engine.args[0])
        return out

    assert run_in_memory(workflow) == [0, 0, 1, 1, 2, 2]


def test_in_a_cell():
    async def workflow():
        engine = Engine(1)

        def get():
            return engine

        await checkpoint()
        await checkpoint()
        return get() is engine, engine.args

    assert run_in_memory(workflow) == (True, (1,))


def test_in_a_helper_and_above_it():
    async def helper(given):
        own = Engine('own')
        await checkpoint()
        await checkpoint()
        return given.args, own.args

    async def workflow():
        engine = Engine('above')
        found = await helper(engine)
        await checkpoint()
        return found, engine.args

    assert run_in_memory(workflow) == ((('above',), ('own',)), ('above',))


def test_returned_by_a_helper():
    async def make(n):
        return Engine(n)

    async def workflow():
        engine = await make(1)
        await checkpoint()
        return engine

    with pytest.raises(CannotStoreError, match='variable `engine`'):
        run_in_memory(workflow)


def test_made_under_a_condition():
    async def workflow(flag):
        if flag:
            engine = Engine('a')
        else:
            engine = Engine('b')
        with contextlib.suppress(ValueError):
            other = Engine(flag)
        try:
            third = Engine(3)
        finally:
            await checkpoint()
        await checkpoint()
        return engine.args, other.args, third.args

    assert run_in_memory(workflow, True) == (('a',), (True,), (3,))
    assert run_in_memory(workflow, False) == (('b',), (False,), (3,))


def test_after_a_nested_function_in_the_same_statement():
    async def workflow():
        if True:

            def f():
                return 1

            engine = Engine(2)
        await checkpoint()
        return f(), engine.args

    assert run_in_memory(workflow) == (1, (2,))


def test_inside_a_container_that_a_call_made():
    def engines(n):
        return [Engine(i) for i in range(n)]

    async def workflow():
        many = engines(3)
        await checkpoint()
        return [engine.args for engine in many]

    assert run_in_memory(workflow) == [(0,), (1,), (2,)]


def test_a_part_of_what_a_call_made_has_no_recipe():
    async def workflow():
        pair = (Engine(1), 2)
        first = pair[0]
        await checkpoint()
        return first

    text, _ = message_of(workflow)
    assert 'variable `first` of type `Engine`' in text


def test_a_call_that_fails_the_second_time():
    calls = []

    def make():
        calls.append(1)
        if len(calls) > 1:
            raise OSError('no more')
        return Engine()

    async def workflow():
        engine = make()
        await checkpoint()
        return engine

    text, _ = message_of(workflow)
    assert 'variable `engine`' in text
    assert '`make()` raises OSError: no more' in text


# -- no recipe


def message_of(function, *args):
    with pytest.raises(CannotStoreError) as caught:
        run_in_memory(function, *args)
    return str(caught.value), caught.value


def line_of(function, number):
    return function.__code__.co_firstlineno + number


def test_the_error_says_where_and_what_to_do():
    async def workflow():
        engine = [Engine()][0]
        await checkpoint()
        return engine

    text, error = message_of(workflow)
    assert __file__ in text
    assert 'in `workflow`: variable `engine` of type `Engine`' in text
    assert f'made at line {line_of(workflow, 1)}' in text
    assert f'needed after the await at line {line_of(workflow, 2)}' in text
    assert 'cannot pickle an Engine' in text
    assert 'Make it after the await' in text
    assert '`del`' in text
    assert '`engine = ...(...)`' in text
    assert error.value_type == 'Engine'
    assert error.path == 'engine'


def test_the_path_to_a_part():
    async def workflow():
        table = {'a': [1, Engine()]}
        await checkpoint()
        return table

    text, error = message_of(workflow)
    assert "variable `table['a'][1]` of type `Engine`" in text
    assert error.path == "table['a'][1]"


def test_in_a_helper_it_names_the_helper():
    async def helper():
        lock = threading.Lock()
        lock.acquire()
        await checkpoint()
        return lock

    async def workflow():
        return await helper()

    text, _ = message_of(workflow)
    assert 'in `helper`: variable `lock` of type `lock`' in text
    assert f'made at line {line_of(helper, 1)}' in text


def test_a_part_of_an_expression():
    async def workflow():
        return [Engine()], await checkpoint()

    text, _ = message_of(workflow)
    assert 'a value of the expression of type `Engine` is needed after the await' in text


def taken(lock):
    lock.acquire()
    return lock


def begun(thread):
    thread.start()
    return thread


@pytest.mark.parametrize(
    'make',
    [
        lambda: open(os.devnull),
        lambda: taken(threading.Lock()),
        lambda: begun(threading.Thread(target=time.sleep, args=(1,), daemon=True)),
    ],
    ids=['file', 'lock', 'thread'],
)
def test_reopening_is_not_rebuilding(make):
    async def workflow():
        thing = make()
        await checkpoint()
        return thing

    text, _ = message_of(workflow)
    assert 'variable `thing`' in text


def test_a_generator_of_a_lambda_goes_on():
    async def workflow():
        numbers = (lambda n: (x * n for x in range(3)))(5)
        first = next(numbers)
        await checkpoint()
        return first, list(numbers)

    assert run_in_memory(workflow) == (0, [5, 10])


def test_open_file_in_with():
    async def workflow():
        with open(os.devnull) as file:
            await checkpoint()
            return file.read()

    text, _ = message_of(workflow)
    assert 'an open file cannot be stored' in text


def test_context_manager_of_a_generator():
    @contextlib.contextmanager
    def manage(log):
        try:
            yield log
        finally:
            log.append('left')

    async def workflow():
        with manage([]) as log:
            await checkpoint()
            log.append('inside')
        return log

    assert run_in_memory(workflow) == ['inside', 'left']


def test_dead_variables_are_no_matter():
    async def workflow():
        engine = [Engine(5)][0]
        x = engine.args[0]
        await checkpoint()
        return x

    assert run_in_memory(workflow) == 5


def test_without_restart_nothing_is_stored():
    async def workflow():
        engine = [Engine(5)][0]
        await checkpoint()
        return engine.args[0]

    assert run_in_memory(workflow, restart=False) == 5


async def submits_wrongly():
    return await submit(double, y=1)


async def gathers_wrongly():
    return await gather(1)


@pytest.mark.parametrize('function', [submits_wrongly, gathers_wrongly])
def test_a_wrong_call_is_the_last_line_of_the_traceback(function):
    with pytest.raises(TypeError) as raised:
        run_in_memory(function)
    last = raised.traceback[-1]
    assert last.name == function.__name__
    assert str(last.statement).strip().startswith('return await')
