"""`submit`, and `submit.map`: one function for many items."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, ParamSpec, Protocol, TypeVar, cast, overload

from ..compiler.desugar import AWAIT_MARK
from .awaitables import Agenda, Future, Handle
from .combining import Gather
from .machine import current_machine
from .submitting import submit_child
from .supplied import supply

__all__ = ('Map', 'Mapped', 'submit')

P = ParamSpec('P')
T = TypeVar('T')
A = TypeVar('A')
B = TypeVar('B')
C = TypeVar('C')


@dataclass(frozen=True)
class Mapped(Generic[P, T]):
    """A function that a job is to call for many items: a target whose arguments are the values of all of them.

    :ivar function: the function.
    """

    function: Callable[P, T]

    @property
    def __wrapped__(self) -> Callable[P, T]:
        # Signatures and sources are looked for behind this name.
        return self.function

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call the function itself."""
        return self.function(*args, **kwargs)


class Map(Gather[T]):
    """The results of several `Mapped` jobs, one after the other, in the order of the items.

    :ivar sizes: how many items each has.
    :ivar collects: whether a failure stands in the place of its result; otherwise the first is raised.
    """

    _call = 'submit.map(...)'

    def __init__(
        self,
        agenda: Agenda,
        parts: Sequence[Future[Any]],
        sizes: Sequence[int],
        collects: bool,
        held: Sequence[Any],
        limit: int | None,
    ) -> None:
        self.sizes, self.collects = tuple(sizes), collects
        super().__init__(agenda, parts, True, held, limit)

    def notice(self, future: Future[Any]) -> None:
        """Take notice of the end of a job."""
        if not self.collects and not self.cancel_requested:
            items = [future.error] if future.error is not None else cast('list[Any]', future.value)
            error = next((item for item in items if isinstance(item, BaseException)), None)
            if error is not None:
                self.set_exception(error, future.trace)
        super().notice(future)

    def set_result(self, value: Any) -> None:
        """End with the results of all jobs; the failure of a job is that of each of its items."""
        items: list[Any] = []
        for outcome, size in zip(value, self.sizes, strict=True):
            items += [outcome] * size if isinstance(outcome, BaseException) else outcome
        super().set_result(items)  # type: ignore[arg-type]


class _Workflow(Protocol[P, T]):
    """What a type checker sees of a workflow function: calling it gives a handle."""

    def get_builder(self) -> Any: ...

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Handle[T]: ...


class _Process(Protocol):
    """What it sees of AiiDA's processes."""

    def get_builder(self) -> Any: ...

    def build_process_type(self) -> str: ...


class _Builder(Protocol):
    """What it sees of a builder."""

    @property
    def process_class(self) -> Any: ...


