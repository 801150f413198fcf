"""Await points woven into the body of a function: the same meaning, under asyncio and compiled."""

from __future__ import annotations

import ast
import copy
import random
from dataclasses import dataclass

__all__ = ('MODES', 'Mode', 'weave')


@dataclass(frozen=True)
class Mode:
    """How densely to weave.

    :ivar statements: the share of statements with a point before them.
    :ivar operands: the share of sub-expressions with a point around them.
    :ivar comprehensions: the same, inside comprehensions.
    """

    statements: float
    operands: float
    comprehensions: float


MODES = {
    'statements': Mode(1, 0, 0),
    'operands': Mode(0, 0.4, 0),
    'comprehensions': Mode(0.3, 0, 0.6),
    'mixed': Mode(0.6, 0.2, 0.2),
    'dense': Mode(1, 0.7, 0.5),
}

_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp)
#: Expressions that stay as they are: parts of other ones, or simple ones that nothing could happen to.
_WHOLE = (ast.Starred, ast.Slice, ast.Constant, ast.Await, ast.Yield, ast.YieldFrom, ast.FormattedValue)


def weave(function: ast.FunctionDef, mode: Mode, seed: str, owner: str) -> ast.AsyncFunctionDef:
    """Return a method as a coroutine function with await points, which returns its `self` at the end.

    :param function: the method.
    :param mode: how densely to weave.
    :param seed: chooses where and how.
    :param owner: the name of the class that it was written in, for the names that begin with two underscores.
    """
    node = copy.deepcopy(function)
    _Mangler(owner).visit(node)
    weaver = _Weaver(mode, random.Random(seed))
    args = node.args
    for arg in [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]:
        if arg is not None:
            arg.annotation = None
    # Their values are set afterwards: here the names of the class around are not there.
    args.defaults = [ast.Constant(None) for _ in args.defaults]
    args.kw_defaults = [default and ast.Constant(None) for default in args.kw_defaults]
    itself = (args.posonlyargs + args.args)[0].arg
    body = [_Returns(itself).visit(statement) for statement in node.body]
    woven = ast.AsyncFunctionDef(
        name=node.name,
        args=args,
        body=[*weaver.block(body), ast.Return(ast.Name(itself, ast.Load()))],
        decorator_list=[],
        returns=None,
        type_params=[],
    )
    return ast.fix_missing_locations(woven)


class _Mangler(ast.NodeTransformer):
    """Spells out the private names of a class, as its methods see them."""

    def __init__(self, owner: str) -> None:
        self.prefix = '_' + owner.lstrip('_')

    def mangled(self, name: str) -> str:
        private = name.startswith('__') and not name.endswith('__') and '.' not in name
        return self.prefix + name if private and self.prefix != '_' else name

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        # What is inside of a class has the names of that class.
        node.name = self.mangled(node.name)
        node.bases = [self.visit(base) for base in node.bases]
        node.decorator_list = [self.visit(decorator) for decorator in node.decorator_list]
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        for field in ('id', 'attr', 'name', 'arg'):
            if isinstance(name := getattr(node, field, None), str):
                setattr(node, field, self.mangled(name))
        if isinstance(node, ast.Global | ast.Nonlocal):
            node.names = [self.mangled(name) for name in node.names]
        return super().generic_visit(node)


class _Returns(ast.NodeTransformer):
    """Lets every `return` of a method return its `self`: what the test does afterwards looks at that."""

    def __init__(self, itself: str) -> None:
        self.itself = itself

    def visit_Return(self, node: ast.Return) -> ast.Return:
        itself = ast.Name(self.itself, ast.Load())
        if node.value is None:
            return ast.Return(itself)
        return ast.Return(ast.Subscript(ast.Tuple([node.value, itself], ast.Load()), ast.Constant(1), ast.Load()))

    def skip(self, node: ast.AST) -> ast.AST:
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = visit_Lambda = skip


