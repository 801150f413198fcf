"""Which variables the values come from that a block assigns: ``it = zip(xs, f(ys))`` comes from ``xs`` and ``ys``.

So that what has no node of its own (a cursor, a part of an expression, a generator) leads back to what it was made from, and not
to all that its step has read. Blocks are looked through when somebody asks.
"""

from __future__ import annotations

import ast
from collections import Counter
from functools import cache

from .program import Await, Block, Leave
from .trees import walk

__all__ = ('Reads', 'mentions_in', 'only_looked_at', 'reads_in')

#: The variables that the value of another was made from, each with whether it is the one that the block leaves: otherwise it is
#: the one with which the block began. ``None`` if that is not known.
Reads = frozenset[tuple[str, bool]] | None


@cache
def reads_in(block: Block) -> dict[str, Reads]:
    """Return what the variables are made from that a block assigns; only the last assignment of each counts.

    :param block: the block.
    """
    found = _Assignments()
    for statement in block.body:
        found.add(statement)
    return {name: found.resolve(name, version) for name, version in found.versions.items()}


class _Assignments:
    """The assignments of a block, in order.

    :ivar versions: how often each variable was assigned so far.
    :ivar made_from: the variables in the expression of an assignment, each with its version; ``None`` for another statement.
    """

    def __init__(self) -> None:
        self.versions: dict[str, int] = {}
        self.made_from: dict[tuple[str, int], list[tuple[str, int]] | None] = {}

    def add(self, statement: ast.stmt) -> None:
        """Note the assignments of a statement."""
        targets, value = self._plain(statement)
        stored = _stored(statement)
        parts = None
        if value is not None and stored == targets:
            parts = [(name, self.versions.get(name, 0)) for name in sorted(_loads(value))]
        for name in sorted(stored):
            version = self.versions[name] = self.versions.get(name, 0) + 1
            self.made_from[name, version] = parts

    @staticmethod
    def _plain(statement: ast.stmt) -> tuple[set[str], ast.expr | None]:
        """Return the variables that a statement assigns for certain, and the expression whose value they get."""
        if isinstance(statement, ast.Assign):
            return set().union(*map(_targets, statement.targets)), statement.value
        if isinstance(statement, ast.AnnAssign) and statement.value is not None:
            return _targets(statement.target), statement.value
        return set(), None

    def resolve(self, name: str, version: int) -> Reads:
        """Return what an assignment comes from, as `reads_in` does."""
        parts = self.made_from[name, version]
        if parts is None or any(0 < used < self.versions[part] for part, used in parts):
            return None
        return frozenset((part, used == self.versions.get(part, 0)) for part, used in parts)


def _targets(target: ast.expr) -> set[str]:
    """Return the variables that a target assigns; those whose items or attributes it sets are none."""
    if isinstance(target, ast.Tuple | ast.List):
        return set().union(*map(_targets, target.elts))
    if isinstance(target, ast.Starred):
        return _targets(target.value)
    return {target.id} if isinstance(target, ast.Name) else set()


@cache
def mentions_in(block: Block) -> Counter[str]:
    """Return how often a block mentions each variable, to read it or to bind it.

    :param block: the block.
    """
    return Counter(node.id for statement in block.body for node in walk(statement) if isinstance(node, ast.Name))


#: Functions that take items from what they are given, or look at it, and put nothing in.
_LOOKING = frozenset(
    (
        '.iter',
        '.next',
        '.turns',
        'all',
        'any',
        'bool',
        'enumerate',
        'iter',
        'len',
        'list',
        'max',
        'min',
        'next',
        'reversed',
    )
) | frozenset(('set', 'sorted', 'str', 'sum', 'tuple', 'zip', 'gather', 'as_completed'))


@cache
def only_looked_at(block: Block) -> frozenset[str]:
    """Return the variables of a block into which it puts nothing: it takes items from them, awaits or iterates over them.

    :param block: the block.
    """
    looked: Counter[str] = Counter()
    for statement in block.body:
        for node in walk(statement):
            looked.update(part.id for part in _looked_at(node) if isinstance(part, ast.Name))
    return frozenset(name for name, count in mentions_in(block).items() if looked[name] == count)


def _looked_at(node: ast.AST) -> list[ast.expr]:
    """Return the parts of a node that it looks at and leaves as they are."""
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Name) and node.func.id in _LOOKING:
            return [arg.value if isinstance(arg, ast.Starred) else arg for arg in node.args]
    elif isinstance(node, ast.Subscript):
        return [node.value] if isinstance(node.ctx, ast.Load) else []
    elif isinstance(node, ast.For | ast.comprehension):
        return [node.iter]
    elif isinstance(node, Leave) and isinstance(node.exit, Await):
        return [node.taken] if node.taken is not None else []
    elif isinstance(node, ast.If | ast.While | ast.IfExp):
        return [node.test]
    return []


def _loads(value: ast.expr) -> set[str]:
    """Return the names that an expression reads, those of functions nested in it included."""
    return {node.id for node in walk(value) if isinstance(node, ast.Name)}


def _stored(statement: ast.stmt) -> set[str]:
    """Return the variables that a statement may bind or unbind."""
    if isinstance(statement, Leave):
        return set()
    if isinstance(statement, ast.Assign | ast.AnnAssign | ast.Expr):
        # The targets of a comprehension are its own.
        targets: list[ast.expr] = [node.target for node in walk(statement) if isinstance(node, ast.NamedExpr)]
        targets += statement.targets if isinstance(statement, ast.Assign) else []
        targets += [statement.target] if isinstance(statement, ast.AnnAssign) else []
        return set().union(*map(_targets, targets))
    names = {node.id for node in walk(statement) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    return names | _named(statement)


def _named(statement: ast.stmt) -> set[str]:
    """Return the variables that definitions, imports, handlers and patterns bind."""
    found: set[str | None] = set()
    for node in walk(statement):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | _NAMING):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).partition('.')[0] for alias in node.names}
        elif isinstance(node, ast.MatchMapping):
            found.add(node.rest)
    return {name for name in found if name is not None}


_NAMING = ast.ExceptHandler | ast.MatchAs | ast.MatchStar
