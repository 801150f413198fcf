"""What a step is called, ``L34 x = egor.suggest(...)``, and what a workflow is said to wait for, ``L20 PwCalculation<931>``.

A step is called after the line of the user's that says what it is about. That is the line that made what the child is given that the step launches; without one, the line that launches, returns or waits.
"""

from __future__ import annotations

import ast
import linecache
import re
import time
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from typing import Any

from ..compiler.program import Await, Block, Leave, Return, is_hidden
from ..compiler.trees import walk
from ..runtime import Handle, Machine, Returned, Suspended
from ..runtime.awaitables import Awaitable, Timer

__all__ = ('line_of_step', 'lines_of_helpers', 'shortened', 'status_line')

#: A line that is longer is shown without the arguments of its calls.
_LONG = 24
#: The longest name of a step.
_LIMIT = 60
#: The longest status: a line of a terminal.
_STATUS = 80


def line_of_step(machine: Machine, outcome: Suspended | Returned) -> str:
    """Return what a step is called; to be asked before the arguments of its children are forgotten.

    :param machine: the machine after the step.
    :param outcome: how the step has ended.
    :returns: a line of the source with its number; empty if none can be told.
    """
    ran = [*machine.ran]
    places = {handle.place for handle in machine.intents}
    if isinstance(outcome, Returned) and outcome.activation is not None:
        ran = [('0', outcome.activation.block)]
    elif len(places) == 1:
        passed = machine.intents[0].passed
        given = frozenset(name for name in (*passed.args, *passed.kwargs.values()) if name is not None)
        ran = [each for each in ran if each[0] in places] or ran
        for _, block in reversed(ran if given else []):
            if line := _line_assigning(block, given):
                return _worded(block, line)
    else:
        ran = [each for each in ran if each[0] == '0'] or ran
    launches = bool(places)
    told = [(*_telling_line(block, launches), -number, block) for number, (_, block) in enumerate(reversed(ran))]
    if not told:
        return ''
    rank, line, _, block = max(told, key=lambda each: (each[0], each[2]))
    return _worded(block, line) if rank else ''


def lines_of_helpers(machine: Machine, filename: str) -> tuple[int, int] | None:
    """Return the first and the last line that a step has run, if that was in helpers that run beside the workflow function.

    :param machine: the machine after the step.
    :param filename: the file of the workflow function: lines of another would mislead.
    :returns: ``None`` if the workflow function itself has gone on, or nothing in its file has.
    """
    if any(place == '0' for place, _ in machine.ran):
        return None
    blocks = [block for _, block in machine.ran if block.code is not None and block.code.co_filename == filename]
    lines = [statement.lineno for block in blocks for statement in block.body]
    return (min(lines), max(block.last_line for block in blocks)) if lines else None


def _worded(block: Block, line: int) -> str:
    assert block.code is not None
    text = shortened(linecache.getline(block.code.co_filename, line).strip())
    return f'L{line} {text}' if text else f'L{line}'


