"""Pass: calls of an ``async def`` that are not awaited where they stand, ``gather(relax(a), relax(b))``.

Such a call must not make a coroutine object, which could not be stored: the runtime begins an activation instead, by way
of ``.callee``. Which calls:

- those of a name that means an ``async def`` for the function, one defined inside of it included;
- the arguments, and the items of lists, tuples and comprehensions among them, of `gather`, `as_completed`, `create_task`
  and ``group.create_task``, whatever they call; what turns out to be no ``async def`` is called as it is.

Other calls cost nothing. Nested functions are left alone: they are Python's. The functions are recognised by the objects
that their names mean.
"""

from __future__ import annotations

import ast
import inspect
from typing import Any, cast

from .desugar import AWAIT_MARK, TASK_MARK
from .program import Program
from .trees import NESTED_SCOPES, call, copy_place, iterate_statements

__all__ = ('defer_calls',)


def defer_calls(program: Program) -> None:
    """Let the calls of coroutine functions that are given away begin activations."""
    if program.source.is_async:
        deferrer = _Deferrer(program)
        node = program.source.node
        node.body = [cast(ast.stmt, deferrer.visit(statement)) for statement in node.body]


class _Deferrer(ast.NodeTransformer):
    def __init__(self, program: Program) -> None:
        self.program = program
        statements = iterate_statements(program.source.node.body)
        self.own = {each.name for each in statements if isinstance(each, ast.AsyncFunctionDef)}

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, (*NESTED_SCOPES, ast.GeneratorExp)):
            return node
        if isinstance(node, ast.Await) and isinstance(node.value, ast.Call):
            self._visit_parts(node.value)
            return node
        if isinstance(node, ast.Call):
            self._visit_parts(node)
            return _deferred(node) if self._is_coroutine_function(node.func) else node
        return self.generic_visit(node)

    def _visit_parts(self, node: ast.Call) -> None:
        handle = self._given if self._makes_tasks(node.func) else self.visit
        node.func = self.visit(node.func)
        node.args = [handle(argument) for argument in node.args]
        for keyword in node.keywords:
            keyword.value = handle(keyword.value)

    def _given(self, node: ast.expr) -> ast.expr:
        """Return an expression that is given to `gather` or its like."""
        if isinstance(node, ast.Call):
            self._visit_parts(node)
            is_ours = getattr(self._meaning(node.func), AWAIT_MARK, False) is True
            return node if is_ours else _deferred(node)
        if isinstance(node, ast.Starred | ast.NamedExpr):
            node.value = self._given(node.value)
        elif isinstance(node, ast.List | ast.Tuple | ast.Set):
            node.elts = [self._given(item) for item in node.elts]
        elif isinstance(node, ast.IfExp):
            node.test, node.body, node.orelse = self.visit(node.test), self._given(node.body), self._given(node.orelse)
        elif isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp):
            node.elt = self._given(node.elt)
            node.generators = [self.visit(generator) for generator in node.generators]
        else:
            return cast(ast.expr, self.visit(node))
        return node

    def _makes_tasks(self, function: ast.expr) -> bool:
        if isinstance(function, ast.Attribute) and function.attr == 'create_task':
            return True
        return getattr(self._meaning(function), TASK_MARK, False) is True

    def _is_coroutine_function(self, function: ast.expr) -> bool:
        if isinstance(function, ast.Name) and function.id in self.own:
            return True
        return inspect.iscoroutinefunction(self._meaning(function))

    def _meaning(self, node: ast.expr) -> Any:
        root = node
        while isinstance(root, ast.Attribute):
            root = root.value
        is_local = not isinstance(root, ast.Name) or root.id in self.program.scope.locals
        return None if is_local else self.program.source.resolve(node)


def _deferred(node: ast.Call) -> ast.Call:
    node.func = copy_place(call('.callee', node.func, node.func), node.func)
    return node
