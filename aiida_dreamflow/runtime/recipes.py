"""Recipes noted while a workflow runs: what compiled code calls after an assignment that could be made again."""

from __future__ import annotations

from typing import Any

from .activation import Recipe
from .awaitables import Kept
from .machine import current_machine
from .supplied import supply


def _made(index: int, value: Any, inputs: tuple[Any, ...]) -> None:
    """Note that an assignment with a recipe was carried out."""
    machine = current_machine()
    activation = machine.running().stack[-1]
    site = activation.program.recipes[index]
    activation.recipes.pop(site.variable, None)
    if issubclass(type(value), Kept) or not machine.host.needs_recipe(value):
        return
    pinned: dict[str, Any] = {}
    for name, given in zip(site.inputs, inputs, strict=True):
        own = next((recipe for recipe in activation.recipes.values() if recipe.value is given), None)
        try:
            pinned[name] = own or machine.host.pin(given)
        except TypeError:
            return  # no recipe: should the value have no stored form, the error at the await says why
    activation.recipes[site.variable] = Recipe(activation.function, site, pinned, value)


supply('.made', _made)
