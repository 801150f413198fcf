"""Stands in for a workflow whose stored source cannot be loaded: a module that it imports is gone, or does not like this Python.

AiiDA ends a process whose class cannot be loaded. But nothing of the run is lost: so it gets a class that pauses it, with
a status that says why.
"""

from __future__ import annotations

from typing import Any

from aiida import orm

from ..exceptions import WorkflowUsageError
from . import pinned
from .outline import ProgramInstruction
from .workchain import FunctionWorkChain

__all__ = ('stand_in',)


class _Unloadable(FunctionWorkChain):
    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.inputs.dynamic = True
        spec.inputs.valid_type = orm.Data
        spec.outline(ProgramInstruction([]))

    def _build_process_label(self) -> str:
        return self.node.process_label or type(self).__name__


def stand_in(name: str, error: Exception) -> type[FunctionWorkChain]:
    """Return a process class that can be loaded and killed, but not launched, nor gone on with.

    :param name: of the class that cannot be loaded.
    :param error: why.
    """
    reason = WorkflowUsageError(
        f'the source that is stored with this run of the workflow cannot be loaded here ({type(error).__name__}: {error}): '
        'make what it imports importable again, as it was when the run was launched'
    )
    return type(name, (_Unloadable,), {'__module__': pinned.__name__, 'bundle': reason})
