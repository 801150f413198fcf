"""Recipes noted while a workflow runs: what compiled code calls before and after an assignment that could be made again."""

from __future__ import annotations

import ast
import builtins
import os
import types
from collections.abc import Iterable
from typing import Any

from ..compiler.program import RecipeSite
from .activation import Recipe
from .awaitables import Kept
from .effects import Before, effect_of
from .host import Host
from .machine import current_machine
from .supplied import supply

__all__ = ('called_by', 'try_out')

#: After so many values in a row that can be stored, it is not looked any more whether an assignment opens something.
_ENOUGH = 100


def _making(index: int) -> None:
    """Take notice that an assignment with a recipe is about to be carried out."""
    machine = current_machine()
    activation = machine.running().stack[-1]
    host = machine.host
    if host.recipes is not False and host.plain_values.get((activation.program, index), 0) < _ENOUGH:
        activation.before = index, Before()


def _made(index: int, value: Any, inputs: tuple[Any, ...]) -> None:
    """Note that an assignment with a recipe was carried out."""
    machine = current_machine()
    activation, host = machine.running().stack[-1], machine.host
    site, key = activation.program.recipes[index], (activation.program, index)
    activation.recipes.pop(site.variable, None)
    (number, before), activation.before = activation.before or (-1, None), None
    if issubclass(type(value), Kept) or not host.needs_recipe(value):
        host.plain_values[key] = host.plain_values.get(key, 0) + 1
        return
    host.plain_values.pop(key, None)
    effect: str | None = ''  # it may be made again
    if not is_allowed(host.recipes, activation.function, site, value):
        effect = None  # a trial will tell
        if number != index or before is None:
            effect = 'was not watched, as this line has given other values before'
        else:
            effect = before.effect(_paths(site, inputs)) or None
    pinned: dict[str, Any] = {}
    for name, given in zip(site.inputs, inputs, strict=True):
        own = next((recipe for recipe in activation.recipes.values() if recipe.value is given), None)
        try:
            pinned[name] = own or host.pin(given)
        except TypeError:
            return  # no recipe: should the value have no stored form, the error at the await says why
    activation.recipes[site.variable] = Recipe(activation.function, site, pinned, value, effect, is_new=True)


def is_allowed(recipes: Any, function: types.FunctionType, site: RecipeSite, value: Any) -> bool:
    """Return whether the user has said that a call may be made again, whatever it does.

    :param recipes: the option of that name: classes and functions, or whether recipes are allowed at all.
    :param function: the function that contains the call.
    :param value: what the call has made.
    """
    if isinstance(recipes, bool) or not recipes:
        return False
    called = called_by(function, site)
    return any(each is called or (isinstance(each, type) and issubclass(type(value), each)) for each in recipes)


def called_by(function: types.FunctionType, site: RecipeSite) -> Any:
    """Return what the call of a recipe calls; ``None`` if a local variable says that."""
    node: ast.expr = site.call.func
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id in function.__code__.co_varnames:
        return None
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    try:
        found = cells[node.id].cell_contents if node.id in cells else _global(function, node.id)
    except ValueError:  # an empty cell
        return None
    for name in reversed(names):
        found = vars(found).get(name) if isinstance(found, types.ModuleType | type) else None
    return found.__func__ if isinstance(found, classmethod | staticmethod) else found


def _global(function: types.FunctionType, name: str) -> Any:
    return function.__globals__.get(name, getattr(builtins, name, None))


def try_out(recipe: Recipe, host: Host) -> str:
    """Make a recipe's value once more, drop it, and return what that does beside making it; empty if nothing."""
    value = recipe.value
    holds = (
        [*value][:8]
        if isinstance(value, list | tuple | set | frozenset)
        else [*value.values()][:8]
        if isinstance(value, dict)
        else []
    )
    kinds = list(dict.fromkeys([type(value), *map(type, holds)]))
    inputs = {
        name: given.value if isinstance(given, Recipe) else host.pin(given) for name, given in recipe.inputs.items()
    }
    del value, holds
    called, paths = called_by(recipe.function, recipe.site), _paths(recipe.site, inputs.values())
    return effect_of(lambda: recipe.evaluate(inputs), kinds, recipe.function, called, paths)


def _paths(site: RecipeSite, inputs: Iterable[Any]) -> list[str]:
    """Return the texts and paths that a call is given: some may be the names of files."""
    given = [item for each in inputs for item in (each if isinstance(each, list | tuple) else [each])]
    given += (part.value for part in ast.walk(site.call) if isinstance(part, ast.Constant))
    return [os.fspath(each) for each in given if isinstance(each, str | os.PathLike) and str(each)]


supply('.making', _making)
supply('.made', _made)
