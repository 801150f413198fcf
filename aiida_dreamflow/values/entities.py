"""AiiDA's own objects inside of Python values: nodes, computers and groups, kept by uuid and loaded again from the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from aiida import orm
from aiida.common.exceptions import NotExistent

from ..exceptions import CannotStoreError, FrameError
from .records import CODEC
from .snapshot import Codec

__all__ = ('EntityCodec', 'nodes_in')

_ENTITIES: dict[str, Any] = {'node': orm.Node, 'computer': orm.Computer, 'group': orm.Group}


def _nothing(uuid: str) -> None:
    return None


class EntityCodec(Codec):
    """Nodes, computers and groups by uuid.

    A data node that is not stored yet is kept by its uuid as well: whoever stores the document stores the node with it.

    :ivar unstored: such nodes, by uuid.
    """

    name = 'entity'
    kinds = (orm.Entity,)
    runs_code = False

    def __init__(self) -> None:
        self.unstored: dict[str, orm.Data] = {}
        self._at_hand: Callable[[str], Any] = _nothing

    @contextmanager
    def at_hand(self, nodes: Callable[[str], Any]) -> Iterator[None]:
        """Take nodes from a function of their uuids, before the database is asked.

        :param nodes: returns ``None`` for those that it does not know.
        """
        self._at_hand = nodes
        try:
            yield
        finally:
            self._at_hand = _nothing

    def encode(self, value: Any, ref: Callable[[object], Any]) -> Any | None:
        """Return kind and uuid of such an object."""
        if not issubclass(type(value), orm.Entity):
            return None
        kind = next((kind for kind, cls in _ENTITIES.items() if isinstance(value, cls)), None)
        if isinstance(value, orm.Data) and not value.is_stored:
            self.unstored[value.uuid] = value
        elif kind is None:
            raise CannotStoreError(
                type(value).__name__, '', 'nodes, computers and groups can be stored, nothing else of AiiDA'
            )
        elif not value.is_stored:
            raise CannotStoreError(type(value).__name__, '', 'it is not in the database; store it before the await')
        uuid: str = getattr(value, 'uuid')  # noqa: B009  (not every entity has one, these do)
        return [kind, uuid]

    def decode(self, content: Any, get: Callable[[Any], Any]) -> object:
        """Return the object as the database has it."""
        kind, uuid = content
        if (node := self._at_hand(uuid)) is not None:
            return cast(object, node)
        try:
            return _ENTITIES[kind].collection.get(uuid=uuid)
        except NotExistent:
            raise FrameError(
                f'a stored value refers to the {kind} {uuid}, which is not in this profile; import it, or restore it'
            ) from None


def nodes_in(document: Mapping[str, Any]) -> list[str]:
    """Return the uuids of the nodes to which a document refers, each once.

    :param document: that of a snapshot.
    """
    kind = CODEC + EntityCodec.name
    found = (record[1] for record in document['objects'] if record[0] == kind)
    return [*dict.fromkeys(uuid for entity, uuid in found if entity == 'node')]
