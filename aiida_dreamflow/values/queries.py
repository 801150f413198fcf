"""Queries, iterators over the database, and the transactions that they keep open.

`QueryBuilder.iterall` and `iterdict` keep a transaction open from their first item to their last: until then nobody else can
write. So the rest of them is read at an await, and the loop goes on over a list. `Group.nodes` has read its rows already. Nodes
are kept by their uuids, as everywhere.

Whatever else is open at the end of a step has to be undone (`close_transactions`), as if an exception had left its ``with``.

Relies on this behaviour of aiida-core 2.9 and SQLAlchemy 2:

- the generators of a query, and the one of a transaction, have these names, and are defined in these modules;
- `aiida.orm.convert.ConvertIterator` takes its items from its attribute ``generator``; that of a group has the group's model
  in ``_backend_iterator._dbnodes.instance``;
- the innermost ``with`` of a session is its ``_trans_context_manager``; until that is left, the session refuses all work.

``tests/engine/test_queries.py`` breaks when that changes.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from typing import Any, cast

from aiida import orm
from aiida.common.exceptions import NotExistent
from aiida.orm.convert import ConvertIterator
from sqlalchemy.engine import Connection, Result, Transaction
from sqlalchemy.orm import SessionTransaction

from ..exceptions import CannotStoreError, FrameError, WorkflowUsageError
from ..runtime import Machine
from .snapshot import Codec

__all__ = ('QueryCodec', 'Rows', 'close_transactions', 'forget_failure', 'is_open', 'require_closed')

#: How libpq calls a transaction in which something has failed, `PQTRANS_INERROR`.
_IN_ERROR = 3

#: What a query that was built has in the place of the uuid of a group.
_BUILT = 'built'

_OPEN = (SessionTransaction, Transaction, Connection, Result)


class Rows:
    """The rest of a query, in place of its generator.

    :param items: what it would have given.
    """

    def __init__(self, items: Iterator[Any]) -> None:
        self.items = items

    def __iter__(self) -> Rows:
        return self

    def __next__(self) -> Any:
        return next(self.items)

    def close(self) -> None:
        """Give nothing more, as a closed generator does."""
        self.items = iter(())


class QueryCodec(Codec):
    """Queries, those that are being read as well, and the nodes of groups. A query that was built is stored as `as_dict` has it.

    Reading the rest of a query ends its generator. So whoever stores a frame then goes on from what is stored.

    :ivar read: the generators that have been read, and their rest, by the `id` of the generator.
    """

    name = 'query'
    kinds = (types.GeneratorType, Rows, ConvertIterator, orm.QueryBuilder, *_OPEN)
    runs_code = False

    def __init__(self) -> None:
        self.read: dict[int, tuple[Any, Rows]] = {}

    def encode(self, value: Any, ref: Callable[[object], Any]) -> Any | None:
        """Return what is left of such an iterator; refuse a transaction that is open."""
        if isinstance(value, ConvertIterator):
            return _nodes_of_group(value, ref)
        if isinstance(value, orm.QueryBuilder):
            return [_BUILT, ref(value.as_dict())] if type(value) is orm.QueryBuilder else None
        if isinstance(value, _OPEN) or _is_generator(value, 'aiida.storage.', ('transaction',)):
            reason = 'it is open in the database, where others would have to wait for its end; end it before the await'
            raise CannotStoreError('transaction', '', reason, is_outside=True)
        if isinstance(value, types.GeneratorType):
            if id(value) not in self.read and (value.gi_frame is None or not _is_query(value)):
                return None
            value = self._rest(value)
        return [None, ref(value.items)]

    def decode(self, content: Any, get: Callable[[Any], Any]) -> object:
        """Return an iterator over what was left."""
        group, items = content
        if group == _BUILT:
            return orm.QueryBuilder.from_dict(get(items))
        if group is None:
            return Rows(get(items))
        try:
            nodes: Any = orm.Group.collection.get(uuid=group).nodes
        except NotExistent:
            raise FrameError(f'a loop goes over the nodes of the group {group}, which is not in this profile') from None
        nodes.generator, nodes.group = get(items), group
        return cast(object, nodes)

    def read_inner_first(self, machine: Machine) -> None:
        """Read the queries of loops to their end, the innermost first: the end of an outer one would end the others.

        :param machine: a machine between two steps.
        """
        activations = machine.activations().values()
        for value in reversed([value for activation in activations for value in activation.variables.values()]):
            if _is_query(value) and value.gi_frame is not None:
                self._rest(value)

    def _rest(self, query: Any) -> Rows:
        if id(query) not in self.read:
            try:
                items = [*query]
            except Exception as error:
                reason = (
                    f'the rest of the query cannot be read ({type(error).__name__}: {error}); loop over `list(...)`'
                )
                raise CannotStoreError('generator', '', reason, is_outside=True) from error
            self.read[id(query)] = query, Rows(iter(items))
        return self.read[id(query)][1]


def _is_generator(value: Any, module: str, names: tuple[str, ...]) -> bool:
    """Return whether a value is a generator of a function of AiiDA."""
    if type(value) is not types.GeneratorType or value.gi_code.co_name not in names:  # a dead proxy can be asked that
        return False
    return value.gi_frame is not None and value.gi_frame.f_globals.get('__name__', '').startswith(module)


def _is_query(value: object) -> bool:
    return _is_generator(value, 'aiida.orm.querybuilder', ('iterall', 'iterdict'))


def _nodes_of_group(nodes: Any, ref: Callable[[object], Any]) -> Any:
    if isinstance(nodes.generator, types.GeneratorType):
        # What it goes over, and which group that is, are read once; a query at every step would be one too many.
        nodes.group = str(nodes._backend_iterator._dbnodes.instance.uuid)
        nodes.generator = iter([*nodes.generator])
    return [nodes.group, ref(nodes.generator)]


def is_open(session: Any) -> bool:
    """Return whether a transaction is open that somebody has begun; to read begins one of its own, which ends by itself."""
    return session._trans_context_manager is not None or session.in_nested_transaction()


def require_closed(session: Any, where: str) -> None:
    """Refuse a step that has left a transaction open: its record would be a part of it.

    :param session: the session of the storage backend.
    :param where: file and line at which the step has ended.
    :raises WorkflowUsageError: if it has.
    """
    if is_open(session):
        raise WorkflowUsageError(
            f'{where}: the step that ends here has begun a transaction of the database and has not ended it, so '
            'nobody else could write while the workflow waits. What was stored in it is undone. An iterator over `iterall()` or '
            '`iterdict()` that something keeps has one open: use `all()` or `dict()`. End one of your own before the await'
        )


def close_transactions(session: Any) -> None:
    """Undo what is open in the database.

    :param session: the session of the storage backend.
    """
    while (context := session._trans_context_manager) is not None:
        context.__exit__(GeneratorExit, None, None)
    session.rollback()


def forget_failure(session: Any) -> None:
    """Let a session work again in which something has failed that the user has caught; what failed was not stored."""
    if not is_open(session) and (not session.is_active or _is_aborted(session)):
        session.rollback()


def _is_aborted(session: Any) -> bool:
    """Return whether PostgreSQL refuses to do anything until the transaction ends, as it does after an error."""
    if not session.in_transaction() or session.get_bind().dialect.name != 'postgresql':
        return False
    return session.connection().connection.driver_connection.info.transaction_status == _IN_ERROR  # type: ignore[no-any-return]
