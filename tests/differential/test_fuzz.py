"""Random programs show under dreamflow what they show under CPython.

``DREAMFLOW_FUZZ=5000 pytest tests/differential/test_fuzz.py`` tries that many programs, other ones each time. What it
finds becomes a function of the corpus.
"""

from __future__ import annotations

import os
import warnings

import pytest
from hypothesis import HealthCheck, Phase, assume, given, note, settings

from .comparing import seen_in_memory, seen_natively
from .programs import make, programs

EXAMPLES = int(os.environ.get('DREAMFLOW_FUZZ', '100'))


@pytest.mark.timeout(0 if EXAMPLES > 100 else 300)
@settings(
    max_examples=EXAMPLES,
    derandomize=EXAMPLES <= 100,
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
    """Let a name without a value read the same wherever it is shared with a nested function or comprehension.

    Whether a comprehension shares names depends on the version of Python, and natively caught errors of a block call
    what the block shares a free variable (``docs/language.md``, "Differences from Python").
    """
    text = str(seen).replace("'UnboundLocalError'", "'NameError'").replace('UnboundLocalError(', 'NameError(')
    for inside, outside in (
        ('cannot access free variable', 'cannot access local variable'),
        (' with a value in enclosing scope', ' with a value'),
        ('free variable', 'local variable'),
        (' before assignment in enclosing scope', ' before assignment'),
    ):
        text = text.replace(inside, outside)
    return text
