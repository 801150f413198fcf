"""Pass: one walk over what the function itself runs, for the passes that look for nodes of some kind.

It sorts the nodes by kind, notes which of them await, and finds out what each name is (`scopes`).
"""

from __future__ import annotations

import ast
from collections import defaultdict

from .mentions import Variables
from .program import Program
from .scopes import scope_of
from .trees import AWAITS, LEAVES, awaits_itself, own_parts, walk

__all__ = ('survey',)


def survey(program: Program) -> None:
    """Fill in `Program.nodes`, `Program.nested_globals`, `Program.scope` and `Program.variables`."""
    nodes: defaultdict[type[ast.AST], list[ast.AST]] = defaultdict(list)

    def visit(node: ast.AST) -> bool:
        kind = type(node)
        nodes[kind].append(node)
        if kind in LEAVES:
            return False
        awaits = awaits_itself(node)
        for part in own_parts(node):
            if visit(part):
                awaits = True
        setattr(node, AWAITS, awaits)
        return awaits

    for statement in program.source.node.body:
        visit(statement)
    program.nodes = nodes
    if 'global' in program.source.text:
        own = nodes.get(ast.Global, [])
        nested = (node for node in walk(program.source.node) if isinstance(node, ast.Global) and node not in own)
        program.nested_globals = frozenset(name for node in nested for name in node.names)
    program.scope = scope_of(program.source, program.own, program.declared)
    program.variables = Variables(program.scope)
