"""Random programs show under dreamflow what they show under CPython.

``make fuzz`` tries 20,000 programs, ``make fuzz FUZZ=500`` as many, other ones each time, and prints the seed that brings
them back (``DREAMFLOW_SEED``). What it finds becomes a function of the corpus.
"""

from __future__ import annotations

import os
import random
import sys
import warnings

import pytest
from hypothesis import HealthCheck, Phase, assume, given, note, seed, settings

from .comparing import seen_in_memory, seen_natively
from .programs import make, programs

#: The same programs each time, unless more are asked for.
EXAMPLES = int(os.environ.get('DREAMFLOW_FUZZ', '25'))
SEED = int(os.environ.get('DREAMFLOW_SEED', random.randrange(2**32) if 'DREAMFLOW_FUZZ' in os.environ else 1))


@pytest.fixture(scope='module')
def _seed():
    print(f'\n{EXAMPLES} random programs, DREAMFLOW_SEED={SEED}')


@pytest.mark.timeout(0 if EXAMPLES > 500 else 600)
@pytest.mark.usefixtures('_seed')
@pytest.mark.filterwarnings('ignore')  # of coroutines that are never awaited
@seed(SEED)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate, Phase.shrink),
)
@given(programs())
def test_same_as_python(source):
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        try:
            function = make(source)
        except SyntaxError:
            assume(False)
        note(source)
        native = comparable(seen_natively(function))
        assert comparable(seen_in_memory(function, restart=False)) == native
        assert comparable(seen_in_memory(function, restart=True)) == native


def comparable(seen):
    """Let a name without a value read the same inside of a comprehension and outside.

    A comprehension that awaits has no scope of its own, as none has since Python 3.12.
    """
    text = str(seen)
    if sys.version_info >= (3, 12):
        return text
    text = text.replace("'UnboundLocalError'", "'NameError'").replace('UnboundLocalError(', 'NameError(')
    for inside, outside in (
        ('cannot access free variable', 'cannot access local variable'),
        (' with a value in enclosing scope', ' with a value'),
        ('free variable', 'local variable'),
        (' before assignment in enclosing scope', ' before assignment'),
    ):
        text = text.replace(inside, outside)
    return text
