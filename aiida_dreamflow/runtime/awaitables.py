"""What can be awaited in a workflow: a child's `Handle`, a `Gather` of several, a `Checkpoint`.

Plain state, which a frame keeps. Who launches a child and learns of its end is the host.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from typing import Any, Generic, TypeVar

from ..compiler import Passed
from ..exceptions import WorkflowUsageError

__all__ = ('Awaitable', 'Checkpoint', 'Gather', 'Handle')

T = TypeVar('T')


class Awaitable(ABC):
    """Something whose value a workflow can wait for."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Return whether waiting is over."""

    @abstractmethod
    def outcome(self) -> Any:
        """Return the value.

        :raises BaseException: what waiting for it raises.
        """

    def handles(self) -> Iterator[Handle[Any]]:
        """Yield the children that are waited for."""
        yield from ()

    def __await__(self) -> Generator[Any, None, Any]:
        raise WorkflowUsageError(
            f'a {type(self).__name__.lower()} can only be awaited by a workflow function or a helper that one awaits'
        )


class Handle(Awaitable, Generic[T]):
    """A child that `submit` was asked for; it is launched at the end of the step.

    :ivar label: its call link label, unique in the workflow and the same when a step is run again.
    :ivar target: what is run.
    :ivar inputs: its inputs by name, as the host prepared them.
    :ivar passed: which of the arguments are variables, until it is launched.
    :ivar level: the place in the stack of the activation that has these variables.
    """

    def __init__(self, label: str, target: Any, inputs: dict[str, Any]) -> None:
        self.label = label
        self.target = target
        self.inputs = inputs
        self.passed, self.level = Passed(), 0
        self.done = False
        self.value: T | None = None
        self.exception: BaseException | None = None

    def __repr__(self) -> str:
        return f'<Handle {self.label}{": done" if self.done else ""}>'

    def set_result(self, value: T) -> None:
        """Tell that the child has finished."""
        self.done, self.value = True, value

    def set_exception(self, exception: BaseException) -> None:
        """Tell that the child has failed."""
        self.done, self.exception = True, exception

    def is_ready(self) -> bool:
        """Return whether the child has ended."""
        return self.done

    def outcome(self) -> Any:
        """Return the child's value, or raise its exception."""
        if self.exception is not None:
            raise self.exception
        return self.value

    def handles(self) -> Iterator[Handle[Any]]:
        """Yield itself."""
        yield self

    def __await__(self) -> Generator[Any, None, T]:
        """Give a type checker the type of the result; a program never gets here."""
        return super().__await__()

    def result(self) -> T:
        """Refuse: a handle has no result before it is awaited."""
        raise WorkflowUsageError(
            '`.result()` can only be written directly on the call, `submit(f, x=x).result()`, in a workflow function '
            'that is a plain `def`; in an `async def` write `await handle`'
        )


class Gather(Awaitable):
    """Several awaitables, as one: its value is the list of theirs.

    :param parts: what is waited for.
    :param return_exceptions: whether an exception counts as a value.
    """

    def __init__(self, parts: tuple[Awaitable, ...], return_exceptions: bool) -> None:
        self.parts = parts
        self.return_exceptions = return_exceptions

    def is_ready(self) -> bool:
        """Return whether all parts are ready, or the first of them has failed."""
        return all(part.is_ready() for part in self.parts) or self._first_failure() is not None

    def _first_failure(self) -> BaseException | None:
        if self.return_exceptions:
            return None
        return next((error for part in self.parts if part.is_ready() and (error := _failure(part)) is not None), None)

    def outcome(self) -> list[Any]:
        """Return the values of all parts, or raise the first failure."""
        if (failure := self._first_failure()) is not None:
            raise failure
        return [_failure(part) or part.outcome() for part in self.parts]

    def handles(self) -> Iterator[Handle[Any]]:
        """Yield the children of all parts."""
        for part in self.parts:
            yield from part.handles()


def _failure(part: Awaitable) -> BaseException | None:
    try:
        part.outcome()
    except Exception as error:
        return error
    return None


class Checkpoint(Awaitable):
    """An await point that waits for nothing."""

    def is_ready(self) -> bool:
        """Return ``True``."""
        return True

    def outcome(self) -> None:
        """Return ``None``."""

    def __await__(self) -> Generator[Any, None, None]:
        """Wait for nothing, so that the same function also runs under plain asyncio."""
        yield from ()
