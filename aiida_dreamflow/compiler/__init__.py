"""The compiler: from the source of a workflow function to its `Program`.

Knows the standard library only. It is one visible pipeline, `PASSES`: each pass takes the `Unit` of work as the one
before left it. Nothing in here runs user code.
"""

from __future__ import annotations

import inspect
import types
from typing import Any

from .bundle import Bundle, bundle, bundle_again
from .codegen import generate_code
from .copying import copies_in
from .desugar import desugar
from .flow import simplify
from .generators import read_expression
from .liveness import analyse_liveness
from .lower import lower
from .namespaces import spell_namespaces
from .passing import passed_at
from .processes import submit_processes
from .program import Await, Block, Passed, Program
from .recipes import mark_recipes
from .refuse import refuse_unsupported
from .source import FunctionSource, read_source
from .supers import complete_supers
from .survey import survey
from .unbound import mark_unbound

__all__ = (
    'PASSES',
    'Await',
    'Block',
    'Bundle',
    'Passed',
    'Program',
    'bundle',
    'bundle_again',
    'compile_called',
    'compile_function',
    'compile_generator',
    'copies_in',
    'passed_at',
)

#: What happens to a function, in order.
PASSES = (
    submit_processes,  # calls of process functions and workflows are calls of `submit`
    desugar,  # `submit(...)` in a plain def, the `yield` of a generator in terms of `await`
    survey,  # one walk: nodes by kind, and what the names are
    complete_supers,  # `super()` in a method: the class and the object
    spell_namespaces,  # `locals()` and its like: all variables of the function
    refuse_unsupported,  # what the language does not have
    mark_unbound,  # where a shared variable might have no value
    mark_recipes,  # which assignments can be made again
    lower,  # trees -> basic blocks; expressions cut where they await
    simplify,  # unreachable blocks out, chains of blocks joined
    analyse_liveness,  # what each await has to keep
    generate_code,  # blocks -> code objects
)

# Two functions with equal code may stand in two files, which the equality of code objects does not see.
_programs: dict[tuple[str, types.CodeType], Program] = {}


def compile_function(function: Any) -> Program:
    """Compile a workflow function, once per process.

    :param function: a function written with ``def`` or ``async def``.
    :returns: its program.
    :raises CompileError: if it has no source or says something that the language does not have.
    """
    code = getattr(function, '__code__', None)
    if isinstance(code, types.CodeType) and (code.co_filename, code) in _programs:
        return _programs[code.co_filename, code]
    return _compile(read_source(function))


def compile_generator(function: Any) -> Program:
    """Compile the function of a generator, once per process: its ``yield`` expressions are await points.

    :param function: a generator function, asynchronous or not, or the function of a generator expression.
    :returns: its program.
    :raises CompileError: if it has no source or says something that the language does not have.
    """
    code = function.__code__
    program = _programs.get((code.co_filename, code))
    if program is None:
        is_expression = code.co_name == '<genexpr>'
        program = _compile(read_expression(function) if is_expression else read_source(function, generator=True))
    return program


def compile_called(function: Any) -> Program:
    """Compile a function whose call may be an activation of a task: a workflow function, a helper, an asynchronous generator.

    :raises CompileError: if it has no source or says something that the language does not have.
    """
    return compile_generator(function) if inspect.isasyncgenfunction(function) else compile_function(function)


def _compile(source: FunctionSource) -> Program:
    program = Program(source)
    for step in PASSES:
        step(program)
    code = source.function.__code__
    _programs[code.co_filename, code] = program
    return program
