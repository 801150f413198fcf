"""Expressions cut where they await, in CPython's order of evaluation.

`Spiller.expression` returns an expression without await that has the value of the one given, after emitting the
statements that have to come before it. What is evaluated before an await in the same expression goes into a variable of
the compiler (``.value1``): it is part of the frame there.

Source: the language reference, "Evaluation order", and the code that CPython generates.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from .trees import Names, assign, call, contains_await, copy_place, load, store

if TYPE_CHECKING:
    from .lower import Lowerer

__all__ = ('Spiller',)

#: A place in a tree that holds an operand: the node and the name of its field, and the index if it is a list.
Slot = tuple[Any, str, int | None]


class Spiller:
    """Cuts expressions and the targets of assignments for a `Lowerer`, which receives the statements."""

    def __init__(self, lowerer: Lowerer) -> None:
        self.out = lowerer

    # -- expressions

    def expression(self, node: ast.expr, assigned: str | None = None) -> ast.expr:
        """Return an expression without await that is to be evaluated next.

        :param node: the expression.
        :param assigned: the variable that receives its value, if it goes nowhere else.
        """
        if not contains_await(node):
            return node
        handler: Callable[..., ast.expr] | None = getattr(self, f'_{type(node).__name__}', None)
        if isinstance(node, ast.Await):
            return self._await(node, assigned)
        if handler is not None:
            return handler(node)
        self.operands(list(_slots(node)))
        return node

    def saved(self, node: ast.expr) -> ast.expr:
        """Evaluate an expression now, into a variable that lasts."""
        if isinstance(node, ast.Constant):
            return node
        name = self.out.names.new('value')
        self.out.emit(assign(name, self.expression(node), node))
        return load(name, node)

    def operands(self, slots: list[Slot]) -> None:
        """Cut the operands of one operation, given in their order of evaluation."""
        awaiting = [number for number, slot in enumerate(slots) if contains_await(_get(slot))]
        for number, slot in enumerate(slots[: awaiting[-1] + 1] if awaiting else []):
            operand = _get(slot)
            if number == awaiting[-1]:
                cut = self.expression(operand)
            elif _is_mapping(slot):
                cut = self.saved(copy_place(ast.Dict([None], [operand]), operand))
            else:
                cut = self._save_operand(operand)
            _set(slot, cut)

    def _save_operand(self, node: ast.expr) -> ast.expr:
        """Save an operand in the form that its place in the syntax asks for."""
        if isinstance(node, ast.Starred):
            unpacked = copy_place(ast.List([node], ast.Load()), node)
            return copy_place(ast.Starred(self.saved(unpacked), ast.Load()), node)
        if isinstance(node, ast.Slice):
            self._save_slice(node)
            return node
        if isinstance(node, ast.FormattedValue):
            formatted = copy_place(ast.JoinedStr([node]), node)
            return copy_place(ast.FormattedValue(self.saved(formatted), -1, None), node)
        return self.saved(node)

    def _save_slice(self, node: ast.Slice) -> None:
        for field in ('lower', 'upper', 'step'):
            if (part := getattr(node, field)) is not None:
                setattr(node, field, self.saved(part))

    def _await(self, node: ast.Await, assigned: str | None) -> ast.expr:
        awaited = self.expression(node.value)
        result = self.out.names.new('value')
        self.out.suspend(awaited, result, node, assigned)
        return load(result, node)

    def _Starred(self, node: ast.Starred) -> ast.expr:  # noqa: N802
        node.value = self.expression(node.value)
        return node

    def _NamedExpr(self, node: ast.NamedExpr) -> ast.expr:  # noqa: N802
        value = self.saved(node.value)
        self.out.emit(copy_place(ast.Assign([node.target], value), node))
        return value

    def _BoolOp(self, node: ast.BoolOp) -> ast.expr:  # noqa: N802
        result, after = self.out.names.new('value'), self.out.block()
        for value in node.values[:-1]:
            self.out.emit(assign(result, self.expression(value), value))
            more = self.out.block()
            yes, no = (more, after) if isinstance(node.op, ast.And) else (after, more)
            self.out.branch(load(result, value), yes, no)
            self.out.begin(more)
        self.out.emit(assign(result, self.expression(node.values[-1]), node.values[-1]))
        self.out.goto(after)
        self.out.begin(after)
        return load(result, node)

    def _IfExp(self, node: ast.IfExp) -> ast.expr:  # noqa: N802
        result, after = self.out.names.new('value'), self.out.block()
        yes, no = self.out.block(), self.out.block()
        self.out.branch(self.expression(node.test), yes, no)
        for block, value in ((yes, node.body), (no, node.orelse)):
            self.out.begin(block)
            self.out.emit(assign(result, self.expression(value), value))
            self.out.goto(after)
        self.out.begin(after)
        return load(result, node)

    def _Compare(self, node: ast.Compare) -> ast.expr:  # noqa: N802
        if len(node.ops) == 1:
            self.operands([(node, 'left', None), (node, 'comparators', 0)])
            return node
        result, after = self.out.names.new('value'), self.out.block()
        left = self.saved(node.left)
        for number, (operator, comparator) in enumerate(zip(node.ops, node.comparators, strict=True)):
            right = self.saved(comparator)
            comparison = copy_place(ast.Compare(left, [operator], [right]), node)
            self.out.emit(assign(result, comparison, node))
            if number < len(node.ops) - 1:
                more = self.out.block()
                self.out.branch(load(result, node), more, after)
                self.out.begin(more)
            left = right
        self.out.goto(after)
        self.out.begin(after)
        return load(result, node)

    # -- comprehensions: a loop that fills a container; its variables are renamed, as they have a scope of their own

    def _ListComp(self, node: ast.ListComp) -> ast.expr:  # noqa: N802
        return self._comprehension(node, ast.List([], ast.Load()), [node.elt])

    def _SetComp(self, node: ast.SetComp) -> ast.expr:  # noqa: N802
        return self._comprehension(node, ast.Set([ast.Starred(ast.Tuple([], ast.Load()), ast.Load())]), [node.elt])

    def _DictComp(self, node: ast.DictComp) -> ast.expr:  # noqa: N802
        return self._comprehension(node, ast.Dict([], []), [node.key, node.value])

    def _GeneratorExp(self, node: ast.GeneratorExp) -> ast.expr:  # noqa: N802
        # Only its first iterable may await (`refuse`), and that is evaluated where the expression stands.
        node.generators[0].iter = self.expression(node.generators[0].iter)
        return node

    def _comprehension(self, node: Any, empty: ast.expr, values: list[ast.expr]) -> ast.expr:
        first = node.generators[0]
        first.iter = self.expression(first.iter)
        if not contains_await(node):
            return node  # type: ignore[no-any-return]
        container = self.out.names.new('comprehension')
        first_iter = self.saved(first.iter)
        self.out.emit(assign(container, copy_place(empty, node), node))
        rename = _Rename({name: self.out.names.new(f'{name}_') for name in _bound_names(node)})
        first.iter = copy_place(ast.Constant(None), first.iter)  # keep it out of the renaming
        node = rename.visit(node)
        values = [rename.visit(value) for value in values]
        node.generators[0].iter = first_iter
        body = _add_to(container, self.out.names, node, values)
        for generator in reversed(node.generators):
            for condition in reversed(generator.ifs):
                body = [copy_place(ast.If(condition, body, []), condition)]
            body = [copy_place(ast.For(generator.target, generator.iter, body, []), generator.target)]
        self.out.statements(body)
        return load(container, node)

    # -- targets

    def assign_target(self, target: ast.expr, value: ast.expr) -> None:
        """Emit ``target = value`` for a value that is a variable or a constant."""
        if not contains_await(target):
            self.out.emit(copy_place(ast.Assign([target], value), target))
        elif isinstance(target, ast.Tuple | ast.List):
            self._unpack(target, value)
        elif isinstance(target, ast.Starred):
            self.assign_target(target.value, value)
        else:
            self.operands(list(_slots(target)))
            self.out.emit(copy_place(ast.Assign([target], value), target))

    def _unpack(self, target: ast.Tuple | ast.List, value: ast.expr) -> None:
        parts: list[ast.expr] = []
        names = []
        for element in target.elts:
            names.append(self.out.names.new('value'))
            part: ast.expr = store(names[-1], element)
            if isinstance(element, ast.Starred):
                part = copy_place(ast.Starred(part, ast.Store()), element)
            parts.append(part)
        self.out.emit(copy_place(ast.Assign([ast.Tuple(parts, ast.Store())], value), target))
        for name, element in zip(names, target.elts, strict=True):
            self.assign_target(element, load(name, element))

    def augmented(self, node: ast.AugAssign) -> None:
        """Emit ``target op= value``: the target's old value is read before the value is evaluated."""
        target = node.target
        if isinstance(target, ast.Attribute):
            target.value = self.saved(target.value)
        elif isinstance(target, ast.Subscript):
            target.value = self.saved(target.value)
            if isinstance(target.slice, ast.Slice):
                self._save_slice(target.slice)
            else:
                target.slice = self.saved(target.slice)
        name = self.out.names.new('value')
        self.out.emit(assign(name, _as_load(target), target))
        value = self.expression(node.value)
        self.out.emit(copy_place(ast.AugAssign(store(name, target), node.op, value), node))
        self.out.emit(copy_place(ast.Assign([target], load(name, target)), node))


