"""The runtime: runs a `Program` step by step.

Knows the compiler. Must not know AiiDA, nor how a frame is stored: a `Machine` is told by its host what the results of
children are, and shows the host its state.
"""

from . import recipes  # noqa: F401  (supplies what compiled code calls)
from .activation import Activation, Recipe
from .awaitables import Agenda, Awaitable, Checkpoint, Future, Handle, Kept, Timer
from .calls import TaskGroup, as_completed, checkpoint, create_task, gather, shield, sleep, timeout, wait, wait_for
from .combining import AsCompleted, Gather
from .host import Failed, Host, Outcome, Returned, Suspended
from .local import Local, run
from .locks import BoundedSemaphore, Event, Lock, Semaphore
from .machine import Machine, current_machine, is_stepping
from .mapping import Map, Mapped, submit
from .scoped import Timeout
from .submitting import submit_call
from .tasks import Task

__all__ = (
    'Activation',
    'Agenda',
    'AsCompleted',
    'Awaitable',
    'BoundedSemaphore',
    'Checkpoint',
    'Event',
    'Failed',
    'Future',
    'Gather',
    'Handle',
    'Host',
    'Kept',
    'Local',
    'Lock',
    'Machine',
    'Map',
    'Mapped',
    'Outcome',
    'Recipe',
    'Returned',
    'Semaphore',
    'Suspended',
    'Task',
    'TaskGroup',
    'Timeout',
    'Timer',
    'as_completed',
    'checkpoint',
    'create_task',
    'current_machine',
    'gather',
    'is_stepping',
    'run',
    'shield',
    'sleep',
    'submit',
    'submit_call',
    'timeout',
    'wait',
    'wait_for',
)
