"""Generators: the source of a generator expression, and where a generator waits.

Must not know how a generator that waits is looked into.
"""

from __future__ import annotations

import ast
import copy
import inspect
import linecache
import sys
import types
from functools import lru_cache
from itertools import islice

from ..exceptions import CompileError
from .program import Await, Block, Program
from .quietly import parsed
from .source import FunctionSource
from .trees import copy_place, load

__all__ = ('read_expression', 'waiting_at')

#: First line, last line, first column, last column: what ``code.co_positions`` gives.
Position = tuple['int | None', 'int | None', 'int | None', 'int | None']


def read_expression(function: types.FunctionType) -> FunctionSource:
    """Return the source of a generator expression, as that of a generator function with the parameter ``.0``.

    :param function: the function that CPython makes of the expression.
    :raises CompileError: if the expression cannot be found in its file.
    """
    code = function.__code__
    lines = linecache.getlines(code.co_filename, function.__globals__)
    node = _find(''.join(lines), code)
    if node is None:
        raise CompileError(
            f'{code.co_filename}, line {code.co_firstlineno}: the source of a generator expression cannot be had (its '
            'file was edited, or there are several on the line): write a generator function'
        )
    numbers = range(node.lineno, (node.end_lineno or node.lineno) + 1)
    text = ast.get_source_segment(''.join(lines), node) or ''
    return FunctionSource(
        function,
        code.co_filename,
        text,
        _as_function(node, inspect.isasyncgenfunction(function)),
        {n: lines[n - 1].rstrip('\n') for n in numbers},
    )


@lru_cache(maxsize=32)
def _expressions(text: str) -> list[ast.GeneratorExp]:
    try:
        tree = parsed(text)
    except SyntaxError:
        return []
    return [node for node in ast.walk(tree) if isinstance(node, ast.GeneratorExp)]


def _find(text: str, code: types.CodeType) -> ast.GeneratorExp | None:
    found = [node for node in _expressions(text) if node.lineno == code.co_firstlineno]
    if len(found) > 1 and sys.version_info >= (3, 11):
        # The code of an expression has places of those inside it, not of those around it.
        places = set(code.co_positions())
        found = [node for node in found if _place(node) in places][:1]
    elif len(found) > 1:
        found = [node for node in found if _shape(_code_alone(node)) == _shape(code)]
    return found[0] if len(found) == 1 else None


def _code_alone(node: ast.GeneratorExp) -> types.CodeType:
    code = compile(ast.Expression(node), '', 'eval')
    return next(const for const in code.co_consts if isinstance(const, types.CodeType))


def _shape(code: types.CodeType) -> tuple[object, ...]:
    """Return what does not depend on the function around."""
    plain = tuple(const for const in code.co_consts if not isinstance(const, types.CodeType | str))
    return code.co_varnames, plain, len(code.co_code)


def _as_function(expression: ast.GeneratorExp, is_async: bool) -> ast.FunctionDef | ast.AsyncFunctionDef:
    """Return ``def <genexpr>(.0): for ... in .0: ... yield ...`` for an expression; an ``async def`` if it awaits."""
    node = copy.deepcopy(expression)
    body: ast.stmt = copy_place(ast.Expr(ast.Yield(node.elt)), node.elt)
    for number, loop in reversed(list(enumerate(node.generators))):
        for test in reversed(loop.ifs):
            body = copy_place(ast.If(test, [body], []), test)
        iterable = loop.iter if number else load('.0', loop.iter)
        kind = ast.AsyncFor if loop.is_async else ast.For
        body = copy_place(kind(loop.target, iterable, [body], []), loop.target)
    arguments = ast.arguments([], [ast.arg('.0')], None, [], [], None, [])
    made = ast.AsyncFunctionDef if is_async else ast.FunctionDef
    return copy_place(made('<genexpr>', arguments, [body], [], None), node)


def waiting_at(program: Program, offset: int) -> tuple[Block, Await] | None:
    """Return the ``yield`` at which a generator waits, and the block that it ends.

    :param program: the program of its function.
    :param offset: the offset of the last instruction that it has carried out.
    :returns: ``None`` if that cannot be told: Python 3.10 knows the line only, and there may be several on it.
    """
    waits = [(block, exit) for block in program.blocks for exit in block.exits if isinstance(exit, Await)]
    if program.name == '<genexpr>':
        return waits[0]
    place = _position(program.source.function.__code__, offset)
    found = [(block, exit) for block, exit in waits if _fits(exit.node, place)]
    return found[0] if len(found) == 1 else None


def _position(code: types.CodeType, offset: int) -> Position:
    if sys.version_info >= (3, 11):
        return next(islice(code.co_positions(), offset // 2, None))
    line = next(line for start, end, line in code.co_lines() if start <= offset < end)
    return line, None, None, None


def _fits(node: ast.expr, position: Position) -> bool:
    return node.lineno == position[0] if position[2] is None else _place(node) == position


def _place(node: ast.expr) -> Position:
    return node.lineno, node.end_lineno, node.col_offset, node.end_col_offset