def _as_load(target: ast.expr) -> ast.expr:
    if isinstance(target, ast.Name):
        return load(target.id, target)
    if isinstance(target, ast.Attribute):
        return copy_place(ast.Attribute(target.value, target.attr, ast.Load()), target)
    assert isinstance(target, ast.Subscript)
    return copy_place(ast.Subscript(target.value, target.slice, ast.Load()), target)


def _add_to(container: str, names: Names, node: ast.expr, values: list[ast.expr]) -> list[ast.stmt]:
    """Return the statements that add one element, its parts evaluated first (a dict's key before its value)."""
    place = values[0]
    parts = [names.new('value') for _ in values]
    evaluate: list[ast.stmt] = [assign(part, value, value) for part, value in zip(parts, values, strict=True)]
    loaded = [load(part, place) for part in parts]
    if isinstance(node, ast.DictComp):
        target = ast.Subscript(load(container, place), loaded[0], ast.Store())
        return [*evaluate, copy_place(ast.Assign([target], loaded[1]), place)]
    method = ast.Attribute(load(container, place), 'append' if isinstance(node, ast.ListComp) else 'add', ast.Load())
    return [*evaluate, copy_place(ast.Expr(call(copy_place(method, place), place, *loaded)), place)]


def _bound_names(node: Any) -> list[str]:
    """Return the variables that a comprehension binds in its own scope."""
    names = (
        name.id
        for generator in node.generators
        for name in ast.walk(generator.target)
        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
    )
    return list(dict.fromkeys(names))


