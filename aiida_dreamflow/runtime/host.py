"""What a machine and its surroundings say to each other: how a step ends, and what the machine asks of its host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from .activation import Activation
from .awaitables import Awaitable, Future

__all__ = ('Failed', 'Host', 'Outcome', 'Returned', 'Suspended')


@dataclass(frozen=True)
class Suspended:
    """A step ended, and the run has not.

    :ivar awaiting: what the workflow function awaits; ``None`` if it has ended, and other tasks have not.
    """

    awaiting: Awaitable | None


@dataclass(frozen=True)
class Returned:
    """The workflow function returned.

    :ivar value: what it returned.
    :ivar activation: its activation, as it was at the end, if that was in this step.
    :ivar names: the variables that it returned as they were, by the name of the output.
    """

    value: Any
    activation: Activation | None = None
    names: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Failed:
    """The workflow function raised.

    :ivar exception: what it raised, with a traceback in the user's lines.
    """

    exception: BaseException


Outcome = Suspended | Returned | Failed


class Host(Protocol):
    """What a machine asks of its surroundings.

    :cvar keeps_changes: whether what the workflow has changed of its process stays when it has ended, as it does when a
        function has been called; others go on in the process of a worker.
    :ivar recipes: whether what cannot be stored may be made again, or the classes and functions of which the user has said so.
    :ivar plain_values: how many values in a row were of types that can be stored, by the assignment that made them.
    """

    keeps_changes: bool
    recipes: bool | tuple[Any, ...]
    plain_values: dict[Any, int]

    def find(self, target: Any) -> Any:
        """Return what `submit` is to run: a name may stand for it.

        :raises Exception: what `submit` is to raise.
        """

    def prepare(self, label: str, target: Any, args: tuple[Any, ...], inputs: dict[str, Any]) -> dict[str, Any]:
        """Check the inputs of a child, on the line of `submit`, and return them by name.

        :param label: what the child is called.
        :returns: the inputs; with ``label`` if it is to be called otherwise.
        :raises Exception: what `submit` is to raise.
        """

    def explain(self, error: BaseException) -> None:
        """Have an exception that the workflow function raised say what it means in a workflow, if it says something else."""

    def receive(self, source: Future[Any], variables: Sequence[str]) -> None:
        """Take notice that the current step is given what a child or a task ended with.

        :param source: the child or the task.
        :param variables: the variables that receive its value unchanged, by their names in the frame; an item of one is
            ``name[0]``.
        """

    def now(self) -> float:
        """Return the time, in seconds since the epoch."""

    def pin(self, value: Any) -> Any:
        """Return a value in a form that later changes of it don't touch, for a recipe.

        :raises CannotStoreError: if it has none.
        """

    def needs_recipe(self, value: Any) -> bool:
        """Return whether a value, by its type, might have no stored form."""
