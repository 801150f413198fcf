"""What a workflow changes of its process is its own while it waits."""

from __future__ import annotations

import decimal
import io
import os
import random
import sys
import warnings

import pytest

from aiida_dreamflow import checkpoint
from aiida_dreamflow.runtime import Machine
from aiida_dreamflow.runtime.surroundings import Surroundings
from aiida_dreamflow.testing import memory, run_in_memory


async def change():
    sys.stdout = io.StringIO()
    warnings.simplefilter('error')
    await checkpoint()
    print('mine')
    return sys.stdout.getvalue()


def test_put_back_while_it_waits():
    stdout, filters = sys.stdout, warnings.filters[:]
    machine = Machine(memory._MemoryHost())
    machine.start(change, (), {})
    with warnings.catch_warnings():
        machine.step()
        assert sys.stdout is stdout
        assert warnings.filters == filters
        print('not mine')
        try:
            outcome = machine.step()
            assert warnings.filters != filters
        finally:
            sys.stdout = stdout
    assert outcome.value == 'mine\n'


def test_put_back_when_it_has_ended_beside_others(monkeypatch):
    stdout, filters, precision = sys.stdout, warnings.filters[:], decimal.getcontext().prec
    monkeypatch.setattr(memory._MemoryHost, 'keeps_changes', False)

    async def ends():
        with decimal.localcontext():
            await checkpoint()
        decimal.getcontext().prec = 3
        sys.stdout = io.StringIO()
        warnings.simplefilter('error')
        return str(decimal.Decimal(1) / 3)

    machine = Machine(memory._MemoryHost())
    machine.start(ends, (), {})
    machine.step()
    assert machine.step().value == '0.333'
    assert (sys.stdout, warnings.filters, decimal.getcontext().prec) == (stdout, filters, precision)


def test_of_two_workflows_each_has_its_own():
    one, two = Surroundings(), Surroundings()
    stdout = sys.stdout
    for number, surroundings in enumerate((one, two)):
        surroundings.enter()
        assert sys.stdout is stdout
        sys.stdout = io.StringIO(str(number))
        surroundings.leave()
    for number, surroundings in enumerate((one, two)):
        surroundings.enter()
        assert sys.stdout.getvalue() == str(number)
        surroundings.leave()
    assert sys.stdout is stdout


def test_what_cannot_be_stored_is_lost_alone(monkeypatch):
    stdout = sys.stdout

    async def workflow():
        sys.stdout = open(os.devnull, 'w')  # noqa: ASYNC230, PTH123, SIM115
        await checkpoint()
        return sys.stdout is stdout

    monkeypatch.setattr(sys, 'stdout', stdout)
    assert run_in_memory(workflow)


@pytest.mark.parametrize('value', [None, '1'])
def test_environment_is_brought_in_again(value, monkeypatch):
    monkeypatch.setenv('DREAMFLOW_TRIED', '0')
    surroundings = Surroundings()
    surroundings.enter()
    if value is None:
        del os.environ['DREAMFLOW_TRIED']
    else:
        os.environ['DREAMFLOW_TRIED'] = value
    surroundings.leave()
    assert os.environ.get('DREAMFLOW_TRIED') == value
    os.environ['DREAMFLOW_TRIED'] = 'another workflow'
    surroundings.enter()
    assert os.environ.get('DREAMFLOW_TRIED') == value


def test_a_secret_in_the_environment_enters_no_frame(monkeypatch, caplog):
    """It stays in the process; that it is gone after a restart is said once."""
    monkeypatch.delenv('MY_API_KEY', raising=False)
    surroundings = Surroundings()
    for text in ('hunter2', 'hunter3'):
        surroundings.enter()
        os.environ['MY_API_KEY'] = text
        surroundings.leave()
    assert os.environ.pop('MY_API_KEY') == 'hunter3'
    assert surroundings.changed == {}
    (record,) = caplog.records
    assert "os.environ['MY_API_KEY']" in record.getMessage()
    assert 'hunter' not in caplog.text
    surroundings.enter()
    os.environ['KEYBOARD'] = 'is none'
    surroundings.leave()
    del os.environ['KEYBOARD']
    assert list(surroundings.changed['environment'].values()) in ([b'is none'], ['is none'])


def test_another_module_in_the_place_of_warnings(monkeypatch):
    importing = pytest.importorskip('test.support.import_helper')
    parts = ['_warnings', '_py_warnings'] if sys.version_info >= (3, 14) else ['_warnings']
    other = importing.import_fresh_module('warnings', fresh=parts)
    monkeypatch.setitem(sys.modules, 'warnings', other)

    async def warns():
        shows = other._showwarnmsg_impl  # no module has it under its name in the `with`
        with warnings.catch_warnings(record=True, module=other) as seen:
            other.simplefilter('once')
            await checkpoint()
            for _ in range(2):
                other.warn('a')
                await checkpoint()
            warn = other.warn
            await checkpoint()
            warn('b')
        await checkpoint()
        return [str(each.message) for each in seen], shows.__name__

    before = other.filters, other.showwarning
    for restart in (False, True):
        assert run_in_memory(warns, restart=restart) == (['a', 'b'], '_showwarnmsg_impl')
        assert (other.filters, other.showwarning) == before


async def seeded(how: str):
    import numpy as np

    module = random if how == 'random' else np.random
    module.seed(3)
    drawn = [module.random() for _ in range(3)]
    await checkpoint()
    return [*drawn, *(module.random() for _ in range(700))]


@pytest.mark.parametrize('how', ['random', 'numpy.random'])
def test_seeded_numbers_are_the_workflow_s_own(how):
    import numpy as np

    module = random if how == 'random' else np.random
    expected = run_in_memory(seeded, how)
    machine = Machine(memory._MemoryHost())
    machine.start(seeded, (how,), {})
    module.seed(7)
    others = [module.random() for _ in range(4)]
    module.seed(7)
    assert module.random() == others[0]
    machine.step()
    assert [module.random(), module.random()] == others[1:3]
    assert machine.step().value == expected


@pytest.mark.parametrize('count', [1, 700, 100_000])
def test_who_only_draws_goes_on_with_the_numbers_of_the_process(count):
    async def draws():
        before = [random.random() for _ in range(count)]
        await checkpoint()
        return before[-1], random.random()

    random.seed(1)
    expected = [random.random() for _ in range(count + 1)][-2:]
    random.seed(1)
    machine = Machine(memory._MemoryHost())
    machine.start(draws, (), {})
    machine.step()
    assert not machine.surroundings.changed
    assert [*machine.step().value] == expected