class _Rename(ast.NodeTransformer):
    """Renames variables, except where a comprehension inside binds the same name anew."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:  # noqa: N802
        if node.id in self.names:
            return ast.copy_location(ast.Name(self.names[node.id], node.ctx), node)
        return node


def _slots(node: ast.AST) -> Iterator[Slot]:
    """Yield the operands of an expression in the order in which CPython evaluates them."""
    if isinstance(node, ast.Dict):
        for index, key in enumerate(node.keys):
            if key is not None:
                yield node, 'keys', index
            yield node, 'values', index
        return
    if isinstance(node, ast.keyword):
        yield node, 'value', None
        return
    for field, value in ast.iter_fields(node):
        if isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, ast.keyword):
                    yield item, 'value', None
                elif isinstance(item, ast.expr):
                    yield node, field, index
        elif isinstance(value, ast.expr) and not isinstance(value, ast.expr_context):
            yield node, field, None


def _is_mapping(slot: Slot) -> bool:
    """Return whether an operand is what ``**`` unpacks, in a call or in a dict."""
    node, _, index = slot
    if isinstance(node, ast.keyword):
        return node.arg is None
    return isinstance(node, ast.Dict) and index is not None and node.keys[index] is None


def _get(slot: Slot) -> ast.expr:
    node, field, index = slot
    value: ast.expr = getattr(node, field) if index is None else getattr(node, field)[index]
    return value


def _set(slot: Slot, value: ast.expr) -> None:
    node, field, index = slot
    if index is None:
        setattr(node, field, value)
    else:
        getattr(node, field)[index] = value
