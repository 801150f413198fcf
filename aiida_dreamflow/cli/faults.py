"""Mistakes that the text of a function shows before anything runs.

Undefined names, keywords that a child does not have, asyncio's functions, files that are open across an await. What a name means is looked up in the imported module. What cannot be told for certain is no mistake.
"""

from __future__ import annotations

import ast
import asyncio
import builtins
import difflib
import dis
import inspect
import pathlib
import sys
import types
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ('faults_in', 'functions_behind')

_OPENERS = (open, pathlib.Path.open)
#: What of asyncio's a workflow function may use: it waits for nothing.
_HARMLESS = ('iscoroutine', 'iscoroutinefunction', 'isfuture')
_STORED_BY_NAME = frozenset(('STORE_NAME', 'STORE_GLOBAL', 'STORE_FAST', 'STORE_DEREF'))


def functions_behind(function: types.FunctionType, module: types.ModuleType) -> list[types.FunctionType]:
    """Return a function and the plain functions of its file that it mentions, and those that these mention."""
    found, pending = [function], [function]
    while pending:
        current = pending.pop()
        for code in _codes(current.__code__):
            for name in code.co_names:
                other = inspect.unwrap(value) if callable(value := vars(module).get(name)) else None
                if isinstance(other, types.FunctionType) and other.__module__ == module.__name__ and other not in found:
                    found.append(other)
                    pending.append(other)
    return found


