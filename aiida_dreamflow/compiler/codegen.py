"""Pass: from blocks to code objects.

A block becomes a function of its own: its parameters are the variables it may read, and it returns which exit it took,
what it takes along, and its variables. Cells, free variables and what the runtime supplies are free variables of that
function, so that nested functions share them in the ordinary way.

The variables that it changes it takes out of a list: nothing else then holds what it drops.

A block that jumps to its own beginning, a turn of a loop in which nothing was awaited, becomes a native loop.

File, line and function name are the user's: tracebacks, ``pdb`` and coverage see the source.
"""

from __future__ import annotations

import ast
import copy
import functools
import sys
import types
from collections.abc import Iterable
from typing import Any

from .program import HIDDEN, Await, Block, Jump, Leave, Program, RecipeSite, Yielded
from .quietly import compiled
from .trees import call, copy_place, load, place_of, store

__all__ = ('block_code', 'generate_code', 'raising_code', 'recipe_code')


def generate_code(program: Program) -> None:
    """Compile all blocks of a program, in one go."""
    for block in program.blocks:
        for leave in block.leaves:
            leave.value = _returned(leave, len(program.exits))
            program.exits.append(leave.exit)
    functions = [_block_function(program, block, frozenset()) for block in program.blocks]
    *codes, program.binder = _compile(program, [*functions, _binder(program)])
    for block, code in zip(program.blocks, codes, strict=True):
        block.code = code


@functools.cache
def block_code(program: Program, block: Block, unbound: frozenset[str]) -> types.CodeType:
    """Compile a block anew for a state in which some of the variables that it may read are unbound.

    :param unbound: the parameters that have no value.
    """
    return _compile(program, [_block_function(program, block, unbound)])[0]


@functools.cache
def raising_code(program: Program, place: ast.AST) -> types.CodeType:
    """Compile a function that raises what it takes out of a list, as if from a place in the user's function.

    Its frame does not hold the exception, which would be a circle.

    :param place: where the exception appears: the expression that was awaited, say.
    """
    raising = copy_place(ast.Raise(_popped('.exceptions')), place)
    return _compile(program, [_function(program, _arguments(program, ['.exceptions']), [raising])])[0]


@functools.cache
def recipe_code(program: Program, site: RecipeSite) -> types.CodeType:
    """Compile a function that makes a recipe's value again; its parameters are the recipe's inputs."""
    making = copy_place(ast.Return(site.call), site.call)
    return _compile(program, [_function(program, _arguments(program, site.inputs), [making])])[0]


def _block_function(program: Program, block: Block, unbound: frozenset[str]) -> ast.FunctionDef:
    """Return the definition of the function that a block becomes."""
    first = block.body[0]
    body: list[ast.stmt] = []
    rebound = block.rebound - program.scope.declared_global
    if rebound:
        body.append(copy_place(ast.Nonlocal(sorted(rebound)), first))
    if block.rebound - rebound:
        body.append(copy_place(ast.Global(sorted(block.rebound - rebound)), first))
    for variable in sorted(unbound):
        # Makes it a local variable without a value: reading it raises what CPython raises.
        body.append(copy_place(ast.Assign([ast.Name(variable, ast.Store())], ast.Constant(None)), first))
        body.append(copy_place(ast.Delete([ast.Name(variable, ast.Del())]), first))
    taken = [variable for variable in block.taken if variable not in unbound]
    if taken:
        start = copy_place(ast.Pass(), first)
        start.end_lineno, start.end_col_offset = start.lineno, start.col_offset  # no line after the first shows up here
        body.append(copy_place(_taking(taken), start))
    body.extend([_repeated(block)] if _jumps_to_itself(block.body, block) else block.body)
    params = [param for param in block.params if param not in unbound and param not in block.taken]
    return _function(program, _arguments(program, ['.taken', *params] if block.taken else params), body)


def _taking(variables: list[str]) -> ast.stmt:
    """Return ``x, y, = .taken.pop()``: the tuple that is popped is gone once it is unpacked."""
    places = ast.Tuple([ast.Name(variable, ast.Store()) for variable in variables], ast.Store())
    return ast.Assign([places], _popped('.taken'))


def _popped(variable: str) -> ast.expr:
    return ast.Call(ast.Attribute(ast.Name(variable, ast.Load()), 'pop', ast.Load()), [], [])


def _jumps_to_itself(body: list[ast.stmt], block: Block) -> bool:
    """Return whether a jump in a block, one that is in no native loop, leads to its beginning."""
    for statement in body:
        if isinstance(statement, Leave):
            exit = statement.exit
            if isinstance(exit, Jump) and exit.target is block:
                return exit.keep in (None, block.depth) and exit.only_jumps
        elif isinstance(statement, ast.If) and _jumps_to_itself([*statement.body, *statement.orelse], block):
            return True
    return False


