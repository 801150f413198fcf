"""What a workflow function says of its inputs and outputs: the help of the ports, the names that it returns."""

from __future__ import annotations

import ast

from ..compiler.program import Leave, Program, Return

__all__ = ('outputs_in', 'parameters_in')


def parameters_in(docstring: str | None) -> dict[str, str]:
    """Return what a docstring says of parameters, by name; in any of the usual styles."""
    import docstring_parser

    try:
        parsed = docstring_parser.parse(docstring or '')
    except docstring_parser.ParseError:
        return {}
    return {param.arg_name: ' '.join((param.description or '').split()) for param in parsed.params}


def outputs_in(program: Program) -> list[str]:
    """Return the names of the outputs that can be read off the ``return`` statements, in their order.

    There may be others: those of a dict that is made elsewhere.
    """
    found: dict[str, None] = {}
    for block in program.blocks:
        for statement in block.body:
            for node in ast.walk(statement):
                if isinstance(node, Leave) and isinstance(node.exit, Return):
                    found.update(dict.fromkeys(_keys(node.value)))
    return list(found)


def _keys(value: ast.expr | None) -> list[str]:
    """Return the names in the dict that a ``return`` gives, which stands among what else the block says when it ends."""
    values = value.elts if isinstance(value, ast.Tuple) else [value]
    dicts = [each for each in values if isinstance(each, ast.Dict)]
    keys = [key.value for each in dicts for key in each.keys if isinstance(key, ast.Constant)]
    return [key for key in keys if isinstance(key, str)]
