"""What a workflow function is compiled to: basic blocks, and the exits that join them.

A block is a run of ordinary statements. It ends, and may also be left early, through one of its *exits*: a jump, an
await, a return, or the re-raising of the exception being handled. Everything between two awaits is a step.

Plain data, and the text that a person reads of it. Must not know how blocks are made or run.
"""

from __future__ import annotations

import ast
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Literal

from .mentions import Variables
from .scopes import HIDDEN, Scope, is_hidden
from .source import FunctionSource

__all__ = (
    'HIDDEN',
    'Await',
    'Block',
    'Delegated',
    'Exit',
    'Forgotten',
    'Held',
    'Jump',
    'Leave',
    'Passed',
    'Position',
    'Program',
    'RecipeSite',
    'Reraise',
    'Return',
    'Yielded',
    'copy_tree',
    'is_hidden',
)

#: First and last line, first and last column of an expression.
Position = tuple[int | None, int | None, int | None, int | None]


@dataclass(frozen=True)
class Passed:
    """The arguments of a call that are variables.

    :ivar args: the name for each positional argument, ``None`` for another expression; cut where one is starred.
    :ivar kwargs: the names by keyword.
    :ivar calls: the same for each positional argument that is the call of a name; for each item, if the first is a list of them.
    :ivar called: the name that is called, if it is one.
    """

    args: tuple[str | None, ...] = ()
    kwargs: dict[str, str] = field(default_factory=dict)
    calls: tuple[Passed | None, ...] = ()
    called: str = ''


@dataclass(eq=False)
class Jump:
    """Go on with another block.

    :ivar target: the block.
    :ivar keep: how many of the exceptions being handled stay so; ``None`` for as many as the target expects. (A jump
        from an ``except`` body into the ``finally`` of the same ``try`` drops one and enters with none.)
    :ivar renewed: the cells that begin anew there, empty; what shares the old ones keeps them.
    :ivar handling: whether the value that it takes along takes the place of the innermost exception being handled.
    """

    target: Block
    keep: int | None = None
    renewed: tuple[str, ...] = ()
    handling: bool = False

    @property
    def only_jumps(self) -> bool:
        """Whether nothing else comes with it."""
        return not self.renewed and not self.handling

    def __str__(self) -> str:
        return f'goto {self.target.name}'


class Yielded(ast.Await):
    """A ``yield`` of a generator: it stops and waits like an ``await``, for what the generator is sent."""


class Delegated(Yielded):
    """A ``yield from``: what is waited for is what the inner iterator returns."""


@dataclass(frozen=True)
class Held:
    """Something that CPython keeps on the stack of a generator while it waits, out of the reach of its variables.

    :ivar kind: the iterator of a loop, the manager of a ``with``, the exceptions of an ``except`` or of a ``finally``.
    :ivar names: the variables that the program keeps in its stead.
    :ivar certain: whether it tells how a ``finally`` was entered.
    """

    kind: Literal['iterator', 'manager', 'except', 'finally']
    names: tuple[str, ...] = ()
    certain: bool = True


@dataclass(eq=False)
class Await:
    """Wait for a value; the machine may stop here.

    :ivar target: the block that goes on with it.
    :ivar result: the variable that receives it.
    :ivar node: the expression awaited, for its place in the source.
    :ivar label: what a person is told about this place: ``L18 for x in x_doe: y = await submit(xsinx, x=x)``.
    :ivar live: the variables that later code may read: what a frame has to keep here.
    :ivar assigned: the user's variable that receives the value unchanged, if the statement says so.
    :ivar held: what CPython holds here for the statements around, from the outside in.
    """

    target: Block
    result: str
    node: ast.expr
    label: str
    live: frozenset[str] = frozenset()
    assigned: str | None = None
    held: tuple[Held, ...] = ()

    @property
    def word(self) -> str:
        """What the source says."""
        if isinstance(self.node, Delegated):
            return 'yield from'
        return 'yield' if isinstance(self.node, Yielded) else 'await'

    def __str__(self) -> str:
        return f'goto {self.target.name}'


@dataclass(eq=False)
class Return:
    """The function is done and has this value.

    :ivar names: the variables that it hands on as they are, by the name of the output.
    """

    names: dict[str, str] = field(default_factory=dict)


