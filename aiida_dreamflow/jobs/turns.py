"""Turns: the processes of a worker do their work one after the other, and messages are heard in between.

All processes of a worker share its event loop. When hundreds of jobs begin at once, each of them is ready to go on, and the loop
lets all of them go on, some 20 ms each, before it looks for messages again: whoever asked for one of them to be killed waited for
seconds, several times. Here a process that can go on first waits for its turn, and between two turns the loop makes some rounds
in which it only hears messages and does what they ask for. A process that is being killed needs no turn; those that their parent
kills come before all that go on.

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

#: Rounds of the loop between two turns. A message to a process goes through as many callbacks, one after the other: from the
#: thread that hears it to the process (4), and from its end to the answer (3).
_ROUNDS = 8


class _Turns:
    """The turns of one event loop, in the order in which they were asked for."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._first: deque[asyncio.Future[None]] = deque()
        self._others: deque[asyncio.Future[None]] = deque()
        self._round = 0
        self._is_due = False

    def ask(self, *, is_first: bool) -> asyncio.Future[None]:
        """Return a future that ends when the turn has come."""
        turn = self._loop.create_future()
        (self._first if is_first else self._others).append(turn)
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._next)
        return turn

    def prefer(self, turn: asyncio.Future[None]) -> None:
        """Let a turn that was asked for come before the others; where it stood, it is passed over."""
        self._first.append(turn)

    def _next(self) -> None:
        if self._round == 0:
            self._give()
        self._round = (self._round + 1) % _ROUNDS
        self._is_due = self._round > 0 or bool(self._first or self._others)
        if self._is_due:
            self._loop.call_soon(self._next)  # in the next round

    def _give(self) -> None:
        while waiting := self._first or self._others:
            turn = waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return


_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, _Turns] = WeakKeyDictionary()


class Place:
    """The place of a process in the queue.

    :ivar hurries: whether it needs no turn, now and from now on.
    :ivar comes_first: whether it has its turns before others.
    """

    def __init__(self, *, hurries: bool = False) -> None:
        self.hurries = hurries
        self.comes_first = False
        self._asked: dict[asyncio.Future[None], _Turns] = {}

    def hurry(self) -> None:
        """Let the process go on at once, now and from now on."""
        self.hurries = True
        for turn in self._asked:
            if not turn.done():
                turn.set_result(None)

    def come_first(self) -> None:
        """Let the process have its turn before others, now and from now on."""
        if not self.comes_first:
            self.comes_first = True
            for turn, turns in self._asked.items():
                turns.prefer(turn)

    @types.coroutine
    def turn(self) -> Generator[Any, None, None]:
        """Wait for a turn."""
        if self.hurries:
            return
        loop = asyncio.get_running_loop()
        turns = _turns.setdefault(loop, _Turns(loop))
        turn = turns.ask(is_first=self.comes_first)
        self._asked[turn] = turns
        try:
            yield from turn
        finally:
            del self._asked[turn]


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
