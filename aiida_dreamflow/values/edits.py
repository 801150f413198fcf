"""From a frame to the edited source of its functions: where a run goes on that continues with another source.

A function goes on at the await point with the same statement, inside of the same loops, blocks and handlers. What stands
before it may differ: that has been done. But each variable that the edited code needs afterwards must be in the frame.

Knows programs and frames; must not know where the old source is kept.
"""

from __future__ import annotations

import ast
import difflib
import re
import types
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from ..compiler import Await, Block, Program, compile_called
from ..compiler.program import RecipeSite, is_hidden
from ..compiler.quietly import parsed
from ..compiler.source import is_filled
from ..exceptions import FrameError
from ..runtime import Activation

__all__ = ('Edits', 'Point', 'placed')

_KIND = re.compile(r'(\.[a-zA-Z]+)(\d*)')


@dataclass(frozen=True)
class Point:
    """Where an edited function goes on.

    :ivar block: the block that waits.
    :ivar exit: its exit.
    :ivar names: the variables of the frame that it takes over, with their names in the frame.
    """

    block: Block
    exit: Await
    names: dict[str, str]


class Edits:
    """Finds the places of a frame in functions that were edited since.

    :param find_old: gives the function that an edited one was, ``None`` if it is not known.
    """

    def __init__(self, find_old: Callable[[types.FunctionType], types.FunctionType | None]) -> None:
        self._find_old = find_old
        self._nested: dict[types.FunctionType, types.FunctionType] = {}

    def point(self, programs: tuple[Program, Program], place: tuple[int, int], bound: Collection[str]) -> Point:
        """Return where a function goes on.

        :param programs: its old program and the edited one.
        :param place: the block where the old one waits, and the exit.
        :param bound: the variables that are bound in the frame.
        :raises FrameError: if the edited function has no such place, or needs a variable that is not there.
        """
        old, new = programs
        exit = old.blocks[place[0]].exits[place[1]]
        assert isinstance(exit, Await)
        key = _key(old, exit)
        before = [(block, each) for block, each, own in _points(old) if own == key]
        after = [(block, each) for block, each, own in _points(new) if own == key]
        if len(before) != len(after):
            often = f'{len(after)} times' if after else 'no longer'
            self.refuse(programs, f'the await `{exit.label}` is there {often}, inside of the same loops and blocks')
        block, found = after[[each for _, each in before].index(exit)]
        hidden = _matched(exit.live, found.live)
        if hidden is None or block.depth != old.blocks[place[0]].depth:
            self.refuse(programs, f'the await `{exit.label}` now stands in an expression, loop or handler that differs')
        missing = {name for name in found.live - exit.live - set(bound) if not is_hidden(name)}
        if missing:
            needed = ', '.join(f'`{name}`' for name in sorted(missing))
            self.refuse(programs, f'after the await `{exit.label}` it needs {needed}, which the frame does not have')
        names = {name: name for name in bound if not is_hidden(name) and name in found.live}
        return Point(block, found, {**names, **{name: own for name, own in hidden.items() if own in bound}})

    def old_program(self, function: types.FunctionType, compiled: Callable[[object], Program]) -> Program | None:
        """Return the program that a function had, ``None`` if it is not known."""
        old = self._nested.get(function) or self._find_old(function)
        return None if old is None else compiled(old)

    def code(
        self, owner: types.FunctionType, old_code: types.CodeType, candidates: Iterable[types.CodeType]
    ) -> types.CodeType:
        """Return the code of a function that was made inside of an edited one.

        :param candidates: the codes of those that are made inside of it now.
        :raises FrameError: if there is none, or several.
        """
        found = [
            code for code in candidates if (code.co_name, code.co_freevars) == (old_code.co_name, old_code.co_freevars)
        ]
        if len(found) != 1:
            programs = (self._require_old(owner), compile_called(owner))
            self.refuse(programs, f'the frame holds the function `{old_code.co_name}` made inside of it')
        return found[0]

    def note_nested(self, function: types.FunctionType, owner: types.FunctionType, old_code: types.CodeType) -> None:
        """Note what a function made inside of an edited one was."""
        namespace = self._require_old(owner).source.function.__globals__
        cells = tuple(types.CellType() for _ in old_code.co_freevars)
        self._nested[function] = types.FunctionType(old_code, namespace, old_code.co_name, None, cells)

    def recipe(self, function: types.FunctionType, index: int) -> RecipeSite | None:
        """Return the assignment of an edited function that makes a value again, ``None`` if it was not edited.

        :raises FrameError: if it is not there, or not alone.
        """
        old, new = self.old_program(function, compile_called), compile_called(function)
        if old is None:
            return None
        site = old.recipes[index]
        text = ast.unparse(site.call)
        found = [each for each in new.recipes if each.variable == site.variable and ast.unparse(each.call) == text]
        if len(found) != 1:
            self.refuse((old, new), f'`{site.variable}` has to be made again by `{text}`')
        return found[0]

    def _require_old(self, function: types.FunctionType) -> Program:
        old = self.old_program(function, compile_called)
        assert old is not None
        return old

    def refuse(self, programs: tuple[Program, Program], reason: str) -> NoReturn:
        """Say why a function cannot go on.

        :raises FrameError: always.
        """
        old, new = programs
        raise FrameError(
            f'the edited `{new.name}` in {new.source.filename} cannot go on from this frame: {reason}.\n'
            f'What differs:\n{difference(old, new)}'
        )


def difference(old: Program, new: Program) -> str:
    """Return how the sources of a function differ, as a unified diff with the lines of the files."""
    before, after = (list(program.source.lines.values()) for program in (old, new))
    name = new.source.filename
    return '\n'.join(difflib.unified_diff(before, after, f'{name} (as launched)', f'{name} (edited)', lineterm=''))


