"""The outline of a workflow: one instruction, whose stepper runs the program.

Relies on ``plumpy.workchains`` (0.26): ``WorkChainSpec.outline`` takes an ``_Instruction``; its stepper is saved by class
and asked for its text by ``verdi process status``, and steps in a portal for ``plumpy.sync_await``. A stepper keeps nothing of its own in AiiDA's checkpoint: where the
workflow is, its records say.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import plumpy
from plumpy.workchains import Stepper, _Instruction

from ..exceptions import FrameError
from ..jobs.trouble import PassingTroubleError, storing
from ..jobs.watchdog import WATCHDOG
from ..runtime import Activation
from .children import Children, ChildTasks
from .execution import Execution
from .tracebacks import work_of

if TYPE_CHECKING:
    from ..compiler import Program
    from .workchain import FunctionWorkChain

__all__ = ('ProgramInstruction', 'ProgramStepper', 'outline_of')


def outline_of(program: Program) -> list[str]:
    """Return the await points of a program, a line each."""
    return [exit.label for exit in program.awaits()]


class ProgramInstruction(_Instruction):
    """The whole program, as AiiDA sees it.

    :param description: what ``verdi plugin list`` shows of it.
    """

    def __init__(self, description: list[str]) -> None:
        self._description = description

    def create_stepper(self, workchain: FunctionWorkChain) -> ProgramStepper:  # type: ignore[override]
        """Return the stepper of a process, which may have been made when the process was."""
        stepper = workchain._stepper
        return stepper if isinstance(stepper, ProgramStepper) else ProgramStepper(workchain)

    def recreate_stepper(self, saved_state: Any, workchain: FunctionWorkChain) -> ProgramStepper:  # type: ignore[override]
        """Return the stepper of a process that AiiDA loads: the records say where it is."""
        return ProgramStepper(workchain)

    def get_description(self) -> list[str]:
        """Return the await points, a line each."""
        return self._description


class ProgramStepper(Stepper):
    """Runs the program of one process."""

    _workchain: FunctionWorkChain  # type: ignore[assignment]

    def __init__(self, workchain: FunctionWorkChain) -> None:
        super().__init__(workchain)  # type: ignore[arg-type]
        self._execution: Execution | None = None
        self._tasks: ChildTasks = {}

    @property
    def execution(self) -> Execution:
        """The execution, made when it is first needed: a process that is only looked at reads no frame."""
        if self._execution is None:
            with storing(), self._watched():
                self._execution = Execution(self._workchain, self._tasks)
        return self._execution

    def is_readable(self) -> bool:
        """Return whether there is an execution, or can be."""
        with contextlib.suppress(FrameError, PassingTroubleError):
            return self.execution is not None
        return False

    @property
    def children(self) -> Children:
        """The children of the process, also if its frame cannot be read."""
        return self.execution.children if self.is_readable() else Children(self._workchain, self._tasks)

    def step(self) -> tuple[bool, Any]:
        """Run the program until it ends, has to wait for long or is asked to stop: to pause, to be killed.

        Between turns other processes go on. AiiDA is not asked to run the next: a change of state costs many commits.
        """
        while True:
            with self._watched():
                ended, result = self.execution.advance()
            self._workchain.node.set_stepper_state_info(str(self))
            if ended or self._workchain.must_stop():
                return ended, result
            plumpy.sync_await(self._workchain.linger())
            if self._workchain.must_stop():
                return False, None
            if not self.execution.is_ready():
                self._workchain.wait()
                return False, None

    def _watched(self) -> Any:
        """Return a context for what holds the event loop: the user's code, and making values again."""
        return WATCHDOG.watching(work_of(self._workchain, Activation.run_block.__code__))

    def begin_again(self) -> None:
        """Go on from the last record when next asked to, as after a restart; children that run in this process stay."""
        if self._execution is not None:
            self._tasks, self._execution = self._execution.children.tasks, None
            self._workchain.node.backend.get_session().rollback()  # type: ignore[attr-defined]

    def __str__(self) -> str:
        """Return the user's line, for ``verdi process status``."""
        return self.execution.label if self.is_readable() else 'waits for you'
