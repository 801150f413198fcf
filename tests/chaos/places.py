"""Where chaos takes place: a new profile on one of the pairs of database and broker that AiiDA's users run."""

from __future__ import annotations

import contextlib
from pathlib import Path

from .agent import Servers

__all__ = ('new_profile',)


def new_profile(pair: str, folder: Path, at_end: contextlib.ExitStack) -> tuple[str, Servers]:
    """Load a new profile; return its name, and the servers that were started for it.

    :param folder: the home of AiiDA.
    :param at_end: stops them.
    """
    from servers.profiles import on_servers, without_servers

    if pair == 'sqlite':
        return at_end.enter_context(without_servers()), Servers()
    servers = _start(at_end)
    (folder / 'repository').mkdir()
    profile = on_servers(servers.database, servers.broker, folder / 'repository')
    return at_end.enter_context(profile), servers


def _start(at_end: contextlib.ExitStack) -> Servers:
    from servers.postgresql import PostgreSQL
    from servers.processes import temporary_folder
    from servers.rabbitmq import RabbitMQ

    started = []
    for server_class in (PostgreSQL, RabbitMQ):
        if (reason := server_class.missing()) is not None:
            raise SystemExit(reason)
        started.append(server_class(at_end.enter_context(temporary_folder('chaos'))))
        at_end.callback(started[-1].close)
    return Servers(*started)
