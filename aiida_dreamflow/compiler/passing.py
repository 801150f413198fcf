"""Which variables an expression hands on unchanged: ``submit(f, x=x)``, ``return {'y': y}``.

So that a value keeps the node of its variable; what is computed in the expression is nobody's.
"""

from __future__ import annotations

import ast
import types

from .program import Block, Passed, Position

__all__ = ('passed_at', 'passed_in', 'position_of', 'returned_names')


def passed_at(block: Block, code: types.CodeType, instruction: int, line: int) -> Passed:
    """Return what is known of a call that is being carried out.

    :param block: the block that runs.
    :param code: its code.
    :param instruction: the offset in it.
    :param line: the line that it is at.
    """
    if hasattr(code, 'co_positions'):
        positions: list[Position] = list(code.co_positions())
        return block.passed.get(positions[instruction // 2], Passed())
    # Python 3.10 knows the line alone.
    here = [passed for (first, last, _, _), passed in block.passed.items() if (first or 0) <= line <= (last or 0)]
    return here[0] if len(here) == 1 else Passed()


def position_of(node: ast.expr) -> Position:
    """Return where an expression stands, as a code object says it."""
    return node.lineno, node.end_lineno, node.col_offset, node.end_col_offset


def passed_in(node: ast.Call) -> Passed:
    """Return the arguments of a call that are variables; the first is what is called."""
    args: list[str | None] = []
    for argument in node.args[1:]:
        if isinstance(argument, ast.Starred):
            break
        args.append(argument.id if isinstance(argument, ast.Name) else None)
    kwargs = {k.arg: k.value.id for k in node.keywords if k.arg is not None and isinstance(k.value, ast.Name)}
    return Passed(tuple(args), kwargs)


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
