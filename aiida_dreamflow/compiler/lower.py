"""Pass: from the tree of a function to basic blocks.

Statements without await stay as Python compiles them, whole loops included. What awaits is cut: control flow becomes
blocks and jumps here, expressions are cut by `Spiller`, jumps get their meaning from `Surroundings`.

Exceptions: a block has one handler. A handler block runs with one more exception being handled (`Block.depth`); the
clauses of ``except`` are tried by native ``try: raise`` statements, so that matching is CPython's own.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from .desugar import bind_exception, expand_async_for, expand_with
from .groups import lower_group_clauses
from .jumps import FALL_THROUGH, RAISED, Cleanup, Loop, Surroundings, is_bare_raise, jumps_out
from .program import Await, Block, Held, Jump, Leave, Program, Reraise, Return, is_hidden
from .recipes import with_notes
from .spill import Slot, Spiller
from .trees import Names, assign, call, contains_await, copy_place, load
from .unbound import may_see_unbound

_JUMPS = (ast.Break, ast.Continue, ast.Return)

__all__ = ('Lowerer', 'lower')


def lower(program: Program) -> None:
    """Give a program its blocks."""
    lowerer = Lowerer(program)
    lowerer.begin(lowerer.block())
    lowerer.statements(program.source.node.body)
    lowerer.finish(Leave(Return(), ast.Constant(None)), program.source.node.body[-1])
    program.blocks = lowerer.blocks


class Lowerer:
    """Builds blocks, statement by statement."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.names = Names()
        self.blocks: list[Block] = []
        self.around = Surroundings()
        self.depth = 0
        self.handler: Block | None = None
        self.current: Block | None = None
        self.headers: list[str] = []
        self.held: list[Held] = []
        self.statement: ast.stmt = program.source.node
        self.spill = Spiller(self)

    # -- blocks

    def block(self) -> Block:
        """Return a new block for this depth and handler; it is placed where it begins."""
        return Block(self.depth, self.handler)

    def begin(self, block: Block) -> None:
        """Go on in a block."""
        block.index = len(self.blocks)
        self.blocks.append(block)
        self.current = block

    def emit(self, *statements: ast.stmt) -> None:
        """Add statements to the current block; after its end they cannot be reached and are dropped."""
        if self.current is not None:
            self.current.body.extend(statements)

    def finish(self, leave: Leave, place: ast.AST) -> None:
        """End the current block."""
        self.emit(copy_place(leave, place))
        self.current = None

    def goto(self, target: Block, keep: int | None = None) -> None:
        """End the current block with a jump."""
        self.finish(Leave(Jump(target, keep)), self.statement)

    def branch(self, test: ast.expr, yes: Block, no: Block) -> None:
        """End the current block with a jump that depends on a test."""
        leave_yes = copy_place(Leave(Jump(yes)), test)
        self.emit(copy_place(ast.If(test, [leave_yes], []), test))
        self.finish(Leave(Jump(no)), test)

    def share(self, names: tuple[str, ...]) -> None:
        """Let nested functions share variables of the compiler, in cells that begin anew here."""
        if names:
            scope = self.program.scope
            cells, kept = scope.cells.union(names), scope.kept_cells.union(names)
            self.program.scope = replace(scope, cells=cells, kept_cells=kept)
            after = self.block()
            self.finish(Leave(Jump(after, renewed=names)), self.statement)
            self.begin(after)

    def suspend(self, awaited: ast.expr, result: str, node: ast.Await, assigned: str | None) -> None:
        """End the current block with an await, and go on in the block that has its result."""
        after = self.block()
        exit = Await(after, result, node, self._label(node), assigned=assigned, held=tuple(self.held))
        self.finish(Leave(exit, awaited), node)
        self.begin(after)

    def _label(self, node: ast.Await) -> str:
        return f'L{node.lineno} ' + ' '.join([*self.headers[-1:], self._text(self.statement)])

    def _text(self, statement: ast.stmt) -> str:
        """Return the first line of a statement, without its comment."""
        return self.program.source.code_of_line(statement.lineno)

    # -- statements

    def statements(self, body: list[ast.stmt]) -> None:
        """Lower a list of statements."""
        for statement in body:
            self.statement = statement
            self._lower(statement)

    def _lower(self, statement: ast.stmt) -> None:
        jumps = jumps_out(statement)
        cut = contains_await(statement) or jumps == 'cut' or may_see_unbound(statement)
        if cut or isinstance(statement, _JUMPS) or is_bare_raise(statement):
            lowering: Callable[[ast.stmt], None] = getattr(self, f'_{type(statement).__name__}')
            lowering(statement)
        elif isinstance(statement, ast.Global | ast.Nonlocal):
            pass  # the scope knows
        elif jumps == 'native':
            self.emit(*map(self.around.inline, _with_recipes(statement)))
        else:
            self.emit(*_with_recipes(statement))

    def _Expr(self, node: ast.Expr) -> None:  # noqa: N802
        node.value = self.spill.expression(node.value)
        if not (isinstance(node.value, ast.Name) and is_hidden(node.value.id)):
            self.emit(node)

    def _Assign(self, node: ast.Assign) -> None:  # noqa: N802
        name = node.targets[0].id if isinstance(node.targets[0], ast.Name) and len(node.targets) == 1 else None
        value = self.spill.expression(node.value, assigned=name)
        if not any(contains_await(target) for target in node.targets):
            node.value = value
            self.emit(*with_notes(node))
            return
        value = self.spill.saved(value)
        for target in node.targets:
            self.spill.assign_target(target, value)

    def _AugAssign(self, node: ast.AugAssign) -> None:  # noqa: N802
        self.spill.augmented(node)

    def _Delete(self, node: ast.Delete) -> None:  # noqa: N802
        for target in node.targets:
            if contains_await(target):
                load_only = copy_place(ast.Tuple([target], ast.Load()), target)
                target = self.spill.expression(load_only).elts[0]  # type: ignore[attr-defined]
            self.emit(copy_place(ast.Delete([target]), target))

    def _Raise(self, node: ast.Raise) -> None:  # noqa: N802
        if is_bare_raise(node):
            self.finish(Leave(Reraise(node)), node)
            return
        self.spill.operands([(node, name, None) for name in ('exc', 'cause') if getattr(node, name) is not None])
        self.emit(node)

    def _Assert(self, node: ast.Assert) -> None:  # noqa: N802
        error: ast.expr = load('.AssertionError', node)
        if node.msg is not None:
            error = call(error, node, node.msg)
        failed = ast.If(ast.UnaryOp(ast.Not(), node.test), [ast.Raise(error)], [])
        self._lower(copy_place(ast.If(ast.Name('__debug__', ast.Load()), [failed], []), node))

    def _FunctionDef(self, node: ast.FunctionDef) -> None:  # noqa: N802
        self.spill.definition(node, [(node, 'decorator_list', index) for index in range(len(node.decorator_list))])
        self.emit(node)

    _AsyncFunctionDef = _FunctionDef

    def _ClassDef(self, node: ast.ClassDef) -> None:  # noqa: N802
        slots: list[Slot] = [(node, 'decorator_list', index) for index in range(len(node.decorator_list))]
        slots += [(node, 'bases', index) for index in range(len(node.bases))]
        slots += [(keyword, 'value', None) for keyword in node.keywords]
        self.spill.operands(slots)
        self.emit(node)

    def _Return(self, node: ast.Return) -> None:  # noqa: N802
        value = self.spill.expression(node.value) if node.value is not None else None
        self._jump(self.around.jump('return', node, value))

    def _Break(self, node: ast.Break) -> None:  # noqa: N802
        self._jump(self.around.jump('break', node))

    def _Continue(self, node: ast.Continue) -> None:  # noqa: N802
        self._jump(self.around.jump('continue', node))

    def _jump(self, statements: list[ast.stmt]) -> None:
        self.emit(*statements)
        self.current = None

    # -- control flow

    def _If(self, node: ast.If) -> None:  # noqa: N802
        yes, no, after = self.block(), self.block(), self.block()
        self.branch(self.spill.expression(node.test), yes, no)
        for block, body in ((yes, node.body), (no, node.orelse)):
            self.begin(block)
            self.statements(body)
            self.statement = node
            self.goto(after)
        self.begin(after)

    def _While(self, node: ast.While) -> None:  # noqa: N802
        head, body, otherwise, after = self.block(), self.block(), self.block(), self.block()
        self.goto(head)
        self.begin(head)
        self.branch(self.spill.expression(node.test), body, otherwise)
        self._loop(node, body, head, otherwise, after)

    def _For(self, node: ast.For) -> None:  # noqa: N802
        cursor, item = self.names.new('iter'), self.names.new('item')
        head, body, otherwise, after = self.block(), self.block(), self.block(), self.block()
        self.emit(assign(cursor, call('.iter', node.iter, self.spill.expression(node.iter)), node.iter))
        self.goto(head)
        self.begin(head)
        head.turns = cursor, item
        following = call('.next', node.iter, load(cursor, node.iter), load('.end', node.iter))
        self.emit(assign(item, following, node.iter))
        exhausted = ast.Compare(load(item, node.iter), [ast.Is()], [load('.end', node.iter)])
        self.branch(copy_place(exhausted, node.iter), otherwise, body)
        self.begin(body)
        self.spill.assign_target(node.target, load(item, node.target))
        self._loop(node, None, head, otherwise, after, Held('iterator', (cursor,)))

    def _AsyncFor(self, node: ast.AsyncFor) -> None:  # noqa: N802
        self.statements(expand_async_for(node, self.names))

    def _loop(
        self, node: ast.For | ast.While, body: Block | None, head: Block, otherwise: Block, after: Block, *held: Held
    ) -> None:
        """Lower the body and the ``else`` of a loop; the current block is its body if ``body`` isn't given."""
        if body is not None:
            self.begin(body)
        self.headers.append(self._text(node))
        with self._inside(Loop(after, head)), self._holding(*held):
            self.statements(node.body)
        self.headers.pop()
        self.statement = node
        self.goto(head)
        self.begin(otherwise)
        self.statements(node.orelse)
        self.statement = node
        self.goto(after)
        self.begin(after)

    def _With(self, node: ast.With | ast.AsyncWith) -> None:  # noqa: N802
        *entering, guarded = expand_with(node, self.names)
        self.statements(entering)
        manager, left = (entering[index].targets[0].id for index in (0, -1))  # type: ignore[attr-defined]
        with self._holding(Held('manager', (manager, left))):
            self.statements([guarded])

    _AsyncWith = _With

    def _Match(self, node: ast.Match) -> None:  # noqa: N802
        node.subject = self.spill.expression(node.subject)
        if any(_awaiting_guard(case) for case in node.cases):
            node.subject = self.spill.saved(node.subject)
        after, bodies = self.block(), [(self.block(), case.body) for case in node.cases]
        cases: list[ast.match_case] = []  # those that one native `match` tries
        for case, (block, _) in zip(node.cases, bodies, strict=True):
            cases.append(case)
            place = case.body[0]
            if (guard := _awaiting_guard(case)) is None:
                case.body = [copy_place(Leave(Jump(block)), place)]
                continue
            matched, following = self.block(), self.block()
            case.guard, case.body = None, [copy_place(Leave(Jump(matched)), place)]
            self.emit(copy_place(ast.Match(node.subject, cases), node))
            self.goto(following)
            self.begin(matched)
            self.branch(self.spill.expression(guard), block, following)
            self.begin(following)
            cases = []
        if cases:
            self.emit(copy_place(ast.Match(node.subject, cases), node))
        self.goto(after)
        for block, body in bodies:
            self.begin(block)
            self.statements(body)
            self.statement = node
            self.goto(after)
        self.begin(after)

    def _Try(self, node: ast.Try) -> None:  # noqa: N802
        if node.finalbody:
            self._finally(node)
        elif node.handlers:
            self._except(node)
        else:
            self.statements(node.body)

    _TryStar = _Try

    def _except(self, node: Any) -> None:
        after, otherwise = self.block(), self.block()
        with self.handling():
            clauses = self.block()
        body = Block(self.depth, clauses)
        self.goto(body)
        self.begin(body)
        with self.guarded_by(clauses):
            self.statements(node.body)
            self.statement = node
        self.goto(otherwise)
        with self.handling():
            self.begin(clauses)
            if isinstance(node, ast.Try):
                for handler in node.handlers:
                    self._clause(handler, after)
                self.finish(Leave(Reraise()), node)
            else:
                lower_group_clauses(self, node, after)
        self.begin(otherwise)
        self.statements(node.orelse)
        self.statement = node
        self.goto(after)
        self.begin(after)

    def _clause(self, handler: ast.ExceptHandler, after: Block) -> None:
        """Lower one ``except`` clause; the current block goes on with the next."""
        body, following = self.block(), self.block()
        if handler.type is None:
            self.statement = handler.body[0]
            self.goto(body)
        else:
            kind = self.spill.expression(handler.type)
            matched = ast.ExceptHandler(kind, None, [copy_place(Leave(Jump(body)), handler.type)])
            other = ast.ExceptHandler(None, None, [ast.Pass()])
            self.emit(copy_place(ast.Try([ast.Raise()], [matched, other], [], []), handler.type))
            self.goto(following)
        self.begin(body)
        with self._holding(Held('except')):
            self.statements(bind_exception(handler))
        self.statement = handler.body[-1]
        self.goto(after)
        self.begin(following)

    def _finally(self, node: ast.Try) -> None:
        after = self.block()
        completion = self.names.new('completion')
        with self.handling():
            raised, cleanup_block = self.block(), self.block()
        cleanup = Cleanup(completion, cleanup_block, self.depth)
        body = Block(self.depth, raised)
        self.goto(body)
        self.begin(body)
        with self.guarded_by(raised), self._inside(cleanup):
            self._Try(copy_place(type(node)(node.body, node.handlers, node.orelse, []), node))
            self.statement = node
        comes_to_its_end = self.current is not None
        self.emit(assign(completion, ast.Constant(FALL_THROUGH), node))
        self.goto(cleanup_block, self.depth)
        with self.handling():
            self.begin(raised)
            self.emit(assign(completion, ast.Constant(RAISED), node))
            self.goto(cleanup_block)
            self.begin(cleanup_block)
            with self._holding(Held('finally', (completion,), certain=not cleanup.jumps)):
                self.statements(node.finalbody)
            self.statement = node
            self._complete(cleanup, after if comes_to_its_end else None)
        self.begin(after)

    def _complete(self, cleanup: Cleanup, after: Block | None) -> None:
        """End a ``finally``: go on as its completion says.

        :param after: where its ``try`` leads if it comes to its end, ``None`` if it never does.
        """
        place = self.statement
        ways: list[tuple[int, list[ast.stmt]]] = [(RAISED, [Leave(Reraise())])]
        ways += [(cleanup.number_of(kind), self.around.resume(kind, place)) for kind in cleanup.jumps]
        last: list[ast.stmt] = [Leave(Jump(after))] if after is not None else ways.pop()[1]
        for number, statements in ways:
            test = ast.Compare(load(cleanup.completion, place), [ast.Eq()], [ast.Constant(number)])
            self.emit(copy_place(ast.If(test, statements, []), place))
        self._jump([copy_place(statement, place) for statement in last])

    @contextmanager
    def handling(self) -> Iterator[None]:
        """Handle one more exception in the blocks made meanwhile."""
        self.depth += 1
        yield
        self.depth -= 1

    @contextmanager
    def guarded_by(self, handler: Block) -> Iterator[None]:
        """Send the exceptions of the blocks made meanwhile to a handler."""
        outer, self.handler = self.handler, handler
        yield
        self.handler = outer

    @contextmanager
    def _holding(self, *held: Held) -> Iterator[None]:
        self.held.extend(held)
        yield
        del self.held[len(self.held) - len(held) :]

    @contextmanager
    def _inside(self, construct: Loop | Cleanup) -> Iterator[None]:
        self.around.append(construct)
        yield
        self.around.pop()


def _awaiting_guard(case: ast.match_case) -> ast.expr | None:
    """Return the guard of a ``case`` if it awaits."""
    return case.guard if case.guard is not None and contains_await(case.guard) else None


def _with_recipes(statement: ast.stmt) -> list[ast.stmt]:
    """Return a statement that stays native, with the recipes of its assignments noted where it doesn't loop."""
    if isinstance(statement, ast.If | ast.With | ast.Try):
        for field in ('body', 'orelse', 'finalbody'):
            body = getattr(statement, field, [])
            body[:] = [part for inner in body for part in _with_recipes(inner)]
    return with_notes(statement)
