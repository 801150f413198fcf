"""What a workflow function says of its inputs and outputs: the ports' validators and help, the names that it returns.

Only what is plain to see is checked: classes, unions, literals, the outer class of ``list[int]``. Other annotations, and
those that cannot be evaluated, allow everything. A class is known by its name: the same source may be loaded twice.
"""

from __future__ import annotations

import ast
import inspect
import numbers
import types
from collections.abc import Callable
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from aiida import orm

from ..compiler.program import Leave, Program, Return
from ..exceptions import DreamflowError
from ..values.nodes import from_node, node_repr

__all__ = ('outputs_in', 'parameters_in', 'said', 'validator_of')

#: What stands for a number also takes numpy's, and those that convert without loss (PEP 484).
_NUMBERS: dict[Any, type] = {int: numbers.Integral, float: numbers.Real, complex: numbers.Complex}


def said(parameter: inspect.Parameter) -> str:
    """Return the annotation of a parameter as it is written."""
    annotation = parameter.annotation
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def parameters_in(docstring: str | None) -> dict[str, str]:
    """Return what a docstring says of parameters, by name; in any of the usual styles."""
    import docstring_parser

    try:
        parsed = docstring_parser.parse(docstring or '')
    except docstring_parser.ParseError:
        return {}
    return {param.arg_name: ' '.join((param.description or '').split()) for param in parsed.params}


def outputs_in(program: Program) -> list[str]:
    """Return the names of the outputs that can be read off the ``return`` statements, in their order.

    There may be others: those of a dict that is made elsewhere.
    """
    found: dict[str, None] = {}
    for block in program.blocks:
        for statement in block.body:
            for node in ast.walk(statement):
                if isinstance(node, Leave) and isinstance(node.exit, Return):
                    found.update(dict.fromkeys(_keys(node.value)))
    return list(found)


def _keys(value: ast.expr | None) -> list[str]:
    """Return the names in the dict that a ``return`` gives, which stands among what else the block says when it ends."""
    values = value.elts if isinstance(value, ast.Tuple) else [value]
    dicts = [each for each in values if isinstance(each, ast.Dict)]
    keys = [key.value for each in dicts for key in each.keys if isinstance(key, ast.Constant)]
    return [key for key in keys if isinstance(key, str)]


def validator_of(function: types.FunctionType, parameter: inspect.Parameter) -> Callable[[Any, Any], str | None]:
    """Return the validator of the port for a parameter.

    :param function: the workflow function.
    """

    def validate(node: Any, _: Any) -> str | None:
        annotation = _evaluated(parameter.annotation, function)
        if not isinstance(node, orm.Data) or _fits(node, annotation):
            return None
        try:
            value = from_node(node)
        except (DreamflowError, ImportError, AttributeError):
            return None  # the run itself says why it cannot be had
        if _fits(value, annotation) or (value is None and parameter.default is None):
            return None
        return (
            f'`{function.__name__}` wants `{parameter.name}: {said(parameter)}`, and was given a `{type(value).__name__}`: '
            f'{node_repr(node)}'
        )

    return validate


def _evaluated(annotation: Any, function: types.FunctionType) -> Any:
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, function.__globals__)
    except Exception:
        return Any  # it names what only a type checker imports


def _fits(value: Any, annotation: Any) -> bool:
    """Return whether a value is what an annotation says, as far as can be told."""
    origin = get_origin(annotation)
    if annotation is None:
        return value is None
    if origin is Annotated:
        return _fits(value, get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return any(_fits(value, part) for part in get_args(annotation))
    if origin is Literal:
        return value in get_args(annotation)
    kind = origin or annotation
    if not inspect.isclass(kind):
        return True
    try:
        return isinstance(value, _NUMBERS.get(kind, kind)) or _is_named(value, kind)
    except TypeError:  # a protocol, say
        return True


def _is_named(value: Any, kind: type) -> bool:
    return any((base.__qualname__, base.__name__) == (kind.__qualname__, kind.__name__) for base in type(value).__mro__)
