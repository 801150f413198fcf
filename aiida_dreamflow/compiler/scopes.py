"""Which names of a function are its own, which are shared with functions nested in it, and which come from outside.

The answers are CPython's (``symtable``); must not know about blocks or awaits.
"""

from __future__ import annotations

import symtable
from collections.abc import Iterator
from dataclasses import dataclass

from .source import FunctionSource

__all__ = ('Scope', 'analyse_scope')

#: Scopes that have run to their end when the expression they stand in has its value.
_IMMEDIATE = frozenset({'listcomp', 'setcomp', 'dictcomp'})


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
    table = _find(symtable.symtable(source.text, source.filename, 'exec'), source.node.name)
    own = frozenset(table.get_locals())
    captured = frozenset(_captured(table, generators=True)) & own
    kept = frozenset(_captured(table, generators=False)) & own
    declared = frozenset(s.get_name() for s in table.get_symbols() if s.is_declared_global())
    return Scope(own, captured, kept, frozenset(table.get_frees()), declared)


def _find(table: symtable.SymbolTable, name: str) -> symtable.Function:
    """Return the table of the outermost function of that name (it stands at the top or below one wrapper)."""
    for child in table.get_children():
        if isinstance(child, symtable.Function) and child.get_name() == name:
            return child
    for child in table.get_children():
        return _find(child, name)
    raise LookupError(name)


def _captured(table: symtable.SymbolTable, generators: bool) -> Iterator[str]:
    """Yield the names that nested scopes take from around them and may use later.

    :param generators: whether generator expressions count: they share cells, but none survives an await.
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
