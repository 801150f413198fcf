"""Numbers and texts that say where an object lies: `id(x)`, the `hash` that Python makes of it, `<C object at 0x7f...>`.

After a restart the object lies elsewhere, and such a number finds it no more. So they are refused, if the object is part of
the frame. A text that only mentions an address among other things is left alone: people read it, nobody looks it up.
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..exceptions import CannotStoreError

__all__ = ('LOWEST', 'Address', 'address_in', 'refuse_addresses')

#: Numbers up to this one are taken for what they are.
LOWEST = 1 << 24
_REPR = re.compile(r'<.* at 0x([0-9a-fA-F]{5,16})>+', re.DOTALL)


@dataclass(frozen=True)
class Address:
    """What may say where an object lies.

    :ivar path: where it is.
    :ivar number: the address, if it is one.
    :ivar text: the text that it stands in; none if it is a number.
    """

    path: str
    number: int
    text: str | None = None


def address_in(text: str) -> int | None:
    """Return the address in a text that is a `repr` with one, and nothing else."""
    match = _REPR.fullmatch(text)
    return None if match is None else int(match[1], 16)


def refuse_addresses(found: Mapping[str, Iterable[Address]], objects: Iterable[Sequence[object]]) -> None:
    """Refuse addresses of objects.

    :param found: what may be one, by what its path is to begin with.
    :param objects: all objects, in several sequences.
    :raises CannotStoreError: for the first that is one.
    """
    if not found:
        return
    known = {id(value): value for values in objects for value in values}
    for root, addresses in found.items():
        for address in addresses:
            # Python makes a hash of an address by shifting it.
            value = known.get(address.number, known if address.text else known.get(address.number << 4, known))
            if value is known or not (address.text is None or _tells_of(address.text, value)):
                continue
            what = 'its `id()` or its `hash()`' if address.text is None else 'its `repr()`, with its address'
            raise CannotStoreError(
                'int' if address.text is None else 'str',
                root + address.path,
                f'it tells where an object of type `{type(value).__name__}` lies ({what}), which lies elsewhere after a restart; '
                'keep the object itself, or something in it that names it',
                by_choice=True,
            )


def _tells_of(text: str, value: Any) -> bool:
    """Return whether a `repr` may be that of an object: its address may have been that of another one before."""
    named = value if issubclass(type(value), _NAMED) else type(value)
    return named.__qualname__ in text


_NAMED = (type, types.FunctionType, types.BuiltinFunctionType)
