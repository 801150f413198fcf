"""Pass: which variables later code may read, at each await.

Backward liveness over the blocks. Any statement may raise, so what a handler reads is live throughout the blocks that
it guards. A variable shared with a nested function that may outlive its expression is always live.

Source: Aho, Lam, Sethi, Ullman, "Compilers", section 9.2.5, with an edge from every statement to its handler.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace

from .program import HIDDEN, Await, Block, Exit, Jump, Leave, Program, is_hidden
from .recipes import noted_site
from .trees import NESTED_SCOPES, evaluated_parts

__all__ = ('analyse_liveness',)


def analyse_liveness(program: Program) -> None:
    """Fill in `Await.live`, `Block.reads` and `Block.mentioned`; drop the notes of recipes that no await needs."""
    flow = _Flow(program)
    _solve(program, flow)
    if _drop_useless_notes(program):
        _solve(program, flow)


def _solve(program: Program, flow: _Flow) -> None:
    for block in program.blocks:
        names = [flow.names(statement) for statement in block.body]
        block.mentioned = frozenset().union(*(n.loads | n.stores for n in names)) - program.scope.cells
        block.reads = frozenset()
    changed = True
    while changed:
        changed = False
        for block in reversed(program.blocks):
            handled = block.handler.reads if block.handler is not None else frozenset()
            live = flow.before(block.body, _Around(handled, handled=handled, block=block))
            if live != block.reads:
                block.reads, changed = live, True
    for block in program.blocks:
        for exit in block.exits:
            if isinstance(exit, Await):
                exit.live = _live_after(exit, block) | program.scope.kept_cells


def _live_after(exit: Exit, block: Block) -> frozenset[str]:
    """Return what is live when a block has been left through an exit."""
    if isinstance(exit, Await):
        raised = block.handler.reads if block.handler is not None else frozenset()
        return (exit.target.reads - {exit.result}) | raised
    if isinstance(exit, Jump):
        return exit.target.reads
    return frozenset()


def _drop_useless_notes(program: Program) -> bool:
    """Drop the notes of recipes whose variable never crosses an await, nor is the input of one that does."""
    wanted: set[str] = set().union(*(exit.live for exit in program.awaits()))
    sites = [site for site in program.recipes if site.variable in wanted]
    for site in sites:  # the list grows while it is walked
        sites.extend(other for other in program.recipes if other.variable in site.inputs and other not in sites)
    dropped = False
    for block in program.blocks:
        dropped |= _filter_notes(program, block.body, {site.index for site in sites})
    return dropped


def _filter_notes(program: Program, body: list[ast.stmt], wanted: set[int]) -> bool:
    kept = [s for s in body if (site := noted_site(program, s)) is None or site.index in wanted]
    dropped = len(kept) < len(body)
    body[:] = kept
    for statement in body:
        if isinstance(statement, ast.If | ast.With | ast.Try):
            for name in ('body', 'orelse', 'finalbody'):
                dropped |= _filter_notes(program, getattr(statement, name, []), wanted)
    return dropped


@dataclass(frozen=True)
class _Around:
    """What is live where control may go from a statement.

    :ivar after: behind it.
    :ivar handled: where an exception goes.
    :ivar block: the block it is in.
    :ivar on_break: behind the innermost native loop.
    :ivar on_continue: at the head of that loop.
    """

    after: frozenset[str]
    handled: frozenset[str]
    block: Block
    on_break: frozenset[str] = frozenset()
    on_continue: frozenset[str] = frozenset()


class _Flow:
    """Liveness inside of a block, through the compound statements that stayed native."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._names: dict[ast.AST | None, _NameCollector] = {}

    def names(self, node: ast.AST | None) -> _NameCollector:
        """Return the variables that a node mentions."""
        collector = self._names.get(node)
        if collector is None:
            collector = self._names[node] = _NameCollector(self.program)
            if node is not None:
                collector.visit(node)
        return collector

    def before(self, body: list[ast.stmt], around: _Around) -> frozenset[str]:
        """Return what is live before a list of statements."""
        live = around.after
        for statement in reversed(body):
            method = getattr(self, f'_{type(statement).__name__}', self._simple)
            live = method(statement, replace(around, after=live)) | around.handled
        return live

    def _simple(self, node: ast.stmt, around: _Around) -> frozenset[str]:
        names = self.names(node)
        return (around.after - (names.stores - names.uncertain)) | names.loads

    def _Leave(self, node: Leave, around: _Around) -> frozenset[str]:  # noqa: N802
        return _live_after(node.exit, around.block) | self.names(node).loads

    def _Raise(self, node: ast.Raise, around: _Around) -> frozenset[str]:  # noqa: N802
        return around.handled | self.names(node).loads

    def _Break(self, node: ast.Break, around: _Around) -> frozenset[str]:  # noqa: N802
        return around.on_break

    def _Continue(self, node: ast.Continue, around: _Around) -> frozenset[str]:  # noqa: N802
        return around.on_continue

    def _If(self, node: ast.If, around: _Around) -> frozenset[str]:  # noqa: N802
        return self.before(node.body, around) | self.before(node.orelse, around) | self.names(node.test).loads

    def _While(self, node: ast.While, around: _Around) -> frozenset[str]:  # noqa: N802
        head = self.before(node.orelse, around) | self.names(node.test).loads
        return self._loop(node.body, head, frozenset(), around) | self.names(node.test).loads

    def _For(self, node: ast.For, around: _Around) -> frozenset[str]:  # noqa: N802
        target = self.names(node.target)
        head = self.before(node.orelse, around) | target.loads
        return self._loop(node.body, head, frozenset(target.stores), around) | self.names(node.iter).loads

    def _loop(
        self, body: list[ast.stmt], head: frozenset[str], killed: frozenset[str], around: _Around
    ) -> frozenset[str]:
        """Return what is live at the head of a loop.

        :param head: what is live there anyway.
        :param killed: what every turn begins with assigning.
        """
        while True:
            inside = replace(around, after=head, on_break=around.after, on_continue=head)
            more = head | (self.before(body, inside) - killed) | around.handled
            if more == head:
                return head
            head = more

    def _With(self, node: ast.With, around: _Around) -> frozenset[str]:  # noqa: N802
        # A context manager may swallow the exception.
        live = self.before(node.body, replace(around, handled=around.handled | around.after))
        for item in reversed(node.items):
            target = self.names(item.optional_vars)
            live = (live - target.stores) | target.loads | self.names(item.context_expr).loads
        return live

    def _Try(self, node: ast.Try, around: _Around) -> frozenset[str]:  # noqa: N802
        finished = self.before(node.finalbody, around)
        # The `finally` also runs when a loop is left through it.
        inner = replace(around, after=finished, on_break=finished | around.on_break)
        inner = replace(inner, handled=finished | around.handled, on_continue=finished | around.on_continue)
        caught = inner.handled
        for handler in node.handlers:
            bound = {handler.name} if handler.name else set()
            caught |= (self.before(handler.body, inner) - bound) | self.names(handler.type).loads
        otherwise = self.before(node.orelse, inner)
        return self.before(node.body, replace(inner, after=otherwise, handled=caught)) | caught

    _TryStar = _Try

    def _Match(self, node: ast.Match, around: _Around) -> frozenset[str]:  # noqa: N802
        live = around.after
        for case in node.cases:
            pattern = self.names(case.pattern)
            taken = self.before(case.body, around) | self.names(case.guard).loads
            live |= (taken - pattern.stores) | pattern.loads
        return live | self.names(node.subject).loads


