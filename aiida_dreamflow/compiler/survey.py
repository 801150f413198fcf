"""Pass: one walk over what the function itself runs, for the passes that look for nodes of some kind.

It sorts the nodes by kind, notes which of them await, and finds out what each name is (`scopes`).
"""

from __future__ import annotations

import ast
from collections import defaultdict

from .mentions import Variables
from .program import Program
from .scopes import scope_of
from .trees import AWAITS, LEAVES, awaits_itself, own_parts

__all__ = ('survey',)


def survey(program: Program) -> None:
    """Fill in `Program.nodes`, `Program.scope` and `Program.variables`."""
    nodes: defaultdict[type[ast.AST], list[ast.AST]] = defaultdict(list)

    def visit(node: ast.AST) -> bool:
        nodes[type(node)].append(node)
        if isinstance(node, LEAVES):
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
    program.scope = scope_of(program.source, program.own, program.declared)
    program.variables = Variables(program.scope)
