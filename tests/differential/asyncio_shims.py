"""The same source under asyncio: the names of the package mean asyncio's, on an event loop whose clock jumps.

A checkpoint, and a child, end when nothing else can go on at that time, as steps do: they sleep for an instant.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import selectors
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

from .comparing import Seen, observe

__all__ = ('seen_under_asyncio', 'under_asyncio')

#: How long a checkpoint takes: nothing, beside what the functions sleep.
_INSTANT = 1e-6

#: What is due within this time is done at once, in order: first the checkpoints, in the order of their beginning.
_AT_ONCE = 1e-7
_CHILD, _NEXT = 1e-8, 1e-12

_count = itertools.count()


def _instant(more: float = 0.0) -> float:
    return _INSTANT + more + next(_count) % 1000 * _NEXT


class _JumpingSelector(selectors.SelectSelector):
    """Does not wait: lets the clock jump."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout:
            self.now += timeout
        return super().select(0)


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)
        self._clock_resolution = _AT_ONCE
        self.tasks: list[asyncio.Task[Any]] = []
        self.set_task_factory(self._make_task)

    def _make_task(self, loop: Any, coroutine: Any, **kwargs: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=loop, **kwargs)
        self.tasks.append(task)
        return task

    def time(self) -> float:
        return self._jumping.now


class _Child(asyncio.Future):
    """A child, called at once; its end is told an instant later."""

    def __init__(self, run: Callable[[], Any]) -> None:
        super().__init__()
        try:
            end, outcome = self.set_result, run()
        except Exception as error:
            end, outcome = self.set_exception, error.with_traceback(None)
        self.get_loop().call_later(_instant(_CHILD), lambda: self.done() or end(outcome))

    def __await__(self):
        if self.done():
            yield from asyncio.sleep(_instant()).__await__()
        try:
            return (yield from super().__await__())
        except Exception as error:
            raise error.with_traceback(None)


def _submit(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> _Child:
    return _Child(lambda: function(*args, **kwargs))


def _checkpoint() -> Any:
    return asyncio.sleep(_instant())


def _sleep(delay: float, result: Any = None) -> Any:
    return asyncio.sleep(delay or _instant(), result)


_SHIMS = {
    'submit': _submit,
    'checkpoint': _checkpoint,
    'sleep': _sleep,
    'gather': asyncio.gather,
    'as_completed': asyncio.as_completed,
    'wait': asyncio.wait,
    'wait_for': asyncio.wait_for,
    'create_task': asyncio.create_task,
    'timeout': getattr(asyncio, 'timeout', None),
    'BoundedSemaphore': asyncio.BoundedSemaphore,
    'Event': asyncio.Event,
    'Lock': asyncio.Lock,
    'Semaphore': asyncio.Semaphore,
    'shield': asyncio.shield,
    'TaskGroup': getattr(asyncio, 'TaskGroup', None),
}


@contextlib.contextmanager
def _named(modules: list[Any]) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for module in modules:
            used = {name: shim for name, shim in _SHIMS.items() if name in vars(module)}
            stack.enter_context(mock.patch.dict(vars(module), used))
        yield


def under_asyncio(function: Any, modules: list[Any]) -> Any:
    """Run a workflow function as `asyncio.run` does.

    :param modules: those whose names mean asyncio's meanwhile.
    """
    loop = _Loop()
    loop.set_exception_handler(lambda loop, context: None)
    try:
        with _named(modules):
            asyncio.set_event_loop(loop)
            main = loop.create_task(function())
            try:
                return loop.run_until_complete(main)
            finally:
                left = [task for task in loop.tasks if not task.done()]
                for task in left:
                    task.cancel()
                loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
                loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def seen_under_asyncio(function: Any, modules: list[Any]) -> Seen:
    """Write down what a run under asyncio shows."""
    return observe(lambda: under_asyncio(function, modules))
