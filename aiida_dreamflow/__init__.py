"""aiida-dreamflow: ordinary Python functions as durable AiiDA workflows.

The names are loaded when they are first used: importing this package is cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .engine.decorator import workflow
    from .engine.exposing import expose_inputs
    from .engine.forking import fork
    from .engine.workchain import FunctionWorkChain
    from .jobs.launch import job
    from .runtime import (
        BoundedSemaphore,
        Event,
        Lock,
        Semaphore,
        TaskGroup,
        as_completed,
        checkpoint,
        create_task,
        gather,
        run,
        shield,
        sleep,
        submit,
        timeout,
        wait,
        wait_for,
    )
    from .values.snapshot import Codec
    from .view import look

__version__ = '0.1.0'

__all__ = (
    'BoundedSemaphore',
    'Codec',
    'Event',
    'FunctionWorkChain',
    'Lock',
    'Semaphore',
    'TaskGroup',
    'as_completed',
    'checkpoint',
    'create_task',
    'expose_inputs',
    'fork',
    'gather',
    'job',
    'look',
    'run',
    'shield',
    'sleep',
    'submit',
    'timeout',
    'wait',
    'wait_for',
    'workflow',
)

_HOMES = {
    'BoundedSemaphore': '.runtime',
    'Codec': '.values.snapshot',
    'Event': '.runtime',
    'FunctionWorkChain': '.engine.workchain',
    'Lock': '.runtime',
    'Semaphore': '.runtime',
    'TaskGroup': '.runtime',
    'as_completed': '.runtime',
    'checkpoint': '.runtime',
    'create_task': '.runtime',
    'expose_inputs': '.engine.exposing',
    'fork': '.engine.forking',
    'gather': '.runtime',
    'job': '.jobs.launch',
    'look': '.view',
    'run': '.runtime',
    'shield': '.runtime',
    'sleep': '.runtime',
    'submit': '.runtime',
    'timeout': '.runtime',
    'wait': '.runtime',
    'wait_for': '.runtime',
    'workflow': '.engine.decorator',
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    value = getattr(importlib.import_module(_HOMES[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