@dataclass(eq=False)
class Reraise:
    """The exception being handled goes on to the next handler outside.

    :ivar place: the ``raise`` that says so; without one there is always an exception.
    """

    place: ast.stmt | None = None


Exit = Jump | Await | Return | Reraise


class Leave(ast.Return):
    """The statement that leaves a block; for CPython's compiler a ``return``.

    :ivar exit: says where to.
    :ivar taken: what it takes along, if anything.
    :ivar value: what the code of the block returns there: its number in the program, `taken`, the variables.
    """

    _fields = ('taken',)
    _field_types: ClassVar[dict[str, Any]] = {'taken': ast.expr | None}  # asked for since Python 3.13

    def __init__(self, exit: Exit, taken: ast.expr | None = None) -> None:
        super().__init__()
        self.exit = exit
        self.taken = taken


@dataclass(eq=False)
class Block:
    """A basic block.

    :ivar index: its number in the program.
    :ivar depth: how many exceptions are being handled in it (see `Jump`).
    :ivar handler: the block that an exception raised in it goes to.
    :ivar body: its statements; a `Leave` may also stand inside of ``if``, ``for`` and ``while``.
    :ivar turns: for the head of a ``for``, which begins with two statements: the cursor, and the variable that gets the next
        item or `.end`.
    :ivar leaves: all its `Leave` statements, in order.
    :ivar mentioned: the local variables (cells left out) that it mentions.
    :ivar taken: those of them that it may read, and binds or unbinds. It alone holds their values, so that a large one
        is freed, and a generator closed, by the line that drops it.
    :ivar rebound: the cells, and the variables of the functions around and of the module, that it binds or unbinds.
    :ivar sets_globals: the variables of the module that it may bind or unbind, functions nested in it included.
    :ivar code: the compiled body.
    :ivar params: the variables that it is given; those `taken` together, in a list that it empties.
    :ivar only_appended: the variables with which it does nothing but ``name.append(...)``.
    :ivar only_called: the variables with which it does nothing but ``name(...)``.
    """

    depth: int = 0
    handler: Block | None = None
    index: int = -1
    body: list[ast.stmt] = field(default_factory=list)
    turns: tuple[str, str] | None = None
    leaves: list[Leave] = field(default_factory=list)
    mentioned: frozenset[str] = frozenset()
    taken: tuple[str, ...] = ()
    rebound: frozenset[str] = frozenset()
    sets_globals: frozenset[str] = frozenset()
    code: types.CodeType | None = None
    params: tuple[str, ...] = ()
    only_appended: frozenset[str] = frozenset()
    only_called: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """How the text of a program calls it."""
        return f'b{self.index}'

    @property
    def last_line(self) -> int:
        """The last line of the source that it has something of."""
        return max(getattr(statement, 'end_lineno', None) or 0 for statement in self.body)

    @property
    def used(self) -> tuple[str, ...]:
        """The variables whose values its code is given."""
        assert self.code is not None
        return (*self.params, *self.code.co_freevars)

    @property
    def exits(self) -> list[Exit]:
        """The exits of its `Leave` statements."""
        return [leave.exit for leave in self.leaves]

    def targets(self) -> Iterator[Block]:
        """Yield the blocks that its exits lead to."""
        for exit in self.exits:
            if isinstance(exit, Jump | Await):
                yield exit.target


@dataclass(frozen=True)
class RecipeSite:
    """An assignment ``variable = call(...)``: how to make the value again, should it have no stored form.

    :ivar index: its number in the program.
    :ivar variable: the variable assigned.
    :ivar call: the expression.
    :ivar inputs: the local variables that the expression reads.
    """

    index: int
    variable: str
    call: ast.Call
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class Forgotten:
    """A place where the result of a call is used that is not awaited.

    :ivar line: its line.
    :ivar text: what to say of it.
    :ivar in_return: whether it is returned, which only a workflow function cannot.
    """

    line: int
    text: str
    in_return: bool = False


