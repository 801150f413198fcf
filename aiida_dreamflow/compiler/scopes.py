"""Which names of a function are its own, which are shared with functions nested in it, and which come from outside.

The answers are CPython's (``symtable``); must not know about blocks or awaits.
"""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .source import FunctionSource
from .trees import children

__all__ = ('Scope', 'analyse_scope')

#: Scopes that have run to their end when the expression they stand in has its value.
_IMMEDIATE = frozenset({'listcomp', 'setcomp', 'dictcomp'})

#: Builtin functions that are done with their argument when they return.
_CONSUMERS: tuple[Any, ...] = (all, any, dict, frozenset, list, max, min, set, sorted, sum, tuple)


@dataclass(frozen=True)
class Scope:
    """The names of a function.

    :ivar locals: its own variables, parameters included.
    :ivar cells: those of them that a nested scope shares.
    :ivar kept_cells: those that a nested function, lambda or class shares, which may outlive any expression.
    :ivar frees: variables of the functions around it.
    :ivar declared_global: names it declares ``global``.
    """

    locals: frozenset[str]
    cells: frozenset[str]
    kept_cells: frozenset[str]
    frees: frozenset[str]
    declared_global: frozenset[str]


def analyse_scope(source: FunctionSource) -> Scope:
    """Return the scope of a function.

    Source: the ``symtable`` module of the standard library.
    """
    if source.function.__code__.co_name == '<genexpr>':
        return _scope_of_expression(source)
    table = _find(symtable.symtable(source.text, source.filename, 'exec'), source.node.name)

    def names(found: Iterable[str]) -> frozenset[str]:
        return frozenset(source.private.get(name, name) for name in found)

    own = names(table.get_locals())
    captured = names(_captured(table, generators=True)) & own
    kept = names(_captured(table, generators=False)) & own
    if kept != captured:
        kept |= captured.intersection(_names_in_lasting_generators(source.node, _consumers(source, own)))
    declared = names(s.get_name() for s in table.get_symbols() if s.is_declared_global())
    return Scope(own, captured, kept, names(table.get_frees()), declared)


def _scope_of_expression(source: FunctionSource) -> Scope:
    """Return the scope of a generator expression, which its code knows."""
    code = source.function.__code__
    own, cells, frees = frozenset(code.co_varnames), frozenset(code.co_cellvars), frozenset(code.co_freevars)
    # A walrus binds around the expression.
    bound = {node.target.id for node in ast.walk(source.node) if isinstance(node, ast.NamedExpr)}
    return Scope(own | cells, cells, cells, frees, frozenset(bound - own - cells - frees))


def _find(table: symtable.SymbolTable, name: str) -> symtable.Function:
    """Return the table of the outermost function of that name.

    It stands at the top or below the wrapper, beside the scopes of its defaults, decorators and annotations (PEP 649),
    and below that of its type parameters (PEP 695), which has its name but is no function.
    """
    level = [table]
    while level:
        level = [child for parent in level for child in parent.get_children()]
        for child in level:
            if isinstance(child, symtable.Function) and child.get_name() == name:
                return child
    raise LookupError(name)


def _consumers(source: FunctionSource, own: frozenset[str]) -> frozenset[str]:
    """Return the names under which a function calls the builtin functions that are done when they return."""
    names = {consumer.__name__: consumer for consumer in _CONSUMERS}
    return frozenset(name for name in names.keys() - own if source.resolve(ast.Name(name)) is names[name])


def _names_in_lasting_generators(
    node: ast.AST, consumers: frozenset[str], consumed: ast.AST | None = None
) -> Iterator[str]:
    """Yield the names in generator expressions, but for those that a builtin function consumes where they stand."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in consumers:
        consumed = node.args[0] if node.args else None
    if isinstance(node, ast.GeneratorExp) and node is not consumed:
        yield from (part.id for part in ast.walk(node) if isinstance(part, ast.Name))
    for child in children(node):
        yield from _names_in_lasting_generators(child, consumers, consumed)


def _captured(table: symtable.SymbolTable, generators: bool) -> Iterator[str]:
    """Yield the names that nested scopes take from around them and may use later.

    :param generators: whether generator expressions count: most share cells only until the call around is done.
    """
    for child in table.get_children():
        if child.get_name() in _IMMEDIATE or (child.get_name() == 'genexpr' and not generators):
            yield from _captured(child, generators)
        elif isinstance(child, symtable.Function):
            yield from child.get_frees()
        else:
            yield from _free_names(child)


def _free_names(table: symtable.SymbolTable) -> Iterator[str]:
    """Yield what a class body and the scopes in it take from around them."""
    for symbol in table.get_symbols():
        if symbol.is_free():
            yield symbol.get_name()
    for child in table.get_children():
        yield from _free_names(child)