class _NameCollector(ast.NodeVisitor):
    """Collects the function's own variables that a statement mentions."""

    def __init__(self, program: Program) -> None:
        self.variables = program.scope.locals
        self.loads: set[str] = set()
        self.stores: set[str] = set()
        self.uncertain: set[str] = set()
        self.shadowed: list[set[str]] = []

    def _add(self, name: str, context: ast.expr_context) -> None:
        own = name in self.variables or (is_hidden(name) and name not in HIDDEN)
        if not own or any(name in names for names in self.shadowed):
            return
        if isinstance(context, ast.Load | ast.Del):
            self.loads.add(name)
        if not isinstance(context, ast.Load):
            self.stores.add(name)

    def visit_Name(self, node: ast.Name) -> None:
        self._add(node.id, node.ctx)

    def visit_Leave(self, node: Leave) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self._add(node.target.id, ast.Load())
        self.generic_visit(node)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        # It may stand where it is not always evaluated.
        self.uncertain.add(node.target.id)
        self._outside_comprehensions(node.target)
        self.visit(node.value)

    def _outside_comprehensions(self, target: ast.Name) -> None:
        shadowed, self.shadowed = self.shadowed, []
        self.visit(target)
        self.shadowed = shadowed

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name is not None:
            self._add(node.name, ast.Store())
        self.generic_visit(node)

    def _pattern(self, node: ast.MatchAs | ast.MatchStar) -> None:
        if node.name is not None:
            self._add(node.name, ast.Store())
        self.generic_visit(node)

    visit_MatchAs = visit_MatchStar = _pattern  # noqa: N815

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        if node.rest is not None:
            self._add(node.rest, ast.Store())
        self.generic_visit(node)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            self._add(alias.asname or alias.name.partition('.')[0], ast.Store())

    visit_Import = visit_ImportFrom = _import  # noqa: N815

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        self.visit(node.generators[0].iter)
        bound = {
            name.id
            for generator in node.generators
            for name in ast.walk(generator.target)
            if isinstance(name, ast.Name)
        }
        self.shadowed.append(bound)
        for generator in node.generators:
            parts = [generator.target, *generator.ifs]
            if generator is not node.generators[0]:
                parts.append(generator.iter)
            for part in parts:
                self.visit(part)
        for value in [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]:
            self.visit(value)
        self.shadowed.pop()

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension  # noqa: N815

    def visit(self, node: ast.AST) -> None:
        """Visit a node; of a definition only what is evaluated where it stands."""
        if isinstance(node, NESTED_SCOPES):
            for part in evaluated_parts(node):
                self.visit(part)
            if not isinstance(node, ast.Lambda):
                self._add(node.name, ast.Store())
        else:
            super().visit(node)
