"""``try`` with ``except*`` clauses, cut into blocks.

All clauses are tried, each with what the ones before left of the exception. Whatever a clause raises is kept, and at
the end what was raised and what nobody handled goes on as one. In a clause its part is the exception being handled.

Source: PEP 654, and ``compiler_try_star_except`` in CPython's ``compile.c``.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from .desugar import bind_exception
from .program import Block, Jump, Leave, Reraise
from .trees import assign, call, copy_place, load, store

if TYPE_CHECKING:
    from .lower import Lowerer

__all__ = ('lower_group_clauses',)


def lower_group_clauses(out: Lowerer, node: Any, after: Block) -> None:
    """Lower the ``except*`` clauses of a ``try``; the current block is where its exceptions go.

    :param out: receives the blocks.
    :param node: the ``try``.
    :param after: where to go when nothing is left of the exception.
    """
    place = node.handlers[0].type
    original, rest, raised, merged = (out.names.new(name) for name in ('original', 'rest', 'raised', 'merged'))
    for name in (original, rest):
        out.emit(assign(name, _current(place), place))
    out.emit(assign(raised, ast.List([], ast.Load()), place))
    for handler in node.handlers:
        _clause(out, handler, rest, raised)
    parts = (load(name, node) for name in (original, raised, rest))
    out.emit(assign(merged, call('.merge_groups', node, *parts), node))
    left = out.block()
    _go_handling(out, merged, left, after)
    out.begin(left)
    out.finish(Leave(Reraise()), node)


def _clause(out: Lowerer, handler: ast.ExceptHandler, rest: str, raised: str) -> None:
    """Lower one clause; the current block goes on with the next."""
    assert handler.type is not None
    place, found = handler, out.names.new('found')
    kinds = out.spill.expression(handler.type)
    both = copy_place(ast.Tuple([store(found, place), store(rest, place)], ast.Store()), place)
    out.emit(copy_place(ast.Assign([both], call('.split_group', place, load(rest, place), kinds)), place))
    following = out.block()
    with out.handling():
        fails = out.block()
    body = Block(out.depth, fails)
    _go_handling(out, found, body, following)
    out.begin(body)
    with out.guarded_by(fails):
        out.statements(bind_exception(handler))
        out.statement = handler.body[-1]
    out.goto(following)
    out.begin(fails)
    keep = copy_place(ast.Attribute(load(raised, place), 'append', ast.Load()), place)
    out.emit(copy_place(ast.Expr(call(keep, place, _current(place))), place))
    out.goto(following)
    out.begin(following)


def _current(place: ast.AST) -> ast.expr:
    """Return the expression for the exception being handled."""
    return copy_place(ast.Subscript(call('.exc_info', place), ast.Constant(1), ast.Load()), place)


def _go_handling(out: Lowerer, error: str, handling: Block, otherwise: Block) -> None:
    """End the current block: go on handling an exception if there is one."""
    place = out.statement
    go = copy_place(Leave(Jump(handling, handling=True), load(error, place)), place)
    there_is = ast.Compare(load(error, place), [ast.IsNot()], [ast.Constant(None)])
    out.emit(copy_place(ast.If(there_is, [go], []), place))
    out.goto(otherwise)
