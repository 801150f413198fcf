"""Which variables a statement or expression mentions: reads, writes, perhaps writes.

A set of variables is an ``int`` here, a bit for each (`Variables`). Must not know what is done with the answers.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .program import HIDDEN, Leave, is_hidden
from .scopes import Scope
from .trees import NESTED_SCOPES, children, evaluated_parts

__all__ = ('NOTHING', 'Mentions', 'Variables')


@dataclass
class Mentions:
    """The function's own variables that a node mentions.

    :ivar loads: those it reads or unbinds.
    :ivar stores: those it binds or unbinds.
    :ivar uncertain: those it binds in a place that is not always reached.
    :ivar outer_stores: the variables of the functions around and of the module that it binds or unbinds.
    """

    loads: int = 0
    stores: int = 0
    uncertain: int = 0
    outer_stores: frozenset[str] = frozenset()

    @property
    def certain(self) -> int:
        """Those it binds for certain."""
        return self.stores & ~self.uncertain


NOTHING = Mentions()


class Variables:
    """Numbers the variables of a function, those of the compiler included, and finds them in trees."""

    def __init__(self, scope: Scope) -> None:
        self.outer = scope.frees | scope.declared_global
        self._bits: dict[str, int] = {}
        self._names: list[str] = []
        self._mentions: dict[ast.AST, Mentions] = {}
        self.bits(scope.locals)

    def find_bit(self, name: str) -> int:
        """Return the bit of a variable, none if it is not one of the function's own."""
        bit = self._bits.get(name, 0)
        return self.bit(name) if not bit and is_hidden(name) and name not in HIDDEN else bit

    def bit(self, name: str) -> int:
        """Return the bit of a variable."""
        if name not in self._bits:
            self._bits[name] = 1 << len(self._names)
            self._names.append(name)
        return self._bits[name]

    def bits(self, names: frozenset[str]) -> int:
        """Return a set of variables as bits."""
        return sum(map(self.bit, names))

    def names(self, bits: int) -> frozenset[str]:
        """Return the names of a set of variables."""
        found = []
        while bits:
            last = bits.bit_length() - 1
            found.append(self._names[last])
            bits ^= 1 << last
        return frozenset(found)

    def mentioned(self, node: ast.AST | None) -> Mentions:
        """Return what a node mentions."""
        if node is None:
            return NOTHING
        found = self._mentions.get(node)
        if found is None:
            found = self._mentions[node] = Mentions()
            _Collector(self, found).visit(node)
        return found


class _Collector:
    """Walks over a tree; of a definition only what is evaluated where it stands."""

    def __init__(self, variables: Variables, found: Mentions) -> None:
        self.variables = variables
        self.found = found
        self.shadowed: frozenset[str] = frozenset()

    def visit(self, node: ast.AST) -> None:
        method = _METHODS.get(type(node))
        if method is not None:
            method(self, node)
        else:
            self.inside(node)

    def inside(self, node: ast.AST) -> None:
        for child in children(node):
            self.visit(child)

    def _read(self, name: str) -> None:
        if name not in self.shadowed:
            self.found.loads |= self.variables.find_bit(name)

    def _write(self, name: str | None) -> None:
        if name is None or name in self.shadowed:
            return
        self.found.stores |= self.variables.find_bit(name)
        if name in self.variables.outer:
            self.found.outer_stores |= {name}

    def name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Store):
            self._read(node.id)
        if not isinstance(node.ctx, ast.Load):
            self._write(node.id)

    def augmented(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self._read(node.target.id)
        self.inside(node)

    def walrus(self, node: ast.NamedExpr) -> None:
        # It may stand where it is not always evaluated. Inside a comprehension it binds outside of it.
        shadowed, self.shadowed = self.shadowed, frozenset()
        self._write(node.target.id)
        self.found.uncertain |= self.variables.find_bit(node.target.id)
        self.shadowed = shadowed
        self.visit(node.value)

    def named(self, node: ast.ExceptHandler | ast.MatchAs | ast.MatchStar) -> None:
        self._write(node.name)
        self.inside(node)

    def mapping(self, node: ast.MatchMapping) -> None:
        self._write(node.rest)
        self.inside(node)

    def imports(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            self._write(alias.asname or alias.name.partition('.')[0])

    def comprehension(self, node: Any) -> None:
        first, *others = node.generators
        self.visit(first.iter)
        bound = {
            part.id
            for generator in node.generators
            for part in ast.walk(generator.target)
            if isinstance(part, ast.Name)
        }
        shadowed, self.shadowed = self.shadowed, self.shadowed | bound
        values = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        for part in (first.target, *first.ifs, *others, *values):
            self.visit(part)
        self.shadowed = shadowed

    def definition(self, node: Any) -> None:
        for part in evaluated_parts(node):
            self.visit(part)
        self._write(getattr(node, 'name', None))

    def leave(self, node: Leave) -> None:
        if node.value is not None:
            self.visit(node.value)


_METHODS: dict[type[ast.AST], Callable[[_Collector, Any], None]] = {
    ast.Name: _Collector.name,
    ast.AugAssign: _Collector.augmented,
    ast.NamedExpr: _Collector.walrus,
    **dict.fromkeys((ast.ExceptHandler, ast.MatchAs, ast.MatchStar), _Collector.named),
    ast.MatchMapping: _Collector.mapping,
    **dict.fromkeys((ast.Import, ast.ImportFrom), _Collector.imports),
    **dict.fromkeys((ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp), _Collector.comprehension),
    **dict.fromkeys(NESTED_SCOPES, _Collector.definition),
    Leave: _Collector.leave,
}
