"""Pass: say the richer statements in terms of the simpler ones, tree to tree.

- The annotations of variables are dropped.
- In a plain ``def`` a call of an await function, ``submit(f, x=x)`` or ``submit(f, x=x).result()``, *is* its result:
  it becomes ``await submit(f, x=x)``. The function is recognised by the object that its name means.
- ``with`` and ``async with`` that must be cut become ``try``, as PEP 343 and PEP 492 spell them out.
- ``except E as e`` that must be cut unbinds ``e`` by a ``finally`` of its own.
"""

from __future__ import annotations

import ast
from typing import cast

from .program import Delegated, Program, Yielded
from .survey import survey
from .trees import NESTED_SCOPES, Names, assign, call, copy_place, load
from .unbound import keep_mark

__all__ = (
    'AWAIT_MARK',
    'FUNCTION_MARK',
    'PROCESS_FUNCTION_MARK',
    'bind_exception',
    'desugar',
    'expand_async_for',
    'expand_with',
)

#: Attribute of the functions whose call in a plain ``def`` is an await point.
AWAIT_MARK = '__dreamflow_await__'

#: Attribute under which what a decorator made of a workflow function keeps the function itself.
FUNCTION_MARK = '__dreamflow_function__'

#: Attribute of AiiDA's process functions.
PROCESS_FUNCTION_MARK = 'is_process_function'


def desugar(program: Program) -> None:
    """Make the awaits explicit, in a plain ``def`` and in a generator, and drop the annotations of variables."""
    node, has_annotations = program.source.node, bool(program.own(ast.AnnAssign))
    if has_annotations:
        _drop_annotations(node.body, program.declared)
    if transforms := program.source.yields or not program.source.is_async:
        transformer = _Yields() if program.source.yields else _PlainAwaits(program)
        node.body = [cast(ast.stmt, transformer.visit(statement)) for statement in node.body]
    if has_annotations or transforms:
        survey(program)


class _Yields(ast.NodeTransformer):
    def visit_Yield(self, node: ast.Yield) -> ast.expr:
        value = self.visit(node.value) if node.value is not None else ast.Constant(None)
        return copy_place(Yielded(value), node)

    def visit_YieldFrom(self, node: ast.YieldFrom) -> ast.expr:
        return copy_place(Delegated(self.visit(node.value)), node)

    def _leave_alone(self, node: ast.AST) -> ast.AST:
        return node

    visit_Lambda = visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = _leave_alone  # noqa: N815


def _drop_annotations(body: list[ast.stmt], declared: set[str]) -> None:
    """Replace annotated assignments by plain ones: inside a function an annotation is not evaluated.

    A block that shares the variable could not annotate it.

    :param declared: receives the variables that are annotated, which makes them the function's own.
    """
    targets = [each.target for each in body if isinstance(each, ast.AnnAssign)]
    declared.update(target.id for target in targets if isinstance(target, ast.Name))
    body[:] = [part for each in body for part in (_unannotated(each) if isinstance(each, ast.AnnAssign) else [each])]
    for statement in body:
        if not isinstance(statement, NESTED_SCOPES):
            for field in ('body', 'orelse', 'finalbody'):
                _drop_annotations(getattr(statement, field, []), declared)
            for part in (*getattr(statement, 'handlers', ()), *getattr(statement, 'cases', ())):
                _drop_annotations(part.body, declared)


def _unannotated(node: ast.AnnAssign) -> list[ast.stmt]:
    if node.value is not None:
        return [copy_place(ast.Assign([node.target], node.value), node)]
    evaluated: list[ast.expr | None] = []
    if isinstance(node.target, ast.Attribute | ast.Subscript):
        evaluated.append(node.target.value)
    if isinstance(node.target, ast.Subscript):
        index = node.target.slice
        evaluated += [index.lower, index.upper, index.step] if isinstance(index, ast.Slice) else [index]
    return [copy_place(ast.Expr(part), node) for part in evaluated if part is not None] or [
        copy_place(ast.Pass(), node)
    ]


class _PlainAwaits(ast.NodeTransformer):
    def __init__(self, program: Program) -> None:
        self.program = program
        self.nested = 0

    def _means_await(self, node: ast.AST) -> bool:
        found = self.program.meaning(node)
        if found is None and isinstance(node, ast.Attribute) and self._means_await(node.value):
            found = getattr(self.program.meaning(node.value), node.attr, None)  # `run.in_thread`
        return getattr(found, AWAIT_MARK, False) is True

    def visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, NESTED_SCOPES):
            self.nested += 1
            self.generic_visit(node)
            self.nested -= 1
            return node
        if isinstance(node, ast.Call) and self._means_await(node.func) and not self.nested:
            return self._awaited(node, node)
        if _is_result_call(node) and self._means_await(node.func.value.func) and not self.nested:  # type: ignore[attr-defined]
            return self._awaited(node.func.value, node)  # type: ignore[attr-defined]
        if isinstance(node, ast.Name | ast.Attribute) and self._means_await(node):
            name = ast.unparse(node)
            where = ' inside a nested function' if self.nested else ''
            self.program.source.refuse(
                node,
                f'in a plain `def`, `{name}` can only be called directly by the workflow function, and is used '
                f'differently here{where}',
                f'write `{name}(...)` where the result is needed, or use `async def` and `await {name}(...)`',
            )
        return self.generic_visit(node)

    def _awaited(self, node: ast.Call, place: ast.AST) -> ast.expr:
        node.args = [cast(ast.expr, self.visit(argument)) for argument in node.args]
        node.keywords = [cast(ast.keyword, self.visit(keyword)) for keyword in node.keywords]
        return copy_place(ast.Await(node), place)


