"""The source that a run was launched with, with what happened at its lines.

Parses the text; nothing of it is run.
"""

from __future__ import annotations

import ast
import linecache
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from ..compiler import Bundle

__all__ = ('Source', 'Sources', 'statement_at')


@dataclass
class Source:
    """The source of the workflow function.

    :ivar filename: its file.
    :ivar name: the qualified name of the function.
    :ivar first: its first line.
    :ivar last: its last line.
    :ivar lines: its lines, by number.
    :ivar hits: how many steps have ended at each line: how often it waited there.
    """

    filename: str
    name: str
    first: int
    last: int
    lines: dict[int, str]
    hits: Counter[int] = field(default_factory=Counter)


class Sources:
    """The files of a run.

    :param bundle: what is stored with it.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._files = {'': (bundle.filename, bundle.source)}
        self._files.update({each.name: (each.filename, each.source) for each in bundle.modules})

    def main(self) -> Source:
        """Return the source of the workflow function."""
        lines = self.bundle.source.splitlines()
        node = self.definition('', self.bundle.qualname)
        first = 1 if node is None else min([node.lineno, *(each.lineno for each in node.decorator_list)])
        last = len(lines) if node is None else node.end_lineno or len(lines)
        numbered = {number: lines[number - 1] for number in range(first, last + 1)}
        return Source(self.bundle.filename, self.bundle.qualname, first, last, numbered)

    def place_of(self, function: str) -> tuple[str, str]:
        """Return file and name of a function, as a frame names it; of one that is not in these files the module for the file."""
        module, _, name = function.rpartition(':')
        return self._files.get(module, (module, ''))[0], name

    def text_at(self, function: str, line: int | None, loops: Iterable[int]) -> str:
        """Return what stands at a line of the file of a function, with the innermost loop around it."""
        if line is None:
            return ''
        module = function.rpartition(':')[0]
        filename, text = self._files.get(module, ('', ''))
        lines = text.splitlines() if text else linecache.getlines(filename)
        here = statement_at(lines, line)
        around = [statement_at(lines, each) for each in loops if each != line]
        return f'{around[-1].rstrip(":")}: {here}' if around else here

    def call_on(self, function: str, line: int) -> str:
        """Return the call on the right of the assignment at a line: what makes a value again."""
        module = function.rpartition(':')[0]
        for node in ast.walk(self._tree(module)):
            if isinstance(node, ast.Call) and node.lineno == line:
                return ast.unparse(node)
        return f'the call at L{line}'

    def definition(self, module: str, qualname: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
        """Return the definition of a function in one of the files."""
        body: list[ast.stmt] = self._tree(module).body
        found: ast.stmt | None = None
        for part in qualname.replace('.<locals>', '').split('.'):
            kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
            named = [node for node in _statements(body) if isinstance(node, kinds) and node.name == part]
            if not named:
                return None
            found, body = named[-1], named[-1].body
        return found if isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef) else None

    def line_of_child(self, name: str, lines: tuple[int, int]) -> int:
        """Return the line that launched a child; that at which the step ended, if the source doesn't tell.

        :param name: the name of what was launched.
        :param lines: the first and last line of the step that launched it.
        """
        known = self._mentions.get(name, [])
        within = [line for line in known if lines[0] <= line <= lines[1]]
        return within[0] if len(within) == 1 else known[0] if len(known) == 1 else lines[1]

    @cached_property
    def _mentions(self) -> dict[str, list[int]]:
        """The lines on which something is called or submitted, by its name."""
        found: dict[str, set[int]] = {}
        for node in ast.walk(self._tree('')):
            if isinstance(node, ast.Call):
                for each in (node.func, *node.args[:1]):
                    name = each.attr if isinstance(each, ast.Attribute) else getattr(each, 'id', None)
                    if isinstance(name, str):
                        found.setdefault(name, set()).add(node.lineno)
        return {name: sorted(lines) for name, lines in found.items()}

    def _tree(self, module: str) -> ast.Module:
        trees: dict[str, ast.Module] = self.__dict__.setdefault('_trees', {})
        if module not in trees:
            try:
                trees[module] = ast.parse(self._files[module][1])
            except (KeyError, SyntaxError, ValueError):  # written for another version of Python
                trees[module] = ast.Module([], [])
        return trees[module]


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield statements and what is inside of them, but not what functions and classes define."""
    for statement in body:
        yield statement
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for name in ('body', 'orelse', 'finalbody', 'handlers'):
                inner = getattr(statement, name, [])
                yield from _statements(inner)  # the body of a handler is found as that of a statement


def statement_at(lines: list[str], number: int) -> str:
    """Return a line without indentation and comment."""
    if not 0 < number <= len(lines):
        return ''
    line = lines[number - 1].strip()
    return line.partition('  #')[0].rstrip()
