"""Pass: direct calls of processes, ``add(x, y)`` and ``await child(a=1)``, in terms of `submit`.

- A call of one of AiiDA's process functions is an await point of its own, ``await submit(add, x, y)``: what was computed
  before it must be recorded before it.
- A call of a workflow function means ``submit(child, a=1)``: in an ``async def`` a handle, in a plain ``def`` its result.

They are recognised by the objects that their names mean. Calls in nested functions and generator expressions, which are
Python's, are left alone: the runtime refuses them.
"""

from __future__ import annotations

import ast
import inspect
from typing import Any, cast

from .desugar import FUNCTION_MARK, PROCESS_FUNCTION_MARK
from .program import Program
from .survey import survey
from .trees import NESTED_SCOPES, copy_place, load

__all__ = ('submit_processes',)


def submit_processes(program: Program) -> None:
    """Let the direct calls of processes be those of `submit`."""
    node = program.source.node
    submitter = _Submitter(program)
    called = [call.func for call in program.own(ast.Call)]
    if not program.source.is_generator and any(map(submitter.is_process, called)):
        node.body = [cast(ast.stmt, submitter.visit(statement)) for statement in node.body]
        survey(program)


class _Submitter(ast.NodeTransformer):
    def __init__(self, program: Program) -> None:
        self.program = program
        self.is_plain = not program.source.is_async

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, (*NESTED_SCOPES, ast.GeneratorExp)):
            return node
        if isinstance(node, ast.Await) and isinstance(node.value, ast.Call):
            if self.is_process(node.value.func):
                node.value = self._submitted(node.value)
                return node
        elif isinstance(node, ast.Call) and self.is_process(node.func):
            waits = self.is_plain or inspect.isfunction(self.program.meaning(node.func))
            submitted = self._submitted(node)
            return copy_place(ast.Await(submitted), node) if waits else submitted
        return self.generic_visit(node)

    def _submitted(self, node: ast.Call) -> ast.Call:
        """Return the call of `submit` that a call stands for."""
        self.generic_visit(node)
        return copy_place(ast.Call(load('.submit', node.func), [node.func, *node.args], node.keywords), node)

    def is_process(self, function: ast.expr) -> bool:
        """Return whether what is called is a process function or a workflow."""
        meaning = self.program.meaning(function)
        if meaning is None:
            return False
        if inspect.isclass(meaning):
            return FUNCTION_MARK in vars(meaning)
        return inspect.isfunction(meaning) and getattr(meaning, PROCESS_FUNCTION_MARK, False) is True
