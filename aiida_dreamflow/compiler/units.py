"""A module as units that travel or stay behind, and the global names that each of them binds and mentions.

Must not know which units are needed.
"""

from __future__ import annotations
import __future__

import ast
import copy
import dis
import hashlib
import inspect
import sys
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .quietly import compiled
from .trees import statements_in

__all__ = ('Unit', 'first_line', 'hash_of', 'units_of')


@dataclass(eq=False)
class Unit:
    """Top-level statements that share lines, usually one: kept together or not at all.

    ``is_cut_out`` marks a definition that stands inside a function or the main block. Without `annotations`, its functions
    need nothing for theirs. ``code`` is what CPython has made of it, if it is one function and that says all that it mentions.
    """

    body: list[ast.stmt]
    first: int
    last: int
    annotations: bool
    is_cut_out: bool = False
    code: types.CodeType | None = None

    def __post_init__(self) -> None:
        self.is_main = any(isinstance(node, ast.If) and _is_main_test(node.test) for node in self.body)
        self.is_star = any(isinstance(node, ast.ImportFrom) and node.names[0].name == '*' for node in self.body)
        self.is_future = any(isinstance(node, ast.ImportFrom) and node.module == '__future__' for node in self.body)
        visitor = _Bound()
        for node in self.body:
            visitor.visit(node)
        self.binds = visitor.names - {''}
        self.calls = visitor.called
        self.is_import = all(isinstance(node, (ast.Import, ast.ImportFrom)) for node in self.body)
        self.is_definition = self.is_cut_out or (not self.is_main and all(map(_defines, self.body)))

    @cached_property
    def defined(self) -> set[str]:
        """The names that it imports or defines when it is executed, if it does nothing but that."""
        return set().union(*map(_defined_names, self.body)) if self.is_definition else set()

    @cached_property
    def imported(self) -> set[str]:
        """Those of them that it imports."""
        names = (alias for node in self.imports_at_once for alias in node.names)
        return {alias.asname or alias.name.partition('.')[0] for alias in names}

    @property
    def imports_at_once(self) -> list[ast.Import | ast.ImportFrom]:
        """Its ``import`` statements that are executed when it is."""
        found, pending = [], [*self.body]
        while pending:
            node = pending.pop()
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                found.append(node)
            elif isinstance(node, _BLOCKS):
                pending.extend(_inside(node))
        return found

    @cached_property
    def stores(self) -> set[str]:
        """The names that it binds: what it only changes (an item, an attribute) is not among them."""
        visitor = _Bound(is_binding=True)
        for node in self.body:
            visitor.visit(node)
        return visitor.names - {''}

    @cached_property
    def assigned(self) -> tuple[str, ast.expr] | None:
        """The name and the expression, if it is one assignment to one name."""
        node = self.body[0]
        if len(self.body) > 1:
            return None
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            return node.targets[0].id, node.value
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            return node.target.id, node.value
        return None

    @cached_property
    def codes(self) -> list[types.CodeType]:
        """What it is compiled to."""
        if self.code is None:
            return [_compiled(self.body, self.annotations)]
        # The body was compiled before: only what stands around it was not.
        return [_compiled([_without_body(node) for node in self.body], True), self.code]

    @cached_property
    def attributes(self) -> set[str]:
        """All names that it mentions, those of attributes included."""
        return _names_in(*self.codes)

    @cached_property
    def read_at_once(self) -> tuple[set[str], set[str]]:
        """The names that it mentions when it is executed: in decorators, defaults, the bodies of classes; and attributes."""
        code = _compiled([_without_bodies(node) for node in self.body], self.annotations)
        return _mentioned_in(code)[0], _names_in(code)

    @cached_property
    def mentioned(self) -> tuple[set[str], set[str]]:
        """The global names that it reads, and those that its functions declare ``global`` and set."""
        return (set(), set()) if self.is_import else _mentioned_in(*self.codes)

    @cached_property
    def imports(self) -> list[ast.AST]:
        """Its ``import`` statements, those in functions and classes included, and calls of ``import_module``."""
        calls = [each for node in self.body for each in ast.walk(node) if _is_import(each)] if self.calls_import else []
        if self.code is not None and not _imports_something(self.code):
            return calls
        every = statements_in(ast.Module(self.body, []))
        return [*calls, *(node for node in every if isinstance(node, (ast.Import, ast.ImportFrom)))]

    @property
    def calls_import(self) -> bool:
        """Whether it may import what no ``import`` statement names."""
        return not self.is_import and not self.attributes.isdisjoint(_IMPORTERS)

    def look(self) -> None:
        """Find out all there is to know, for its statements are about to be changed."""
        for name in ('mentioned', 'imports', 'defined', 'imported', 'stores', 'assigned', 'attributes', 'read_at_once'):
            getattr(self, name)  # which is kept


