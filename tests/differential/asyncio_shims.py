"""The same source under asyncio: the names of the package mean asyncio's, on an event loop whose clock jumps.

A checkpoint, and a child, end when nothing else can go on at that time, as steps do: they sleep for an instant.
"""

from __future__ import annotations

import asyncio
import contextlib
import selectors
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

__all__ = ('under_asyncio',)

#: How long a checkpoint and a child take: nothing, beside what the functions sleep.
_INSTANT = 1e-6


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
        self._clock_resolution = 1e-9

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
        self.get_loop().call_later(_INSTANT, lambda: self.done() or end(outcome))

    def __await__(self):
        if self.done():
            yield from asyncio.sleep(_INSTANT).__await__()
        try:
            return (yield from super().__await__())
        except Exception as error:
            raise error.with_traceback(None)


def _submit(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> _Child:
    return _Child(lambda: function(*args, **kwargs))


def _checkpoint() -> Any:
    return asyncio.sleep(_INSTANT)


def _sleep(delay: float, result: Any = None) -> Any:
    return asyncio.sleep(delay or _INSTANT, result)


_SHIMS = {
    'submit': _submit,
    'checkpoint': _checkpoint,
    'sleep': _sleep,
    'gather': asyncio.gather,
    'as_completed': asyncio.as_completed,
    'wait': asyncio.wait,
    'create_task': asyncio.create_task,
    'timeout': getattr(asyncio, 'timeout', None),
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
                left = asyncio.all_tasks(loop)
                for task in left:
                    task.cancel()
                loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    finally:
        asyncio.set_event_loop(None)
        loop.close()