@dataclass(eq=False)
class Program:
    """A compiled function.

    :ivar source: what it was compiled from.
    :ivar declared: the variables that it annotates.
    :ivar scope: its variables.
    :ivar variables: what its statements mention of them.
    :ivar nested_globals: the variables of the module that functions and classes defined in it declare ``global``.
    :ivar nodes: the nodes of its tree that run when the function itself runs, by kind, in the order of the source.
    :ivar blocks: its blocks; the first is where it begins.
    :ivar exits: the exits of all its blocks, by their number.
    :ivar recipes: the assignments from which a value can be made again.
    :ivar forgotten: where an ``await`` was forgotten, as far as the source tells.
    :ivar binder: code that binds arguments to parameters as a call does.
    """

    source: FunctionSource
    declared: set[str] = field(default_factory=set)
    scope: Scope = field(default_factory=Scope)
    variables: Variables = field(default_factory=lambda: Variables(Scope()), repr=False)
    nested_globals: frozenset[str] = frozenset()
    nodes: Mapping[type[ast.AST], list[Any]] = field(default_factory=dict, repr=False)
    blocks: list[Block] = field(default_factory=list)
    exits: list[Exit] = field(default_factory=list)
    recipes: list[RecipeSite] = field(default_factory=list)
    forgotten: list[Forgotten] = field(default_factory=list)
    binder: types.CodeType | None = None

    @property
    def name(self) -> str:
        """The function's name."""
        return self.source.node.name

    @cached_property
    def loop_lines(self) -> dict[str, int]:
        """The lines of its ``for`` loops with an await, by the variables that have their cursors."""
        return {block.turns[0]: block.body[0].lineno for block in self.blocks if block.turns and block.body}

    def meaning(self, node: ast.AST) -> Any:
        """Return the object that a (dotted) name in the function means, ``None`` if that is a local variable or unknown."""
        root = node
        while isinstance(root, ast.Attribute):
            root = root.value
        if not isinstance(node, ast.expr) or not isinstance(root, ast.Name) or self.source.is_local(root.id):
            return None
        return self.source.resolve(node)

    def own(self, *kinds: type[ast.AST]) -> list[Any]:
        """Return the nodes of some kinds that run when the function itself runs, kind by kind."""
        return [node for kind in kinds for node in self.nodes.get(kind, ())]

    def awaits(self) -> Iterator[Await]:
        """Yield the program's await points, in the order of the blocks they end."""
        for block in self.blocks:
            yield from (exit for exit in block.exits if isinstance(exit, Await))

    def __str__(self) -> str:
        return render(self)


def render(program: Program) -> str:
    """Return the program as text, for people: ``dreamflow program`` prints it, golden tests compare it."""
    node = program.source.node
    word = 'async def' if program.source.is_async else 'def'
    lines = [f'{word} {node.name}({ast.unparse(node.args)})']
    for block in program.blocks:
        marks = ''
        if block.depth:
            marks += f' handling {block.depth}'
        if block.handler is not None:
            marks += f' except goto {block.handler.name}'
        lines.append(f'  {block.name}:{marks}')
        for statement in block.body:
            text = ast.unparse(_Readable().visit(copy_tree(statement)))
            lines.extend('      ' + line for line in text.splitlines())
    return '\n'.join(lines) + '\n'


def copy_tree(node: ast.AST) -> Any:
    """Copy a tree, but for what its `Leave` statements lead to."""
    if isinstance(node, Leave):
        return ast.copy_location(Leave(node.exit, None if node.taken is None else copy_tree(node.taken)), node)
    fields = dict(ast.iter_fields(node))
    for name, value in fields.items():
        if isinstance(value, list):
            fields[name] = [copy_tree(item) if isinstance(item, ast.AST) else item for item in value]
        elif isinstance(value, ast.AST):
            fields[name] = copy_tree(value)
    return ast.copy_location(type(node)(**fields), node)


class _Readable(ast.NodeTransformer):
    """Turns each `Leave` into a statement that says in words what it does."""

    def visit_Leave(self, node: Leave) -> ast.stmt:
        value = ast.unparse(node.taken) if node.taken is not None else ''
        exit = node.exit
        if isinstance(exit, Jump):
            text = f'{exit}  # handling {value}' if exit.handling else str(exit)
        elif isinstance(exit, Await):
            live = ', '.join(sorted(exit.live)) or '-'
            text = f'{exit.result} = {exit.word} {value}; {exit}  # {exit.label.split(maxsplit=1)[0]}, live: {live}'
        else:
            text = f'return {value}'.rstrip() if isinstance(exit, Return) else 'reraise'
        return ast.copy_location(ast.Expr(ast.Name(text, ast.Load())), node)
