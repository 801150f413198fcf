"""By which name the classes and functions of the user's own modules are stored, wherever their source runs.

A worker makes the module of a script from its stored source, under a name of its own; so does the process of a `run`. A
stored value names such a class as its author's session does, `__main__:Point`, and finds it in the module that is at
home: that of the workflow, or of the function, that runs. Knows the standard library only, and nothing of sources.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

__all__ = ('Home', 'at_home', 'home', 'known_as')


class Home(Protocol):
    """The user's modules that are in force while values are written and read."""

    def name_of(self, value: object, module: str, path: str) -> str | None:
        """Return ``module:qualified name`` of something of these modules, ``None`` if it is not.

        :param value: the class or function.
        :param module: the module that it says to be of.
        :param path: its qualified name.
        """

    def __contains__(self, module: str) -> bool:
        """Whether this is one of these modules, by the name that it has for its author."""

    def find(self, module: str, path: str) -> Any:
        """Return what one of these modules has under a qualified name.

        :raises AttributeError: if there is no such name in it.
        """

    def module_of(self, module: str) -> str:
        """Return the name by which the user knows a module, from the one that it has here."""


home: ContextVar[Home | None] = ContextVar('dreamflow_home', default=None)


@contextmanager
def at_home(modules: Home) -> Iterator[None]:
    """Write and read values with the modules of one workflow or function."""
    token = home.set(modules)
    try:
        yield
    finally:
        home.reset(token)


def known_as(module: str) -> str:
    """The name by which the user knows a module, from the one that it has in this process."""
    own = home.get()
    return module if own is None else own.module_of(module)
