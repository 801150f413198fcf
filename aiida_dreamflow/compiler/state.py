"""The values of global variables that go along with a function: what the compiler and who stores them say of it to each other.

Must not know modules, nor a stored form.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ('State', 'Store', 'Stored', 'identities')


@dataclass(frozen=True)
class State:
    """The values of global variables in stored form; what they mean is `jobs.world`'s.

    :ivar plain: JSON data, by module and name: ``mymodels:SCALE``; the function's own module has no name.
    :ivar files: what is no JSON, by file name.
    """

    plain: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.plain or self.files)


@dataclass
class Stored:
    """What a `Store` says of some values.

    :ivar state: their stored form.
    :ivar late: those that need definitions of the user's modules.
    :ivar met: these definitions, by module and name.
    :ivar ids: the identities of the objects in them that can be changed.
    :ivar modules: the modules of other classes and functions in them.
    :ivar refused: type and reason for those that have no stored form, and whether they may not be made again either.
    """

    state: State = field(default_factory=State)
    late: set[str] = field(default_factory=set)
    met: set[str] = field(default_factory=set)
    ids: set[int] = field(default_factory=set)
    modules: set[str] = field(default_factory=set)
    refused: dict[str, tuple[str, str, bool]] = field(default_factory=dict)


#: Gives the stored form of values by key; says by which key a definition is known; the values that are filled where they are.
Store = Callable[[Mapping[str, Any], Callable[[object], 'str | None'], Collection[str]], Stored]


def identities(value: object) -> tuple[set[int], bool]:
    """Return what a value consists of, by identity, and whether something that can be changed is in it more than once.

    What can tell nobody that it is the same object again, as a number or a text, does not count.
    """
    found: set[int] = set()
    pending, repeats = [value] if type(value) not in _ATOMS else [], False
    while pending:
        each = pending.pop()
        if type(each).__hash__ is None:
            if id(each) in found:
                repeats = True
                continue
            found.add(id(each))
        if isinstance(each, dict):
            pending += [part for item in each.items() for part in item if type(part) not in _ATOMS]
        elif isinstance(each, list | tuple | set | frozenset):
            pending += [part for part in each if type(part) not in _ATOMS]
        else:
            found.add(id(each))
    return found, repeats


_ATOMS = frozenset((type(None), bool, int, float, complex, str, bytes))
