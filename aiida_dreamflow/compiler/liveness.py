"""Pass: which variables later code may read, at each await.

Backward liveness over the blocks. What a block does is found in one walk through it, native loops and branches
included: what it may read before it has assigned it, and what it has assigned for certain where it is left. Any
statement may raise, so what a handler reads is live throughout the blocks that it guards. A variable shared with a
nested function that may outlive its expression is always live.

Source: Aho, Lam, Sethi, Ullman, "Compilers", section 9.2.5, with an edge from every statement to its handler.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

from .mentions import Mentions, Variables
from .program import Await, Block, Exit, Jump, Leave, Program
from .recipes import noted_site

__all__ = ('analyse_liveness',)

#: All variables: what is certain where nothing ever comes.
_UNREACHABLE = -1


def analyse_liveness(program: Program) -> None:
    """Fill in `Await.live` and what blocks mention; drop the notes of recipes that no await needs."""
    variables = program.variables
    walks = {block: _Walk(variables, block) for block in program.blocks}
    reads = _solve(program, walks)
    _drop_useless_notes(program)
    cells = variables.bits(program.scope.cells)
    for block in program.blocks:
        found = walks[block].found
        own = (found.loads | found.stores) & ~cells
        block.mentioned = variables.names(own)
        block.params = tuple(sorted(variables.names(own & reads[block])))
        block.taken = tuple(sorted(variables.names(own & reads[block] & found.stores)))
        block.rebound = variables.names(found.stores & cells) | found.outer_stores
        block.sets_globals = (block.rebound & program.scope.declared_global) | program.nested_globals
        block.only_appended = variables.names(found.appended & ~(found.called | found.otherwise))
        block.only_called = variables.names(found.called & ~(found.appended | found.otherwise))


def _solve(program: Program, walks: dict[Block, _Walk]) -> dict[Block, int]:
    """Fill in `Await.live`; return the variables whose value at the beginning of each block later code may read."""
    variables = program.variables
    reads = {block: walk.reads for block, walk in walks.items()}
    ways = {block: list(_ways(block, walk, variables)) for block, walk in walks.items()}
    changed = True
    while changed:
        changed = False
        for block in reversed(program.blocks):
            live = reads[block]
            for target, left in ways[block]:
                live |= reads[target] & left
            if live != reads[block]:
                reads[block], changed = live, True
    kept = variables.bits(program.scope.kept_cells)
    for block in program.blocks:
        raised = reads[block.handler] if block.handler is not None else 0
        for exit in block.exits:
            if isinstance(exit, Await):
                exit.live = variables.names((reads[exit.target] & ~variables.bit(exit.result)) | raised | kept)
    return reads


def _ways(block: Block, walk: _Walk, variables: Variables) -> Iterator[tuple[Block, int]]:
    """Yield the blocks that follow on a block, each with the variables that are not surely assigned on the way."""
    if block.handler is not None:
        yield block.handler, ~0
    for exit, assigned in walk.left:
        if isinstance(exit, Await):
            yield exit.target, ~(assigned | variables.bit(exit.result))
        elif isinstance(exit, Jump):
            yield exit.target, ~assigned


def _drop_useless_notes(program: Program) -> None:
    """Drop the notes of recipes whose variable never crosses an await, nor is the input of one that does.

    Liveness stays as it is: a note reads what the assignment before it reads, and the variable assigned there.
    """
    wanted: set[str] = set().union(*(exit.live for exit in program.awaits()))
    sites = [site for site in program.recipes if site.variable in wanted]
    for site in sites:  # the list grows while it is walked
        sites.extend(other for other in program.recipes if other.variable in site.inputs and other not in sites)
    for block in program.blocks if len(sites) < len(program.recipes) else ():
        _filter_notes(program, block.body, {site.index for site in sites})


def _filter_notes(program: Program, body: list[ast.stmt], wanted: set[int]) -> None:
    body[:] = [s for s in body if (site := noted_site(program, s)) is None or site.index in wanted]
    for statement in body:
        if isinstance(statement, ast.If | ast.With | ast.Try):
            for name in ('body', 'orelse', 'finalbody'):
                _filter_notes(program, getattr(statement, name, []), wanted)


class _Walk:
    """One walk through a block, in the order in which it runs.

    The methods take the variables that are assigned for certain before a statement, and return those after it.

    :ivar found: all that it mentions.
    :ivar reads: the variables that it may read before it has assigned them.
    :ivar left: its exits, each with the variables that are assigned for certain there.
    """

    def __init__(self, variables: Variables, block: Block) -> None:
        self.variables = variables
        self.found = Mentions()
        self.reads = 0
        self.left: list[tuple[Exit, int]] = []
        self._on_break = _UNREACHABLE
        self._body(block.body, 0)

    def _body(self, body: list[ast.stmt], assigned: int) -> int:
        for statement in body:
            assigned = _METHODS.get(type(statement), _Walk._simple)(self, statement, assigned)
        return assigned

    def _node(self, node: ast.AST | None, assigned: int) -> int:
        mentioned = self.variables.mentioned(node)
        self.found.add(mentioned)
        self.reads |= mentioned.loads & ~assigned
        return assigned | mentioned.certain

    def _simple(self, node: ast.stmt, assigned: int) -> int:
        return self._node(node, assigned)

    def _leave(self, node: Leave, assigned: int) -> int:
        self._node(node.taken, assigned)
        self.left.append((node.exit, assigned))
        return _UNREACHABLE

    def _raise(self, node: ast.Raise, assigned: int) -> int:
        self._node(node, assigned)
        return _UNREACHABLE

    def _break(self, node: ast.Break, assigned: int) -> int:
        self._on_break &= assigned
        return _UNREACHABLE

    def _continue(self, node: ast.Continue, assigned: int) -> int:
        return _UNREACHABLE

    def _if(self, node: ast.If, assigned: int) -> int:
        assigned = self._node(node.test, assigned)
        return self._body(node.body, assigned) & self._body(node.orelse, assigned)

    def _while(self, node: ast.While, assigned: int) -> int:
        assigned = self._node(node.test, assigned)
        ends = not (isinstance(node.test, ast.Constant) and node.test.value)
        return self._loop(node, assigned, assigned if ends else _UNREACHABLE)

    def _for(self, node: ast.For, assigned: int) -> int:
        assigned = self._node(node.iter, assigned)
        return self._loop(node, self._node(node.target, assigned), assigned)

    def _loop(self, node: ast.For | ast.While, inside: int, assigned: int) -> int:
        outer, self._on_break = self._on_break, _UNREACHABLE
        self._body(node.body, inside)
        broken, self._on_break = self._on_break, outer
        return self._body(node.orelse, assigned) & broken

    def _with(self, node: ast.With, assigned: int) -> int:
        inside = assigned
        for item in node.items:
            inside = self._node(item.optional_vars, self._node(item.context_expr, inside))
        self._body(node.body, inside)
        # The first manager may swallow whatever is raised once it has been entered: only a name is surely assigned.
        target = node.items[0].optional_vars
        return self._node(target, assigned) if isinstance(target, ast.Name) else assigned

    def _try(self, node: ast.Try, assigned: int) -> int:
        # An exception may have come from any of its statements: nothing of them is certain in the clauses and at the end.
        finished = self._body(node.orelse, self._body(node.body, assigned))
        for handler in node.handlers:
            self._node(handler.type, assigned)
            name = self.found.bind(handler.name, self.variables) if handler.name else 0
            finished &= self._body(handler.body, assigned | name)
        return finished | self._body(node.finalbody, assigned)

    def _match(self, node: ast.Match, assigned: int) -> int:
        assigned = self._node(node.subject, assigned)
        for case in node.cases:
            inside = self._node(case.guard, self._node(case.pattern, assigned))
            self._body(case.body, inside)
        return assigned


_METHODS: dict[type[ast.AST], Callable[[_Walk, Any, int], int]] = {
    Leave: _Walk._leave,
    ast.Raise: _Walk._raise,
    ast.Break: _Walk._break,
    ast.Continue: _Walk._continue,
    ast.If: _Walk._if,
    ast.While: _Walk._while,
    ast.For: _Walk._for,
    ast.With: _Walk._with,
    ast.Try: _Walk._try,
    getattr(ast, 'TryStar', ast.Try): _Walk._try,
    ast.Match: _Walk._match,
}