def first_line(node: ast.stmt) -> int:
    """Return the first line of a statement, that of its decorators if it has some."""
    decorators: list[ast.expr] = getattr(node, 'decorator_list', [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def hash_of(units: Iterable[Unit]) -> str:
    """Return a hash of what some units say, wherever they stand."""
    text = ''.join(ast.dump(node) for unit in units for node in unit.body)
    return hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:32]


def units_of(
    tree: ast.Module, annotations: bool, codes: Mapping[str, Sequence[types.CodeType]] | None = None
) -> list[Unit]:
    """Cut a module into units.

    :param annotations: whether what annotations of functions mention counts.
    :param codes: what CPython has made of the functions in it, by name, as far as that is known.
    """
    groups: list[tuple[list[ast.stmt], int, int]] = []
    for node in tree.body:
        first, last = first_line(node), node.end_lineno or node.lineno
        if groups and first <= groups[-1][2]:
            body, start, _ = groups.pop()
            groups.append(([*body, node], start, last))
        else:
            groups.append(([node], first, last))
    known = codes if codes and annotations else {}
    return [Unit(*group, annotations, code=_code_of(group[0], known)) for group in groups]


def _code_of(body: list[ast.stmt], codes: Mapping[str, Sequence[types.CodeType]]) -> types.CodeType | None:
    """Return what a definition was compiled to, if it is known and says all that the definition says.

    Where annotations are not evaluated (:pep:`563`), the code does not mention what they do.
    """
    node = body[0]
    if len(body) > 1 or not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return None
    found = [code for code in codes.get(node.name, ()) if code.co_firstlineno == first_line(node)]
    return found[0] if len(found) == 1 and not found[0].co_flags & __future__.annotations.compiler_flag else None


def _without_body(node: ast.stmt) -> ast.stmt:
    """Return a definition with the same decorators, defaults and annotations, that does nothing."""
    fields = dict(ast.iter_fields(node)) | {'body': [ast.copy_location(ast.Pass(), node)]}
    return ast.copy_location(type(node)(**fields), node)


def _names_in(*codes: types.CodeType) -> set[str]:
    return {name for code in _with_nested(codes) for name in code.co_names}


def _with_nested(codes: Iterable[types.CodeType]) -> Iterator[types.CodeType]:
    pending = [*codes]
    while pending:
        code = pending.pop()
        yield code
        pending.extend(constant for constant in code.co_consts if isinstance(constant, types.CodeType))


def _without_bodies(node: ast.stmt) -> ast.stmt:
    """Return a statement in which functions do nothing."""
    emptied: ast.stmt = _Emptied().visit(copy.deepcopy(node))
    return ast.fix_missing_locations(emptied)


class _Emptied(ast.NodeTransformer):
    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.stmt:
        return _without_body(node)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815


_BLOCKS: tuple[Any, ...] = (ast.If, ast.Try, *filter(None, [getattr(ast, 'TryStar', None)]))
_DEFINITIONS: tuple[Any, ...] = (
    *(ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Pass),
    *filter(None, [getattr(ast, 'TypeAlias', None)]),
)


def _defines(node: ast.stmt, is_inside: bool = False) -> bool:
    """Whether a statement does nothing but import and define, on a condition perhaps.

    :param is_inside: whether it is part of an ``if`` or ``try``, which may take note of what could be imported.
    """
    if isinstance(node, _DEFINITIONS) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
        return True
    if isinstance(node, ast.Assign) and all(isinstance(target, ast.Name) for target in node.targets):
        return isinstance(node.value, ast.Lambda) or (is_inside and isinstance(node.value, (ast.Constant, ast.Name)))
    if is_inside and isinstance(node, ast.Raise):
        return True
    return isinstance(node, _BLOCKS) and all(_defines(inner, is_inside=True) for inner in _inside(node))


def _inside(node: ast.stmt) -> Iterator[ast.stmt]:
    for part in ('body', 'orelse', 'finalbody'):
        yield from getattr(node, part, ())
    for handler in getattr(node, 'handlers', ()):
        yield from handler.body


def _defined_names(node: ast.stmt) -> set[str]:
    if isinstance(node, _BLOCKS):
        return set().union(*map(_defined_names, _inside(node)))
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return {alias.asname or alias.name.partition('.')[0] for alias in node.names}
    if isinstance(node, ast.Assign):
        is_lambda = isinstance(node.value, ast.Lambda)
        return {target.id for target in node.targets if isinstance(target, ast.Name) and is_lambda}
    name = getattr(node, 'name', None)
    return {name.id if isinstance(name, ast.Name) else name} if name else set()


def _is_main_test(test: ast.expr) -> bool:
    """Whether an expression compares ``__name__`` with ``'__main__'``."""
    return any(
        isinstance(node, ast.Compare)
        and any(isinstance(part, ast.Name) and part.id == '__name__' for part in ast.walk(node))
        and any(isinstance(part, ast.Constant) and part.value == '__main__' for part in ast.walk(node))
        for node in ast.walk(test)
    )


class _Bound(ast.NodeVisitor):
    """Collects the names that statements bind or change in their own scope.

    :param is_binding: whether those that they only change are left out.
    """

    def __init__(self, is_binding: bool = False) -> None:
        self.names: set[str] = set()
        self._is_binding = is_binding
        #: What a method is called on for its effect; a module, for one, is not changed by that.
        self.called: set[str] = set()

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
            self.called.add(_base_name(node.value.func))
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        self.names.add(node.name)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815
    visit_ClassDef = visit_FunctionDef  # noqa: N815

    def visit_Lambda(self, node: ast.Lambda) -> None:
        pass

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        self.names.update(alias.asname or alias.name.partition('.')[0] for alias in node.names)

    visit_ImportFrom = visit_Import  # noqa: N815

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, (ast.Store, ast.Del)):
            self.names.add(node.id)

    def visit_Subscript(self, node: ast.Subscript | ast.Attribute) -> None:
        if isinstance(node.ctx, (ast.Store, ast.Del)) and not self._is_binding:
            self.names.add(_base_name(node))
        self.generic_visit(node)

    visit_Attribute = visit_Subscript  # noqa: N815

    def generic_visit(self, node: ast.AST) -> None:
        if isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
            self.names.add(node.name)
        if isinstance(node, ast.MatchMapping) and node.rest:
            self.names.add(node.rest)
        super().generic_visit(node)


