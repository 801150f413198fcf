"""A database that passes out for a while."""

from __future__ import annotations

import sqlite3
import threading
import time

from aiida import orm
from aiida.manage import get_manager

from aiida_dreamflow.jobs import database


def test_a_locked_database_is_waited_for(profile):
    """Longer than the five seconds after which AiiDA would give up: a worker was frozen while it wrote."""
    storage = get_manager().get_profile_storage()
    database.survive_database(storage)
    node = orm.Int(1).store()
    other = sqlite3.connect(storage.get_session().get_bind().url.database, check_same_thread=False)
    other.execute('BEGIN EXCLUSIVE')
    threading.Timer(6.5, other.rollback).start()
    begin = time.monotonic()
    node.base.extras.set('seen', True)
    assert time.monotonic() - begin > 5.0
    assert orm.load_node(node.pk).base.extras.get('seen')
    other.close()
