"""Turns: the processes of a worker do their work one after the other, and messages are heard in between.

All processes of a worker share its event loop. When hundreds of jobs begin at once, each of them is ready to go on, and the loop
lets all of them go on, some 20 ms each, before it looks for messages again: whoever asked for one of them to be killed waited for
seconds, several times. Here a process that can go on first waits for its turn, and there is one turn in each round of the loop. A process
that is being killed needs none.

Knows asyncio only.
"""

from __future__ import annotations

import asyncio
import types
from collections import deque
from collections.abc import Coroutine, Generator
from typing import Any
from weakref import WeakKeyDictionary

__all__ = ('Place', 'in_turns')


class _Turns:
    """The turns of one event loop, in the order in which they were asked for."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_due = False

    def ask(self) -> asyncio.Future[None]:
        """Return a future that ends when the turn has come."""
        turn = self._loop.create_future()
        self._waiting.append(turn)
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._next)
        return turn

    def _next(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                break
        self._is_due = bool(self._waiting)
        if self._is_due:
            self._loop.call_soon(self._next)  # in the next round


_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, _Turns] = WeakKeyDictionary()


class Place:
    """The place of a process in the queue.

    :param hurries: whether it needs no turn, now and from now on.
    """

    def __init__(self, *, hurries: bool = False) -> None:
        self.hurries = hurries
        self._asked: set[asyncio.Future[None]] = set()

    def hurry(self) -> None:
        """Let the process go on at once, now and from now on."""
        self.hurries = True
        for turn in self._asked:
            if not turn.done():
                turn.set_result(None)

    @types.coroutine
    def turn(self) -> Generator[Any, None, None]:
        """Wait for a turn."""
        if self.hurries:
            return
        loop = asyncio.get_running_loop()
        turn = _turns.setdefault(loop, _Turns(loop)).ask()
        self._asked.add(turn)
        try:
            yield from turn
        finally:
            self._asked.discard(turn)


@types.coroutine
def in_turns(coroutine: Coroutine[Any, Any, Any], place: Place) -> Generator[Any, None, Any]:
    """Run a coroutine that waits for a turn at its beginning, and each time that it can go on.

    :param coroutine: what to run; what it awaits, returns and raises is as without turns.
    :param place: of the process that it belongs to.
    :returns: what it returns.
    """
    error: BaseException | None = None
    try:
        yield from place.turn()
        while True:
            try:
                awaited = coroutine.send(None) if error is None else coroutine.throw(error)
            except StopIteration as stop:
                return stop.value
            error = None
            try:
                yield awaited
                yield from place.turn()
            except GeneratorExit:
                raise
            except BaseException as raised:
                error = raised
    finally:
        coroutine.close()
