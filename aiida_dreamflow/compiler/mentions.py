"""Which variables a statement or expression mentions: reads, writes, perhaps writes.

A set of variables is an ``int`` here, a bit for each (`Variables`). Must not know what is done with the answers.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .scopes import HIDDEN, Scope, is_hidden
from .trees import NESTED_SCOPES, children, contains_await, evaluated_parts, names_in

__all__ = ('Mentions', 'Variables')


@dataclass
class Mentions:
    """The function's own variables that a node mentions.

    :ivar loads: those it reads or unbinds.
    :ivar stores: those it binds or unbinds.
    :ivar uncertain: those it binds in a place that is not always reached.
    :ivar appended: those with which it does ``name.append``: that changes a list, but nothing in it. (A loop that only
        appends to a list leaves all its items as they were, and nobody has to look; see `values.chunks`.)
    :ivar called: those with which it does ``name(...)``.
    :ivar otherwise: those that it, or a function defined in it, mentions in another way.
    :ivar outer_stores: the variables of the functions around and of the module that it binds or unbinds.
    """

    loads: int = 0
    stores: int = 0
    uncertain: int = 0
    appended: int = 0
    called: int = 0
    otherwise: int = 0
    outer_stores: frozenset[str] = frozenset()

    def add(self, other: Mentions) -> None:
        """Put in what another node mentions."""
        self.loads |= other.loads
        self.stores |= other.stores
        self.uncertain |= other.uncertain
        self.appended |= other.appended
        self.called |= other.called
        self.otherwise |= other.otherwise
        if other.outer_stores:
            self.outer_stores |= other.outer_stores

    def bind(self, name: str, variables: Variables) -> int:
        """Put in that a name is bound or unbound; return its bit."""
        bit = variables.find_bit(name)
        self.stores |= bit
        self.otherwise |= bit
        if name in variables.outer:
            self.outer_stores |= {name}
        return bit

    @property
    def certain(self) -> int:
        """Those it binds for certain."""
        return self.stores & ~self.uncertain


_NOTHING = Mentions()


class Variables:
    """Numbers the variables of a function, those of the compiler included, and finds them in trees."""

    def __init__(self, scope: Scope) -> None:
        self.outer = scope.frees | scope.declared_global
        self._bits: dict[str, int] = {}
        self._names: list[str] = []
        self._sets: dict[int, frozenset[str]] = {}
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
        found = self._sets.get(bits)
        if found is None:
            rest, names = bits, []
            while rest:
                last = rest.bit_length() - 1
                names.append(self._names[last])
                rest ^= 1 << last
            found = self._sets[bits] = frozenset(names)
        return found

    def mentioned(self, node: ast.AST | None) -> Mentions:
        """Return what a node mentions. The answer is kept for one that awaits nothing, which no pass changes."""
        if node is None:
            return _NOTHING
        found = self._mentions.get(node)
        if found is None:
            found = Mentions()
            _Collector(self, found).visit(node)
            if not contains_await(node):
                self._mentions[node] = found
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
            for child in children(node):
                self.visit(child)

    def _read(self, name: str) -> int:
        bit = 0 if name in self.shadowed else self.variables.find_bit(name)
        self.found.loads |= bit
        return bit

    def _write(self, name: str | None) -> None:
        if name is not None and name not in self.shadowed:
            self.found.bind(name, self.variables)

    def constant(self, node: ast.Constant) -> None:
        pass

    def name(self, node: ast.Name) -> None:
        kind = type(node.ctx)
        if kind is not ast.Store:
            self.found.otherwise |= self._read(node.id)
        if kind is not ast.Load:
            self._write(node.id)

    def _method(self, node: ast.expr) -> None:
        if isinstance(node, ast.Attribute) and node.attr == 'append' and isinstance(node.value, ast.Name):
            self.found.appended |= self._read(node.value.id)
        else:
            self.visit(node)

    def assigned(self, node: ast.Assign) -> None:
        # `seen.append(await f())` looks the method up before it waits, and keeps it in a variable of the compiler's.
        is_kept = all(isinstance(target, ast.Name) and is_hidden(target.id) for target in node.targets)
        (self._method if is_kept else self.visit)(node.value)
        for target in node.targets:
            self.visit(target)

    def call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name):
            self.found.called |= self._read(node.func.id)
        else:
            self._method(node.func)
        for argument in node.args:
            self.visit(argument)
        for keyword in node.keywords:
            self.visit(keyword.value)

    def augmented(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self._read(node.target.id)
        self.visit(node.target)
        self.visit(node.value)

    def walrus(self, node: ast.NamedExpr) -> None:
        # It may stand where it is not always evaluated. Inside a comprehension it binds outside of it.
        shadowed, self.shadowed = self.shadowed, frozenset()
        self._write(node.target.id)
        self.found.uncertain |= self.variables.find_bit(node.target.id)
        self.shadowed = shadowed
        self.visit(node.value)

    def named(self, node: ast.ExceptHandler | ast.MatchAs | ast.MatchStar) -> None:
        self._write(node.name)
        for child in children(node):
            self.visit(child)

    def mapping(self, node: ast.MatchMapping) -> None:
        self._write(node.rest)
        for child in children(node):
            self.visit(child)

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
        for name in names_in(node):
            self.found.otherwise |= self.variables.find_bit(name)


_METHODS: dict[type[ast.AST], Callable[[_Collector, Any], None]] = {
    ast.Constant: _Collector.constant,
    ast.Name: _Collector.name,
    ast.Assign: _Collector.assigned,
    ast.Call: _Collector.call,
    ast.AugAssign: _Collector.augmented,
    ast.NamedExpr: _Collector.walrus,
    **dict.fromkeys((ast.ExceptHandler, ast.MatchAs, ast.MatchStar), _Collector.named),
    ast.MatchMapping: _Collector.mapping,
    **dict.fromkeys((ast.Import, ast.ImportFrom), _Collector.imports),
    **dict.fromkeys((ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp), _Collector.comprehension),
    **dict.fromkeys(NESTED_SCOPES, _Collector.definition),
}
