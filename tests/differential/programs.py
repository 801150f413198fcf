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
from .program_expressions import Expressions

_numbers = itertools.count()


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


class Writer(Expressions):
    """Writes a program: statements, with expressions in them."""

    def program(self) -> str:
        self.lines = ['async def program():']
        self.emit('global COUNT')
        self.emit('a = b = COUNT = 0')
        self.block(4)
        self.emit('return a, b')
        return '\n'.join(self.lines) + '\n'

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
