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

from .comprehensions import expand_comprehension
from .program import Yielded
from .trees import AWAITS, annotations_of, assign, awaits_repeatedly, call, contains_await, copy_place, load, store

if TYPE_CHECKING:
    from .lower import Lowerer

__all__ = ('Slot', 'Spiller')

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
        cut: ast.expr = node
        if isinstance(node, ast.Await):
            cut = self._await(node, assigned)
        elif handler is not None:
            cut = handler(node)
        else:
            self.operands(list(_slots(node)))
        setattr(cut, AWAITS, False)  # it may become part of something that is asked
        return cut

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
        if type(node).__name__ == 'Interpolation':
            self._save_interpolation(node)
            return node
        return self.saved(node)

    def _save_interpolation(self, node: Any) -> None:
        """Save a part of a template string (Python 3.14): it is evaluated, but not formatted."""
        node.value = self.saved(node.value)
        if node.format_spec is not None:
            written = copy_place(ast.FormattedValue(self.saved(node.format_spec), -1, None), node)
            node.format_spec = copy_place(ast.JoinedStr([written]), node)

    def _save_slice(self, node: ast.Slice) -> None:
        for field in ('lower', 'upper', 'step'):
            if (part := getattr(node, field)) is not None:
                setattr(node, field, self.saved(part))

    def _await(self, node: ast.Await, assigned: str | None) -> ast.expr:
        if isinstance(node.value, ast.IfExp | ast.BoolOp) and not isinstance(node, Yielded):
            return self.expression(self._await_inside(node.value, node))
        awaited = self.expression(node.value)
        result = self.out.names.new('value')
        self.out.suspend(awaited, result, node, assigned)
        return load(result, node)

    def _await_inside(self, choice: ast.IfExp | ast.BoolOp, place: ast.Await) -> ast.expr:
        """Return ``await (a if test else b)`` as ``(await a) if test else (await b)``: a helper's call is awaited directly."""

        def awaited(value: ast.expr) -> ast.expr:
            return copy_place(ast.Await(value), place)

        if isinstance(choice, ast.IfExp):
            return copy_place(ast.IfExp(choice.test, awaited(choice.body), awaited(choice.orelse)), choice)
        first, *others = choice.values
        rest = others[0] if len(others) == 1 else copy_place(ast.BoolOp(choice.op, others), choice)
        test = self.saved(first)
        yes, no = (rest, test) if isinstance(choice.op, ast.And) else (test, rest)
        return copy_place(ast.IfExp(test, awaited(yes), awaited(no)), choice)

    def _Starred(self, node: ast.Starred) -> ast.expr:  # noqa: N802
        node.value = self.expression(node.value)
        return node

    def _Lambda(self, node: ast.Lambda) -> ast.expr:  # noqa: N802
        self.definition(node, [])
        return node

    def definition(self, node: Any, others: list[Slot]) -> None:
        """Cut what a definition evaluates where it stands: the given operands, the defaults of parameters, annotations."""
        slots = [*others, *((node.args, 'defaults', index) for index in range(len(node.args.defaults)))]
        slots += [(node.args, 'kw_defaults', i) for i, value in enumerate(node.args.kw_defaults) if value is not None]
        slots += [(*place, None) for place in annotations_of(node)]
        self.operands(slots)

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

    # -- displays: what stands before a `*` or `**` is put into the container, and hashed, before that is evaluated

    def _Set(self, node: ast.Set) -> ast.expr:  # noqa: N802
        count = next((number for number, item in enumerate(node.elts) if isinstance(item, ast.Starred)), None)
        if count is None:
            self.operands(list(_slots(node)))
            return node
        nothing = ast.Starred(ast.Tuple([], ast.Load()), ast.Load())
        container = self.saved(copy_place(ast.Set(node.elts[:count] or [nothing]), node))
        for item in node.elts[count:]:
            starred = isinstance(item, ast.Starred)
            value = self.expression(item.value if isinstance(item, ast.Starred) else item)
            method = copy_place(ast.Attribute(container, 'update' if starred else 'add', ast.Load()), item)
            self.out.emit(copy_place(ast.Expr(call(method, item, value)), item))
        return container

    def _Dict(self, node: ast.Dict) -> ast.expr:  # noqa: N802
        container: ast.expr | None = None
        for keys, values in _runs(node):
            part = copy_place(ast.Dict(keys, values), node)
            self.operands(list(_slots(part)))
            if container is not None:
                part = copy_place(ast.Dict([None, *part.keys], [container, *part.values]), node)
            if len(keys) == len(node.keys):
                return part
            container = self.saved(part)
        assert container is not None
        return container

    # -- comprehensions

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
        if not awaits_repeatedly(node):
            return node  # type: ignore[no-any-return]
        # The iterable of the first loop belongs to the function's scope, the rest to the comprehension's own.
        loops = expand_comprehension(node, self.saved(first.iter), empty, values, self.out.names)
        self.out.share(loops.shared)
        self.out.statements(loops.statements)
        return load(loops.container, node)

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


def _runs(node: ast.Dict) -> Iterator[tuple[list[ast.expr | None], list[ast.expr]]]:
    """Yield the parts of a dict display: pairs that follow each other, or one mapping that is unpacked."""
    start = 0
    for index, key in enumerate(node.keys):
        last = index + 1 == len(node.keys)
        if key is None or last or node.keys[index + 1] is None:
            yield node.keys[start : index + 1], node.values[start : index + 1]
            start = index + 1


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
