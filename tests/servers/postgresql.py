"""A PostgreSQL cluster of its own."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

from .processes import missing_programs

__all__ = ('PostgreSQL',)

_USER = 'postgres'


class PostgreSQL:
    """A running cluster, in a folder.

    :param folder: an empty folder.
    """

    def __init__(self, folder: Path) -> None:
        from pgtest.pgtest import PGTest, which

        class Cluster(PGTest):
            def _wait_for_server_ready(self, wait: float) -> None:
                super()._wait_for_server_ready(60)  # its own five seconds are few on a busy machine

        pg_ctl = which('pg_ctl')
        if os.geteuid() == 0:
            pg_ctl = _as_other_user(folder / 'pg_ctl', pg_ctl)
        (folder / 'cluster').mkdir()
        self._cluster = Cluster(
            username=_USER, base_dir=str(folder / 'cluster'), pg_ctl=str(pg_ctl), max_connections=200
        )

    @staticmethod
    def missing() -> str | None:
        """Return why there is no PostgreSQL here; ``None`` if there is."""
        try:
            from pgtest.pgtest import which

            which('pg_ctl')
        except (ImportError, FileNotFoundError) as error:
            return f'needs PostgreSQL and pgtest (Debian: apt-get install postgresql): {error}'
        programs = missing_programs('runuser') if os.geteuid() == 0 else []
        return f'needs {programs}' if programs else None

    def create_database(self, name: str) -> dict[str, Any]:
        """Create a database; return what AiiDA's ``core.psql_dos`` wants to know of it."""
        import psycopg

        with psycopg.connect(host='localhost', port=self.port, user=_USER, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0 ENCODING UTF8')  # type: ignore[arg-type]
        return {
            'database_engine': 'postgresql_psycopg',
            'database_hostname': 'localhost',
            'database_port': self.port,
            'database_username': _USER,
            'database_password': '',
            'database_name': name,
        }

    @property
    def port(self) -> int:
        return self._cluster.port

    def stop(self) -> None:
        """Stop it; whoever is connected is thrown out."""
        self._cluster._stop_server()

    def start(self) -> None:
        """Start it again after `stop`."""
        self._cluster._start_server()

    def close(self) -> None:
        """Stop it for good."""
        subprocess.run(
            [self._cluster.pg_ctl, 'stop', '-m', 'immediate', '-D', self._cluster.cluster],
            capture_output=True,
            check=False,
        )


def _as_other_user(wrapper: Path, pg_ctl: str) -> Path:
    """Write a ``pg_ctl`` for root, as whom PostgreSQL refuses to run."""
    wrapper.write_text(
        '#!/bin/sh\n'
        f'chown -R {_USER} {shlex.quote(str(wrapper.parent / "cluster"))}\n'
        'cd /\n'
        f'exec runuser -u {_USER} -- {shlex.quote(str(pg_ctl))} "$@"\n'
    )
    wrapper.chmod(0o755)
    return wrapper
