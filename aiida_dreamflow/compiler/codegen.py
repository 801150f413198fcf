"""Pass: from blocks to code objects.

A block becomes a function of its own: its parameters are the variables it may read, and it returns which exit it took,
what it takes along, and its variables. Cells, free variables and what the runtime supplies are free variables of that
function, so that nested functions share them in the ordinary way.

File, line and function name are the user's: tracebacks, ``pdb`` and coverage see the source.
"""

from __future__ import annotations

import ast
import sys
import types
from collections.abc import Iterable

from .flow import leaves
from .program import HIDDEN, Await, Block, Leave, Program, RecipeSite, Yielded, copy_tree
from .trees import NESTED_SCOPES, copy_place

__all__ = ('block_code', 'generate_code', 'raising_code', 'recipe_code')


def generate_code(program: Program) -> None:
    """Compile all blocks of a program."""
    for block in program.blocks:
        block.exits = [leave.exit for leave in leaves(block)]
        block.params = tuple(sorted(block.mentioned & block.reads))
    names = [f'.make{block.index}' for block in program.blocks]
    makers = [_maker(program, block, name, frozenset()) for block, name in zip(program.blocks, names, strict=True)]
    codes = _compile(program, [*makers, _binder(program)], [*names, '.bind'])
    *block_codes, program.binder = codes
    for block, code in zip(program.blocks, block_codes, strict=True):
        block.code = code


def block_code(program: Program, block: Block, unbound: frozenset[str]) -> types.CodeType:
    """Compile a block anew for a state in which some of the variables that it may read are unbound.

    :param unbound: the parameters that have no value.
    """
    return _compile(program, [_maker(program, block, '.make', unbound)], ['.make'])[0]


def raising_code(program: Program, place: ast.AST) -> types.CodeType:
    """Compile a function that raises its argument as if from a place in the user's function.

    :param place: where the exception appears: the expression that was awaited, say.
    """
    raising = copy_place(ast.Raise(ast.Name('.exception', ast.Load())), place)
    return _compile(program, [_wrap(program, '.make', ['.exception'], [raising])], ['.make'])[0]


def recipe_code(program: Program, site: RecipeSite) -> types.CodeType:
    """Compile a function that makes a recipe's value again; its parameters are the recipe's inputs."""
    making = copy_place(ast.Return(copy_tree(site.call)), site.call)
    return _compile(program, [_wrap(program, '.make', list(site.inputs), [making])], ['.make'])[0]


def _maker(program: Program, block: Block, name: str, unbound: frozenset[str]) -> ast.FunctionDef:
    """Return the definition of a function that contains that of a block."""
    first = block.body[0]
    numbers = {id(exit): number for number, exit in enumerate(block.exits)}
    body: list[ast.stmt] = []
    for variable in sorted(unbound):
        # Makes it a local variable without a value: reading it raises what CPython raises.
        body.append(copy_place(ast.Assign([ast.Name(variable, ast.Store())], ast.Constant(None)), first))
        body.append(copy_place(ast.Delete([ast.Name(variable, ast.Del())]), first))
    body.extend(_Returns(numbers).visit(copy_tree(statement)) for statement in block.body)
    shared, declared = _shared_stores(program, block.body)
    if shared:
        body.insert(0, copy_place(ast.Nonlocal(sorted(shared)), first))
    if declared:
        body.insert(0, copy_place(ast.Global(sorted(declared)), first))
    params = [param for param in block.params if param not in unbound]
    return _wrap(program, name, params, body)


def _wrap(program: Program, maker: str, params: list[str], body: list[ast.stmt]) -> ast.FunctionDef:
    """Return the definition of a function that closes over the shared variables around one with this body."""
    name = program.name
    outer = sorted(program.scope.cells | program.scope.frees)
    inner = ast.FunctionDef(name, _arguments(params), body, [], None)
    statements: list[ast.stmt] = [inner]
    if name not in outer:
        # A name declared global gives what is defined inside the qualified name that the user expects.
        statements.insert(0, ast.Global([name]))
    maker_node = ast.FunctionDef(maker, _arguments([*outer, *HIDDEN]), statements, [], None)
    for node in (maker_node, inner):
        if sys.version_info >= (3, 12):
            node.type_params = []
    return copy_place(maker_node, program.source.node)


def _arguments(names: Iterable[str]) -> ast.arguments:
    return ast.arguments([], [ast.arg(name) for name in names], None, [], [], None, [])


def _compile(program: Program, makers: list[ast.FunctionDef], names: list[str]) -> list[types.CodeType]:
    module = ast.fix_missing_locations(ast.Module(list(makers), []))
    compiled = compile(module, program.source.filename, 'exec', program.source.future_flags, dont_inherit=True)
    found = {code.co_name: code for code in compiled.co_consts if isinstance(code, types.CodeType)}
    return [_inner(found[name]) for name in names]


def _inner(maker: types.CodeType) -> types.CodeType:
    return next(const for const in maker.co_consts if isinstance(const, types.CodeType))


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
    maker = _wrap(program, '.bind', [], [ast.Return(names)])
    maker.body[-1].args = bare  # type: ignore[attr-defined]
    return copy_place(maker, program.source.node)


def _shared_stores(program: Program, body: list[ast.stmt]) -> tuple[set[str], set[str]]:
    """Return the cells or free variables, and the globals, that a block's own statements write."""
    found = _Stores()
    for statement in body:
        found.visit(statement)
    return found.names & (program.scope.cells | program.scope.frees), found.names & program.scope.declared_global


class _Stores(ast.NodeVisitor):
    """Collects the names that statements bind or unbind in their own scope."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def visit(self, node: ast.AST) -> None:
        """Visit a node and what is below it in the same scope."""
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            self.names.add(node.id)
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name is not None:
            self.names.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest is not None:
            self.names.add(node.rest)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            self.names.update(alias.asname or alias.name.partition('.')[0] for alias in node.names)
        if isinstance(node, ast.comprehension):
            # Its targets are its own; a walrus inside it binds in the function.
            for part in (node.iter, *node.ifs):
                self.visit(part)
        elif isinstance(node, NESTED_SCOPES):
            if not isinstance(node, ast.Lambda):
                self.names.add(node.name)
        else:
            self.generic_visit(node)


class _Returns(ast.NodeTransformer):
    """Turns `Leave` into ``return number, value, .locals()``."""

    def __init__(self, numbers: dict[int, int]) -> None:
        self.numbers = numbers

    def visit_Leave(self, node: Leave) -> ast.stmt:
        number = ast.Constant(self.numbers[id(node.exit)])
        variables = ast.Call(ast.Name('.locals', ast.Load()), [], [])
        value = node.value if node.value is not None else ast.Constant(None)
        if isinstance(node.exit, Await) and isinstance(value, ast.Call) and not isinstance(node.exit.node, Yielded):
            # `await helper(x)` must not make a coroutine, which could not be stored.
            value.func = copy_place(ast.Call(ast.Name('.callee', ast.Load()), [value.func], []), value.func)
        return copy_place(ast.Return(ast.Tuple([number, value, variables], ast.Load())), node)