def faults_in(function: types.FunctionType, is_compiled: bool) -> Iterator[tuple[int, str]]:
    """Yield line and words for what is wrong in a function.

    :param is_compiled: whether it is a workflow function, or a helper of one.
    """
    yield from _undefined(function)
    node = _tree_of(function)
    if node is None:
        return
    names = _Names(function, node)
    for inner in _own(node):
        if isinstance(inner, ast.Call):
            if is_compiled:
                yield from _asyncio(inner, names)
            yield from _keywords(inner, names)
        if is_compiled and isinstance(inner, ast.With | ast.AsyncWith):
            yield from _open_across_await(inner, names)


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _tree_of(function: types.FunctionType) -> ast.AST | None:
    """Return the definition of a function as its file has it."""
    try:
        with open(function.__code__.co_filename, encoding='utf-8') as file:  # noqa: PTH123  (it may be no path at all)
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == function.__name__:
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            if first == function.__code__.co_firstlineno:
                return node
    return None


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what is inside of a function, but for functions and classes inside of it."""
    pending = list(ast.iter_child_nodes(node))
    while pending:
        inner = pending.pop(0)
        yield inner
        if not isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            pending += ast.iter_child_nodes(inner)


class _Names:
    """What the names in a function mean, as far as can be told.

    :param function: the function.
    :param node: its definition.
    """

    def __init__(self, function: types.FunctionType, node: ast.AST) -> None:
        self._globals = function.__globals__
        code = function.__code__
        self._local = {*code.co_varnames, *code.co_cellvars, *code.co_freevars}
        self._local |= {
            each.id for each in ast.walk(node) if isinstance(each, ast.Name) and not isinstance(each.ctx, ast.Load)
        }

    def meaning(self, node: ast.expr) -> Any:
        """Return what a dotted name means; ``None`` if it is a local variable, or anything else."""
        if isinstance(node, ast.Name) and node.id not in self._local:
            return self._globals.get(node.id, getattr(builtins, node.id, None))
        if isinstance(node, ast.Attribute):
            around = self.meaning(node.value)
            # Of a class, an attribute may be worked out, and need a profile.
            return getattr(around, node.attr, None) if isinstance(around, types.ModuleType) else None
        return None


# -- names


def _undefined(function: types.FunctionType) -> Iterator[tuple[int, str]]:
    known, seen = {**vars(builtins), **function.__globals__}, set[str]()
    assigned = {
        each.argval
        for code in _codes(function.__code__)
        for each in dis.get_instructions(code)
        if each.opname in _STORED_BY_NAME
    }
    for code in _codes(function.__code__):
        line = code.co_firstlineno
        for each in dis.get_instructions(code):
            line = _line_of(each) or line
            name = each.argval
            if each.opname not in ('LOAD_GLOBAL', 'LOAD_NAME') or name in known or name in seen or name in assigned:
                continue
            if name.startswith('__') or _is_guarded(code):
                continue
            seen.add(name)
            close = difflib.get_close_matches(name, [*function.__globals__, *code.co_varnames], 1, 0.75)
            yield line, f'`{name}` is not defined' + (f' (`{close[0]}`?)' if close else '')


def _line_of(instruction: dis.Instruction) -> int | None:
    positions = getattr(instruction, 'positions', None)
    if positions is not None:
        return positions.lineno  # type: ignore[no-any-return]
    return instruction.starts_line


def _is_guarded(code: types.CodeType) -> bool:
    """Return whether a function expects that a name may be missing."""
    return 'NameError' in code.co_names


# -- calls


def _asyncio(call: ast.Call, names: _Names) -> Iterator[tuple[int, str]]:
    import aiida_dreamflow

    made = names.meaning(call.func)
    if made is getattr(sys.modules.get('aiida.engine'), 'submit', call):
        yield (
            call.lineno,
            '`aiida.engine.submit` launches from outside: in a workflow function write `await submit(...)` of this package',
        )
    module, name = getattr(made, '__module__', None) or '', getattr(made, '__name__', '')
    if module.partition('.')[0] != 'asyncio' or getattr(asyncio, name, None) is not made or name in _HARMLESS:
        return
    advice = 'await children and helpers'
    if name in aiida_dreamflow.__all__:
        advice = f'use that of this package, `from aiida_dreamflow import {name}`'
    elif name == 'to_thread':
        advice = 'use `run` of this package'
    yield (
        call.lineno,
        f'`asyncio.{name}` cannot be awaited in a workflow: an event loop does not survive a restart; {advice}',
    )


def _open_across_await(block: ast.With | ast.AsyncWith, names: _Names) -> Iterator[tuple[int, str]]:
    for item in block.items:
        made = item.context_expr
        is_open = isinstance(made, ast.Call) and (
            names.meaning(made.func) in _OPENERS or (isinstance(made.func, ast.Attribute) and made.func.attr == 'open')
        )
        awaits = [each for each in _own(block) if isinstance(each, ast.Await)]
        if is_open and awaits:
            line = awaits[0].lineno
            text = f'`{ast.unparse(made)}` is open at the await in line {line}, and an open file cannot be stored: read or write before'
            yield made.lineno, f'{text}, or open it again after'


# -- the arguments of children


def _keywords(call: ast.Call, names: _Names) -> Iterator[tuple[int, str]]:
    """Yield what is wrong with the arguments of a child whose function or class is known."""
    target, args, given = _child(call, names)
    if target is None:
        return
    words = {each.arg: each.value for each in given if each.arg is not None}
    is_whole = not any(isinstance(each, ast.Starred) for each in args) and all(each.arg is not None for each in given)
    function = _function_of(target)
    if function is not None:
        yield from ((call.lineno, text) for text in _misfit(function, args, words, is_whole))
        return
    try:
        ports = target.spec().inputs
    except Exception:  # it needs a profile, or more
        return
    yield from ((call.lineno, text) for text in _unknown(target.__name__, '', ports, words))
    missing = [name for name, port in ports.items() if port.required and not _has_default(port) and name not in words]
    if is_whole and missing:
        yield call.lineno, f'`{target.__name__}` needs {" and ".join(f"`{each}`" for each in missing)}'


def _child(call: ast.Call, names: _Names) -> tuple[Any, list[ast.expr], list[ast.keyword]]:
    """Return what a call launches, if it is known, with its arguments."""
    from aiida_dreamflow import FunctionWorkChain, run, submit

    called = names.meaning(call.func)
    if isinstance(called, type) and issubclass(called, FunctionWorkChain) and called.function is not None:
        return called, call.args, call.keywords
    if called not in (submit, run) or not call.args:
        return None, [], []
    first = call.args[0]
    target = names.meaning(first)
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        target = _entry_point(first.value)
    return (
        target,
        call.args[1:],
        [each for each in call.keywords if not (called is run and each.arg in ('thread', 'cwd'))],
    )


def _entry_point(name: str) -> Any:
    from aiida_dreamflow.engine.kinds import find_target

    try:
        return find_target(name)
    except Exception:  # the launch says why
        return None


def _function_of(target: Any) -> Any:
    """Return the function whose parameters the arguments are; ``None`` for a class of processes."""
    from aiida.engine import Process

    if isinstance(target, type):
        function = getattr(target, 'function', None)
        return (
            function
            if issubclass(target, Process) and function is not None
            else (None if issubclass(target, Process) else len)
        )
    return target if callable(target) else len


def _misfit(function: Any, args: list[ast.expr], words: Mapping[str, Any], is_whole: bool) -> Iterator[str]:
    if function is len:
        return  # the launch says that it is no function
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return
    name, parameters = function.__name__ if hasattr(function, '__name__') else str(function), signature.parameters
    if any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        return
    reserved = ('metadata',)
    unknown = [word for word in words if word not in parameters and word not in reserved]
    for word in unknown:
        yield f'`{name}` has no parameter `{word}`{_meant(word, list(parameters))}; it takes {_listed(list(parameters))}'
    if is_whole and not unknown:
        try:
            signature.bind(*args, **{word: value for word, value in words.items() if word not in reserved})
        except TypeError as error:
            yield f'`{name}`: {error}'


def _unknown(name: str, path: str, ports: Any, words: Mapping[str, ast.expr]) -> Iterator[str]:
    """Yield which names are no inputs, also inside of dicts that are written out."""
    from aiida.engine.processes.ports import PortNamespace

    for word, value in words.items():
        port = ports.get(word)
        if port is None and not ports.dynamic:
            known = [each for each in ports if each not in ('metadata', 'forked_frame', 'nodes_inside')]
            where = f'`{path}` of `{name}` has no entry' if path else f'`{name}` has no input'
            yield f'{where} `{word}`{_meant(word, known)}; it takes {_listed(known)}'
        elif isinstance(port, PortNamespace) and isinstance(value, ast.Dict):
            keys = {
                str(key.value): each
                for key, each in zip(value.keys, value.values, strict=True)
                if isinstance(key, ast.Constant)
            }
            yield from _unknown(name, f'{path}.{word}'.lstrip('.'), port, keys)


def _has_default(port: Any) -> bool:
    """Return whether nothing need be given: for a namespace, whether it may be empty."""
    from aiida.engine.processes.ports import PortNamespace

    if isinstance(port, PortNamespace):
        return all(not each.required or _has_default(each) for each in port.values())
    return bool(port.has_default())


def _meant(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, 1, 0.7)
    return f' (`{close[0]}`?)' if close else ''


def _listed(names: list[str]) -> str:
    return ', '.join(f'`{name}`' for name in names[:12]) + (', ...' if len(names) > 12 else '') if names else 'none'
