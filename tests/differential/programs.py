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
        self.awaiting = True
        self.comprehension = False

    def pick(self, *options: Any) -> Any:
        return options[self.draw(st.integers(0, len(options) - 1))]

    def program(self) -> str:
        self.lines = ['async def program():']
        self.emit('a = b = 0')
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
            ]
            if self.awaiting:
                kinds += ['aboom', 'helper', 'either']
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
        return self.pick('range(3)', '[1, 2]', "'ab'", 'enumerate([5, 6])', 'zip([1, 2], "ab")', '{1: 2, 3: 4}')

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
        kinds = ['assign', 'assign', 'augment', 'evaluate', 'unpack', 'store']
        if depth > 0 and self.budget > 0:
            kinds += ['if_', 'for_', 'while_', 'try_', 'try_', 'finally_', 'finally_', 'with_', 'match_', 'define']
            kinds += ['async_with'] if self.awaiting else []
        if self.budget < 18:
            kinds += ['raise_', 'return_', 'delete', 'assert_', 'bare_raise', 'info']
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
        targets = self.pick('a, b', 'a, *b', '(a, b), c', 'a, x')
        self.emit(f'{targets} = {self.expr()}')

    def store(self, depth: int) -> None:
        operator = self.pick('=', '=', '+=')
        self.emit(f'Box({self.mark()})[{self.expr(1)}] {operator} {self.expr(1)}')

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

    def loop_body(self, depth: int) -> None:
        self.loops += 1
        self.inside(depth)
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

    def finally_(self, depth: int) -> None:
        self.emit('try:')
        self.inside(depth)
        self.emit('finally:')
        self.inside(depth)

    def with_(self, depth: int) -> None:
        swallow = self.pick('False', 'True', 'E1')
        self.emit(
            f'with Manager({self.mark()}, {swallow}){self.pick("", " as x")}{self.pick("", f", Manager({self.mark()})")}:'
        )
        self.inside(depth)

    def async_with(self, depth: int) -> None:
        self.emit(f'async with AsyncManager({self.mark()}, {self.pick("False", "True")}){self.pick("", " as x")}:')
        self.inside(depth)

    def match_(self, depth: int) -> None:
        self.emit(f'match {self.expr(1)}:')
        self.indent += 1
        for pattern in (self.pick('0', '(a, b)', 'int(x)', '[x, *b]', '{0: c}'), self.pick('str() | 1', 'c if c', '_')):
            self.emit(f'case {pattern}:')
            self.inside(depth)
        self.indent -= 1

    def define(self, depth: int) -> None:
        """A nested function that shares variables, called at once and kept."""
        if self.helpers > 2:
            return self.assign(depth)
        self.helpers += 1
        name, shared = f'f{self.helpers}', self.pick('a', 'b')
        is_async = self.awaiting and self.pick(True, False)
        loops, self.loops = self.loops, 0
        awaiting, self.awaiting = self.awaiting, is_async
        self.emit(f'{"async " if is_async else ""}def {name}(c=0):')
        self.indent += 1
        self.emit(f'nonlocal {shared}')
        self.block(min(depth, 1))
        self.emit(f'{shared} = ({shared}, 1)[1]')
        self.indent -= 1
        self.loops, self.awaiting = loops, awaiting
        for _ in range(self.pick(1, 2)):
            self.emit(f'{self.pick("x = ", "")}{"await " if is_async else ""}{name}({self.pick("", self.expr(0))})')
