"""Pass: `locals()` and what else looks into the caller's frame get the variables of the function.

They would find those of a block. ``locals()`` becomes a call of the runtime that is given what the block sees, in an
expression that mentions all variables; ``vars()`` and ``dir()`` the same, and ``eval(code)`` is given its namespaces. Up
to Python 3.12 the dict is one for the whole call, as there, and what `exec` puts into it stays.
"""

from __future__ import annotations

import ast
import builtins
import sys

from .program import Program
from .trees import assign, call, load, walk

__all__ = ('READERS', 'spell_namespaces')

#: The functions, and the number of arguments from which on they do not look.
READERS = {'locals': 1, 'vars': 1, 'dir': 1, 'eval': 2, 'exec': 2}
_KEPT = '.kept'
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def spell_namespaces(program: Program) -> None:
    """Rewrite the calls that stand in the function's own scope."""
    if program.source.is_generator:
        return
    readers = [node for node in program.own(ast.Call) if _is_reader(program, node)]
    if not readers:
        return
    inner = {id(node) for outer in program.own(*_COMPREHENSIONS) for node in walk(outer)}
    for node in readers:
        if id(node) not in inner:
            _spell(program, node)
    first = program.source.node.body[0]
    program.source.node.body.insert(0, assign(_KEPT, ast.Dict([], []), first))


def _is_reader(program: Program, node: ast.Call) -> bool:
    if not isinstance(node.func, ast.Name) or node.func.id not in READERS:
        return False
    name = node.func.id
    if len(node.args) + len(node.keywords) >= READERS[name] or any(isinstance(arg, ast.Starred) for arg in node.args):
        return False
    return name not in program.scope.locals and program.source.resolve(node.func) is getattr(builtins, name)


def _spell(program: Program, node: ast.Call) -> None:
    assert isinstance(node.func, ast.Name)
    scope, code = program.scope, program.source.function.__code__
    every = (*code.co_varnames, *code.co_cellvars, *code.co_freevars)
    names = [name for name in dict.fromkeys(every) if name in scope.locals or name in scope.frees]
    mentioned = ast.Tuple([load(name, node) for name in names], ast.Load())
    never = ast.BoolOp(ast.And(), [ast.Constant(False), mentioned])
    order = ast.Tuple([ast.Constant(name) for name in names], ast.Load())
    kept = load(_KEPT, node) if sys.version_info < (3, 13) else ast.Dict([], [])
    found = call('.namespace', node, kept, call('.locals', node), order, never)
    if node.func.id in ('eval', 'exec'):
        node.args += [call('.globals', node), found]
    else:
        is_dir = node.func.id == 'dir'
        node.func = load('.sorted', node) if is_dir else found.func
        node.args = [found] if is_dir else found.args
    ast.fix_missing_locations(node)
