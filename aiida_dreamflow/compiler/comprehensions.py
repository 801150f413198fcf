"""Comprehensions that await, in terms of `for`: a loop that fills a container.

A comprehension has a scope of its own, so its variables are renamed. Those that a lambda or generator expression in it
shares become cells, new ones for each time that the comprehension is evaluated.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any

from .trees import Names, assign, call, copy_place, load

__all__ = ('ExpandedComprehension', 'expand_comprehension')


@dataclass(frozen=True)
class ExpandedComprehension:
    """A comprehension as statements.

    :ivar container: the variable that has the result.
    :ivar statements: what fills it.
    :ivar shared: the variables that lambdas and generator expressions share.
    """

    container: str
    statements: list[ast.stmt]
    shared: tuple[str, ...]


def expand_comprehension(
    node: Any, iterable: ast.expr, empty: ast.expr, values: list[ast.expr], names: Names
) -> ExpandedComprehension:
    """Return a list, set or dict comprehension as statements.

    :param node: the comprehension.
    :param iterable: what its first loop runs over, evaluated already.
    :param empty: the empty container.
    :param values: the parts of one element.
    :param names: gives out names.
    """
    container = names.new('comprehension')
    own = {name: names.new(f'{name}_') for name in _bound_names(node)}
    rename = _Rename(own)
    first = node.generators[0]
    first.iter = copy_place(ast.Constant(None), first.iter)  # keep it out of the renaming
    for generator in node.generators:
        rename.visit(generator)
    values = [rename.visit(value) for value in values]
    first.iter = iterable
    body = _add_to(container, names, node, values)
    for generator in reversed(node.generators):
        for condition in reversed(generator.ifs):
            body = [copy_place(ast.If(condition, body, []), condition)]
        loop = ast.AsyncFor if generator.is_async else ast.For
        body = [copy_place(loop(generator.target, generator.iter, body, []), generator.target)]
    fill = [assign(container, copy_place(empty, node), node), *body]
    return ExpandedComprehension(container, fill, _shared(fill, set(own.values())))


def _add_to(container: str, names: Names, node: ast.expr, values: list[ast.expr]) -> list[ast.stmt]:
    """Return the statements that add one element, its parts evaluated first (a dict's key before its value)."""
    place = values[0]
    parts = [names.new('value') for _ in values]
    evaluate: list[ast.stmt] = [assign(part, value, value) for part, value in zip(parts, values, strict=True)]
    loaded = [load(part, place) for part in parts]
    if isinstance(node, ast.DictComp):
        target = ast.Subscript(load(container, place), loaded[0], ast.Store())
        return [*evaluate, copy_place(ast.Assign([target], loaded[1]), place)]
    method = ast.Attribute(load(container, place), 'append' if isinstance(node, ast.ListComp) else 'add', ast.Load())
    return [*evaluate, copy_place(ast.Expr(call(copy_place(method, place), place, *loaded)), place)]


def _bound_names(node: Any) -> list[str]:
    """Return the variables that a comprehension binds in its own scope."""
    names = (
        name.id
        for generator in node.generators
        for name in ast.walk(generator.target)
        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
    )
    return list(dict.fromkeys(names))


def _shared(statements: list[ast.stmt], names: set[str]) -> tuple[str, ...]:
    """Return those of the names that a lambda or generator expression mentions."""
    scopes = [n for s in statements for n in ast.walk(s) if isinstance(n, ast.Lambda | ast.GeneratorExp)]
    mentioned = {node.id for scope in scopes for node in ast.walk(scope) if isinstance(node, ast.Name)}
    return tuple(sorted(mentioned & names))


class _Rename(ast.NodeTransformer):
    """Renames variables, but not where a lambda has a variable of the same name.

    A comprehension inside that binds the name again is renamed along with it, which changes nothing.
    """

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        if node.id in self.names:
            return ast.copy_location(ast.Name(self.names[node.id], node.ctx), node)
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
        node.args = self.visit(node.args)
        own = {argument.arg for argument in ast.walk(node.args) if isinstance(argument, ast.arg)}
        own |= {inner.target.id for inner in ast.walk(node.body) if isinstance(inner, ast.NamedExpr)}
        node.body = _Rename({name: new for name, new in self.names.items() if name not in own}).visit(node.body)
        return node
