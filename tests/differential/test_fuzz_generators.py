"""Random generators, held across awaits, sent into and thrown into, show what they show under CPython.

``DREAMFLOW_FUZZ`` and ``DREAMFLOW_SEED`` are those of `test_fuzz`.
"""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import HealthCheck, Phase, given, note, seed, settings
from hypothesis import strategies as st

from .comparing import seen_in_memory, seen_natively
from .programs import make
from .test_fuzz import EXAMPLES, SEED


@st.composite
def bodies(draw, depth, in_loop=False, in_finally=False):
    """Statements of a generator function."""
    lines = []
    for _ in range(draw(st.integers(1, 3))):
        lines += draw(statements(depth, in_loop, in_finally))
    return lines


@st.composite
def statements(draw, depth, in_loop, in_finally):
    number = draw(st.integers(0, 9))

    def inner(**changed):
        around = {'in_loop': in_loop, 'in_finally': in_finally} | changed
        return textwrap.indent('\n'.join(draw(bodies(depth - 1, **around))), '    ').splitlines()

    simple = ['yield', 'send', 'say', 'change', 'raise', 'delegate', 'expression', 'closure']
    if not in_finally:
        # A `finally` that is also reached by a jump cannot be looked into: that is refused, and tested elsewhere.
        simple += ['return'] + ['leave'] * in_loop
    compound = ['for', 'with', 'try', 'if', 'finally', 'native finally'] if depth else []
    match draw(st.sampled_from(['yield', 'send'] + simple + compound * 2)):
        case 'yield':
            return [f'yield {number}, total']
        case 'send':
            value = draw(
                st.sampled_from(
                    [f'{number}', f'{number} if total % 2 else got', f'total % {number + 1} and got', '[got, total]']
                )
            )
            return [f'got = yield {value}', 'print("got", got)']
        case 'say':
            return [f'print({number}, total, repr(sys.exc_info()[1]))']
        case 'change':
            return [f'total += {number}']
        case 'raise':
            return [
                f'if total % 3 == {number % 3}: raise {draw(st.sampled_from(["ValueError", "KeyError"]))}({number})'
            ]
        case 'delegate':
            return [f'got = yield from inner({number})']
        case 'expression':
            return [f'yield from (total + x for x in range({number % 3}))']
        case 'closure':
            return [
                'def add(n):',
                '    nonlocal shared',
                '    shared += n',
                '    return shared',
                f'print(add({number}))',
            ]
        case 'return':
            return [f'if total % 4 == {number % 4}: return {number}']
        case 'leave':
            return [f'if total % 3 == {number % 3}: {draw(st.sampled_from(["break", "continue"]))}']
        case 'for':
            header = draw(st.sampled_from(['range(2)', '[1, total]', 'inner(1)', 'zip("ab", inner(2))']))
            return [f'for x{depth} in {header}:', *inner(in_loop=True)]
        case 'with':
            return [f'with Manager({number}, swallow={number > 6}):', *inner()]
        case 'try':
            name = draw(st.sampled_from([' as error', '']))
            return ['try:', *inner(), f'except (ValueError, LookupError){name}:', *inner()]
        case 'if':
            return [f'if total % 2 == {number % 2}:', *inner(), 'else:', *inner()]
        case 'finally':
            return ['try:', *inner(in_loop=False, in_finally=True), 'finally:', *inner(in_loop=False, in_finally=True)]
        case _:
            return ['try:', *inner(), 'finally:', f'    print("finally", {number})']


ACTIONS = {
    'next': 'next(g)',
    'send': "g.send('sent')",
    'throw': "g.throw(ValueError('thrown'))",
    'throw other': "g.throw(OSError('thrown'))",
    'close': 'g.close()',
    'nothing': "'nothing'",
}

SOURCE = """\
import sys

from tests.differential.corpus.helpers import Manager
from aiida_dreamflow import checkpoint


def inner(n):
    got = 0
    try:
        for i in range(n % 4):
            got = yield i
    except OSError as error:
        yield repr(error)
    return got


def make(total):
    shared = 0
    got = None

    def generate():
        nonlocal shared, total, got
        got = yield 'begun'
{body}
    return generate()


async def program():
    g = make({total})
    for action in {actions}:
        try:
            print(action, eval(action, {{'g': g}}))
        except BaseException as error:
            print(repr(error), repr(error.__context__), repr(error.__cause__))
        await checkpoint()
    return g.gi_frame is None
"""


@st.composite
def sources(draw):
    body = textwrap.indent('\n'.join(draw(bodies(3))), ' ' * 8)
    weighted = ['next'] * 6 + list(ACTIONS)
    actions = [ACTIONS['next'], *(ACTIONS[draw(st.sampled_from(weighted))] for _ in range(draw(st.integers(2, 9))))]
    return SOURCE.format(body=body, total=draw(st.integers(0, 5)), actions=actions)


@pytest.mark.timeout(0 if EXAMPLES > 500 else 600)
@pytest.mark.filterwarnings('ignore')
@seed(SEED)
@settings(
    max_examples=EXAMPLES // 4,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate,),  # these shrink slowly
)
@given(sources())
def test_same_as_python(source):
    function = make(source)
    note(source)
    native = seen_natively(function)
    assert seen_in_memory(function, restart=False) == native
    assert seen_in_memory(function, restart=True) == native
