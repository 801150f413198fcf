"""Looking at a run: one model of it, which everything that shows a run draws from.

Reads what is stored and changes nothing. Only the command line knows this room.
"""

from __future__ import annotations

from .children import Child, Children, told
from .lists import RunLine, runs
from .model import Call, Failure, Loop, Moment, ReportLine, Run, Step, Task, Variable
from .reading import look
from .shown import Shown
from .sources import Source

__all__ = (
    'Call',
    'Child',
    'Children',
    'Failure',
    'Loop',
    'Moment',
    'ReportLine',
    'Run',
    'RunLine',
    'Shown',
    'Source',
    'Step',
    'Task',
    'Variable',
    'look',
    'runs',
    'told',
)