class _Submit:
    """Runs children. In an ``async def`` the call gives a handle to await; in a plain ``def`` it *is* the result."""

    # fmt: off
    @overload
    def __call__(self, target: str, /, *args: Any, **inputs: Any) -> Handle[Any]: ...
    @overload
    def __call__(self, target: _Workflow[P, T], /, *args: P.args, **inputs: P.kwargs) -> Handle[T]: ...
    @overload
    def __call__(self, target: type[_Process], /, **inputs: Any) -> Handle[dict[str, Any]]: ...
    @overload
    def __call__(self, target: Callable[P, T], /, *args: P.args, **inputs: P.kwargs) -> Handle[T]: ...
    @overload
    def __call__(self, target: _Builder, /, **inputs: Any) -> Handle[dict[str, Any]]: ...
    # fmt: on
    def __call__(self, target: Any, /, *args: Any, **inputs: Any) -> Any:
        """Run a child.

        The inputs are checked on this line. The child is launched at the end of the step.

        :param target: a Python function, which runs as a CalcJob; its parameters are the inputs. Or a workflow, one of
            AiiDA's processes, a builder, a process function, or the name of an entry point.
        :param args: inputs given by position.
        :param inputs: inputs given by name.
        :returns: the handle of the child.
        :raises TypeError: if the inputs do not fit the target.
        :raises LaunchError: if the target cannot be run.
        :raises WorkflowUsageError: outside of a workflow function.
        """
        return submit_child(current_machine('submit'), target, args, inputs, sys._getframe(1))

    # fmt: off
    @overload
    def map(self, function: Callable[[A], T], xs: Iterable[A], /, *, chunksize: int | None = None, limit: int | None = None, return_exceptions: Literal[False] = False) -> Map[list[T]]: ...
    @overload
    def map(self, function: Callable[[A], T], xs: Iterable[A], /, *, chunksize: int | None = None, limit: int | None = None, return_exceptions: Literal[True]) -> Map[list[T | BaseException]]: ...
    @overload
    def map(self, function: Callable[[A, B], T], xs: Iterable[A], ys: Iterable[B], /, *, chunksize: int | None = None, limit: int | None = None, return_exceptions: Literal[False] = False) -> Map[list[T]]: ...
    @overload
    def map(self, function: Callable[[A, B], T], xs: Iterable[A], ys: Iterable[B], /, *, chunksize: int | None = None, limit: int | None = None, return_exceptions: Literal[True]) -> Map[list[T | BaseException]]: ...
    @overload
    def map(self, function: Callable[[A, B, C], T], xs: Iterable[A], ys: Iterable[B], zs: Iterable[C], /, *, chunksize: int | None = None, limit: int | None = None, return_exceptions: Literal[False] = False) -> Map[list[T]]: ...
    @overload
    def map(self, function: Callable[[A, B, C], T], xs: Iterable[A], ys: Iterable[B], zs: Iterable[C], /, *, chunksize: int | None = None, limit: int | None = None, return_exceptions: Literal[True]) -> Map[list[T | BaseException]]: ...
    @overload
    def map(self, function: Callable[..., T], xs: Iterable[Any], ys: Iterable[Any], zs: Iterable[Any], vs: Iterable[Any], /, *more: Iterable[Any], chunksize: int | None = None, limit: int | None = None, return_exceptions: Literal[False] = False) -> Map[list[T]]: ...
    @overload
    def map(self, function: Callable[..., T], xs: Iterable[Any], ys: Iterable[Any], zs: Iterable[Any], vs: Iterable[Any], /, *more: Iterable[Any], chunksize: int | None = None, limit: int | None = None, return_exceptions: Literal[True]) -> Map[list[T | BaseException]]: ...
    # fmt: on
    def map(
        self,
        function: Callable[..., Any],
        /,
        *iterables: Iterable[Any],
        chunksize: int | None = None,
        limit: int | None = None,
        return_exceptions: bool = False,
    ) -> Any:
        """Call a function for each of many items, in few jobs that use all cores of their computer.

        ``ys = await submit.map(f, xs)``

        :param function: a plain Python function, with or without `job(...)`.
        :param iterables: its arguments, as the builtin `map` takes them: the shortest ends it.
        :param chunksize: how many items a job gets; without it, one job gets all.
        :param limit: how many jobs may be under way at a time; without it, all are.
        :param return_exceptions: whether the exception of an item that failed is returned in its place; otherwise the first
            is raised. The others have run all the same, and their results have been stored.
        :returns: something to await, whose value is the list of results in the order of the items.
        :raises TypeError: if the items do not fit the function.
        :raises ValueError: if the chunk size or the limit is less than one.
        :raises LaunchError: if it cannot be run.
        """
        if chunksize is not None and chunksize < 1:
            raise ValueError(f'chunksize must be at least 1, not {chunksize!r}')
        if limit is not None and limit < 1:
            raise ValueError(f'limit must be at least 1, not {limit!r}')
        if not iterables:
            raise TypeError('submit.map() must have at least one iterable beside the function')
        machine, caller = current_machine('submit.map'), sys._getframe(1)
        columns = [_sequence(each) for each in iterables]
        count = min(map(len, columns))
        step = chunksize or count or 1
        chunks = [
            tuple(
                column if step >= len(column) == count else column[start : min(start + step, count)]
                for column in columns
            )
            for start in range(0, count, step)
        ]
        handles = [submit_child(machine, Mapped(function), chunk, {}, caller) for chunk in chunks]
        parts, held = machine.futures(tuple(handles), start=limit is None)
        return Map(machine.agenda, parts, [len(chunk[0]) for chunk in chunks], return_exceptions, held, limit)


def _sequence(items: Iterable[Any]) -> Any:
    """Return items as what a job takes: a list, or an array whose rows they are."""
    numpy: Any = sys.modules.get('numpy')
    kind: Any = type(items)
    return items if kind is list or (numpy is not None and kind is numpy.ndarray) else list(items)


for _function in (_Submit, _Submit.map):
    setattr(_function, AWAIT_MARK, True)

submit = _Submit()
supply('.submit', submit)