class _Weaver(ast.NodeTransformer):
    def __init__(self, mode: Mode, rng: random.Random) -> None:
        self.mode, self.rng = mode, rng
        self.number = 0
        self.loops = 0
        self.share = mode.operands

    # -- statements

    def block(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        found: list[ast.stmt] = []
        for statement in statements:
            if self.rng.random() < self.mode.statements:
                found.append(ast.Expr(self.stop()))
            found.append(self.visit(statement))
        if self.rng.random() < self.mode.statements and not isinstance(found[-1], ast.Return | ast.Raise):
            found.append(ast.Expr(self.stop()))
        return found

    def stop(self) -> ast.expr:
        """Return an await whose value is ``None``."""
        return _await('here' if self.loops else 'at', self.next_number())

    def next_number(self) -> ast.expr:
        self.number += 1
        return ast.Constant(self.number)

    def visit_If(self, node: ast.If | ast.While) -> ast.stmt:
        node.test = self.visit(node.test)
        node.body, node.orelse = self.block(node.body), node.orelse and self.block(node.orelse)
        return node

    def visit_While(self, node: ast.While) -> ast.stmt:
        self.loops += 1
        self.visit_If(node)
        self.loops -= 1
        return node

    def visit_For(self, node: ast.For) -> ast.stmt:
        node.iter = self.visit(node.iter)
        self.loops += 1
        node.target = self.visit(node.target)
        node.body = self.block(node.body)
        self.loops -= 1
        node.orelse = node.orelse and self.block(node.orelse)
        return node

    def visit_With(self, node: ast.With) -> ast.stmt:
        node.items = [self.visit(item) for item in node.items]
        node.body = self.block(node.body)
        return node

    def visit_Try(self, node: ast.Try) -> ast.stmt:
        node.body = self.block(node.body)
        node.handlers = [self.visit(handler) for handler in node.handlers]
        node.orelse = node.orelse and self.block(node.orelse)
        node.finalbody = node.finalbody and self.block(node.finalbody)
        return node

    visit_TryStar = visit_Try

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.ExceptHandler:
        node.type = node.type and self.visit(node.type)
        node.body = self.block(node.body)
        return node

    def visit_match_case(self, node: ast.match_case) -> ast.match_case:
        node.guard = node.guard and self.visit(node.guard)
        node.body = self.block(node.body)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        node.target = self.visit(node.target)
        node.value = node.value and self.visit(node.value)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.stmt:
        if not getattr(node, 'type_params', ()):
            node.decorator_list = [self.visit(decorator) for decorator in node.decorator_list]
            self.visit_defaults(node.args)
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_defaults(self, node: ast.arguments) -> None:
        node.defaults = [self.visit(default) for default in node.defaults]
        node.kw_defaults = [default and self.visit(default) for default in node.kw_defaults]

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.stmt:
        if not getattr(node, 'type_params', ()):
            node.decorator_list = [self.visit(decorator) for decorator in node.decorator_list]
            node.bases = [self.visit(base) for base in node.bases]
            node.keywords = [self.visit(keyword) for keyword in node.keywords]
        return node

    def visit_TypeAlias(self, node: ast.stmt) -> ast.stmt:
        return node

    # -- expressions

    def visit(self, node: ast.AST) -> ast.AST:
        visited = super().visit(node)
        if isinstance(visited, ast.expr) and self.may_wrap(visited) and self.rng.random() < self.share:
            return self.wrapped(visited)
        return visited

    def may_wrap(self, node: ast.expr) -> bool:
        if isinstance(node, _WHOLE) or type(node).__name__ in ('Interpolation',):
            return False
        if isinstance(node, ast.Name) and node.id == 'self':
            return False
        if isinstance(node, ast.Tuple) and any(isinstance(item, ast.Slice | ast.Starred) for item in node.elts):
            return False
        return isinstance(getattr(node, 'ctx', None), ast.Load | None)

    def wrapped(self, node: ast.expr) -> ast.expr:
        form = self.rng.randrange(4)
        if form == 0:
            return _await('passing', self.next_number(), node)
        if form == 1:
            return _item([self.stop(), node], 1)
        if form == 2:
            return _item([node, self.stop()], 0)
        return ast.BoolOp(ast.Or(), [self.stop(), node])

    def visit_Call(self, node: ast.Call) -> ast.expr:
        if not isinstance(node.func, ast.Name):
            node.func = self.visit_inside(node.func)
        node.args = [self.visit(arg) for arg in node.args]
        node.keywords = [self.visit(keyword) for keyword in node.keywords]
        return node

    def visit_inside(self, node: ast.expr) -> ast.expr:
        """Visit an expression without wrapping it whole."""
        return super().visit(node)

    def visit_JoinedStr(self, node: ast.expr) -> ast.expr:
        for part in node.values:
            if not isinstance(part, ast.Constant):
                part.value = self.visit(part.value)
        return node

    visit_TemplateStr = visit_JoinedStr

    def visit_Lambda(self, node: ast.Lambda) -> ast.expr:
        self.visit_defaults(node.args)
        return node

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.expr:
        node.generators[0].iter = self.visit(node.generators[0].iter)
        return node

    def visit_comprehension_of_a_kind(self, node: ast.ListComp) -> ast.expr:
        first, *others = node.generators
        first.iter = self.visit(first.iter)
        outer, self.share = self.share, self.mode.comprehensions
        self.loops += 1
        first.ifs = [self.visit(condition) for condition in first.ifs]
        node.generators = [first, *(self.visit(generator) for generator in others)]
        for field in ('elt', 'key', 'value'):
            if hasattr(node, field):
                setattr(node, field, self.visit(getattr(node, field)))
        self.loops -= 1
        self.share = outer
        return node

    visit_ListComp = visit_SetComp = visit_DictComp = visit_comprehension_of_a_kind


def _await(name: str, *args: ast.expr) -> ast.Await:
    return ast.Await(ast.Call(ast.Name(f'_dream_{name}', ast.Load()), list(args), []))


def _item(values: list[ast.expr], index: int) -> ast.expr:
    return ast.Subscript(ast.Tuple(values, ast.Load()), ast.Constant(index), ast.Load())
