"""From a function object to its source: text, tree and where it stands in its file.

Knows how Python keeps sources (``inspect``, ``linecache``); must not know what the tree is compiled to.
"""

from __future__ import annotations
import __future__

import ast
import builtins
import contextlib
import hashlib
import inspect
import re
import tokenize
import types
from dataclasses import dataclass, field
from typing import Any, NoReturn

from ..exceptions import CompileError
from .files import FunctionNode, handed_out
from .private import mangle
from .quietly import parsed
from .texts import lines_of

__all__ = ('FunctionSource', 'is_filled', 'read_source')

#: Line put before an indented function, so that it parses where it stands: columns and strings stay as they are. Its
#: defaults and decorators may await.
_WRAPPER = 'async def _({}):\n'


#: What might be the private name of a class.
_PRIVATE = re.compile(r'\b__\w*[^\W_]\b')


@dataclass(frozen=True)
class FunctionSource:
    """The source of one function.

    :ivar function: the function object.
    :ivar filename: the file's name as tracebacks show it.
    :ivar text: the function's own lines, below a line that closes over its free variables if it is nested.
    :ivar node: its definition; line numbers are those of the file.
    :ivar lines: the lines of the file that the function covers, keyed by line number.
    :ivar private: the private names of its class in it, and what they stand for; the definition has that already.
    """

    function: types.FunctionType
    filename: str
    text: str
    node: FunctionNode
    lines: dict[int, str]
    private: dict[str, str] = field(default_factory=dict)

    @property
    def is_async(self) -> bool:
        """Whether it is an ``async def``."""
        return isinstance(self.node, ast.AsyncFunctionDef)

    @property
    def is_generator(self) -> bool:
        """Whether it is a generator function or a generator expression."""
        return inspect.isgeneratorfunction(self.function)

    @property
    def yields(self) -> bool:
        """Whether it is a generator of either kind, asynchronous ones included."""
        return self.is_generator or inspect.isasyncgenfunction(self.function)

    @property
    def qualname(self) -> str:
        """The qualified name that what is defined inside of the function is named after."""
        qualname: str = getattr(self.function.__code__, 'co_qualname', self.function.__qualname__)
        return qualname

    @property
    def fingerprint(self) -> str:
        """Hash of the function's text: two functions with the same one compile to the same program."""
        return hashlib.sha256(self.text.encode('utf-8', 'surrogatepass')).hexdigest()[:16]

    @property
    def future_flags(self) -> int:
        """The ``from __future__`` imports that are in force for the function, as ``compile`` takes them."""
        features = (getattr(__future__, name) for name in __future__.all_feature_names)
        return sum(f.compiler_flag & self.function.__code__.co_flags for f in features)

    def code_of_line(self, number: int) -> str:
        """Return a line of the source without indentation and comment."""
        line = self.lines.get(number, '').strip()
        if '#' not in line:
            return line
        with contextlib.suppress(tokenize.TokenError, SyntaxError):  # a line may be only the begin of a statement
            for token in tokenize.generate_tokens(iter([line]).__next__):
                if token.type == tokenize.COMMENT:
                    return line[: token.start[1]].rstrip()
        return line

    def is_local(self, name: str) -> bool:
        """Return whether a name is a variable of the function, or of a comprehension in it."""
        code = self.function.__code__
        return name in code.co_varnames or name in code.co_cellvars

    def resolve(self, node: ast.expr) -> Any:
        """Return the object that a (dotted) name means for the function at this moment, ``None`` if that is unknown.

        :param node: a ``Name`` that is not a local variable, or an ``Attribute`` of a module that is.
        """
        if isinstance(node, ast.Name):
            function = self.function
            if node.id in function.__code__.co_freevars:
                cell = (function.__closure__ or ())[function.__code__.co_freevars.index(node.id)]
                return cell.cell_contents if is_filled(cell) else None
            return function.__globals__.get(node.id, getattr(builtins, node.id, None))
        if isinstance(node, ast.Attribute):
            value = self.resolve(node.value)
            return getattr(value, node.attr, None) if isinstance(value, types.ModuleType) else None
        return None

    def refuse(self, node: ast.AST, reason: str, instead: str = '') -> NoReturn:
        """Raise the error for something that the language of workflow functions does not have.

        :param node: what is refused; gives line and column.
        :param reason: what cannot be, and why.
        :param instead: what to write instead.
        :raises CompileError: always.
        """
        line = getattr(node, 'lineno', self.node.lineno)
        column = getattr(node, 'col_offset', 0)
        message = f'{reason} (in workflow function `{self.node.name}`)' + (f'; {instead}' if instead else '')
        text = self.lines.get(line, '')
        # SyntaxError counts characters from one, the tree counts bytes of UTF-8 from zero.
        offset = len(text.encode()[:column].decode(errors='ignore')) + 1
        end_line, end_offset = getattr(node, 'end_lineno', None), None
        if end_line is not None:
            end_text = self.lines.get(end_line, '')
            end_offset = len(end_text.encode()[: getattr(node, 'end_col_offset', 0)].decode(errors='ignore')) + 1
        raise CompileError(message, (self.filename, line, offset, text, end_line, end_offset))


def is_filled(cell: types.CellType) -> bool:
    """Return whether a cell has a value."""
    try:
        cell.cell_contents  # noqa: B018  (reading it is the test)
    except ValueError:
        return False
    return True


