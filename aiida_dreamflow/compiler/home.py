"""The user's own modules, by the names that they have for their author: see :mod:`aiida_dreamflow.values.homes`."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .bundle import Bundle
from .modules import PINNED, known_as

__all__ = ('OwnModules',)


class OwnModules:
    """The module of a function and those kept with it, imported or made from their stored sources.

    :param bundle: the source of the function; without one its module is the one that it is in.
    :param function: the function; if it is not loaded yet, what gives it when a stored value asks for one of these modules.
    :param is_loaded: whether it is.
    """

    def __init__(self, bundle: Bundle | Exception | None, function: Any, is_loaded: bool = True) -> None:
        self._bundle = bundle if isinstance(bundle, Bundle) else None
        self._load: Callable[[], Any] = function
        self._namespace: dict[str, Any] | None = (
            getattr(inspect.unwrap(function), '__globals__', {}) if is_loaded else None
        )

    def name_of(self, value: object, module: str, path: str) -> str | None:
        """Return ``module:qualified name`` of something of these modules, ``None`` if it is not.

        :param value: the class or function.
        :param module: the module that it says to be of.
        :param path: its qualified name.
        """
        own = self.module_of(module)
        if own == module or own not in self:
            return None
        try:
            return f'{own}:{path}' if self.find(own, path) is value else None
        except AttributeError:
            return None

    def module_of(self, module: str) -> str:
        """Return the name by which the user knows a module, from the one that it has here."""
        if self._bundle is not None and self._namespace is not None and module == self._namespace.get('__name__'):
            return self._bundle.module
        return known_as(module)

    def __contains__(self, module: str) -> bool:
        """Whether this is one of these modules, by the name that it has for its author."""
        bundle = self._bundle
        return bundle is not None and (module == bundle.module or any(each.name == module for each in bundle.modules))

    def find(self, module: str, path: str) -> Any:
        """Return what one of these modules has under a qualified name.

        :raises AttributeError: if there is no such name in it.
        """
        assert self._bundle is not None
        if self._namespace is None:
            self._namespace = getattr(inspect.unwrap(self._load()), '__globals__', {})
        if module == self._bundle.module:
            namespace = self._namespace
        else:
            pinned = self._namespace.get(PINNED)
            namespace = vars(importlib.import_module(module) if pinned is None else pinned.load(module))
        first, *rest = path.split('.')
        if first not in namespace:
            raise AttributeError(f'module {module!r} has no attribute {first!r}')
        found: Any = namespace[first]
        for part in rest:
            found = getattr(found, part)
        return found

    def names(self) -> Mapping[str, Any]:
        """Return the names of the function's file: none before a value has asked for one of these modules."""
        return _Names(self)


class _Names(Mapping[str, Any]):
    def __init__(self, modules: OwnModules) -> None:
        self._modules = modules

    def _loaded(self) -> dict[str, Any]:
        return self._modules._namespace or {}

    def __getitem__(self, name: str) -> Any:
        return self._loaded()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaded())

    def __len__(self) -> int:
        return len(self._loaded())
