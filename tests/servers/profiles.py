"""Profiles for the pairs of database and broker that AiiDA's users run."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .postgresql import PostgreSQL
    from .rabbitmq import RabbitMQ

__all__ = ('on_servers', 'without_servers')


@contextlib.contextmanager
def without_servers() -> Iterator[str]:
    """Load a new profile with SQLite and the ZeroMQ broker; its name. The profile loaded before is loaded again."""
    import throwaway

    with _restored():
        name = f'sqlite_{secrets.token_hex(4)}'
        throwaway.create_profile(name)
        _allow_time()
        yield name


@contextlib.contextmanager
def on_servers(postgresql: PostgreSQL, rabbitmq: RabbitMQ, folder: Path) -> Iterator[str]:
    """Load a new profile with PostgreSQL and RabbitMQ; its name. The profile loaded before is loaded again.

    :param folder: where the repository goes.
    """
    import throwaway

    with _restored():
        name = f'postgresql_{secrets.token_hex(4)}'
        storage = {**postgresql.create_database(name), 'repository_uri': folder.as_uri()}
        throwaway.create_profile(
            name, storage=('core.psql_dos', storage), broker=('core.rabbitmq', rabbitmq.broker_config)
        )
        _allow_time()
        yield name


def _allow_time() -> None:
    """Let the daemon of the loaded profile answer slowly, on a machine that has much to do."""
    from aiida.manage.configuration import get_config, get_profile

    config = get_config()
    config.set_option('daemon.timeout', 60, scope=get_profile().name)
    config.store()


@contextlib.contextmanager
def _restored() -> Iterator[None]:
    from aiida import load_profile
    from aiida.manage import get_manager
    from aiida.manage.configuration import get_config

    before, default = get_manager().get_profile(), get_config(create=True).default_profile_name
    try:
        yield
    finally:
        get_manager().reset_profile()
        if default is not None:
            get_config().set_default_profile(default, overwrite=True).store()
        if before is not None:
            load_profile(before.name, allow_switch=True)