def read_source(function: object, generator: bool = False) -> FunctionSource:
    """Return the source of a function.

    :param function: a function written with ``def`` or ``async def`` in a file or a notebook cell.
    :param generator: whether it is to be a generator function, and not a workflow function.
    :raises CompileError: for anything else, with the reason and what to do.
    """
    function = _require_function(function, generator)
    code, name = function.__code__, function.__qualname__
    lines = lines_of(function)
    if lines is None:
        raise CompileError(
            f'line {code.co_firstlineno} of {code.co_filename} defines another `{name}` by now: the file was edited since it was '
            'imported; start Python again'
        )
    first = code.co_firstlineno
    node = handed_out(''.join(lines), code)
    if node is not None:
        text = ''.join(lines[first - 1 : node.end_lineno])
    else:
        text, node = _parse_alone(lines, code, name)
    last = node.end_lineno or first
    numbered = {number: lines[number - 1].rstrip('\n') for number in range(first, last + 1)}
    private = mangle(node, function) if _PRIVATE.search(text) else {}
    return FunctionSource(function, code.co_filename, text, node, numbered, private)


def _parse_alone(lines: list[str], code: types.CodeType, name: str) -> tuple[str, FunctionNode]:
    """Return the text of a function, and its definition as it stands in its file, of which nothing else is parsed."""
    try:
        text, node = _parse(_lines_by_indentation(lines, code), code)
    except SyntaxError:  # something in it, a string say, is indented less than its `def`
        own = _lines_by_token(lines, code)
        if not own:
            raise CompileError(
                f'the source of `{name}` cannot be had (it was made in an interactive session, or its file has '
                'changed): write it in a file or in a notebook cell'
            ) from None
        try:
            text, node = _parse(own, code)
        except SyntaxError as error:
            raise CompileError(f'the source of `{name}` does not parse: {error.msg}') from error
    if node is None:
        raise CompileError(
            f'line {code.co_firstlineno} of {code.co_filename} no longer defines `{name}`: the file was edited since it was '
            'imported; start Python again'
        )
    return text, node


def _require_function(function: object, generator: bool) -> types.FunctionType:
    """Return the function if it is one that can have a program, otherwise say why it isn't."""
    name = getattr(function, '__qualname__', None) or repr(function)
    if isinstance(function, types.BuiltinFunctionType):
        raise CompileError(f'`{name}` is a builtin function, it has no Python source: wrap it in a `def`')
    if inspect.isclass(function):
        raise CompileError(f'`{name}` is a class, not a function: decorate a `def` or an `async def`')
    if not isinstance(function, types.FunctionType):
        kind = type(function).__name__
        raise CompileError(f'`{name}` is not a function, its type is `{kind}`: decorate a `def` or an `async def`')
    if function.__name__ == '<lambda>':
        code = function.__code__
        raise CompileError(
            f'a lambda cannot be a workflow function ({code.co_filename}, line {code.co_firstlineno}): '
            'give it a name with `def` or `async def`'
        )
    if (inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function)) is not generator:
        code = function.__code__
        raise CompileError(
            f'`{name}` is a generator function ({code.co_filename}, line {code.co_firstlineno}): a workflow function '
            'gives its result with `return`; collect the values in a list instead of `yield`'
        )
    return function


def _lines_by_indentation(lines: list[str], code: types.CodeType) -> list[str]:
    """Cut the lines of one function out of those of its file: up to the first that is indented as little as it is."""
    own = lines[code.co_firstlineno - 1 :]
    known = _last_line(code) - code.co_firstlineno + 1
    for number in range(known, len(own)):
        line = own[number].strip()
        if line and line[0] != '#' and _indentation(own[number]) <= _indentation(own[0]):
            return own[:number]
    return own


def _last_line(code: types.CodeType) -> int:
    """Return the last line that code says it comes from."""
    nested = [_last_line(constant) for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return max([code.co_firstlineno, *nested, *(number for *_, number in code.co_lines() if number is not None)])


def _indentation(line: str) -> int:
    line = line.expandtabs()
    return len(line) - len(line.lstrip())


def _lines_by_token(lines: list[str], code: types.CodeType) -> list[str]:
    """Cut the lines of one function out of those of its file: right for any text, but slow."""
    try:
        return inspect.getblock(lines[code.co_firstlineno - 1 :])
    except (IndentationError, SyntaxError, IndexError):
        return []


def _parse(own: list[str], code: types.CodeType) -> tuple[str, FunctionNode | None]:
    """Return the text of a function, and its definition as it stands in its file.

    :param own: its lines; there may be more.
    :raises SyntaxError: if they are not all of it.
    """
    if not own:
        raise SyntaxError('no source')
    wrapper = _WRAPPER.format(', '.join(code.co_freevars)) if own[0][:1].isspace() else ''
    before = '\n' * (code.co_firstlineno - 1 - len(wrapper.splitlines()))
    node = _definition(parsed(before + wrapper + ''.join(own), code.co_filename), code.co_name)
    length = node.end_lineno - code.co_firstlineno + 1 if node is not None and node.end_lineno else None
    return wrapper + ''.join(own[:length]), node


def _definition(tree: ast.Module, name: str) -> FunctionNode | None:
    """Return the outermost definition in the tree (below the wrapper), if it has the right name."""
    body: list[ast.stmt] = tree.body
    if body and isinstance(body[0], ast.AsyncFunctionDef) and body[0].name == '_' and name != '_':
        body = body[0].body
    node = body[0] if body else None
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
        return node
    return None