def _repeated(block: Block) -> ast.stmt:
    """Return a block as a native loop: a turn that awaits nothing stays in it."""
    first, body = block.body[0], [_continuing(each, block) for each in block.body]
    if block.turns is None:
        return copy_place(ast.While(copy_place(ast.Constant(True), first), body, []), first)
    cursor, item = block.turns
    _, exhausted, *turn = body
    target: ast.expr = store(item, first)
    if isinstance(turn[0], ast.Assign) and isinstance(turn[0].value, ast.Name) and turn[0].value.id == item:
        (target,) = turn.pop(0).targets
    return copy_place(ast.For(target, call('.turns', first, load(cursor, first)), turn, exhausted.body), first)


def _continuing(statement: Any, block: Block) -> Any:
    """Return a statement with ``continue`` for each jump to the beginning of its block."""
    if not isinstance(statement, ast.If):
        again = isinstance(statement, Leave) and _jumps_to_itself([statement], block)
        return copy_place(ast.Continue(), statement) if again else statement
    copied = copy.copy(statement)
    copied.body = [_continuing(each, block) for each in statement.body]
    copied.orelse = [_continuing(each, block) for each in statement.orelse]
    return copied


def _returned(leave: Leave, number: int) -> ast.expr:
    """Return what a block returns where it is left: ``number, value, .locals()``."""
    where = place_of(leave)
    value = leave.taken if leave.taken is not None else ast.Constant(None, **where)
    if isinstance(leave.exit, Await) and isinstance(value, ast.Call) and not isinstance(leave.exit.node, Yielded):
        # `await helper(x)` must not make a coroutine, which could not be stored.
        callee = ast.Call(ast.Name('.callee', ast.Load()), [value.func], [])
        value = ast.copy_location(ast.Call(copy_place(callee, value.func), value.args, value.keywords), value)
    variables = ast.Call(ast.Name('.locals', ast.Load(), **where), [], [], **where)
    return ast.Tuple([ast.Constant(number, **where), value, variables], ast.Load(), **where)


def _function(program: Program, arguments: ast.arguments, body: list[ast.stmt]) -> ast.FunctionDef:
    """Return the definition of a function of the user's name."""
    function = ast.FunctionDef(program.name, arguments, body, [], None, **place_of(program.source.node))
    if sys.version_info >= (3, 12):
        function.type_params = []
    return function


def _arguments(program: Program, names: Iterable[str]) -> ast.arguments:
    where = place_of(program.source.node)
    return ast.arguments([], [ast.arg(name, **where) for name in names], None, [], [], None, [])


def _compile(program: Program, functions: list[ast.FunctionDef]) -> list[types.CodeType]:
    """Compile functions that close over the shared variables and what the runtime supplies.

    They stand in one that has these.
    """
    outer = sorted(program.scope.cells | program.scope.frees)
    maker = _function(program, _arguments(program, [*outer, *HIDDEN]), [*functions])
    maker.name = '.make'
    for function in functions:
        function.name = program.source.qualname
    if program.source.qualname not in outer:
        # A name declared global gives what is defined inside the qualified name that the user expects.
        maker.body.insert(0, copy_place(ast.Global([program.source.qualname]), maker))
    flags = program.source.future_flags
    (made,) = _codes_in(compiled(ast.Module([maker], []), program.source.filename, flags))
    codes = _codes_in(made)
    if len(codes) < len(functions):
        # Python keeps one of those that it takes for equal: each returns other numbers, but one that only raises does not
        # come to that, and Python 3.10 takes no notice of the lines.
        return [code for function in functions for code in _compile(program, [function])]
    return [code.replace(co_name=program.name) for code in codes]


def _codes_in(code: types.CodeType) -> list[types.CodeType]:
    return [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]


def _binder(program: Program) -> ast.FunctionDef:
    """Return the definition of a function with the user's parameters that returns them by name.

    Calling it binds arguments, and complains about them, as calling the user's function does.
    """
    own = program.source.node.args
    every = [*own.posonlyargs, *own.args, *([own.vararg] if own.vararg else []), *own.kwonlyargs]
    every += [own.kwarg] if own.kwarg else []
    bare = ast.arguments(
        posonlyargs=[ast.arg(a.arg) for a in own.posonlyargs],
        args=[ast.arg(a.arg) for a in own.args],
        vararg=ast.arg(own.vararg.arg) if own.vararg else None,
        kwonlyargs=[ast.arg(a.arg) for a in own.kwonlyargs],
        kw_defaults=[ast.Constant(None) if default is not None else None for default in own.kw_defaults],
        kwarg=ast.arg(own.kwarg.arg) if own.kwarg else None,
        defaults=[ast.Constant(None) for _ in own.defaults],
    )
    names = ast.Dict([ast.Constant(a.arg) for a in every], [ast.Name(a.arg, ast.Load()) for a in every])
    return copy_place(_function(program, bare, [ast.Return(names)]), program.source.node)
