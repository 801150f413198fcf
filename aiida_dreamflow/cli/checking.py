"""``dreamflow check``: what can be said of the workflows of a file before any of them runs."""

from __future__ import annotations

import ast
import builtins
import inspect
import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from aiida_dreamflow.cli.faults import faults_in, functions_behind
from aiida_dreamflow.cli.programs import workflows_in
from aiida_dreamflow.exceptions import CompileError

if TYPE_CHECKING:
    from types import FunctionType

    from aiida_dreamflow.compiler.program import Program, RecipeSite

#: Functions that make what is never stored.
_MAKERS = (open, threading.Lock, threading.RLock)


def check(path: str) -> None:
    """Print what each workflow of a file keeps at its awaits, and what is wrong with it."""
    workflows, module = workflows_in(path)
    if not workflows:
        raise click.ClickException(f'`{path}` has no workflow: decorate a function with `@workflow`')
    faults = [fault for process_class in workflows.values() for fault in _check(process_class)]
    faults += [fault for value in vars(module).values() for fault in _check_helper(value, module)]
    faults += _seen(workflows.values(), module)
    for fault in sorted(set(faults), key=faults.index):
        click.secho(fault, fg='red', err=True)
    if faults:
        raise click.exceptions.Exit(1)


def _check(process_class: Any) -> Iterator[str]:
    from aiida_dreamflow.compiler import compile_function
    from aiida_dreamflow.engine import pinned
    from aiida_dreamflow.exceptions import WorkflowUsageError

    function = process_class.require_function()
    program = compile_function(function)
    awaits = sorted(program.awaits(), key=lambda exit: exit.node.lineno)
    where = f'{program.source.filename}:{program.source.node.lineno}'
    click.secho(f'{function.__qualname__}  {where}', bold=True)
    for exit in awaits:
        kept = sorted(name for name in exit.live if not name.startswith('.'))
        click.echo(f'  {exit.label}\n      keeps {", ".join(kept) or "no variable"}')
    if not awaits:
        click.echo('  awaits nothing: it is one step')
    for site in program.recipes:
        if any(site.variable in exit.live for exit in awaits):
            yield from _check_recipe(site, function, process_class, program)
    for each in program.forgotten:
        yield f'{program.source.filename}:{each.line}: {each.text}'
    try:
        launched = pinned.launched(process_class)
    except WorkflowUsageError as error:
        yield f'{where}: {error}'
    else:
        for line, what in _read_around(launched.source):
            click.secho(f'  L{line} {what}', fg='yellow')


def _seen(workflows: Iterable[Any], module: Any) -> Iterator[str]:
    """Say what is wrong in the workflow functions and in the functions that they mention, as their text shows."""
    compiled = [process_class.require_function() for process_class in workflows]
    functions = {
        each: each in compiled or inspect.iscoroutinefunction(each)
        for function in compiled
        for each in functions_behind(function, module)
    }
    for function, is_compiled in functions.items():
        for line, text in faults_in(function, is_compiled):
            yield f'{function.__code__.co_filename}:{line}: {text}'


def _check_helper(function: Any, module: Any) -> Iterator[str]:
    """Say where a helper, an ``async def`` of the file without a decorator, forgets an ``await``."""
    from aiida_dreamflow.compiler import compile_function

    if inspect.iscoroutinefunction(function) and getattr(function, '__module__', '') == module.__name__:
        try:
            program = compile_function(function)
        except CompileError:
            return  # who awaits it is told
        for each in program.forgotten:
            if not each.in_return:
                yield f'{program.source.filename}:{each.line}: {each.text}'


def _check_recipe(site: RecipeSite, function: FunctionType, process_class: Any, program: Program) -> Iterator[str]:
    """Say of a value that is needed after an await and has no stored form what will become of it."""
    from aiida_dreamflow.values.foreseen import is_unstorable
    from aiida_dreamflow.values.pinning import is_never_made_again

    made = _resolved(site.call.func, function.__globals__)
    is_handle = made in _MAKERS
    if not is_handle and not (isinstance(made, type) and is_unstorable(made)):
        return
    line, text = site.call.lineno, ast.unparse(site.call)
    what = f'`{site.variable} = {text}` cannot be stored, and is needed after an await'
    if is_handle or is_never_made_again(made):
        yield f'{program.source.filename}:{line}: {what}: make it after the await, or `del` it before'
    elif process_class.recipes is False:
        yield f'{program.source.filename}:{line}: {what}, and recipes are turned off (`@workflow(recipes=False)`)'
    else:
        click.secho(
            f'  L{line} {what}: it is made again at each, if making it does nothing else; what is changed in it by then is lost',
            fg='yellow',
        )


def _read_around(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and words for what a source reads of its working directory or its environment: those of a daemon are others."""
    found: dict[int, str] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and node.args:
            name = getattr(node.func, 'attr', getattr(node.func, 'id', ''))
            first = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
            if name in _TAKE_PATHS and isinstance(first, str) and _is_relative(first):
                found[node.lineno] = (
                    f'`{ast.unparse(node)}` is relative to the working directory: under a daemon, to that which the daemon was started '
                    'in. Give the whole path'
                )
        if isinstance(node, ast.Attribute) and ast.unparse(node) in _ENVIRONMENT:
            found[node.lineno] = (
                f'`{ast.unparse(node)}` is that of the process that runs this: under a daemon, what the daemon was started with. Pass what '
                'you need of it as an argument, or read it at the top of the file'
            )
    yield from sorted(found.items())


_ENVIRONMENT = ('os.environ', 'os.getenv', 'os.getcwd', 'os.curdir', 'Path.cwd', 'pathlib.Path.cwd')
#: Functions and methods whose first argument is a path.
_TAKE_PATHS = frozenset(
    (
        *(
            'open',
            'Path',
            'PosixPath',
            'listdir',
            'scandir',
            'mkdir',
            'makedirs',
            'remove',
            'unlink',
            'chdir',
            'exists',
            'isfile',
        ),
        *(
            'load',
            'loadtxt',
            'genfromtxt',
            'fromfile',
            'save',
            'savez',
            'savetxt',
            'savefig',
            'imread',
            'read',
            'write',
            'glob',
        ),
        *(
            'read_csv',
            'read_json',
            'read_excel',
            'read_hdf',
            'read_parquet',
            'to_csv',
            'to_json',
            'to_hdf',
            'to_parquet',
        ),
    )
)


def _is_relative(path: str) -> bool:
    return not path.startswith(('/', '~')) and '://' not in path and ('/' in path or '.' in path.strip('.'))


def _resolved(node: ast.expr, namespace: dict[str, Any]) -> Any:
    """Return what a dotted name of the module stands for, ``None`` if it is something else."""
    if isinstance(node, ast.Name):
        return namespace.get(node.id, getattr(builtins, node.id, None))
    if isinstance(node, ast.Attribute):
        return getattr(_resolved(node.value, namespace), node.attr, None)
    return None