def _base_name(node: ast.expr) -> str:
    """Return ``x`` for ``x.a[0].b``, nothing for what has no name in front."""
    while isinstance(node, (ast.Subscript, ast.Attribute)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ''


class _WithoutAnnotations(ast.NodeTransformer):
    """Takes the annotations of functions away; those of a class body mean something (dataclasses) and stay."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.returns = None
        self.generic_visit(node)
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AsyncFunctionDef:
        node.returns = None
        self.generic_visit(node)
        return node


#: Operations by their number: the name, and how many bits of the argument are no part of the index.
_ON_GLOBALS = {
    dis.opmap[name]: (name, int(name == 'LOAD_GLOBAL' and sys.version_info >= (3, 11)))
    for name in ('LOAD_NAME', 'LOAD_GLOBAL', 'LOAD_FROM_DICT_OR_GLOBALS', 'DELETE_GLOBAL', 'STORE_GLOBAL')
    if name in dis.opmap
}


def _compiled(body: list[ast.stmt], annotations: bool) -> types.CodeType:
    tree, flags = ast.Module(body, []), ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    if annotations:
        return compiled(tree, '<bundle>', flags)
    code = compiled(tree, '<bundle>', flags | __future__.annotations.compiler_flag)  # which does not mention them
    has_class = any(not each.co_flags & inspect.CO_OPTIMIZED for each in _with_nested([code]) if each is not code)
    return compiled(_WithoutAnnotations().visit(copy.deepcopy(tree)), '<bundle>', flags) if has_class else code


def _mentioned_in(*codes: types.CodeType) -> tuple[set[str], set[str]]:
    """Return the global names that code reads, and those that it sets as ``global``."""
    read: set[str] = set()
    written: set[str] = set()
    for code in _with_nested(codes):
        # The compiler has sorted out the scopes: what is looked up in the module says so by name.
        for operation, name in _global_names(code) if code.co_names else ():
            (written if operation == 'STORE_GLOBAL' else read).add(name)
    return read, written


def _global_names(code: types.CodeType) -> Iterator[tuple[str, str]]:
    """Yield the operations of code on names of the module, with the names.

    As `dis.get_instructions` does, which takes a hundred times as long for all that it tells besides.
    """
    operations, arguments = code.co_code[::2], code.co_code[1::2]
    for wanted, (name, shift) in _ON_GLOBALS.items():
        place = operations.find(wanted)
        while place >= 0:
            argument, before, bits = arguments[place], place - 1, 8
            while before >= 0 and operations[before] == dis.EXTENDED_ARG:
                argument |= arguments[before] << bits
                before, bits = before - 1, bits + 8
            yield name, code.co_names[argument >> shift]
            place = operations.find(wanted, place + 1)


_IMPORTERS = ('import_module', '__import__')


def _is_import(node: ast.AST) -> bool:
    """Return whether a node is a call of ``import_module``."""
    if not isinstance(node, ast.Call) or not node.args:
        return False
    return getattr(node.func, 'attr', getattr(node.func, 'id', '')) in _IMPORTERS


def _imports_something(code: types.CodeType) -> bool:
    return dis.opmap['IMPORT_NAME'] in code.co_code[::2] or any(
        isinstance(constant, types.CodeType) and _imports_something(constant) for constant in code.co_consts
    )
