"""Files that are read once for all the functions in them: the tree of each, and its units.

A file with twenty workflows is parsed once, and a function decorated at its top is taken out of that tree, not parsed a second time.
Must not know which units are needed.
"""

from __future__ import annotations

import ast
import types
from collections.abc import Iterable

from .quietly import parsed
from .texts import codes_of
from .units import Unit, first_line, units_of

__all__ = ('FunctionNode', 'SourceFile', 'handed_out', 'read_file')

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef

#: The files read last.
_recent: list[SourceFile] = []
_KEPT = 4


class SourceFile:
    """A file's text, its tree and its units.

    :param text: the text.
    :param annotations: as for `units_of`.
    :raises SyntaxError: if it is no Python.
    """

    def __init__(self, text: str, annotations: bool) -> None:
        self.text = text
        self.annotations = annotations
        self._tree = parsed(text)
        self.units: list[Unit] = units_of(self._tree, annotations, codes_of(text))
        self._handed_out: set[FunctionNode] = set()

    def definition(self, code: types.CodeType) -> FunctionNode | None:
        """Return the definition that running code may come from, to be looked at only."""
        found = self._at_top(code)
        if found is None and self._handed_out:
            # Who has those may have changed what is nested in them.
            self._tree, self._handed_out = parsed(self.text), set()
        return found or _first_definition(ast.walk(self._tree), code)

    def hand_out(self, code: types.CodeType) -> FunctionNode | None:
        """Return the definition that running code comes from, for the caller to change: once, and if it is at the top."""
        node = self._at_top(code)
        if node is None or node in self._handed_out:
            return None
        self._handed_out.add(node)
        for unit in self.units:
            if node in unit.body:
                unit.look()
        return node

    def _at_top(self, code: types.CodeType) -> FunctionNode | None:
        return _first_definition(self._tree.body, code)


def read_file(text: str, annotations: bool) -> SourceFile:
    """Return what is kept of a file, read now or before.

    :param text: its text.
    :param annotations: as for `units_of`.
    :raises SyntaxError: if it is no Python.
    """
    for file in list(_recent):
        if file.annotations is annotations and file.text == text:
            return file
    file = SourceFile(text, annotations)
    _recent[:] = [file, *_recent[: _KEPT - 1]]
    return file


def handed_out(text: str, code: types.CodeType) -> FunctionNode | None:
    """Return the definition of a function at the top of its file, to be changed, if the file was read and it is still there."""
    for file in list(_recent):
        node = file.hand_out(code) if file.annotations and file.text == text else None
        if node is not None:
            return node
    return None


def _first_definition(nodes: Iterable[ast.AST], code: types.CodeType) -> FunctionNode | None:
    """Return the first node that running code may come from."""
    parameters = list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
    for node in nodes:
        if isinstance(node, FunctionNode) and (first_line(node), node.name) == (code.co_firstlineno, code.co_name):
            arguments = node.args
            if [each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)] == parameters:
                return node
    return None