def placed(
    compiled: Callable[[object], Program],
    function: types.FunctionType,
    state: Mapping[str, Any],
    variables: dict[str, object],
    cells: dict[str, types.CellType],
    handled: list[BaseException | None],
    edits: Edits | None,
) -> Activation:
    """Return the activation that a frame tells of.

    :param compiled: compiles its function.
    :param state: the fingerprint of the function's source, the block where it waits, and the exit if it has
        begun.
    :raises FrameError: if its function was edited, and has no such place.
    """
    fingerprint, number, exit = state['fingerprint'], state['block'], state['exit']
    program = compiled(function)
    if program.source.fingerprint == fingerprint:
        block = program.blocks[number]
        awaiting = None if exit is None else block.exits[exit]
        assert awaiting is None or isinstance(awaiting, Await)
        return Activation(function, program, block, variables, cells, handled, awaiting)
    old = None if edits is None else edits.old_program(function, compiled)
    if edits is None or old is None or old.source.fingerprint != fingerprint:
        raise FrameError(
            f'the source of `{function.__qualname__}` in {program.source.filename} is not the one that the frame was '
            'stored with: restore the file as it was when the workflow was launched'
        )
    filled = {name: cell.cell_contents for name, cell in cells.items() if is_filled(cell)}
    if exit is None:
        edits.refuse((old, program), 'it is a generator, or a call, that has not begun')
    point = edits.point((old, program), (number, exit), variables.keys() | filled.keys())
    bound = {**variables, **filled}
    values = {name: bound[own] for name, own in point.names.items()}
    own_cells = {name: cells.get(name) or types.CellType() for name in program.scope.cells}
    for name in values.keys() & own_cells.keys():
        own_cells[name].cell_contents = values.pop(name)
    return Activation(function, program, point.block, values, own_cells, handled, point.exit)


# -- places that mean the same


def _points(program: Program) -> list[tuple[Block, Await, tuple[str, ...]]]:
    """Return the await points of a program in the order of its source, each with what makes it the same elsewhere."""
    found = [(block, exit) for block in program.blocks for exit in block.exits if isinstance(exit, Await)]
    found.sort(key=lambda each: (each[1].node.lineno, each[1].node.col_offset))
    return [(block, exit, _key(program, exit)) for block, exit in found]


def _key(program: Program, exit: Await) -> tuple[str, ...]:
    """Return the statement of an await point, the await in it, and what is in progress around it."""
    around: list[str] = []
    statement = _definition(program)
    while (inside := _statement_inside(statement, exit.node)) is not None:
        statement, doing = inside
        around.append(doing)
    return (*filter(None, around), _head(statement), ast.unparse(exit.node))


def _definition(program: Program) -> ast.stmt:
    """Return the definition of a function as its source has it; the compiler has changed the tree of the program."""
    source = program.source
    first = min(source.lines, default=source.node.lineno)
    lines = [line for _, line in sorted(source.lines.items())]
    wrapper = 'if True:\n' if lines and lines[0][:1].isspace() else ''
    try:
        tree = parsed('\n' * (first - 1 - len(wrapper.splitlines())) + wrapper + '\n'.join(lines))
    except SyntaxError:  # a generator expression
        return source.node
    return tree.body[0].body[0] if isinstance(tree.body[0], ast.If) else tree.body[0]


def _statement_inside(statement: ast.stmt, node: ast.expr) -> tuple[ast.stmt, str] | None:
    """Return the statement directly inside of another that contains an expression, and what the other then is doing."""
    for part, child in _parts(statement):
        if _covers(child, node):
            return child, _doing(statement, part)
    return None


def _parts(statement: ast.stmt) -> Iterable[tuple[str, ast.stmt]]:
    for part in ('body', 'orelse', 'finalbody'):
        for child in getattr(statement, part, ()):
            yield part, child
    for handler in getattr(statement, 'handlers', ()):
        for child in handler.body:
            yield f'except {ast.unparse(handler.type) if handler.type else ""}', child
    for case in getattr(statement, 'cases', ()):
        for child in case.body:
            yield 'case', child


def _covers(statement: ast.stmt, node: ast.expr) -> bool:
    first = (statement.lineno, statement.col_offset)
    last = (statement.end_lineno or 0, statement.end_col_offset or 0)
    return first <= (node.lineno, node.col_offset) and (node.end_lineno or 0, node.end_col_offset or 0) <= last


def _doing(statement: ast.stmt, part: str) -> str:
    """Return what a statement does while a part of it runs; nothing if it could stand there or not."""
    if isinstance(statement, ast.For | ast.AsyncFor | ast.With | ast.AsyncWith) and part == 'body':
        return _head(statement)
    if part.startswith('except'):
        return part
    if part == 'finalbody':
        return ast.unparse(statement)  # how it was entered, and so how it goes on, is part of the frame
    return ''


def _head(statement: ast.stmt) -> str:
    """Return a statement; of one that has others inside, its first line."""
    text = ast.unparse(statement)
    return text.partition('\n')[0] if hasattr(statement, 'body') else text


def _matched(old: Iterable[str], new: Iterable[str]) -> dict[str, str] | None:
    """Return which of the compiler's own variables is which; ``None`` if they are not the same in number and kind."""
    kinds = _by_kind(old)
    edited = _by_kind(new)
    if {kind: len(names) for kind, names in kinds.items()} != {kind: len(names) for kind, names in edited.items()}:
        return None
    return {own: name for kind, names in kinds.items() for name, own in zip(names, edited[kind], strict=True)}


def _by_kind(names: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for name in names:
        match = _KIND.match(name)
        if is_hidden(name) and match is not None:
            found[match[1]].append((int(match[2] or 0), name))
    return {kind: [name for _, name in sorted(each)] for kind, each in found.items()}
