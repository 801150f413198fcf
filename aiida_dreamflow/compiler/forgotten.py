"""Pass: find the calls whose ``await`` was forgotten, as far as the source tells.

`submit(...)`, `gather(...)` and the call of an ``async def`` stand for a value that is not there yet. Where one is used as that
value, by itself or through a variable that holds nothing else, the run would fail; a coroutine object would even be true. Must not
refuse anything: the line may never run.
"""

from __future__ import annotations

import ast
import builtins
import inspect
from collections.abc import Iterator

from .desugar import AWAIT_MARK
from .program import Forgotten, Program
from .trees import walk

__all__ = ('find_forgotten',)

#: What else of this package gives something to await.
_OTHERS = ('create_task', 'shield', 'wait_for')
#: What may be asked of a handle, a task or a coroutine object.
_ATTRIBUTES = frozenset(
    [
        'done',
        'result',
        'cancelled',
        'exception',
        'cancel',
        'uncancel',
        'cancelling',
        'get_name',
        'close',
        'send',
        'throw',
    ]
)
#: Builtins that use the values of their arguments.
_BUILTINS = frozenset(
    [
        'abs',
        'bool',
        'complex',
        'dict',
        'divmod',
        'enumerate',
        'float',
        'int',
        'len',
        'list',
        'max',
        'min',
        'pow',
        'range',
        'reversed',
        'round',
        'sorted',
        'sum',
        'tuple',
        'zip',
    ]
)
#: What may use a value.
_NODES: tuple[type[ast.AST], ...] = (
    *(ast.If, ast.While, ast.IfExp, ast.Assert, ast.BoolOp, ast.UnaryOp, ast.BinOp, ast.Compare, ast.Subscript),
    *(ast.Attribute, ast.For, ast.comprehension, ast.AugAssign, ast.Call, ast.Return, ast.Expr),
)


def find_forgotten(program: Program) -> None:
    """Note where the result of a call is used that is not awaited."""
    if program.source.is_async:
        finder = _Finder(program)
        found = [each for node in program.own(*_NODES) for each in finder.uses(node)]
        program.forgotten = sorted(found, key=lambda each: each.line)