def _is_result_call(node: ast.AST) -> bool:
    """Return whether a node is ``<call>.result()``."""
    return (
        isinstance(node, ast.Call)
        and not node.args
        and not node.keywords
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == 'result'
        and isinstance(node.func.value, ast.Call)
    )


def expand_with(statement: ast.With | ast.AsyncWith, names: Names) -> list[ast.stmt]:
    """Return a ``with`` statement in terms of ``try``.

    Source: PEP 343, PEP 492 and the language reference, "The with statement".
    """
    first, *others = statement.items
    body: list[ast.stmt] = statement.body
    if others:
        body = [copy_place(type(statement)(others, body), others[0].context_expr)]
        keep_mark(body[0], statement)
    is_async, place = isinstance(statement, ast.AsyncWith), first.context_expr
    manager, value, left = names.new('manager'), names.new('entered'), names.new('left')

    def special(name: str, *arguments: ast.expr) -> ast.expr:
        method = ast.Attribute(call('.type', place, load(manager, place)), name, ast.Load())
        result: ast.expr = call(copy_place(method, place), place, load(manager, place), *arguments)
        return copy_place(ast.Await(result), place) if is_async else result

    enter, leave = ('__aenter__', '__aexit__') if is_async else ('__enter__', '__exit__')
    kind = copy_place(ast.Constant(is_async), place)
    nothing = [copy_place(ast.Constant(None), place) for _ in range(3)]
    if first.optional_vars is not None:
        target = ast.Assign([first.optional_vars], load(value, place))
        body = [copy_place(target, first.optional_vars), *body]
    if_not_swallowed = ast.If(
        ast.UnaryOp(ast.Not(), special(leave, ast.Starred(call('.exc_info', place), ast.Load()))), [ast.Raise()], []
    )
    if_not_left = ast.If(ast.UnaryOp(ast.Not(), load(left, place)), [ast.Expr(special(leave, *nothing))], [])
    handler = ast.ExceptHandler(None, None, [assign(left, ast.Constant(True), place), if_not_swallowed])
    guarded = ast.Try(body, [handler], [], [if_not_left])
    keep_mark(guarded, statement)
    return [
        assign(manager, first.context_expr, place),
        copy_place(ast.Expr(call('.manager', place, load(manager, place), kind)), place),
        assign(value, special(enter), place),
        assign(left, copy_place(ast.Constant(False), place), place),
        copy_place(guarded, place),
    ]


def expand_async_for(statement: ast.AsyncFor, names: Names) -> list[ast.stmt]:
    """Return an ``async for`` statement in terms of ``while`` and ``try``.

    Source: PEP 492 and the language reference, "The async for statement".
    """
    place = statement.iter
    cursor, item, more = names.new('iter'), names.new('item'), names.new('more')
    awaited = ast.Await(call(call('.anext', place, load(cursor, place)), place))
    ended = ast.ExceptHandler(load('.StopAsyncIteration', place), None, [assign(more, ast.Constant(False), place)])
    body = [copy_place(ast.Assign([statement.target], load(item, place)), statement.target), *statement.body]
    turn = copy_place(ast.Try([assign(item, copy_place(awaited, place), place)], [ended], body, []), place)
    return [
        assign(cursor, call('.aiter', place, statement.iter), place),
        assign(more, ast.Constant(True), place),
        copy_place(ast.While(load(more, place), [turn], statement.orelse), statement),
    ]


def bind_exception(handler: ast.ExceptHandler) -> list[ast.stmt]:
    """Return the body of an ``except`` clause that must be cut, with its name bound and unbound as statements.

    Source: the language reference, "except clause": the name is deleted at the end of the clause.
    """
    if handler.name is None:
        return handler.body
    one = copy_place(ast.Constant(1), handler)
    current = ast.Subscript(call('.exc_info', handler), one, ast.Load())
    forget = ast.Delete([ast.Name(handler.name, ast.Del())])
    cleanup = [assign(handler.name, ast.Constant(None), handler), copy_place(forget, handler)]
    guarded = copy_place(ast.Try(handler.body, [], [], cleanup), handler)
    keep_mark(guarded, handler)
    return [assign(handler.name, current, handler), guarded]
