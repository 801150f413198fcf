"""Nodes that a step stores itself: ``orm.Int(3).store()``. The step has made them, and is their creator.

Relies on this: whatever the ORM of aiida-core 2.9 stores is flushed by the session of the backend, whose ``new`` models have
an ``id`` afterwards.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any, cast

from aiida import orm
from sqlalchemy import event

__all__ = ('stored_meanwhile', 'without_creator')


@contextlib.contextmanager
def stored_meanwhile(backend: Any) -> Iterator[list[int]]:
    """Note which data nodes are stored within a block, in this thread.

    :param backend: the backend.
    :returns: their pks, complete when the block is left.
    """
    found: list[int] = []

    def note(session: Any, _: Any) -> None:
        found.extend(model.id for model in session.new if (getattr(model, 'node_type', None) or '').startswith('data.'))

    session = backend.get_session()
    event.listen(session, 'after_flush', note)
    try:
        yield found
    finally:
        event.remove(session, 'after_flush', note)


def without_creator(pks: Iterable[int]) -> list[orm.Data]:
    """Return those of some data nodes that no calculation has made; codes are nobody's.

    :param pks: their pks.
    """
    nodes = [cast(orm.Data, orm.load_node(pk)) for pk in dict.fromkeys(pks)]
    return [node for node in nodes if node.creator is None and not isinstance(node, orm.AbstractCode)]
