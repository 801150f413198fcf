"""Which names of a function are its own, which are shared with functions nested in it, and which come from outside.

Names that begin with a dot cannot be written in Python, so those of the compiler never meet those of the user:
``.iter3`` (a loop's cursor), ``.value1`` (an expression's part that crosses an await) live in the frame like variables;
the names in `HIDDEN` are supplied by the runtime.

CPython has said which are shared when it compiled the function; with what in it says the tree. Must not know about blocks or
awaits.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .source import FunctionSource
from .trees import NESTED_SCOPES, names_in, walk

__all__ = ('HIDDEN', 'Scope', 'is_hidden', 'scope_of')

#: What compiled code asks of the runtime, by name.
HIDDEN = (
    '.locals', '.iter', '.next', '.end', '.type', '.exc_info', '.manager', '.AssertionError', '.making', '.made', '.callee',
    '.aiter', '.anext', '.StopAsyncIteration', '.split_group', '.merge_groups', '.submit', '.namespace', '.globals', '.sorted',
    '.turns',
)  # fmt: skip


def is_hidden(name: str) -> bool:
    """Return whether a variable is one of the compiler's own."""
    return name.startswith('.')


#: Builtin functions that are done with their argument when they return.
_CONSUMERS: tuple[Any, ...] = (all, any, dict, frozenset, list, max, min, set, sorted, sum, tuple)

#: What may share variables and outlive the expression in which it stands.
_LASTING = (*NESTED_SCOPES, *([ast.TypeAlias] if hasattr(ast, 'TypeAlias') else []))


@dataclass(frozen=True)
class Scope:
    """The names of a function.

    :ivar locals: its own variables, parameters included.
    :ivar cells: those of them that a nested scope shares.
    :ivar kept_cells: those that a nested function, lambda or class shares, which may outlive any expression.
    :ivar frees: variables of the functions around it.
    :ivar declared_global: names it declares ``global``.
    """

    locals: frozenset[str] = frozenset()
    cells: frozenset[str] = frozenset()
    kept_cells: frozenset[str] = frozenset()
    frees: frozenset[str] = frozenset()
    declared_global: frozenset[str] = frozenset()


def scope_of(source: FunctionSource, own: Callable[..., list[Any]], annotated: set[str]) -> Scope:
    """Return the scope of a function.

    Source: the language reference, "Naming and binding".

    :param own: gives the nodes of some kinds that run when the function itself runs.
    :param annotated: the variables whose annotations were in it.
    """
    code = source.function.__code__
    declared = frozenset(name for node in own(ast.Global) for name in node.names)
    outer = declared.union(*(node.names for node in own(ast.Nonlocal)))
    bound = _parameters(source.node.args).union(annotated, _bound(own))
    if code.co_name == '<genexpr>':
        # A walrus binds around the expression.
        around = {node.target.id for node in own(ast.NamedExpr)} - {*code.co_varnames, *code.co_cellvars}
        declared, outer = frozenset(around - {*code.co_freevars}), outer | around
    variables = frozenset(bound - outer)
    generators = own(ast.GeneratorExp)
    kept = _names_in(own(*_LASTING))
    if generators:
        consumed = _consumed(source, own(ast.Call), variables)
        kept |= _names_in(node for node in generators if node not in consumed)
    cells = variables.intersection(code.co_cellvars)
    return Scope(variables, cells & (kept | _names_in(generators)), cells & kept, frozenset(code.co_freevars), declared)


def _parameters(arguments: ast.arguments) -> set[str]:
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    return {argument.arg for argument in every if argument is not None}


def _bound(own: Callable[..., list[Any]]) -> Iterator[str]:
    """Yield the names that a function binds or unbinds; a comprehension has variables of its own."""
    inside = {node for loop in own(ast.comprehension) for node in walk(loop.target)}
    yield from (node.id for node in own(ast.Name) if not isinstance(node.ctx, ast.Load) and node not in inside)
    yield from (node.name for node in own(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    yield from (node.name for node in own(ast.ExceptHandler, ast.MatchAs, ast.MatchStar) if node.name)
    yield from (node.rest for node in own(ast.MatchMapping) if node.rest)
    for node in own(ast.Import, ast.ImportFrom):
        yield from (alias.asname or alias.name.partition('.')[0] for alias in node.names)


def _names_in(nodes: Iterable[ast.AST]) -> set[str]:
    return set().union(*map(names_in, nodes))


def _consumed(source: FunctionSource, calls: list[ast.Call], variables: frozenset[str]) -> set[ast.expr]:
    """Return the expressions that are the first argument of a builtin function which is done with it when it returns."""
    names = {consumer.__name__: consumer for consumer in _CONSUMERS}
    consumers = {name for name in names.keys() - variables if source.resolve(ast.Name(name)) is names[name]}
    return {
        call.args[0] for call in calls if isinstance(call.func, ast.Name) and call.func.id in consumers and call.args
    }
