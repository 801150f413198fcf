"""Can the harness fail? Five faults are put into the compiler, one at a time; corpus and random programs must see each.

``python -m tests.differential.mutations`` prints how many functions of the corpus and how many random programs notice.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

from hypothesis import HealthCheck, Phase, given, seed, settings

from aiida_dreamflow import compiler
from aiida_dreamflow.compiler.jumps import RAISED, Cleanup
from aiida_dreamflow.compiler.spill import Spiller
from aiida_dreamflow.runtime import activation
from aiida_dreamflow.values import iterators

from .comparing import seen_in_memory, seen_natively
from .programs import make, programs
from .test_corpus import CASES
from .test_fuzz import comparable

SECONDS = 2  # of computing for one program: a fault can make it run for ever


class TooLong(BaseException):
    pass


def liveness_inside_try() -> Any:
    """What only a handler reads is not live in the blocks that it guards."""

    def blind(program: Any) -> None:
        handlers = [block.handler for block in program.blocks]
        for block in program.blocks:
            block.handler = None
        compiler.analyse_liveness(program)
        for block, handler in zip(program.blocks, handlers, strict=True):
            block.handler = handler

    passes = tuple(blind if step is compiler.analyse_liveness else step for step in compiler.TRANSLATION)
    return mock.patch.object(compiler, 'TRANSLATION', passes)


def evaluation_order() -> Any:
    """Operands before an await are evaluated after it."""
    return mock.patch.object(Spiller, '_save_operand', lambda self, node: node)


def cell_sharing() -> Any:
    """Each block has cells of its own."""
    right = activation._closure

    def copied(code: types.CodeType, cells: dict[str, types.CellType], function: Any) -> tuple[types.CellType, ...]:
        return right(code, {name: _copy(cell) for name, cell in cells.items()}, function)

    return mock.patch.object(activation, '_closure', copied)


def _copy(cell: types.CellType) -> types.CellType:
    try:
        return types.CellType(cell.cell_contents)
    except ValueError:
        return types.CellType()


def finally_completion() -> Any:
    """A jump through a ``finally`` goes on as an exception would."""

    def raised(self: Cleanup, kind: Any) -> int:
        self.jumps.append(kind)
        return RAISED

    return mock.patch.object(Cleanup, 'number_of', raised)


@contextlib.contextmanager
def iterator_cursor() -> Iterator[None]:
    """After a restart a loop goes on one item too far."""

    def too_far(obj: Any, rest: Any, r: Any) -> None:
        place, base = map(r.get, rest)
        if base is not None:
            base.extend([None] * (place + 2))
        obj.__setstate__(place + 1)
        if base is not None:
            del base[-place - 2 :]

    filling = iterators._fill_iterator  # its codec holds the function itself
    right, filling.__code__ = filling.__code__, too_far.__code__
    try:
        yield
    finally:
        filling.__code__ = right


MUTATIONS: tuple[Callable[[], Any], ...] = (
    liveness_inside_try,
    evaluation_order,
    cell_sharing,
    finally_completion,
    iterator_cursor,
)


@contextlib.contextmanager
def broken(mutation: Callable[[], Any] | None) -> Iterator[None]:
    """Put a fault in, for programs that are compiled meanwhile."""
    with mock.patch.object(compiler, '_programs', {}), mutation() if mutation else contextlib.nullcontext():
        yield


def notices(function: Any, native: Any) -> bool:
    """Return whether a function shows something else than CPython does."""
    try:
        for restart in (False, True):
            with _limited():
                if comparable(seen_in_memory(function, restart=restart)) != native:
                    return True
    except TooLong:
        return True
    return False


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    def stop(*_: Any) -> None:
        raise TooLong

    def ignore(_: Any) -> None:
        """In a callback `TooLong` is unraisable, and pytest's hook would keep it as a failure of the test."""

    with mock.patch.object(sys, 'unraisablehook', ignore), _interrupted(stop):
        yield


@contextlib.contextmanager
def _interrupted(stop: Callable[..., None]) -> Iterator[None]:
    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS, 0.1)  # again: the first may be lost in a callback
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def random_programs(number: int) -> list[Any]:
    """Return that many functions."""
    found: list[Any] = []

    @seed(1)
    @settings(
        max_examples=2 * number, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(programs())
    def collect(source: str) -> None:
        with warnings.catch_warnings(), contextlib.suppress(SyntaxError):
            warnings.simplefilter('ignore')
            if len(found) < number:
                found.append(make(source))

    collect()
    return found


def with_native(functions: list[Any]) -> list[tuple[Any, Any]]:
    """Return functions with what CPython shows, without those that show something else already."""
    pairs = [(function, comparable(seen_natively(function))) for function in functions]
    with broken(None):
        return [(function, native) for function, native in pairs if not notices(function, native)]


def main() -> None:
    """Print the table."""
    corpus = with_native([case.values[0] for case in CASES])
    fuzz = with_native(random_programs(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
    warnings.simplefilter('ignore')
    print(f'{"fault":22} {f"of {len(corpus)} functions":>18} {f"of {len(fuzz)} programs":>18}  noticed it')
    for mutation in MUTATIONS:
        with broken(mutation):
            numbers = [sum(notices(*pair) for pair in pairs) for pairs in (corpus, fuzz)]
        print(f'{mutation.__name__:22} {numbers[0]:18} {numbers[1]:18}')


if __name__ == '__main__':
    main()
