"""Which variables the code of a block hands on unchanged: ``submit(f, x=x)``, ``return {'y': y}``.

So that a value keeps the node of its variable; what is computed in an expression is nobody's. Blocks are looked through when
somebody asks, most never are.
"""

from __future__ import annotations

import ast
import itertools
import types
from functools import cache, lru_cache
from typing import Any

from .program import Block, Passed, Position
from .trees import walk

__all__ = ('passed_at', 'returned_names')


def passed_at(block: Block, code: types.CodeType, instruction: int, line: int) -> Passed:
    """Return what is known of a call that is being carried out.

    :param block: the block that runs.
    :param code: its code.
    :param instruction: the offset in it.
    :param line: the line that it is at.
    """
    if hasattr(code, 'co_positions'):
        return _passed_in(block).get(_positions(code)[instruction // 2], Passed())
    # Python 3.10 knows the line alone.
    passed = _passed_in(block)
    here = [passed[place] for place in passed if (place[0] or 0) <= line <= (place[1] or 0)]
    return here[0] if len(here) == 1 else Passed()


@lru_cache(maxsize=256)
def _positions(code: Any) -> list[Position]:
    return list(code.co_positions())


@cache
def _passed_in(block: Block) -> dict[Position, Passed]:
    """Return the arguments of the calls in a block that are variables, by the place of the call as code says it."""
    calls = [node for statement in block.body for node in walk(statement) if isinstance(node, ast.Call)]
    return {
        (call.lineno, call.end_lineno, call.col_offset, call.end_col_offset): _arguments(call)
        for call in calls
        if call.args or call.keywords
    }


def _arguments(node: ast.Call) -> Passed:
    """Return the arguments of a call that are variables."""
    known = [*itertools.takewhile(lambda argument: not isinstance(argument, ast.Starred), node.args)]
    args = tuple(argument.id if isinstance(argument, ast.Name) else None for argument in known)
    kwargs = {k.arg: k.value.id for k in node.keywords if k.arg is not None and isinstance(k.value, ast.Name)}
    items = known[0].elts if known and isinstance(known[0], ast.List | ast.Tuple) else known
    calls = tuple(_arguments(item) if isinstance(item, ast.Call) else None for item in items)
    called = node.func.id if isinstance(node.func, ast.Name) else ''
    return Passed(args, kwargs, calls if any(calls) else (), called)


def returned_names(value: ast.expr | None) -> dict[str, str]:
    """Return which variables a ``return`` hands on, by key; the key ``result`` for ``return x`` itself.

    :param value: the expression.
    """
    if isinstance(value, ast.Name):
        return {'result': value.id}
    if isinstance(value, ast.Dict):
        pairs = zip(value.keys, value.values, strict=True)
        return {
            key.value: item.id
            for key, item in pairs
            if isinstance(key, ast.Constant) and isinstance(key.value, str) and isinstance(item, ast.Name)
        }
    if isinstance(value, ast.Call):
        return {k.arg: k.value.id for k in value.keywords if k.arg is not None and isinstance(k.value, ast.Name)}
    return {}
