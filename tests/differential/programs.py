"""Random programs: every statement and expression of the language, nested, with a trace of what is evaluated.

`programs` is a Hypothesis strategy of sources. A program's loops are bounded, its values small; anything in it may
raise, and every value that matters is printed when it is evaluated.
"""

from __future__ import annotations

import itertools
import linecache
import sys
from typing import Any

from hypothesis import strategies as st

from . import tracing

_numbers = itertools.count()
_NAMES = ('a', 'b', 'c', 'x')


def make(source: str) -> Any:
    """Return the function `program` that a source defines."""
    filename = f'<fuzz{next(_numbers)}>'
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace = {name: getattr(tracing, name) for name in tracing.__all__}
    exec(compile(source, filename, 'exec', dont_inherit=True), namespace)
    return namespace['program']


@st.composite
def programs(draw: Any) -> str:
    """Return the source of a program."""
    return Writer(draw).program()


class Writer:
    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.lines: list[str] = []
        self.indent = 1
        self.marks = itertools.count(1)
        self.budget = 22
        self.loops = 0
        self.handlers = 0
        self.helpers = 0
        self.functions = 0
        self.awaiting = True
        self.comprehension = False
        self.star = False  # in a clause of `except*`, which cannot be left by a jump

    def pick(self, *options: Any) -> Any:
        return options[self.draw(st.integers(0, len(options) - 1))]

    def program(self) -> str:
        self.lines = ['async def program():']
        self.emit('global COUNT')
        self.emit('a = b = COUNT = 0')
        self.block(4)
        self.emit('return a, b')
        return '\n'.join(self.lines) + '\n'

    def emit(self, text: str) -> None:
        self.lines.append('    ' * self.indent + text)

    # -- expressions

    def mark(self) -> int:
        return next(self.marks)

    def name(self) -> str:
        return self.pick(*_NAMES)

    def expr(self, depth: int = 2) -> str:
        kinds = ['number', 'name', 'say']
        if self.awaiting:
            kinds += ['tick', 'tick', 'wait']
        if depth > 0:
            kinds += [
                'add',
                'tuple',
                'list',
                'star',
                'if',
                'and',
                'or',
                'not',
                'chain',
                'walrus',
                'fstring',
                'call',
                'dict',
                'item',
                'boom',
                'lambda',
                'comprehension',
                'genexp',
                'method',
                'slice',
                'unary',
                'contains',
                'attribute',
                'set_',
                'child_value',
                'star_call',
                'nested_list',
                'nested_fstring',
                'lambda_call',
            ]
            if sys.version_info >= (3, 11):
                kinds += ['star_item']
            if sys.version_info >= (3, 14):
                kinds += ['template']
            if self.awaiting:
                kinds += ['aboom', 'helper', 'either', 'child', 'children', 'method_helper', 'async_list', 'mixed_list']
        return getattr(self, '_' + self.pick(*kinds))(depth - 1)

    def _number(self, depth: int) -> str:
        return str(self.pick(0, 1, 2))

    def _name(self, depth: int) -> str:
        return self.name()

    def _say(self, depth: int) -> str:
        return f'say({self.mark()}, {self.expr(depth)})'

    def _tick(self, depth: int) -> str:
        return f'await tick({self.mark()}, {self.expr(depth)})'

    def _wait(self, depth: int) -> str:
        return 'await checkpoint()'

    def _add(self, depth: int) -> str:
        return f'({self.expr(depth)} {self.pick("+", "-", "*")} {self.expr(depth)})'

    def _tuple(self, depth: int) -> str:
        return f'({self.expr(depth)}, {self.expr(depth)})'

    def _list(self, depth: int) -> str:
        return f'[{self.expr(depth)}, {self.expr(depth)}]'

    def _star(self, depth: int) -> str:
        return f'[{self.expr(depth)}, *[{self.expr(depth)}], *{self.expr(depth)}]'

    def _if(self, depth: int) -> str:
        return f'({self.expr(depth)} if {self.expr(depth)} else {self.expr(depth)})'

    def _and(self, depth: int) -> str:
        return f'({self.expr(depth)} and {self.expr(depth)})'

    def _or(self, depth: int) -> str:
        return f'({self.expr(depth)} or {self.expr(depth)})'

    def _not(self, depth: int) -> str:
        return f'(not {self.expr(depth)})'

    def _chain(self, depth: int) -> str:
        return f'({self.expr(depth)} == {self.expr(depth)} != {self.expr(depth)})'

    def _walrus(self, depth: int) -> str:
        # Not the variable of a comprehension around it: that is no Python.
        return f'({self.pick("a", "b", "c")} := {self.expr(depth)})'

    def _fstring(self, depth: int) -> str:
        return f'f"""{{{self.expr(depth)}}}-{{{self.expr(depth)}!r:>{{{self.expr(0)}}}}}"""'

    def _call(self, depth: int) -> str:
        return f'echo({self.expr(depth)}, *[{self.expr(depth)}], k={self.expr(depth)}, **echo(z={self.expr(0)})[1])'

    def _dict(self, depth: int) -> str:
        return f'{{{self.expr(0)}: {self.expr(depth)}, {self.expr(depth)}: {self.expr(0)}}}'

    def _item(self, depth: int) -> str:
        return f'{self._list(depth)}[{self.expr(depth)}]'

    def _star_item(self, depth: int) -> str:
        return f'Box({self.mark()})[{self.expr(depth)}, *[{self.expr(0)}]]'

    def _slice(self, depth: int) -> str:
        return f'{self._list(depth)}[{self.expr(0)}:{self.expr(depth)}]'

    def _boom(self, depth: int) -> str:
        return f'boom({self.mark()}, {self.pick(0, 1, 2)})'

    def _aboom(self, depth: int) -> str:
        return f'await aboom({self.mark()}, {self.pick(0, 1, 2)})'

    def _helper(self, depth: int) -> str:
        return f'await nested({self.mark()}, {self.expr(depth)}, {self.pick(0, 1, 2, 3)})'

    def _either(self, depth: int) -> str:
        return f'await (tick({self.mark()}, {self.expr(depth)}) if {self.expr(depth)} else tick({self.mark()}, 0))'

    def _method(self, depth: int) -> str:
        return f'Box({self.mark()}).put({self.expr(depth)})'

    def _unary(self, depth: int) -> str:
        return f'({self.pick("-", "+", "~", "not ")}{self.expr(depth)})'

    def _contains(self, depth: int) -> str:
        return f'({self.expr(depth)} {self.pick("in", "not in", "is", "<", ">=")} {self.expr(depth)})'

    def _attribute(self, depth: int) -> str:
        return f'Box({self.expr(depth)}).mark'

    def _set_(self, depth: int) -> str:
        return f'len({{{self.expr(depth)}, *[{self.expr(depth)}]}})'

    def _child_value(self, depth: int) -> str:
        return f'Box({self.mark()})[{self.expr(depth)}:{self.expr(0)}:{self.expr(depth)}, {self.expr(0)}]'

    def _star_call(self, depth: int) -> str:
        return f'echo(*{self.expr(depth)}, {self.expr(0)}, **{{"k": {self.expr(depth)}}}, **{self.expr(0)})'

    def _nested_list(self, depth: int) -> str:
        if sys.version_info < (3, 11):
            return self._number(depth)  # no asynchronous comprehension inside of another one there
        return f'[[{self.expr(0)} for y in range(x)] for x in range({self.pick(1, 2, 3)}) if {self.without_walrus(0)}]'

    def _nested_fstring(self, depth: int) -> str:
        inner = f'{{{self.expr(0)}!s:>{{{self.pick(3, 5)}}}}}'
        return f"f'''{{{self.expr(depth)}!r}}{{{self.expr(0)} = }}{inner}'''" if depth < 1 else self._fstring(depth)

    def _template(self, depth: int) -> str:
        return f'shown(t"""a{{{self.expr(depth)}}}b{{{self.expr(depth)}!r:>{{{self.expr(0)}}}}}{{{self.expr(0)}}}""")'

    def _lambda_call(self, depth: int) -> str:
        return f'(lambda *args, k={self.expr(depth)}: (args, k, {self.name()}))({self.expr(depth)})'

    def _child(self, depth: int) -> str:
        return f'await submit(child, mark={self.mark()}, value={self.expr(depth)})'

    def _children(self, depth: int) -> str:
        one, other = (f'submit(child, mark={self.mark()}, value={self.expr(0)})' for _ in range(2))
        return f'await gather({one}, {other}{self.pick("", ", return_exceptions=True")})'

    def _method_helper(self, depth: int) -> str:
        return f'await Box({self.mark()}).later({self.expr(depth)}, *[{self.expr(0)}], k={self.expr(depth)})'

    def stream(self, depth: int) -> str:
        """An asynchronous iterable."""
        return self.pick(
            f'Stream({self.mark()}, {self.pick(0, 1, 2, 3)})', f'Stream({self.mark()}, 2, {self.pick(0, 1)})'
        )

    def _async_list(self, depth: int) -> str:
        if self.comprehension and sys.version_info < (3, 11):
            return self._number(depth)
        before, self.comprehension = self.comprehension, True
        element, condition = self.expr(depth), self.without_walrus(0)
        self.comprehension = before
        kind = self.pick('[{0} {1}]', '[{0} {1} if {2}]', '{{{2}: {0} {1}}}', 'len({{{0} {1}}})')
        return kind.format(element, f'async for x in {self.stream(depth)}', condition)

    def _mixed_list(self, depth: int) -> str:
        if self.comprehension and sys.version_info < (3, 11):
            return self._number(depth)
        before, self.comprehension = self.comprehension, True
        element = self.expr(depth)
        self.comprehension = before
        loops = [f'async for x in {self.stream(depth)}', f'for y in range({self.pick(1, 2)})']
        return f'[{element} {" ".join(loops if self.pick(True, False) else loops[::-1])}]'

    def without_walrus(self, depth: int) -> str:
        found = self.expr(depth)
        return found if ':=' not in found else 'x'

    def _lambda(self, depth: int) -> str:
        body = self.without_await(depth)
        default = self.expr(depth)
        return f'(lambda x={default}: {body})()'

    def _genexp(self, depth: int) -> str:
        return f'list({self.without_await(depth)} for x in {self.iterable(depth)})'

    def without_await(self, depth: int) -> str:
        before, self.awaiting = self.awaiting, False
        found = self.expr(depth)
        self.awaiting = before
        return found

    def _comprehension(self, depth: int) -> str:
        if self.comprehension and sys.version_info < (3, 11):
            return self._number(depth)
        before, self.comprehension = self.comprehension, True
        element, condition = self.expr(depth), self.expr(0)
        self.comprehension = before
        # Walrus is not allowed in what a comprehension runs over.
        loop = f'for x in range({self.pick(1, 2, 3)})'
        kind = self.pick('[{0} {1} if {2}]', '[{0} {1}]', '{{str({2}): {0} {1}}}', '[{0} {1} for y in [x, {2}] if y]')
        return kind.format(element, loop, condition if ':=' not in condition else 'x')

    def iterable(self, depth: int) -> str:
        return self.pick(
            'range(3)',
            '[1, 2]',
            "'ab'",
            'enumerate([5, 6])',
            'zip([1, 2], "ab")',
            '{1: 2, 3: 4}',
            '{1: 2, 3: 4}.items()',
            'reversed([1, 2])',
            f'map(lambda y: say({self.mark()}, y), [1, 2])',
            'filter(None, [0, 1, 2])',
            'itertools.chain([1], (2, 3))',
            'itertools.islice(itertools.count(1), 2)',
            'iter([1, 2])',
        )

    # -- statements

    def block(self, depth: int) -> None:
        for _ in range(self.pick(1, 2, 3)):
            self.statement(depth)

    def inside(self, depth: int) -> None:
        self.indent += 1
        self.block(depth)
        self.indent -= 1

    def statement(self, depth: int) -> None:
        self.budget -= 1
        kinds = [
            'assign',
            'assign',
            'augment',
            'evaluate',
            'unpack',
            'store',
            'annotate',
            'import_',
            'count',
            'attributes',
        ]
        if depth > 0 and self.budget > 0:
            kinds += ['if_', 'for_', 'while_', 'try_', 'try_', 'finally_', 'finally_', 'with_', 'match_', 'define']
            kinds += ['class_', 'method', 'decorated', 'generator', 'kept_lambda', 'growing']
            kinds += ['async_with', 'async_for', 'async_for', 'recursive', 'kept_coroutine'] if self.awaiting else []
            if sys.version_info >= (3, 11) and not self.star:
                kinds += ['try_star', 'try_star']
            if sys.version_info >= (3, 12):
                kinds += ['generic']
        if self.budget < 18:
            kinds += ['raise_', 'delete', 'delete_item', 'assert_', 'bare_raise', 'info']
            if sys.version_info >= (3, 11):
                kinds += ['raise_group', 'note']
            if not self.star:
                kinds += ['return_']
            if self.loops:
                kinds += ['jump', 'jump', 'jump']
        getattr(self, self.pick(*kinds))(depth - 1)

    def assign(self, depth: int) -> None:
        self.emit(f'{self.pick("", "b = ")}{self.name()} = {self.expr()}')

    def augment(self, depth: int) -> None:
        self.emit(f'{self.name()} {self.pick("+=", "-=", "*=")} {self.expr()}')

    def evaluate(self, depth: int) -> None:
        self.emit(self.expr(3))

    def unpack(self, depth: int) -> None:
        targets = self.pick(
            'a, b', 'a, *b', '(a, b), c', 'a, x', '[a, *_, c]', f'Box({self.mark()})[{self.expr(0)}], x'
        )
        self.emit(f'{targets} = {self.expr()}')

    def store(self, depth: int) -> None:
        operator = self.pick('=', '=', '+=', '-=')
        self.emit(f'Box({self.mark()})[{self.expr(1)}] {operator} {self.expr(1)}')

    def attributes(self, depth: int) -> None:
        self.emit(f'Box({self.expr(1)}).mark {self.pick("=", "+=")} {self.expr(1)}')

    def annotate(self, depth: int) -> None:
        self.emit(
            f'{self.pick("c", f"Box({self.mark()}).mark")}: {self.pick("int", "not_there")}{self.pick("", " = " + self.expr(1))}'
        )

    def import_(self, depth: int) -> None:
        self.emit(self.pick('import math as c', 'from math import floor as b', 'import os.path', 'pass'))

    def count(self, depth: int) -> None:
        if self.functions:
            self.emit('global COUNT')  # the second time that is a mistake, and the program is thrown away
        self.emit(f'COUNT {self.pick("=", "+=")} {self.expr(1)}')

    def delete_item(self, depth: int) -> None:
        self.emit(f'del Box({self.mark()})[{self.expr(1)}]{self.pick("", ", c", f", Box({self.expr(0)}).mark")}')

    def raise_group(self, depth: int) -> None:
        inner = self.pick('KeyError(2)', 'ExceptionGroup("h", [E1(2), ExceptionGroup("i", [E2(3), ValueError(4)])])')
        error = f'ExceptionGroup("g", [ERRORS[{self.pick(0, 1, 2)}]({self.expr(0)}), {inner}])'
        self.emit(f'raise {error}{self.pick("", "", " from E0(9)")}')

    def note(self, depth: int) -> None:
        error = f'e{self.mark()}'
        self.emit('try:')
        self.inside(0)
        self.emit(f'except Exception as {error}:')
        self.emit(f'    {error}.add_note(str({self.expr(0)}))')
        self.emit('    raise')

    def kept_lambda(self, depth: int) -> None:
        """A function that shares variables, called after more has happened to them."""
        name = f'k{self.mark()}'
        self.emit(f'{name} = lambda c={self.expr(0)}: ({self.name()}, c, {self.without_await(1)})')
        self.block(min(depth, 1))
        self.emit(f'{self.pick("x = ", "")}say({self.mark()}, {name}({self.pick("", self.expr(0))}))')

    def kept_coroutine(self, depth: int) -> None:
        """A call of a coroutine function that is awaited later, or never."""
        name = f'k{self.mark()}'
        self.emit(f'{name} = {self.pick("tick", "echo")}({self.mark()}, {self.expr(0)})')
        self.block(min(depth, 1))
        self.emit(f'{self.pick("x = ", "")}{self.pick("await ", "await ", "await ", "say(1, 0) or ")}{name}')

    def growing(self, depth: int) -> None:
        """A loop over a list that its body changes."""
        items, count = f'l{self.mark()}', f'n{self.mark()}'
        self.emit(f'{items} = [{self.expr(0)}]')
        self.emit(f'for {count}, x in enumerate({items}):')
        self.emit(
            f'    if {count} < {self.pick(1, 2, 3)}: {items}.{self.pick("append(a)", "insert(0, x)", "extend([x])")}'
        )
        self.loop_body(depth)
        self.emit(f'say({self.mark()}, {items})')

    def delete(self, depth: int) -> None:
        self.emit(f'del {self.name()}')

    def assert_(self, depth: int) -> None:
        self.emit(f'assert {self.expr(1)}, {self.expr(1)}')

    def raise_(self, depth: int) -> None:
        error = f'ERRORS[{self.pick(0, 1, 2)}]({self.expr(1)})'
        self.emit(f'raise {error}' + self.pick('', '', ' from None', ' from KeyError(1)'))

    def bare_raise(self, depth: int) -> None:
        self.emit('raise')

    def return_(self, depth: int) -> None:
        self.emit(f'return {self.expr()}')

    def info(self, depth: int) -> None:
        self.emit(f'handling({self.mark()})')

    def jump(self, depth: int) -> None:
        self.emit(self.pick('break', 'continue'))

    def if_(self, depth: int) -> None:
        self.emit(f'if {self.expr()}:')
        self.inside(depth)
        if self.pick(True, False):
            self.emit('else:')
            self.inside(depth)

    def for_(self, depth: int) -> None:
        target = self.pick('x', 'a', 'x, b') if self.pick(True, False) else 'x'
        self.emit(f'for {target} in {self.pick(self.iterable(0), f"[{self.expr(1)}, {self.expr(1)}]")}:')
        self.loop_body(depth)

    def while_(self, depth: int) -> None:
        counter = f'i{self.mark()}'
        self.emit(f'{counter} = 0')
        self.emit(f'while ({counter} := {counter} + 1) < {self.pick(2, 3, 4)} and {self.expr(1)}:')
        self.loop_body(depth)

    def async_for(self, depth: int) -> None:
        target = self.pick('x', 'x', 'a', f'Box({self.mark()})[{self.expr(0)}]', 'x, b')
        self.emit(f'async for {target} in {self.pick(self.stream(0), self.stream(0), self.stream(0), self.expr(1))}:')
        self.loop_body(depth)

    def loop_body(self, depth: int) -> None:
        self.loops += 1
        self.indent += 1
        if self.awaiting and self.pick(True, False):
            self.emit(f'await tick({self.mark()}, {self.pick("x", "a", "0")})')
        self.block(depth)
        self.indent -= 1
        self.loops -= 1
        if self.pick(True, False, False):
            self.emit('else:')
            self.inside(depth)

    def try_(self, depth: int) -> None:
        self.emit('try:')
        self.inside(depth)
        for number in range(self.pick(1, 2)):
            kind = self.pick('E0', 'E1', '(E1, E2)', 'Exception', 'NameError', 'ValueError', self.expr(1))
            self.emit(f'except {kind}{self.pick("", " as x", " as c")}:')
            self.inside(depth)
        if self.pick(True, False, False):
            self.emit('else:')
            self.inside(depth)
        if self.pick(True, False, False):
            self.emit('finally:')
            self.inside(depth)

    def try_star(self, depth: int) -> None:
        self.emit('try:')
        if self.pick(True, False):
            self.indent += 1
            self.block(depth - 1)
            self.raise_group(depth)
            self.indent -= 1
        else:
            self.inside(depth)
        loops, self.loops, self.star = self.loops, 0, True
        for number in range(self.pick(1, 2, 3)):
            kind = self.pick('E0', 'E1', '(E1, KeyError)', 'Exception', 'ValueError', 'E2', self.expr(1))
            self.emit(f'except* {kind}{self.pick("", " as x", " as c")}:')
            self.indent += 1
            self.block(depth)
            if self.pick(True, False, False):
                self.emit('raise')
            self.indent -= 1
        self.loops, self.star = loops, False
        if self.pick(True, False, False):
            self.emit('else:')
            self.inside(depth)
        if self.pick(True, False, False):
            self.emit('finally:')
            self.inside(depth)

    def finally_(self, depth: int) -> None:
        self.emit('try:')
        self.inside(depth)
        self.emit('finally:')
        self.inside(depth)

    def with_(self, depth: int) -> None:
        swallow = self.pick('False', 'True', 'E1')
        self.emit(
            f'with Manager({self.pick(self.mark(), self.expr(1))}, {swallow}){self.pick("", " as x")}'
            f'{self.pick("", f", Manager({self.mark()})", f", Manager({self.expr(0)}, {self.expr(0)}) as Box(1)[{self.expr(0)}]")}:'
        )
        self.inside(depth)

    def async_with(self, depth: int) -> None:
        self.emit(f'async with AsyncManager({self.mark()}, {self.pick("False", "True")}){self.pick("", " as x")}:')
        self.inside(depth)

    def match_(self, depth: int) -> None:
        self.emit(f'match {self.expr(1)}:')
        self.indent += 1
        first = (
            '0',
            '(a, b)',
            'int(x)',
            '[x, *b]',
            '{0: c}',
            '{0: c, **b}',
            'Box(mark=a)',
            '(1 | 2) as b',
            '[_, (a, *_)]',
        )
        for pattern in (self.pick(*first), self.pick(*first), self.pick('str() | 1', 'c', '_')):
            guard = self.pick('', '', f' if {self.expr(1)}') if pattern not in ('c', '_') else ''
            self.emit(f'case {pattern}{guard}:')
            self.inside(depth)
        self.indent -= 1

    def function(self, head: str, depth: int, is_async: bool, before: tuple[str, ...] = ()) -> None:
        """The definition of a nested function."""
        loops, self.loops = self.loops, 0
        star, self.star = self.star, False
        awaiting, self.awaiting = self.awaiting, is_async
        comprehension, self.comprehension = self.comprehension, False
        self.emit(f'{"async " if is_async else ""}def {head}:')
        self.indent += 1
        for line in before:
            self.emit(line)
        self.functions += 1
        self.block(min(depth, 1))
        self.functions -= 1
        self.indent -= 1
        self.loops, self.awaiting, self.star, self.comprehension = loops, awaiting, star, comprehension

    def new_helper(self, kind: str) -> str | None:
        """A name for one more nested function, unless there are enough."""
        self.helpers += 1
        return f'{kind}{self.helpers}' if self.helpers <= 3 else None

    def define(self, depth: int) -> None:
        """A nested function that shares variables, called at once and kept."""
        name, shared = self.new_helper('f'), self.pick('a', 'b')
        if name is None:
            return self.assign(depth)
        is_async = self.awaiting and self.pick(True, False)
        parameters = self.pick('c=0', f'c={self.expr(1)}', 'c=1, /, *args, k=2, **kw', f'c=1, *, k={self.expr(1)}')
        self.function(f'{name}({parameters})', depth, is_async, (f'nonlocal {shared}', f'{shared} = ({shared}, 1)[1]'))
        for _ in range(self.pick(1, 2)):
            arguments = self.pick('', self.expr(0), f'*[{self.expr(0)}]', 'k=3', '1, 2, 3', 'c=1')
            self.emit(f'{self.pick("x = ", "")}{"await " if is_async else ""}{name}({arguments})')

    def decorated(self, depth: int) -> None:
        """Decorators are evaluated before defaults, and applied after."""
        name = self.new_helper('d')
        if name is None:
            return self.evaluate(depth)
        for _ in range(self.pick(1, 2)):
            self.emit(f'@loud({self.expr(1)})')
        self.function(f'{name}(x={self.expr(1)})', depth, False)
        self.emit(f'{name}({self.pick("", self.expr(0))})')

    def recursive(self, depth: int) -> None:
        """A helper that awaits itself."""
        name = self.new_helper('r')
        if name is None:
            return self.evaluate(depth)
        again = f'x = await {name}(n - 1) if n else {self.expr(0)}'
        self.function(f'{name}(n, x=None)', depth, True, (again,))
        self.emit(f'{self.pick("x = ", "")}await {name}({self.pick(0, 1, 2)})')

    def class_(self, depth: int) -> None:
        """A class: bases, keywords, and a body that reads the variables around it."""
        name = self.new_helper('C')
        if name is None:
            return self.assign(depth)
        self.emit(f'class {name}({self.pick("Box", f"echo(Box, {self.expr(0)})[0][0]")}, k={self.expr(0)}):')
        self.indent += 1
        awaiting, self.awaiting = self.awaiting, False
        self.emit(f'{self.pick("y", "mark")} = {self.expr(1)}')
        self.awaiting = awaiting
        self.function('put(self, value)', 0, False)
        self.indent -= 1
        self.emit(f'x = {name}({self.expr(0)}).put({self.expr(0)})')

    def method(self, depth: int) -> None:
        """A method as a helper."""
        name = self.new_helper('M')
        if name is None or not self.awaiting:
            return self.evaluate(depth)
        self.emit(f'class {name}:')
        self.indent += 1
        self.emit(self.pick('y = 1', '@classmethod', '@staticmethod'))
        self.function('go(self=None, *args)', depth, True)
        self.indent -= 1
        self.emit(f'{self.pick("x = ", "")}await {name}().go({self.pick("", self.expr(0))})')

    def generator(self, depth: int) -> None:
        """A generator that is used up in the step."""
        name = self.new_helper('g')
        if name is None:
            return self.evaluate(depth)
        self.function(f'{name}(x=2)', 0, False, ('yield x',))
        self.emit(f'{self.pick("b", "x")} = {self.pick("list", "next", "dict")}({name}({self.pick("", self.expr(0))}))')

    def generic(self, depth: int) -> None:
        """A function with type parameters (Python 3.12)."""
        name = self.new_helper('t')
        if name is None:
            return self.assign(depth)
        self.function(f'{name}[T: (a, b), *Ts](x: T = {self.expr(1)}) -> T', 0, False, ('type X = list[T]',))
        self.emit(f'say({self.mark()}, {name}({self.pick("", self.expr(0))}))')
