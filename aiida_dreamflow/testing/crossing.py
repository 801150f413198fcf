"""How a value gets from one process to another in memory: by the stored form that its node would have."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any

from ..values.snapshot import Codec, decode, encode

__all__ = ('EntityKeeper', 'LiveCodec', 'crossed')


class EntityKeeper(Codec):
    """Keeps AiiDA's nodes, which a real run stores, as they are."""

    name = 'live'
    last_resort = True

    def __init__(self) -> None:
        self._objects: list[Any] = []

    def encode(self, value: object, ref: Callable[[object], Any]) -> Any | None:
        """Return the content for such an object."""
        if not self._keeps(value):
            return None
        self._objects.append(value)
        return len(self._objects) - 1

    def decode(self, content: Any, get: Callable[[Any], Any]) -> object:
        """Return the object itself."""
        return self._objects[content]

    def _keeps(self, value: object) -> bool:
        return issubclass(type(value), getattr(sys.modules.get('aiida.orm'), 'Entity', ()))


class LiveCodec(EntityKeeper):
    """Keeps functions and classes that no name leads to as well: in this process they do survive the restart.

    The workflow of a test may use functions defined inside of the test, with which it could not be launched.
    """

    def _keeps(self, value: object) -> bool:
        return issubclass(type(value), types.FunctionType | type) or super()._keeps(value)


def crossed(value: Any, codecs: Sequence[Codec] = ()) -> Any:
    """Return a value as another process gets it.

    :param codecs: more of them.
    :raises CannotStoreError: if it has no stored form.
    """
    codecs = [EntityKeeper(), *codecs]
    snapshot = encode({'value': value}, codecs)
    document = json.loads(json.dumps(snapshot.document, allow_nan=False))
    return decode(document, snapshot.blobs.__getitem__, codecs)['value']
