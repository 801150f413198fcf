"""A database that passes out for a while."""

from __future__ import annotations

import os
import sqlite3
import threading
from types import SimpleNamespace

import pytest
from aiida import orm
from aiida.manage import get_manager
from sqlalchemy import create_engine, text

from aiida_dreamflow.jobs import database


def test_a_locked_database_is_waited_for(profile):
    """For longer than the five seconds after which AiiDA would give up: a worker was frozen while it wrote."""
    storage = get_manager().get_profile_storage()
    database.survive_database(storage)
    with storage.get_session().get_bind().connect() as connection:
        assert connection.execute(text('PRAGMA busy_timeout')).scalar() == 300_000
    node = orm.Int(1).store()
    other = sqlite3.connect(storage.get_session().get_bind().url.database, check_same_thread=False)
    other.execute('BEGIN EXCLUSIVE')
    threading.Timer(0.3, other.rollback).start()
    node.base.extras.set('seen', True)
    assert orm.load_node(node.pk).base.extras.get('seen')
    other.close()


@pytest.fixture
def engine(tmp_path):
    """Of a database that has room for a few pages."""
    engine = create_engine(f'sqlite:///{tmp_path / "database.sqlite"}')
    database.survive_database(SimpleNamespace(get_session=lambda: SimpleNamespace(get_bind=lambda: engine)))
    with engine.connect() as connection:
        connection.execute(text('CREATE TABLE t (x BLOB)'))
    yield engine
    engine.dispose()


class Left(BaseException):
    """The worker has ended."""


def leave(status):
    raise Left(status)


def test_a_full_disk_is_waited_for(engine, monkeypatch):
    """By the worker as a whole, which then lets another take its place: AiiDA cannot note anything meanwhile."""
    looks = [False, False, True]
    monkeypatch.setattr(database, '_is_writable', lambda path: looks.pop(0))
    monkeypatch.setattr(database, '_INTERVAL', 0.01)
    monkeypatch.setattr(os, '_exit', leave)
    with engine.connect() as connection:
        connection.execute(text('PRAGMA max_page_count = 10'))
        with pytest.raises(Left):
            connection.execute(text('INSERT INTO t VALUES (zeroblob(1000000))'))
    assert looks == []


def test_other_errors_are_no_reason(engine, monkeypatch):
    monkeypatch.setattr(os, '_exit', leave)
    with engine.connect() as connection, pytest.raises(Exception, match='no such table'):
        connection.execute(text('SELECT * FROM missing'))


def test_what_is_writable(tmp_path):
    path = tmp_path / 'database.sqlite'
    assert not database._is_writable(path)
    path.touch()
    assert database._is_writable(path)
