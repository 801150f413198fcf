"""The runtime: runs a `Program` step by step.

Knows the compiler. Must not know AiiDA, nor how a frame is stored: a `Machine` is told by its host what the results of
children are, and shows the host its state.
"""

from .activation import Activation, Recipe
from .awaitables import Awaitable, Checkpoint, Gather, Handle
from .calls import checkpoint, gather, submit
from .local import Local, run
from .machine import Failed, Host, Machine, Outcome, Returned, Suspended, current_machine

__all__ = (
    'Activation',
    'Awaitable',
    'Checkpoint',
    'Failed',
    'Gather',
    'Handle',
    'Host',
    'Local',
    'Machine',
    'Outcome',
    'Recipe',
    'Returned',
    'Suspended',
    'checkpoint',
    'current_machine',
    'gather',
    'run',
    'submit',
)
