"""The expressions of random programs: see `programs`."""

from __future__ import annotations

import itertools
import sys
from typing import Any

from hypothesis import strategies as st

__all__ = ('Expressions',)

_NAMES = ('a', 'b', 'c', 'x')


class Expressions:
    """Writes expressions, and keeps what statements and expressions share.

    :param draw: draws from a strategy of Hypothesis.
    """

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

    def emit(self, text: str) -> None:
        self.lines.append('    ' * self.indent + text)

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
                'dict_of_parts',
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

    def _dict_of_parts(self, depth: int) -> str:
        """What stands behind each `**` is a mapping, or is not, and may be taken out of what is awaited."""
        part = f'[{{"k": {self.expr(depth)}}}, {self.expr(0)}][{self.pick(0, 0, 0, 1)}]'
        other = f'**echo(z={self.expr(depth)})[1]'
        return f'{{{self.pick("", f"{self.expr(0)}: {self.expr(depth)}, ")}**{part}, {self.expr(0)}: {self.expr(depth)}, {other}}}'

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
