"""``dreamflow program``: from ``FILE.py:FUNCTION`` to the text of a program."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_dreamflow.exceptions import CompileError

if TYPE_CHECKING:
    from types import FunctionType, ModuleType

    from aiida_dreamflow import FunctionWorkChain


def show(target: str) -> None:
    """Compile the function that `target` names and print its program."""
    try:
        function = find_function(target)
        from aiida_dreamflow.compiler import compile_function

        program = compile_function(function)
    except CompileError as error:
        raise click.ClickException(without_stack(error)) from error
    from rich.console import Console
    from rich.syntax import Syntax

    console = Console()
    if console.is_terminal:
        console.print(Syntax(str(program), 'python', theme='ansi_dark', background_color='default', word_wrap=True))
    else:
        click.echo(str(program))


def find_function(target: str) -> FunctionType:
    """Import the file that `target` names and return the function, without its decorator."""
    file, colon, name = target.rpartition(':')
    if not colon or not name:
        raise click.BadParameter(f'`{target}` has no function; write FILE.py:FUNCTION', param_hint='FILE.py:FUNCTION')
    module = import_file(file)
    found: Any = module
    for part in name.split('.'):
        found = getattr(found, part, None)
    function = _undecorated(found)
    if function is None:
        known = [key for key, value in vars(module).items() if _is_from(_undecorated(value), module)]
        problem = f'`{name}` is no Python function' if found is not None else f'`{file}` has no `{name}`'
        raise click.BadParameter(
            f'{problem}; its functions: {", ".join(known) or "none"}', param_hint='FILE.py:FUNCTION'
        )
    return function


def workflows_in(file: str) -> tuple[dict[str, type[FunctionWorkChain]], ModuleType]:
    """Import a file, and return its workflows by name, and its module.

    :raises click.ClickException: if it cannot be imported, or a workflow function in it is refused.
    """
    from aiida_dreamflow import FunctionWorkChain

    try:
        module = import_file(file)
    except CompileError as error:
        raise click.ClickException(without_stack(error)) from error
    found = {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, FunctionWorkChain) and value is not FunctionWorkChain
    }
    return found, module


def import_file(file: str) -> ModuleType:
    """Import a file as Python would import it from its own folder.

    :raises CompileError: if a workflow function in it is refused.
    :raises click.ClickException: if it cannot be imported.
    """
    path = Path(file)
    if not path.is_file():
        raise click.BadParameter(f'there is no file `{file}`', param_hint='FILE.py')
    spec = importlib.util.spec_from_file_location(path.stem, path.resolve())
    if spec is None or spec.loader is None:
        raise click.BadParameter(f'`{path}` is no Python file', param_hint='FILE.py')
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.resolve().parent))
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except CompileError:
        raise
    except Exception as error:
        raise click.ClickException(f'`{path}` cannot be imported: {without_stack(error)}') from error
    return module


def _undecorated(found: Any) -> FunctionType | None:
    """What `workflow` decorated, or `found` itself if it is a function."""
    for candidate in (found, getattr(found, '__wrapped__', None), getattr(found, 'function', None)):
        if inspect.isfunction(candidate):
            function: FunctionType = inspect.unwrap(candidate)
            return function
    return None


def _is_from(function: FunctionType | None, module: ModuleType) -> bool:
    return function is not None and function.__module__ == module.__name__


def without_stack(error: BaseException) -> str:
    """Return what Python says of an exception, without where it was raised."""
    return ''.join(traceback.format_exception_only(error)).rstrip()
