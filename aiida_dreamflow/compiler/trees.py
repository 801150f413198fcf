"""Questions about syntax trees, and small trees to build others from, that several passes share."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any, TypeVar

__all__ = (
    'STATEMENT_LISTS',
    'Names',
    'assign',
    'awaits_repeatedly',
    'call',
    'children',
    'contains_await',
    'copy_place',
    'iterate_own',
    'load',
    'names_in',
    'place_of',
    'statements_in',
    'store',
    'walk',
)

#: Nodes that begin a scope of their own: what is awaited in there is awaited by somebody else.
NESTED_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)

#: More than half of all nodes: what has nothing below it.
LEAVES = (ast.Name, ast.Constant)

_AWAITING = (ast.Await, ast.AsyncFor, ast.AsyncWith)

#: Fields in which a compound statement has other statements, or clauses that have them.
STATEMENT_LISTS = ('body', 'handlers', 'orelse', 'finalbody', 'cases')

#: Fields that hold no nodes, or only those that say how an expression is meant.
_NO_NODES = frozenset({'arg', 'asname', 'attr', 'ctx', 'id', 'kind', 'level', 'module', 'op', 'ops'})

#: For each type of node that was met, the fields that may hold nodes.
_fields: dict[type[ast.AST], tuple[str, ...]] = {ast.Constant: ()}

#: Attribute under which a node keeps whether it may await something.
AWAITS = '_dreamflow_awaits'

Node = TypeVar('Node', bound=ast.AST)


def children(node: ast.AST) -> list[ast.AST]:
    """Return the nodes right below a node, but for operators and contexts."""
    kind = type(node)
    if kind not in _fields:
        _fields[kind] = tuple(name for name in kind._fields if name not in _NO_NODES)
    found: list[ast.AST] = []
    if not _fields[kind]:
        return found
    known = vars(node)
    for name in _fields[kind]:
        value = known.get(name)
        if not value:
            continue
        if isinstance(value, ast.AST):
            found.append(value)
        elif isinstance(value, list):
            found += [item for item in value if isinstance(item, ast.AST)]
    return found


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and all below it, as `ast.walk` does, but for operators and contexts, and faster."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += children(node)


def statements_in(node: ast.AST) -> Iterator[ast.stmt]:
    """Yield the statements below a node, those of functions and classes included, in the order of the source."""
    for name in STATEMENT_LISTS:
        for part in vars(node).get(name, ()):
            if isinstance(part, ast.stmt):
                yield part
            yield from statements_in(part)


def iterate_own(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and those below it which run when the function itself runs, in the order of the source.

    Bodies of nested functions and classes are left out; their decorators, defaults and bases are not.
    """
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += reversed(own_parts(node))


def own_parts(node: ast.AST) -> Sequence[ast.AST]:
    """Return the nodes right below a node which run where it stands."""
    return evaluated_parts(node) if isinstance(node, NESTED_SCOPES) else children(node)


def evaluated_parts(node: ast.AST) -> list[ast.expr]:
    """Return the expressions of a definition that are evaluated where it stands, in their order of evaluation."""
    if isinstance(node, ast.ClassDef):
        return [*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
        defaults = [*node.args.defaults, *(value for value in node.args.kw_defaults if value is not None)]
        return [*decorators, *defaults, *(getattr(*place) for place in annotations_of(node))]
    return []


def annotations_of(node: Any) -> list[tuple[Any, str]]:
    """Return where the annotations of a function are, in their order of evaluation, for `getattr`.

    Of a function with type parameters they belong to a scope of their own.
    """
    if isinstance(node, ast.Lambda) or getattr(node, 'type_params', None):
        return []
    args = node.args
    first = (args.args, args.posonlyargs) if sys.version_info < (3, 12) else (args.posonlyargs, args.args)
    every = [*first[0], *first[1], args.vararg, *args.kwonlyargs, args.kwarg]
    places = [(arg, 'annotation') for arg in every if arg is not None and arg.annotation is not None]
    return places if node.returns is None else [*places, (node, 'returns')]


def contains_await(node: ast.AST) -> bool:
    """Return whether running a node may await something.

    The answer is kept: no pass after `desugar` lets a node that awaits nothing await something, and none asks of one again
    after it has been cut.
    """
    if isinstance(node, LEAVES):
        return False
    known: bool | None = vars(node).get(AWAITS)
    if known is None:
        known = awaits_itself(node) or any(map(contains_await, own_parts(node)))
        setattr(node, AWAITS, known)
    return known


def awaits_repeatedly(comprehension: Any) -> bool:
    """Return whether what a comprehension does again and again, in its own scope, may await: all but its first iterable."""
    first, *others = comprehension.generators
    is_dict = isinstance(comprehension, ast.DictComp)
    values = [comprehension.key, comprehension.value] if is_dict else [comprehension.elt]
    return bool(first.is_async) or any(map(contains_await, (*values, *first.ifs, *others)))


def awaits_itself(node: ast.AST) -> bool:
    """Return whether a node awaits something, whatever is below it."""
    return isinstance(node, _AWAITING) or (isinstance(node, ast.comprehension) and bool(node.is_async))


def names_in(node: ast.AST) -> set[str]:
    """Return the names that stand in a tree, those declared ``nonlocal`` included."""
    found: set[str] = set()
    for part in walk(node):
        if isinstance(part, ast.Name):
            found.add(part.id)
        elif isinstance(part, ast.Nonlocal):
            found.update(part.names)
    return found


class Names:
    """Gives out the compiler's own names: ``.value1``, ``.iter2``, ..."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def new(self, kind: str) -> str:
        """Return a name that no other variable has."""
        return f'.{kind}{next(self._numbers)}'


def copy_place(node: Node, place: ast.AST) -> Node:
    """Give a node that was made by the compiler, and all below it that have none, a place in the user's file."""
    _put(node, place_of(place))
    return node


def place_of(node: ast.AST) -> dict[str, Any]:
    """Return the place of a node, as the attributes of another that is to have it."""
    known = vars(node)
    return {
        'lineno': known['lineno'],
        'col_offset': known['col_offset'],
        'end_lineno': known['end_lineno'],
        'end_col_offset': known['end_col_offset'],
    }


def _put(node: ast.AST, where: dict[str, Any]) -> None:
    """Place a node and what is below it without a place: not what is the user's, which has its own."""
    if node._attributes:
        vars(node).update(where)
    for child in children(node):
        if 'lineno' not in vars(child):
            _put(child, where)


def load(name: str, place: ast.AST) -> ast.Name:
    """Return the expression that reads a variable."""
    return ast.Name(name, ast.Load(), **place_of(place))


def store(name: str, place: ast.AST) -> ast.Name:
    """Return the target that writes a variable."""
    return ast.Name(name, ast.Store(), **place_of(place))


def assign(name: str, value: ast.expr, place: ast.AST) -> ast.Assign:
    """Return the statement ``name = value``."""
    return copy_place(ast.Assign([store(name, place)], value), place)


def call(function: str | ast.expr, place: ast.AST, *arguments: ast.expr) -> ast.Call:
    """Return the expression ``function(*arguments)``."""
    target = load(function, place) if isinstance(function, str) else function
    return copy_place(ast.Call(target, list(arguments), []), place)
