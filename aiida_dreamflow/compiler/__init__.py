"""The compiler: from the source of a workflow function to its `Program`.

Knows the standard library only. It is one visible pipeline, `PASSES`: each pass takes the `Program` as the one before
left it. A function is checked when it is decorated, and translated when its program is first asked for: who imports a
module with twenty workflows, to launch one of them, does not wait for the others. Nothing in here runs user code.
"""

from __future__ import annotations

import inspect
import types
import warnings
from typing import Any, TypeAlias

from .bundle import Bundle, bundle
from .codegen import generate_code
from .copying import copies_in
from .desugar import desugar
from .edited import bundle_again
from .flow import simplify
from .forgotten import find_forgotten
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
from .sources import reads_in
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
    'check_function',
    'compile_called',
    'compile_function',
    'compile_generator',
    'copies_in',
    'passed_at',
    'reads_in',
)

#: What happens to a function, in order: when it is decorated, all that may refuse it or asks what its names mean now,
CHECKS = (
    survey,  # one walk: nodes by kind, and what the names are
    submit_processes,  # calls of process functions and workflows are calls of `submit`
    find_forgotten,  # where an `await` was forgotten: this is only noted
    desugar,  # `submit(...)` in a plain def, the `yield` of a generator in terms of `await`
    complete_supers,  # `super()` in a method: the class and the object
    spell_namespaces,  # `locals()` and its like: all variables of the function
    refuse_unsupported,  # what the language does not have
)
#: and when it is first to run.
TRANSLATION = (
    mark_unbound,  # where a shared variable might have no value
    mark_recipes,  # which assignments can be made again
    lower,  # trees -> basic blocks; expressions cut where they await
    simplify,  # unreachable blocks out, chains of blocks joined
    analyse_liveness,  # what each await has to keep
    generate_code,  # blocks -> code objects
)
PASSES = (*CHECKS, *TRANSLATION)

# Two functions with equal code may stand in two files, which the equality of code objects does not see.
_Key: TypeAlias = tuple[str, types.CodeType] | None  # of what is no function
_programs: dict[_Key, Program] = {}
_checked: dict[_Key, Program] = {}


def check_function(function: Any) -> FunctionSource:
    """Check a workflow function, once per process: what cannot be compiled is refused.

    Warns where an ``await`` was forgotten.

    :param function: a function written with ``def`` or ``async def``.
    :returns: its source.
    :raises CompileError: if it has no source or says something that the language does not have.
    """
    key = _key(function)
    program = _programs.get(key) or _checked.get(key)
    if program is None:
        program = _check(read_source(function))
        _checked[key] = program
        for each in program.forgotten:
            warnings.warn_explicit(each.text, SyntaxWarning, program.source.filename, each.line)
    return program.source


def compile_function(function: Any) -> Program:
    """Compile a workflow function, once per process.

    :param function: a function written with ``def`` or ``async def``.
    :returns: its program.
    :raises CompileError: if it has no source or says something that the language does not have.
    """
    key = _key(function)
    if key in _programs:
        return _programs[key]
    try:
        checked = _checked.pop(key)  # no other thread translates it, too
    except KeyError:
        checked = _check(read_source(function))
    return _translate(key, checked)


def compile_generator(function: Any) -> Program:
    """Compile the function of a generator, once per process: its ``yield`` expressions are await points.

    :param function: a generator function, asynchronous or not, or the function of a generator expression.
    :returns: its program.
    :raises CompileError: if it has no source or says something that the language does not have.
    """
    key = _key(function)
    if key in _programs:
        return _programs[key]
    is_expression = function.__code__.co_name == '<genexpr>'
    return _translate(
        key, _check(read_expression(function) if is_expression else read_source(function, generator=True))
    )


def compile_called(function: Any) -> Program:
    """Compile a function whose call may be an activation of a task: a workflow function, a helper, an asynchronous generator.

    :raises CompileError: if it has no source or says something that the language does not have.
    """
    return compile_generator(function) if inspect.isasyncgenfunction(function) else compile_function(function)


def _key(function: Any) -> _Key:
    code = getattr(function, '__code__', None)
    return (code.co_filename, code) if isinstance(code, types.CodeType) else None


def _check(source: FunctionSource) -> Program:
    program = Program(source)
    for step in CHECKS:
        step(program)
    return program


def _translate(key: _Key, program: Program) -> Program:
    for step in TRANSLATION:
        step(program)
    _programs[key] = program
    return program