@cache
def _line_assigning(block: Block, names: frozenset[str]) -> int:
    """Return the last line of a block that assigns one of some variables, zero if none does."""
    for statement in reversed(block.body):
        if isinstance(statement, ast.Assign | ast.AugAssign | ast.AnnAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            if any(isinstance(node, ast.Name) and node.id in names for target in targets for node in walk(target)):
                return statement.lineno
    return 0


@cache
def _telling_line(block: Block, launches: bool) -> tuple[int, int]:
    """Return how telling the most telling line of a block is, and that line; the last one of several.

    :param launches: whether a line that launches something is looked for: then what awaits is as good as other calls.
    """
    best = (0, 0)
    for statement in block.body:
        rank, line = _ranked(statement, launches)
        if rank and rank >= best[0]:
            best = rank, line
    return best


def _ranked(statement: ast.stmt, launches: bool) -> tuple[int, int]:
    """Return how telling a statement is, and its line: of one with others inside, that of the last call."""
    line = getattr(statement, 'lineno', 0)
    calls = [node.lineno for node in walk(statement) if isinstance(node, ast.Call) and not _is_own(node)]
    if not line:
        return 0, 0
    if isinstance(statement, Leave):
        if isinstance(statement.exit, Return):
            return 4, line
        return (3 if calls and launches else 1) if isinstance(statement.exit, Await) else 0, line
    if isinstance(statement, ast.Assign) and (_are_hidden(statement.targets) or _is_item(statement.value)):
        return 1, line
    return (3, max(calls) if hasattr(statement, 'body') else line) if calls else (2, line)


def _are_hidden(targets: list[ast.expr]) -> bool:
    return all(isinstance(target, ast.Name) and is_hidden(target.id) for target in targets)


def _is_item(value: ast.expr) -> bool:
    """Return whether a value is the next item of a loop."""
    return isinstance(value, ast.Name) and value.id.startswith('.item')


def _is_own(call: ast.Call) -> bool:
    """Return whether a call is one of the compiler's."""
    return isinstance(call.func, ast.Name) and is_hidden(call.func.id)


@lru_cache(maxsize=1000)
def shortened(text: str) -> str:
    """Return the first line of a statement in brief: without its comment, and if it is long, without the arguments of calls.

    :param text: the line.
    """
    body = ''
    for add in ('', '\n  pass', '\n...)', '\n...]', '\n...}'):
        try:
            (statement,) = ast.parse(f'async def f():\n {text}{add}').body[0].body  # type: ignore[attr-defined]
        except (SyntaxError, ValueError):
            continue
        brief = _WithoutArguments().visit(statement) if len(text) > _LONG else statement
        body = ast.unparse(brief).partition('\n')[0].removesuffix(':')
        break
    body = body or text.removesuffix(':')
    return body if len(body) <= _LIMIT else f'{body[: _LIMIT - 3]}...'


class _WithoutArguments(ast.NodeTransformer):
    """Puts ``...`` for the arguments of calls and the items of containers; what is submitted stays."""

    def visit_Dict(self, node: ast.Dict) -> ast.expr:
        return ast.Set([ast.Constant(...)]) if node.keys else node

    def visit_List(self, node: ast.List) -> ast.expr:
        return ast.List([ast.Constant(...)], node.ctx) if node.elts and isinstance(node.ctx, ast.Load) else node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        if not node.args and not node.keywords:
            return node
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, 'attr', '')
        kept = node.args[:1] if name in ('submit', 'run', 'map') and isinstance(node.args[0], ast.Name) else []
        more = [ast.Constant(...)] if len(kept) < len(node.args) or node.keywords else []
        return ast.Call(node.func, [*kept, *more], [])


def status_line(machine: Machine, pk_of: Callable[[Handle[Any]], int | None]) -> str:
    """Return what a workflow waits for, by line: ``L20 PwCalculation<931>``, with how many children have ended, in 80 characters.

    :param pk_of: gives the pk of a child, ``None`` if it was not launched yet.
    """
    lines: dict[int, dict[str, Handle[Any] | None]] = {}
    for task in machine.tasks:
        place = task.stack[-1].awaiting if task.stack else None
        if place is not None and task.awaiting is not None:
            found = lines.setdefault(place.node.lineno, {})
            found.update(_awaited(task.awaiting))
    running = sum(not handle.ended for handle in machine.pending)
    done = machine.launched - running
    end = f' ({done} done)' if done > 0 else ''
    groups = [(f'L{line}', awaited) for line, awaited in lines.items() if awaited]
    if not machine.tasks and running:
        groups = [('returned, waits for', {handle.label: handle for handle in machine.pending if not handle.ended})]
    for shown, count in [(4, len(groups)), (1, len(groups)), (0, len(groups)), *((0, n) for n in range(3, 0, -1))]:
        texts = [f'{where} {_in_words(awaited, pk_of, shown)}' for where, awaited in groups[:count]]
        text = ', '.join([*texts, '...'] if count < len(groups) else texts) + end
        if len(text) <= _STATUS:
            return text
    return f'{text[: _STATUS - 3]}...'


def _awaited(awaiting: Awaitable) -> Iterator[tuple[str, Handle[Any] | None]]:
    """Yield what a task waits for, by name: children, or anything else that is no task, which has a line of its own."""
    if isinstance(awaiting, Timer):
        yield f'sleep until {time.strftime("%F %T", time.localtime(awaiting.due))}', None
        return
    sources = list(awaiting.sources())
    if not sources:
        yield awaiting._named().removeprefix('a `').removeprefix('a ').rstrip('`'), None
    for source in sources:
        if isinstance(source, Handle) and not source.ended:
            yield source.label, source


def _in_words(awaited: dict[str, Handle[Any] | None], pk_of: Callable[[Handle[Any]], int | None], shown: int) -> str:
    kinds: dict[str, list[str]] = {}
    for label, handle in awaited.items():
        pk = None if handle is None else pk_of(handle)
        name = label if handle is None else re.sub(r'_\d+$', '', label)
        kinds.setdefault(name, []).extend([] if handle is None else ['...' if pk is None else str(pk)])
    return ', '.join(_kind_in_words(name, pks, shown) for name, pks in kinds.items())


def _kind_in_words(name: str, pks: list[str], shown: int) -> str:
    number = f'{len(pks)} ' if len(pks) > 1 else ''
    if not pks or not shown:
        return number + name
    listed = [*pks[:shown], '...'] if len(pks) > shown else pks
    return f'{number}{name}<{", ".join(listed)}>'
