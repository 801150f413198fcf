"""What happens when an ``await`` was forgotten: a handle, a task or a `gather(...)` in the place of its value is an error.

Python's own objects would go on with it: an object is true, and equal to nothing else. What asyncio allows stays: `is`, ``==``
between two of them, sets and dicts of them, `done()`, printing. But to ask `done()` again and again without an `await` is to wait
for ever: nothing ends in the middle of a step. Must not know the machine.
"""

from __future__ import annotations

import dataclasses
import sys
import time
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..exceptions import CannotStoreError, WorkflowUsageError

__all__ = ('REMEDY', 'Asked', 'NotAValue', 'forgotten_in', 'own_attribute', 'refusal_of')

_PACKAGE = __name__.partition('.')[0] + '.'
_PINNED = _PACKAGE + 'engine.pinned_'

#: How the reason of a refusal ends.
REMEDY = 'not its result: write `await ...`'

#: What a value is used by, but for ``==`` and ``!=``.
_USES = (
    *('bool', 'lt', 'le', 'gt', 'ge', 'int', 'float', 'complex', 'index', 'round', 'trunc', 'floor', 'ceil', 'abs', 'neg'),
    *('pos', 'invert', 'len', 'iter', 'reversed', 'contains', 'getitem', 'setitem', 'delitem', 'array'),
    *(f'{side}{name}' for side in ('', 'r') for name in ('add', 'sub', 'mul', 'matmul', 'truediv', 'floordiv', 'mod')),
    *(f'{side}{name}' for side in ('', 'r') for name in ('divmod', 'pow', 'lshift', 'rshift', 'and', 'xor', 'or')),
)  # fmt: skip


class NotAValue:
    """Something to await: to use it as a value is an error.

    :cvar _call: the call that gives one.
    """

    _call = ''

    def _named(self) -> str:
        """Return what it is, for messages."""
        return f'a `{self._call}`' if self._call else f'a {type(self).__name__.lower()}'

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if isinstance(other, NotAValue):
            return False
        raise _forgotten(self)

    __hash__ = object.__hash__

    def __format__(self, spec: str) -> str:
        if spec:
            raise _forgotten(self)
        return str(self)

    def __getattr__(self, name: str) -> Any:
        # To look for the variable makes the frames that call keep what they hold: not for this package, which only asks.
        if name.startswith('_') or _is_ours(sys._getframe(1)):
            raise AttributeError(f'{type(self).__name__!r} object has no attribute {name!r}')
        raise AttributeError(f'{_words(self)}, and has no attribute `{name}`')

    def __reduce_ex__(self, protocol: Any) -> Any:
        # Frames keep these objects attribute by attribute; this is asked when one is returned, or given to a child.
        raise CannotStoreError(type(self).__name__, '', refusal_of(self), is_outside=True)


def _refuse(self: NotAValue, *args: Any) -> Any:
    raise _forgotten(self)


for _name in _USES:
    # Not in the class, so that type checkers complain as well.
    setattr(NotAValue, f'__{_name}__', _refuse)


def own_attribute(name: str, default: Callable[[], Any]) -> Any:
    """Return a property for what this package keeps of something to await, under a name that values have, too.

    :param name: the name.
    :param default: gives what it is unless set.
    """

    def get(self: NotAValue) -> Any:
        if not _is_ours(sys._getframe(1)):
            raise _forgotten(self)
        return vars(self).get(name, default())

    def put(self: NotAValue, value: Any) -> None:
        if value is None:
            vars(self).pop(name, None)  # as by default: a frame leaves it out
        else:
            vars(self)[name] = value

    return property(get, put)


def refusal_of(value: Any, variable: str = '') -> str:
    """Return why something to await is no value, and what to write.

    :param variable: the variable that it is, if that is known.
    """
    what = f'the call of `{value.__name__}`' if isinstance(value, types.CoroutineType) else value._named()
    return f'it is {what}, {REMEDY}'.replace('...', variable or '...')


def forgotten_in(value: Any, name: str, depth: int = 4) -> Iterator[tuple[str, Any]]:
    """Yield what is to be awaited among the parts of a value, each with how to reach it.

    :param value: the value.
    :param name: what it is called.
    :param depth: how deep to look.
    """
    parts: Any = ()
    if isinstance(value, NotAValue | types.CoroutineType):
        yield name, value
    elif isinstance(value, Mapping):
        parts = [(f'{name}[{key!r}]', part) for key, part in value.items()]
    elif isinstance(value, list | tuple | set | frozenset):
        parts = [(f'{name}[{index}]', part) for index, part in enumerate(value)]
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = [(f'{name}.{key}', part) for key, part in vars(value).items()]
    for inner, part in parts if depth else ():
        yield from forgotten_in(part, inner, depth - 1)


#: For how many seconds the same may be asked at the same place, though nothing can have changed: a loop over loops may do so.
_PATIENCE = 1.0


class Asked:
    """What was asked whether it has ended since something could have changed: a task went on, or a child was submitted."""

    def __init__(self) -> None:
        self._first: dict[tuple[object, ...], float] = {}

    def clear(self) -> None:
        """Begin anew."""
        self._first.clear()

    def note(self, value: NotAValue) -> None:
        """Note that somebody has asked, and was told that it has not.

        :raises WorkflowUsageError: if the same was asked before at the same place.
        """
        asking = _user_frame_asking()
        places: list[object] = [value]
        frame: types.FrameType | None = asking
        while frame is not None and not _is_ours(frame):
            places += (frame.f_code, frame.f_lasti)
            frame = frame.f_back
        now, key = time.monotonic(), (*places,)
        if key not in self._first or now - self._first[key] < _PATIENCE:
            self._first.setdefault(key, now)
            return
        names = [name for name, each in asking.f_locals.items() if each is value and not name.startswith('.')]
        name = names[0] if names else '...'
        where = f'{asking.f_code.co_filename}, line {asking.f_lineno}, in `{asking.f_code.co_name}`'
        raise WorkflowUsageError(
            f'{where}: `{name}.done()` is asked again and again, and cannot change before the next `await`: write `await {name}`, '
            'or wait in the loop with `await sleep(1)` of `aiida_dreamflow`'
        )


def _user_frame_asking() -> types.FrameType:
    frame = sys._getframe(1)
    while _is_ours(frame) and frame.f_back is not None:
        frame = frame.f_back
    return frame


def _forgotten(value: NotAValue) -> WorkflowUsageError:
    return WorkflowUsageError(_words(value))


def _words(value: NotAValue) -> str:
    """Return what is wrong, with the line of the workflow function and the variable."""
    frame = _user_frame()
    code = frame.f_code
    name = next((name for name, each in frame.f_locals.items() if each is value and not name.startswith('.')), '')
    what = f'variable `{name}` is' if name else 'this is'
    where = f'{code.co_filename}, line {frame.f_lineno}, in `{code.co_name}`'
    return f'{where}: {what} {value._named()}, not its result: write `await {name or "..."}`'


def _user_frame() -> types.FrameType:
    """Return the frame of the workflow function, or helper, that runs; of who has asked, if none does."""
    frame = sys._getframe(1)
    while _is_ours(frame) and frame.f_back is not None:
        frame = frame.f_back
    asking = frame
    while frame.f_back is not None and not _is_ours(frame.f_back):
        frame = frame.f_back
    return asking if frame.f_back is None else frame


def _is_ours(frame: types.FrameType) -> bool:
    module = str(frame.f_globals.get('__name__'))
    # The module of a pinned source is named after this package, but its lines are the user's.
    return module.startswith(_PACKAGE) and not module.startswith(_PINNED)
