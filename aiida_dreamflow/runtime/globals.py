"""Global variables that a workflow sets under a ``global`` of its own: they are its own while it waits, and cross its awaits.

A module belongs to its process, and after a restart has what it was imported with. Must not know how values are stored.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ('PLACE', 'GlobalVariables')

#: What the place of each begins with; the name of the module and its own follow.
PLACE = 'global.'
_MISSING = object()


class GlobalVariables:
    """Those that one workflow sets, in one step after the other."""

    def __init__(self) -> None:
        self._before: dict[tuple[int, str], tuple[types.FunctionType, object]] = {}
        self._brought_in: set[tuple[int, str]] = set()

    def note(self, function: types.FunctionType, names: Iterable[str]) -> None:
        """Take notice of what variables are, before they may be set.

        :param function: a function that may be about to set them.
        """
        for name in names:
            variables = function.__globals__
            self._before.setdefault((id(variables), name), (function, variables.get(name, _MISSING)))

    def enter(self, changed: Mapping[str, Any]) -> None:
        """Bring in what the workflow has set.

        :param changed: what `leave` gave.
        """
        self._before.clear()
        for place, content in changed.items():
            if place.startswith(PLACE):
                function, name, value = content
                self.note(function, [name])
                self._brought_in.add((id(function.__globals__), name))
                _set(function, name, value[0] if value else _MISSING)

    def leave(self, *, stays: bool) -> dict[str, Any]:
        """Return what the workflow has set, by place: a function of the module, the name and the value; put back what was there.

        :param stays: whether nothing is put back.
        """
        changed: dict[str, Any] = {}
        for key, (function, before) in self._before.items():
            variables, name = function.__globals__, key[1]
            now = variables.get(name, _MISSING)
            if now is before and key not in self._brought_in:
                continue  # it is the module's own
            place = f'{PLACE}{variables.get("__name__")}.{name}'
            changed[place] = [function, name, [] if now is _MISSING else [now]]
            if not stays:
                _set(function, name, before)
        self._brought_in.clear()
        self._before.clear()
        return changed


def _set(function: types.FunctionType, name: str, value: object) -> None:
    if value is _MISSING:
        function.__globals__.pop(name, None)
    else:
        function.__globals__[name] = value
