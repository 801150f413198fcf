"""Recipes and pickles: what they mean in a run, how they are turned off, and how what cannot be stored is refused."""

from __future__ import annotations

import re

import pytest
from aiida import engine
from aiida.cmdline.utils.common import get_workchain_report
from engine import option_workflows as workflows

from aiida_dreamflow.exceptions import CannotStoreError, UntrustedValueError
from aiida_dreamflow.testing import run_in_memory
from aiida_dreamflow.values.nodes import from_node, to_node
from aiida_dreamflow.values.pickling import pickles_allowed, set_pickles


@pytest.fixture
def no_pickles_here(profile):
    """Turns pickles off for the profile."""
    set_pickles(False)
    yield
    set_pickles(True)


def both_errors(process, **inputs):
    """The message of the refusal in a run; that of a run in memory is the same."""
    with pytest.raises(CannotStoreError) as here:
        engine.run(process, **inputs)
    with pytest.raises(CannotStoreError) as there:
        run_in_memory(process, **inputs)
    assert str(here.value) == str(there.value).replace(__name__, '')
    return str(here.value)


def test_chain_of_recipes(run):
    """What a step changed in an object that is made again is lost, in every run; the report says so once."""
    outputs, node = run(workflows.search)
    assert outputs == run_in_memory(workflows.search, n=3) == {'found': [36, 37] * 3, 'same': True}
    report = get_workchain_report(node, 'REPORT')
    assert report.count('is made again by') == 2
    assert re.search(r'L\d+: `engine`, a .*Search, cannot be stored', report)
    assert '`Search(space, seed=5)`' in report


def test_strictness(run):
    message = both_errors(workflows.strict)
    for part in ('variable `space` of type `Space`', 'recipes are turned off', '@workflow(recipes=False)'):
        assert part in message
    assert 'one assignment from a call' not in message


@pytest.mark.parametrize(
    ('name', 'what'), [('keeps_a_local', "variable `values['places'][0]`"), ('local_in_a_helper', 'variable `place`')]
)
def test_what_cannot_be_stored_is_refused_at_the_first_await(name, what, profile):
    message = both_errors(getattr(workflows, name))
    lines = open(workflows.__file__).read().splitlines()
    made, awaited = map(
        int, re.search(r'made at line (\d+), is needed after the await at line (\d+)', message).groups()
    )
    assert 'threading.local()' in lines[made - 1]
    assert awaited == made + 1
    for part in (
        f'{workflows.__file__}, line {awaited}, in `',
        what,
        'of type `_local`',
        'what is local to it cannot be stored',
        '`del`',
    ):
        assert part in message


def test_pickles(run):
    outputs, node = run(workflows.pickles)
    assert outputs['x'] == outputs['kept'].x == 3
    assert node.outputs.kept.base.attributes.get('signature')


def test_workflow_without_pickles(profile):
    message = both_errors(workflows.no_pickles)
    assert '`kept` of type `Plain`' in message
    assert 'pickles are turned off for this workflow' in message
    with pytest.raises(CannotStoreError, match='turned off for this workflow'):
        engine.run(workflows.returns_a_pickle)


def test_workflow_without_pickles_takes_none(profile):
    pickled = to_node(workflows.Plain(1)).store()
    with pytest.raises(UntrustedValueError, match='turned off for this workflow'):
        engine.run(workflows.takes_anything, x=pickled)
    assert engine.run(workflows.takes_anything, x=to_node(workflows.Declared(1)).store())['result'].value == 1
    assert from_node(pickled).x == 1


def test_profile_without_pickles(profile, request):
    kept = to_node(workflows.Plain(1)).store()
    request.getfixturevalue('no_pickles_here')
    assert not pickles_allowed()
    with pytest.raises(UntrustedValueError, match='turned off for this profile'):
        from_node(kept)
    with pytest.raises(CannotStoreError, match=r'turned off for this profile \(`verdi data dreamflow pickles on`\)'):
        to_node(workflows.Plain(1))
    with pytest.raises(CannotStoreError, match='`kept`.*turned off for this profile'):
        engine.run(workflows.pickles)
    assert from_node(to_node(workflows.Declared((1,)))).x == (1,)
