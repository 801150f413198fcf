"""What the shell completes: PKs of runs, and ``FILE.py:FUNCTION``. Whatever goes wrong here, it completes nothing."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

__all__ = ('runs', 'targets')


def runs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the PKs of runs that begin so, the newest first."""
    try:
        from aiida_dreamflow.cli.finding import load_profile
        from aiida_dreamflow.view import runs as last_runs

        load_profile(ctx.params.get('profile'))
        found = [run for run in last_runs(200) if str(run.pk).startswith(incomplete)]
        return [CompletionItem(str(run.pk), help=f'{run.name}, {run.status}') for run in found[:30]]
    except Exception:
        return []


def targets(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return files, and the functions of a file that are decorated; the file is not imported."""
    file, colon, name = incomplete.partition(':')
    if not colon:
        return [CompletionItem(incomplete, type='file')]
    try:
        tree = ast.parse(Path(file).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return []
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    found: list[Any] = [node for node in tree.body if isinstance(node, kinds) and node.decorator_list]
    return [CompletionItem(f'{file}:{node.name}') for node in found if node.name.startswith(name)]
