"""The random numbers of `random` and `numpy.random` for a workflow that has seeded them.

Who draws from these modules shares one stream with all that runs in the process. A workflow that seeds it wants the same numbers each
time: so from then on the stream is its own, kept across its awaits, and the others get theirs back. One that only draws goes on
with that of the process, as in plain Python: if its stream was kept, two of them could draw the same numbers.

Nothing says that a stream was seeded. But one that was only drawn from can be reached from where it was.

Knows numpy only when somebody else has imported it, or a frame that comes back needs it.
"""

from __future__ import annotations

import importlib
import random
import sys
import time
from array import array
from typing import Any

__all__ = ('PLACES', 'bring_in', 'renew', 'state_of', 'was_seeded')

_PYTHON, _NUMPY = 'random.state', 'numpy.random.state'
PLACES = (_PYTHON, _NUMPY)
#: Of the generator, a Mersenne twister: the numbers of its state, all of which are made anew when they have been used.
_WORDS = 624
#: For how long it is looked for, in seconds, and how often the time that the step took, at most: drawing takes as long.
_LEAST, _TIMES, _MOST = 0.05, 6.0, 1.0
_AT_ONCE, _MASK = 100, 2**64 - 1


def state_of(place: str) -> Any:
    """Return the state of a stream as plain values, ``None`` if nobody has imported its module: key, position, and what is left over."""
    if place == _PYTHON:
        version, numbers, gauss = random.getstate()
        return [array('I', numbers[:-1]).tobytes(), numbers[-1], version, gauss]
    numpy = sys.modules.get('numpy.random')
    if numpy is None:
        return None
    state = numpy.get_state(legacy=False)
    if state['bit_generator'] != 'MT19937':
        return None  # put there by somebody
    inner = state['state']
    return [inner['key'].tobytes(), inner['pos'], state['has_gauss'], state['gauss']]


def bring_in(place: str, state: Any) -> None:
    """Let a stream go on from a state."""
    if place == _PYTHON:
        key, position, version, gauss = state
        random.setstate((version, (*array('I', key), position), gauss))
        return
    numpy = importlib.import_module('numpy')  # in a worker that has not imported it yet, too
    key, position, has_gauss, gauss = state
    numpy.random.set_state(('MT19937', numpy.frombuffer(key, numpy.uint32), position, has_gauss, gauss))


def was_seeded(before: Any, after: Any, seconds: float) -> bool | None:
    """Return whether a stream got from one state to another otherwise than by being drawn from; ``None`` if that took too long.

    :param seconds: how long the processor had for that.
    """
    if before[0] == after[0]:
        return False
    wanted, generator = _generator(after[0]).getrandbits(64), _generator(before[0])
    longest = _LEAST + _TIMES * seconds
    end = time.thread_time() + min(longest, _MOST)
    while time.thread_time() < end:
        for _ in range(_AT_ONCE):
            if generator.getrandbits(32 * _WORDS) & _MASK == wanted:
                return False
    return True if longest <= _MOST else None


def renew(place: str) -> None:
    """Let a stream begin anew, from what nobody knows."""
    (random if place == _PYTHON else sys.modules['numpy.random']).seed()


def _generator(key: bytes) -> random.Random:
    """Return a generator that has used none of the numbers of a key."""
    found = random.Random()
    found.setstate((3, (*array('I', key), 0), None))
    return found
