"""What ``except*`` does with exception groups: CPython has it in C, and gives no access to it.

Source: ``exception_group_match`` in ``Python/ceval.c`` and ``_PyExc_PrepReraiseStar`` in ``Objects/exceptions.c``.
"""

from __future__ import annotations

import builtins
import sys
import types
from collections.abc import Iterator
from typing import Any

from .tracebacks import lines_of

__all__ = ('merge_groups', 'split_group')

#: Until Python 3.11.3 what a single clause raises is put into a group, too (gh-103590).
_WRAPS_ONE = sys.version_info < (3, 11, 4)
#: Python 3.10 has none, and no ``except*``.
_Group: Any = getattr(builtins, 'BaseExceptionGroup', None)


def split_group(error: BaseException | None, kinds: Any) -> tuple[BaseException | None, BaseException | None]:
    """Return what a clause ``except* kinds`` handles of an exception, and the rest; ``None`` for nothing.

    :raises TypeError: if these cannot be caught.
    """
    every = kinds if isinstance(kinds, tuple) else (kinds,)
    for kind in every:
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            raise TypeError('catching classes that do not inherit from BaseException is not allowed')
        if issubclass(kind, _Group):
            raise TypeError('catching ExceptionGroup with except* is not allowed. Use except instead.')
    if error is None:
        return None, None
    if any(kind in type(error).__mro__ for kind in every):
        return (error if isinstance(error, _Group) else _wrapped(error)), None
    if isinstance(error, _Group):
        matched, rest = _pair(error, error.split(kinds))
        # Before Python 3.12 a clause that matches nothing goes on with the group itself, not with a copy.
        return matched, (error if matched is None and sys.version_info < (3, 12) else rest)
    return None, error


def _pair(error: BaseException, found: Any) -> tuple[BaseException | None, BaseException | None]:
    """Return the first two items of what `split` gave: a class may have one of its own.

    Source: ``_PyEval_ExceptionGroupMatch`` of Python 3.14; earlier versions take it unseen.
    """
    name = type(error).__name__
    if not isinstance(found, tuple):
        raise TypeError(f'{name}.split must return a tuple, not {type(found).__name__}')
    if len(found) < 2:
        raise TypeError(f'{name}.split must return a 2-tuple, got tuple of size {len(found)}')
    return found[0], found[1]


def _wrapped(error: BaseException) -> BaseException:
    """Return a group for an exception that is none."""
    group: BaseException = _Group('', (error,))
    if sys.version_info >= (3, 14):
        frame = sys._getframe(2)  # the clause
        group.__traceback__ = types.TracebackType(None, frame, frame.f_lasti, frame.f_lineno)
    return group


def merge_groups(
    original: BaseException, raised: list[BaseException], rest: BaseException | None
) -> BaseException | None:
    """Return what leaves a ``try`` with ``except*`` clauses, if anything does.

    :param original: the exception that its body raised.
    :param raised: what its clauses raised, or raised again.
    :param rest: what no clause handled.
    """
    errors = [*raised, rest] if rest is not None else raised
    if not isinstance(original, _Group):
        return errors[0] if errors else None
    new = [error for error in errors if not _is_part(error, original)]
    leaves = {id(leaf) for error in errors if _is_part(error, original) for leaf in _leaves(error)}
    again: BaseException | None = original.subgroup(lambda error: id(error) in leaves) if leaves else None
    if not new:
        return again
    if again is not None:
        new.append(again)
    merged: BaseException = new[0] if len(new) == 1 and not _WRAPS_ONE else _Group('', new)
    return merged


def _is_part(error: BaseException, original: BaseException) -> bool:
    """Return whether an exception was split off another: it has the other's story then.

    CPython asks whether they share their tracebacks; after a restart they are only equal.
    """
    return (
        error.__cause__ is original.__cause__
        and error.__context__ is original.__context__
        and lines_of(error.__traceback__) == lines_of(original.__traceback__)
    )


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, _Group):
        for part in error.exceptions:
            yield from _leaves(part)
    else:
        yield error