class _Finder:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.variables: dict[str, ast.Call] = {}
        self.variables = self._variables()

    def uses(self, node: ast.AST) -> Iterator[Forgotten]:
        """Yield the places right below a node at which it uses a result that is not there."""
        for value in _used_by(node):
            yield from self._told(node, value)
        match node:
            case ast.Call() if self._gives(node) and not self._is_helper(node):
                for part in (*node.args, *(keyword.value for keyword in node.keywords)):
                    if not _gathers(self._name(node)):
                        yield from self._inside(node, part)
            case ast.Call(ast.Name(), args) if self._is_builtin(node.func):
                for part in args:
                    yield from self._told(node, part)
            case ast.Return(ast.expr() as value):
                yield from self._inside(node, value, in_return=True)
            case ast.Expr(ast.Call() as made) if self._is_helper(made):
                yield Forgotten(
                    made.lineno, f'`{_short(made)}` is not awaited, so it does not run: write `await {_short(made)}`'
                )
            case ast.Attribute(value, name) if name not in _ATTRIBUTES and not name.startswith('__'):
                yield from self._told(node, value)

    def _inside(self, node: ast.AST, value: ast.expr, in_return: bool = False) -> Iterator[Forgotten]:
        if isinstance(value, ast.List | ast.Tuple | ast.Set):
            parts: list[ast.expr] = value.elts
        elif isinstance(value, ast.Dict):
            parts = value.values
        elif isinstance(value, ast.ListComp):
            parts = [value.elt]
        else:
            yield from self._told(node, value, in_return)
            return
        for part in parts:
            yield from self._inside(node, part, in_return)

    def _told(self, node: ast.AST, value: ast.AST, in_return: bool = False) -> Iterator[Forgotten]:
        made = value if isinstance(value, ast.Call) else self.variables.get(getattr(value, 'id', ''))
        if made is not None and self._gives(made):
            what = (
                f'`{value.id}` is what `{_short(made)}` gives'
                if isinstance(value, ast.Name)
                else f'`{_short(made)}` is used'
            )
            write = value.id if isinstance(value, ast.Name) else _short(made)
            line = getattr(value, 'lineno', getattr(node, 'lineno', 0))
            yield Forgotten(line, f'{what}, not its result: write `await {write}`', in_return)

    def _variables(self) -> dict[str, ast.Call]:
        """Return the variables that hold nothing but what such a call gives, and one of these calls."""
        code = self.program.source.function.__code__
        arguments = {each.arg for each in walk(self.program.source.node.args) if isinstance(each, ast.arg)}
        bound = dict[str, int]()
        for node in walk(self.program.source.node):
            names = [getattr(node, 'name', None), getattr(node, 'asname', None)]
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                names.append(node.id)
            for name in names:
                if isinstance(name, str):
                    bound[name] = bound.get(name, 0) + 1
        made: dict[str, list[ast.Call]] = {}
        for node in self.program.own(ast.Assign):
            target = node.targets[0]
            value = node.value
            if (
                len(node.targets) == 1
                and isinstance(target, ast.Name)
                and isinstance(value, ast.Call)
                and self._gives(value)
            ):
                made.setdefault(target.id, []).append(value)
        return {
            name: calls[0]
            for name, calls in made.items()
            if len(calls) == bound[name] and name not in arguments and name in code.co_varnames
        }

    def _is_builtin(self, name: ast.expr) -> bool:
        found = self.program.meaning(name)
        return isinstance(name, ast.Name) and name.id in _BUILTINS and found is getattr(builtins, name.id)

    def _gives(self, call: ast.Call) -> bool:
        """Return whether a call gives something that has to be awaited."""
        return self._name(call) != '' or self._is_helper(call)

    def _name(self, call: ast.Call) -> str:
        """Return the name of the function of this package that is called; empty if it is another."""
        if isinstance(call.func, ast.Name) and call.func.id == '.submit':
            return 'submit'
        found = self.program.meaning(call.func)
        if found is None and isinstance(call.func, ast.Attribute):
            found = getattr(self.program.meaning(call.func.value), call.func.attr, None)  # `submit.map`
            if getattr(found, AWAIT_MARK, False) is not True:
                return ''
        if getattr(found, AWAIT_MARK, False) is True:
            return str(getattr(found, '__name__', type(found).__name__.strip('_').lower()))
        name = getattr(found, '__name__', '')
        ours = str(getattr(found, '__module__', '')).startswith(__name__.partition('.')[0] + '.')
        return str(name) if ours and name in _OTHERS else ''

    def _is_helper(self, call: ast.Call) -> bool:
        """Return whether a call is that of an ``async def``."""
        return inspect.iscoroutinefunction(self.program.meaning(call.func))


def _gathers(name: str) -> bool:
    """Return whether a function of this package takes things to await."""
    return name in ('gather', 'wait', *_OTHERS)


def _used_by(node: ast.AST) -> list[ast.expr]:
    """Return the expressions right below a node whose values it uses, whatever they are."""
    match node:
        case ast.If(test) | ast.While(test) | ast.IfExp(test) | ast.Assert(test):
            return [test]
        case ast.BoolOp(_, values):
            return values[:-1]
        case ast.UnaryOp(_, operand):
            return [operand]
        case ast.BinOp(left, operator, right):
            return [left] if isinstance(operator, ast.Mod) else [left, right]
        case ast.Compare(left, [ast.In() | ast.NotIn()], [right]):
            return [right]
        case ast.Compare(left, operators, others):
            if any(isinstance(each, ast.Is | ast.IsNot | ast.In | ast.NotIn) for each in operators):
                return []
            ordered = any(not isinstance(each, ast.Eq | ast.NotEq) for each in operators)
            plain = any(isinstance(each, ast.Constant | ast.BinOp) for each in (left, *others))
            return [left, *others] if ordered or plain else []
        case ast.Subscript(value, _) | ast.AugAssign(_, _, value):
            return [value]
        case ast.For(_, iterated) | ast.comprehension(_, iterated, _, 0):
            return [iterated]
    return []


def _short(call: ast.Call) -> str:
    called, given = call.func, [*call.args, *call.keywords]
    if isinstance(called, ast.Name) and called.id == '.submit':  # the call of a workflow
        called, *given = given  # type: ignore[assignment]
    return f'{ast.unparse(called)}({"..." if given else ""})'
